"""What a text encoder cannot take: words outside its vocabulary, and prompts that are too long."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD_END = "</w>"
SMALL_VOCABULARY = 10_000  # a tokenizer with fewer entries was made for a list of words; CLIP's has 49 408


def unknown_words(tokenizer: Any, text: str) -> tuple[str, ...]:
    """Return the words of ``text`` that the model was never taught, in order, once each.

    With a small word-level vocabulary that is every word without an entry of its own (spelling one out
    in letters means nothing to the model), else every word with an unknown token. CLIP's own has none.
    """
    words = dict.fromkeys(re.findall(r"[^\W\d_]+", text.lower()))
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) <= SMALL_VOCABULARY:
        return tuple(word for word in words if word + WORD_END not in vocabulary and word not in vocabulary)
    return tuple(
        word for word in words if tokenizer.unk_token_id in tokenizer(word, add_special_tokens=False)["input_ids"]
    )


def known_words(tokenizer: Any) -> tuple[str, ...]:
    """Return the words of a small word-level vocabulary, sorted; nothing for a large one.

    Entries that are only the end of longer words are left out.
    """
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) > SMALL_VOCABULARY:
        return ()
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"].get("merges", ())
    ends = {merge[1] if isinstance(merge, list) else merge.split(" ")[1] for merge in merges}
    words = (entry.removesuffix(WORD_END) for entry in vocabulary if entry.endswith(WORD_END) and entry not in ends)
    return tuple(sorted(word for word in words if len(word) > 1 and word.isalnum()))


def vocabulary_warning(tokenizer: Any, phrase: str) -> str | None:
    """Return what to tell about the words of ``phrase`` that the model does not know, if there are any."""
    unknown = unknown_words(tokenizer, phrase)
    if not unknown:
        return None
    known = known_words(tokenizer)
    hint = f"; it knows: {', '.join(known)}" if known else ""
    return f"the model does not know {', '.join(map(repr, unknown))} in {phrase!r}{hint}"


def truncation_warning(tokenizer: Any, prompt: str, length: int) -> str | None:
    """Return what to tell when ``prompt`` has more than ``length`` tokens, special ones counted."""
    tokens = tokenizer(prompt, truncation=False, verbose=False)["input_ids"]
    if len(tokens) <= length:
        return None
    dropped = tokenizer.decode(tokens[length - 1 :], skip_special_tokens=True).strip()
    return f"the prompt has {len(tokens)} tokens and the text encoder takes {length}; left out: {dropped!r}"


def negative_prompt(template: str, absent: Sequence[str]) -> str:
    """Return a negative prompt; ``{absent}`` in it is what must not appear, and goes where nothing is."""
    return template.replace("{absent}", ", ".join(absent)).strip(" ,")
