"""A small word-level `CLIPTokenizer`: every known word is one token.

CLIP and OWLv2 pool their text at the token with the largest id, so the end token comes last in
the vocabulary; otherwise "a red dog" and "a red car" get one and the same embedding.
"""

from __future__ import annotations

import string

from transformers import CLIPTokenizer

from iconworld.captions import WORDS

LENGTH = 40  # tokens of a detector's phrase, start and end counted
PROMPT_LENGTH = 64  # tokens of a generator's prompt


def build_tokenizer(length: int = LENGTH) -> CLIPTokenizer:
    """Build the tokenizer of all icon-world models; unknown words fall apart into letters."""
    characters = string.ascii_lowercase + string.digits + "-'.,"
    tokens = ["!", *characters, *(f"{character}</w>" for character in characters)]
    merges: list[tuple[str, str]] = []
    known = set(tokens)
    for word in sorted(WORDS):
        # Built from the end of the word: only there can a merge apply, so no two words disturb each other.
        right = f"{word[-1]}</w>"
        for letter in reversed(word[:-1]):
            merged = letter + right
            if merged not in known:
                known.add(merged)
                tokens.append(merged)
                merges.append((letter, right))
            right = merged
    # "!" is the padding token, as OWLv2 has it; the end token must have the highest id.
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length, pad_token="!")
