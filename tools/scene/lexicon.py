"""English words of scenes: colours and other attributes, numbers, singular and plural, and short phrases.

Knows single words and noun phrases ("two dark red cars"), not sentences.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tools.scene.spec import Query
from tools.scene.wordnet import can_be, is_person

if TYPE_CHECKING:
    from collections.abc import Callable

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
SHADES = frozenset("light dark bright pale deep neon pastel".split())  # "dark red" is one attribute
SYNONYMS = {"grey": "gray"}

_MORE_COLOURS = "gold golden silver beige cyan magenta turquoise violet crimson maroon navy teal tan cream colorful"
_MATERIALS = (
    "wooden wood metal metallic steel iron brass copper bronze glass plastic rubber leather fabric cotton woolen wool "
    "silk velvet denim ceramic porcelain clay stone marble brick concrete paper cardboard crystal wicker bamboo "
    "straw knitted plush chrome"
)
_SIZES = (
    "big large huge giant enormous gigantic massive small little tiny miniature tall short long narrow wide thin "
    "thick fat slim medium mini"
)
_PATTERNS = (
    "striped spotted dotted checkered plaid floral patterned plain polka-dotted furry fluffy hairy smooth rough "
    "shiny glossy matte transparent translucent fuzzy bald curly feathered"
)
_SHAPES = (
    "round square rectangular oval triangular circular flat curved pointed heart-shaped cubic spherical "
    "oblong teardrop cylindrical conical pyramidal "
    "pentagonal hexagonal octagonal diamond-shaped star-shaped"
)
_STATES = (
    "old new young antique ancient vintage modern retro broken cracked rusty dirty clean wet dry open closed empty "
    "full hot cold frozen melted fresh rotten ripe burning sleeping sitting standing running flying jumping lying "
    "smiling happy sad angry cute beautiful pretty ugly fancy elegant colourful multicolored rainbow folded lit "
    "sliced baked cooked raw wild stuffed toy parked floating hanging"
)
SURFACES = frozenset("desk table shelf bookshelf counter countertop worktop workbench floor tabletop".split())
"""What things stand on: where nothing draws or finds it, it is the setting of a scene."""
ATTRIBUTES = frozenset(
    [*COLOURS, *SYNONYMS, *" ".join([_MORE_COLOURS, _MATERIALS, _SIZES, _PATTERNS, _SHAPES, _STATES]).split()]
)
"""Adjectives (and materials used as such) that describe an object when they stand before its noun."""

COMPOUNDS = frozenset(
    "hot dog|hot air balloon|toy box|stuffed animal|paper clip|paper towel|paper plane|stone wall|brick wall|wild boar|"
    "cream cheese|high chair|french fry|straw hat|glass door|green tea|orange juice|orange tree|"
    "rubber duck|flat iron|full moon|cotton candy|remote control|sweet potato|rolling pin|bright light|sweet corn|"
    "french fries|light bulb|light switch|polar bear|grand piano|hard hat|hot pot|hot tub|soft drink|high heel|"
    "hard drive|soft toy|sole fish|bald eagle|golden retriever|french horn|wet suit|high heels".split("|")
)
"""Names whose first word would else be taken for an attribute."""

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
NUMBERS = {word: value for value, word in enumerate(_NUMBERS)} | {
    "a": 1,
    "an": 1,
    "single": 1,
    "pair": 2,
    "couple": 2,
    "both": 2,
    "dozen": 12,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
}

_IRREGULAR = (
    {
        "person": "people",
        "man": "men",
        "woman": "women",
        "fireman": "firemen",
        "policeman": "policemen",
        "snowman": "snowmen",
        "fisherman": "fishermen",
        "gentleman": "gentlemen",
        "child": "children",
        "grandchild": "grandchildren",
        "mouse": "mice",
        "goose": "geese",
        "foot": "feet",
        "tooth": "teeth",
        "ox": "oxen",
        "die": "dice",
        "cactus": "cacti",
        "octopus": "octopuses",
        "axe": "axes",
        "bus": "buses",
        "gas": "gases",
        "lens": "lenses",
        "canvas": "canvases",
        "atlas": "atlases",
        "quiz": "quizzes",
        "movie": "movies",
        "cookie": "cookies",
        "zombie": "zombies",
        "brownie": "brownies",
        "smoothie": "smoothies",
        "hoodie": "hoodies",
        "selfie": "selfies",
        "genie": "genies",
        "pie": "pies",
        "tie": "ties",
        "bowtie": "bowties",
        "shoe": "shoes",
        "horseshoe": "horseshoes",
        "toe": "toes",
        "canoe": "canoes",
        "fungus": "fungi",
        "nucleus": "nuclei",
        "alumnus": "alumni",
        "stimulus": "stimuli",
        "larva": "larvae",
        "alga": "algae",
        "vertebra": "vertebrae",
        "bacterium": "bacteria",
        "candelabrum": "candelabra",
        "crisis": "crises",
        "oasis": "oases",
        "thesis": "theses",
        "axis": "axes",
        "appendix": "appendices",
        "matrix": "matrices",
        "vertex": "vertices",
        "criterion": "criteria",
        "house": "houses",
        "blouse": "blouses",
    }
    | {
        word: word.removesuffix("fe").removesuffix("f") + "ves"
        for word in "knife leaf wolf shelf bookshelf loaf scarf half calf life wife thief elf hoof penknife".split()
    }
    | {word: word + "es" for word in "tomato potato hero mango echo torpedo mosquito volcano buffalo domino".split()}
)
_PEOPLES = frozenset(["human", "german", "roman", "norman", "ottoman", "shaman", "brahman"])  # no men in plural
_PLURALS = {many: word for word, many in _IRREGULAR.items()} | {
    "cactuses": "cactus",
    "persons": "person",
    "octopi": "octopus",
    "antennae": "antenna",
    "formulae": "formula",
    "aquaria": "aquarium",
    "axes": "axe",
}
_UNCHANGED = frozenset(
    "rhinoceros chaps overalls leggings slacks stairs tweezers "
    "sheep fish deer moose aircraft spacecraft series species scissors trousers pants jeans shorts pajamas "
    "sunglasses eyeglasses binoculars tongs pliers headphones goggles tights clothes goldfish jellyfish starfish "
    "salmon shrimp bison squid furniture broccoli bread rice pasta water luggage chess".split()
)
_HEAD_ENDS = re.compile(r"\s(?:with|of|in|on|from|made|wearing|holding|without|for)\s")


def singular(phrase: str) -> str:
    """Return the noun phrase in singular: "red cars" -> "red car", "cups of tea" -> "cup of tea"."""
    return _inflect(phrase, _singular_word)


def plural(phrase: str) -> str:
    """Return the noun phrase in plural: "red car" -> "red cars". A plural one stays as it is."""
    return _inflect(phrase, lambda word: _plural_word(_singular_word(word)))


def number(word: str) -> int | None:
    """Return the value of "three", "3", "a", "twenty-one", "dozen"; None when it is no number."""
    word = word.strip().lower()
    if word.isascii() and word.isdigit():
        return int(word)
    tens, _, ones = word.partition("-")
    if ones in _NUMBERS[1:10] and NUMBERS.get(tens, 0) >= 20:
        return NUMBERS[tens] + NUMBERS[ones]
    return NUMBERS.get(word)


def number_word(value: int) -> str:
    """Return 3 -> "three"; digits from 21 on."""
    return _NUMBERS[value] if 0 <= value < len(_NUMBERS) else str(value)


def attribute(word: str) -> str:
    """Return the one spelling the system uses: lower case, American ("grey" -> "gray")."""
    return " ".join(SYNONYMS.get(part, part) for part in word.lower().split())


def is_attribute(word: str) -> bool:
    """Return whether the word, before a noun, describes it ("red", "wooden", "blue-eyed")."""
    word = word.lower()
    last = word.rpartition("-")[2]
    return word in ATTRIBUTES or ("-" in word and (last in ATTRIBUTES or last.endswith(("ed", "haired"))))


def family(word: str) -> str | None:
    """Return "colour" or "material" for attributes that exclude others of their family, else None.

    A shade belongs to its colour: "dark red" is a colour.
    """
    last = attribute(word).rpartition(" ")[2]
    if last in COLOURS or last in _MORE_COLOURS.split():
        return "colour"
    return "material" if last in _MATERIALS.split() else None


def implies(found: str, asked: str) -> bool:
    """Return whether something ``found`` "dark red" is also ``asked`` "red"."""
    return found == asked or found.endswith(f" {asked}")


def parse_phrase(text: str) -> Query:
    """Read a noun phrase: leading known adjectives become attributes, the rest the singular name.

    Articles, numbers and an id's "#2" are dropped: "the two dark grey cars" ->
    ``Query("car", ("dark gray",))``. The last word is always (part of) the name, so "an orange" is a
    fruit.

    Raises:
        ValueError: no words are left.
    """
    plain = re.sub(r"\s*#\s*\d+", "", text.lower())
    words = re.sub(r"[^\w'&-]+", " ", plain).split()
    while len(words) > 1 and (words[0] in {"the", "some", "of"} or number(words[0]) is not None):
        words.pop(0)
    if not words:
        raise ValueError(f"no object in the phrase {text!r}: write one such as 'red car'")
    attributes: list[str] = []
    while len(words) > 1 and singular(" ".join(words)) not in COMPOUNDS:
        if len(words) > 2 and words[0] in SHADES and words[1] in ATTRIBUTES:
            attributes.append(attribute(" ".join(words[:2])))
            words = words[2:]
        elif is_attribute(words[0]) or words[0] in SHADES:
            attributes.append(attribute(words.pop(0)))
        elif words[0] == "and" and attributes:
            words.pop(0)
        else:
            break
    return Query(name=singular(" ".join(words)), attributes=tuple(dict.fromkeys(attributes)))


def _inflect(phrase: str, change: Callable[[str], str]) -> str:
    """Apply ``change`` to the head noun: the last word before "of", "with", ..."""
    cut = _HEAD_ENDS.search(phrase)
    head, tail = (phrase[: cut.start()], phrase[cut.start() :]) if cut else (phrase, "")
    before, space, word = head.rpartition(" ")
    return f"{before}{space}{change(word.lower())}{tail}"


@lru_cache(maxsize=4096)
def _singular_word(word: str) -> str:
    if word in _UNCHANGED or word in _IRREGULAR or len(word) < 3:
        return word
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("men") and is_person(word[:-2] + "an"):
        return word[:-2] + "an"  # craftsmen, businesswomen
    if not word.endswith("s") or word.endswith(("ss", "'s")):
        return word
    if word.endswith(("us", "is")) and not (len(word) > 3 and can_be(word[:-1], "n")):
        return word  # a cactus, but menus and skis
    if word.endswith("ies") and len(word) > 4:
        return word[:-1] if can_be(word[:-1], "n") else word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "ses", "zes", "oes")) and not can_be(word[:-1], "n"):
        return word[:-2]
    return word[:-1]


def _plural_word(word: str) -> str:
    if word in _UNCHANGED:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("man") and is_person(word) and word not in _PEOPLES:
        return word[:-2] + "en"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    if word.endswith(("s", "x", "ch", "sh", "zz")) and word not in {"stomach", "monarch", "epoch", "loch"}:
        return word + "es"
    return word + "s"


def with_article(phrase: str) -> str:
    """Return "a red car", "an orange"."""
    return f"{'an' if phrase[:1].lower() in tuple('aeiou') else 'a'} {phrase}"
