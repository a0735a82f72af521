"""What sort of word a word is, from WordNet 3.1 (Princeton University): noun, verb, adjective; a thing or an idea.

The table lists single words in lower case with letters: for nouns one of ``t`` thing, ``p`` person, ``b`` part of a
body, ``o`` thing of nature, ``s`` substance, ``g`` group, ``l`` location, ``x`` idea (by the most frequent
senses); ``a`` adjective, ``v`` verb, ``r`` adverb; after ``/`` the part of speech it mostly is. A ``?`` before the
word: its first sense is no thing, and no text that was counted uses another ("lumen" is a unit first).
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from importlib import resources

_THINGS = frozenset(
    (
        "person animal plant insect tv cloud fire flame smoke snow book sign letter microwave goal light lights "
        "shoe people branch brush dice family crowd team band choir couple fleet card note newspaper magazine menu "
        "flag balloon emoji heart toy candy dvd cd pc pot gift present puzzle star path crane toaster remote pilot "
        "notebook notepad journal diary paper television case badge charm fig medal post-it racket tag buoy opener "
        "award weight post roll keychain placemat nightstand gas chaps headphones coworker diamond model host guide "
        "audience orchestra stop-sign statue tent arrow drawing sketch document sticker label word text logo "
        "shape creature monster ghost dragon unicorn alien robot fairy zombie witch wizard mermaid angel dinosaur "
        "lightning wave waves droplet dessert breakfast lunch dinner meal snack smoothie lego selfie drone "
        "outfit board chain bundle battery club litter table cream church van package packet hive knot bracket caravan "
        "grandstand totem column armour doe blind traffic vegetation "
        "smartphone laptop tablet hoodie t-shirt sofa fruit vegetable food drink"
    ).split()
)
_IDEAS = frozenset(
    (
        "side top bottom left right front back middle center centre edge corner surface part end piece pattern "
        "color colour shade shape size tone kind type sort number style way row line pair set group bunch focus "
        "look work world home fun air relief produce routine step feature trick sport game duty position place "
        "space area spot distance foreground ambiance body touch school retreat conversation nature ride cover "
        "party show fashion concert exercise formation experience pleasure memory future past spirit success soul "
        "architecture shot "
        "seating gear addition collection copy innovation cry call symbol event conference photoshoot celebration "
        "chess checkers backgammon "
        "display range vision ingenuity crack media something anything everything someone anyone nothing"
    ).split()
)

_ENDINGS = ("s", "es", "d", "ed", "ing", "er", "est", "ly")
IRREGULAR_PAST = frozenset(
    (
        "flew fell threw drew grew knew blew wrote rode drove ate ran sat stood swam sang went came gave took shook "
        "broke spoke wore tore held kept slept wept sped hung stuck struck dug shone spun flung caught bought "
        "brought taught thought fought fed led met sent spent built bent lent lost left felt dealt meant heard made "
        "said paid laid lit slid bit hid strode woke froze chose stole swore crept leapt swept knelt bled fled "
        "clung swung sank drank rang began won shot sold told found wound ground bound lay lain been done gone seen "
        "had did was were"
    ).split()
)
"""Past forms that no ending tells."""
_RISING = frozenset("above over from into up behind high slowly".split())


@cache
def _table() -> dict[str, str]:
    data = resources.files("tools.scene").joinpath("wordnet.txt.gz").read_bytes()
    return dict(line.split(" ", 1) for line in gzip.decompress(data).decode().splitlines())


def letters(word: str) -> str:
    """Return the letters of a word ("tv/n"), "" for one that is not listed."""
    return _table().get(word.lower(), "")


def is_listed(word: str) -> bool:
    """Return whether WordNet knows the word in this form."""
    return word.lower() in _table() or word in _IDEAS


def can_be(word: str, part: str) -> bool:
    """Return whether the word can be a noun ("n"), verb ("v"), adjective ("a") or adverb ("r")."""
    found = letters(word).partition("/")[0]
    return any(letter in found for letter in "tpboslgx") if part == "n" else part in found


def is_only_noun(word: str) -> bool:
    """Return whether WordNet lists the word as a noun and as nothing else: "headboard"."""
    found = letters(word).partition("/")[0]
    return bool(found) and all(letter in "tpboslgx" for letter in found)


def is_mostly(word: str, part: str) -> bool:
    """Return whether the word is used as ``part`` most of the time, or as nothing else."""
    found, _, most = letters(word).partition("/")
    if most:
        return most == part
    return len(found) == 1 and can_be(word, part)


def is_past(word: str, following: str) -> bool:
    """Return whether a word after a noun is a past form: "fish swam", "the moon rose above", but not "a tea rose"."""
    return word in IRREGULAR_PAST or (word == "rose" and following in _RISING)


def is_thing(noun: str) -> bool:
    """Return whether a noun in singular names something that can be seen as an object: "cup", not "depth"."""
    if noun in _THINGS:
        return True
    if noun in _IDEAS:
        return False
    return letters(noun)[:1] in set("tpbosg")


def is_doubtful(noun: str) -> bool:
    """Return whether a noun names a thing in a rare sense at best, or is in no list: "lumen", "zorgle"."""
    return noun not in _THINGS and (f"?{noun.lower()}" in _table() or not (is_listed(noun) or is_thing(noun)))


def is_substance(noun: str) -> bool:
    """Return whether a noun names stuff rather than objects: "water"."""
    return noun not in _THINGS and letters(noun)[:1] == "s"


def is_group(noun: str) -> bool:
    """Return whether a noun names many together, or what they do: "army", "meeting"; not "family"."""
    return noun not in _THINGS and letters(noun)[:1] == "g"


def is_part_of_body(noun: str) -> bool:
    """Return whether a noun names a part of a body: "hand"."""
    return letters(noun)[:1] == "b"


def is_person(noun: str) -> bool:
    """Return whether a noun names a person: "florist"."""
    return letters(noun)[:1] == "p" or noun == "person"


def is_word(word: str) -> bool:
    """Return whether the word, or what it is an inflection of, is listed: "sat", "glided", "bigger"; not "biger"."""
    word = word.lower()
    if word in IRREGULAR_PAST or is_listed(word) or is_thing(word):
        return True
    if short := re.fullmatch(r"(.?[^aeiou][aeiou][^aeiouwxy])(?:er|est|ed|ing)", word):
        return is_listed(short[1] + "e")  # else its last letter had to be doubled
    if re.search(r"[^aeiou]y(?:er|est|ed)$", word):
        return False  # "tinyer": the letter had to become an "i"
    cut = {word.removesuffix(end) for end in _ENDINGS}
    forms = {*cut, *(form + "e" for form in cut), *(form[:-1] + "y" for form in cut if form.endswith("i"))}
    forms |= {form[:-1] for form in cut if form[-1:] == form[-2:-1]}
    return any(len(form) > 2 and is_listed(form) for form in forms if form != word)
