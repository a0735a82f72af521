"""What a sentence speaks of and does not show: "hoping for a house", "attending a meeting", "a symbol of the sea".

Looks at the words around a noun phrase, with the parts of speech of the tagger. What is only spoken of is kept
with its words as unchecked, never demanded.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from agent.offline.lexer import word_set
from tools.scene.lexicon import singular
from tools.scene.wordnet import is_part_of_body, is_person, is_thing

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor
    from agent.offline.nouns import NounPhrase

Spoken = list[tuple[str, str]]
"""The words of a sentence so far, each with its tag."""

_STOPS = frozenset(".;!?")
_BE = frozenset({"is", "are", "was", "were"})
_INTRODUCED = frozenset({"there", "it", "this", "that", "these", "here"})
_MINDS = word_set(
    "hoping hopes hoped hope imagining imagines imagined imagine dreaming dreams dreamt dreamed wishing wishes wished "
    "wondering wonders wondered remembering remembers remembered planning thinking thinks thought contemplating "
    "expecting expects expected anticipating reminiscing pretending pretends pretended feeling feels felt until till"
)
"""What follows is in someone's mind, or yet to come."""
_LATER = frozenset({"before", "after"})
_WANTING = word_set(
    "trying tries tried try waiting waits waited rushing rushes rushed preparing prepares prepared ready learning "
    "learns wants wanted wanting determined able going getting eager attempting attempts attempted"
)
_HANDLING = word_set("apply change eat drink cut open wash clean water feed hold carry pour stir hit kick")
"""What someone does to a thing that is there: "a spoon to stir the soup", but not "clay to make a bowl"."""
_FIGURATIVE = (
    *("provid", "offer", "becom", "became", "resembl", "symboli", "represent", "evok", "signal", "add", "exud"),
    *("convey", "attend", "organiz", "organis", "plann", "host", "celebrat", "perform", "rehears", "discuss"),
    *("express", "emcee", "describ", "experienc", "promis", "suggest", "announc"),
)
"""Beginnings of verbs whose object is an event, an idea or an image."""
_TAKING = ("tak", "took", "captur", "snap", "fram")
_IDIOMS = {
    noun: _TAKING
    for noun in (
        "photo picture photograph selfie note shot drive ride walk stroll hike swim nap break bath dip tour look bite "
        "sip step turn trip"
    ).split()
} | {"hoop": ("shoot", "shot"), "goal": ("scor", "mak", "made")}
"""Nouns that are no thing after these verbs: "taking photos", "shooting hoops"."""
_INSTRUMENTS = word_set("guitar piano violin drum trumpet flute cello saxophone accordion harp banjo ukulele frisbee")
_NAMING = ("mak", "made", "call", "consider", "declar")
_NOT_THERE = frozenset({"for", "be", "being", "become", "becoming", "like"})
_AWAY = frozenset({"against", "from", "to", "about", "towards", "toward", "into"})
_SENSED = word_set(
    "scent smell aroma fragrance sound noise memory dream thought idea history hint flavor flavour taste name lack "
    "absence symbol story tale"
)
_DEPICTING = _SENSED | word_set(
    "map drawing picture sketch book diagram chart sculpture statue portrait landscape painting photo photograph"
)
"""What is "of" these is no part of the picture, or only in a picture within it."""
_IMAGES = word_set(
    "shape structure heart star path sign note wave gift curve kaleidoscope sea ocean blanket carpet symphony riot mix "
    "array maze coat burst shower spectrum sense feast canvas portrait picture"
)
"""No thing of their own with "of" after them: "the shape of a car", "a blanket of snow"."""
_NO_THINGS = word_set("word class shot shape figure form arrangement hunt viewer beholder onlooker contender")
"""In a sentence that tells something these are said of other things."""


def is_only_spoken_of(words: Cursor, phrase: NounPhrase) -> bool:
    """Return whether the sentence names what ``phrase`` names without showing it."""
    begin = next((at + 1 for at in reversed(range(phrase.start)) if words.tokens[at].word in _STOPS), 0)
    rest = next((at for at in range(begin, len(words.tokens)) if words.tokens[at].word in _STOPS), len(words.tokens))
    sentence = [(words.tokens[at].word, words.tags[at]) for at in range(begin, rest)]
    spoken, following = sentence[: phrase.start - begin], sentence[phrase.end - begin :]
    if _is_image(phrase, following):
        return True
    return bool(spoken) and (
        _is_in_mind(spoken)
        or _is_said_of_another(spoken, sentence)
        or _is_aim(spoken)
        or _is_figurative(spoken, phrase)
        or _is_named_only(spoken, phrase)
    )


def _is_image(phrase: NounPhrase, following: Spoken) -> bool:
    """Whether it says how something looks: "the shape of the jet", "a kaleidoscope of colours"."""
    joined = " of " in phrase.name
    of = joined or (following and following[0][0] == "of")
    named = _IMAGES | _SENSED if joined else _IMAGES
    return phrase.head in _NO_THINGS or (bool(of) and phrase.head in named)


def _is_in_mind(spoken: Spoken) -> bool:
    if any(word in _MINDS and tag[:2] in {"VB", "IN"} for word, tag in spoken):
        return True
    return any(word in _LATER and tag == "VBG" for (word, _), (_, tag) in pairwise(spoken))


def _is_said_of_another(spoken: Spoken, sentence: Spoken) -> bool:
    """Whether "was a symbol ..." or ", a creature of ..." went before: what follows explains what was named."""
    for at, (word, _) in enumerate(spoken):
        following = sentence[at + 1][0] if at + 1 < len(sentence) else ""
        if word in _BE and at and spoken[at - 1][0] not in _INTRODUCED and following in {"a", "an", "the"}:
            return True
        told = any(tag in {"VBD", "VBZ", "VBP", "VBN"} for _, tag in spoken[:at])
        if word == "," and told and following in {"a", "an"}:
            rest = [later for later, _ in sentence[at + 2 :]]
            if not any(one == "and" and other in {"a", "an", "the"} for one, other in pairwise(rest)):
                return True
    return spoken[-1][0] in _BE and len(spoken) > 1 and spoken[-2][0] not in _INTRODUCED


def _is_aim(spoken: Spoken) -> bool:
    """Whether it is yet to be made or reached: "clay to make a bowl", "trying to catch the bus"."""
    verb = next((at for at in reversed(range(len(spoken))) if spoken[at][1].startswith("VB")), 0)
    if not verb or spoken[verb][1] != "VB" or spoken[verb - 1][0] != "to":
        return False
    return spoken[verb][0] not in _HANDLING or any(word in _WANTING for word, _ in spoken[:verb])


def _is_figurative(spoken: Spoken, phrase: NounPhrase) -> bool:
    before, tag = spoken[-1]
    if before in {"it", "them", "him", "her"} and len(spoken) > 1 and spoken[-2][0].startswith(_NAMING):
        return True  # "made it a stylish choice"
    if not tag.startswith("VB"):
        return False
    bare = not phrase.determiner and phrase.count is None and not phrase.plural
    if before.startswith("play") and bare and phrase.name not in _INSTRUMENTS:
        return True  # "playing poker"
    return before.startswith(_FIGURATIVE) or before.startswith(_IDIOMS.get(phrase.head, ("\0",)))


def _is_named_only(spoken: Spoken, phrase: NounPhrase) -> bool:
    """Whether a preposition makes it no part of the picture: "for a salad", "a map of the stars", "like a tower"."""
    before, tag = spoken[-1]
    if before in _NOT_THERE or (before == "as" and tag == "IN" and phrase.determiner in {"a", "an"}):
        return True
    if before in {"from", "to"} and not phrase.determiner and phrase.count is None and not phrase.plural:
        return True  # "from tree to tree"
    if before == "from" and phrase.head == "sun":
        return True
    if len(spoken) < 2 or not spoken[-2][1].startswith("NN"):
        return False
    noun = singular(spoken[-2][0])
    if before == "of":
        told = any(tag.startswith("VB") for _, tag in spoken)
        abstract = not (is_thing(noun) or is_part_of_body(noun))
        return noun in _DEPICTING - _SENSED or (told and (noun in _SENSED or (abstract and is_person(phrase.head))))
    return before in _AWAY and not is_thing(noun)
