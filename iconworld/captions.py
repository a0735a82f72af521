"""Say what is in a scene, in the forms that the LMD benchmark and people use. Every caption is true."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from iconworld.renderer import BACKGROUND_PHRASES, CLASSES, COLORS, IconObject
from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

PLURALS = {name: name + "s" for name in CLASSES}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")
_LEADS = ("", "", "a scene with", "a photo of", "a picture of", "an image of", "there is")
_LMD_LEAD = "a realistic photo of a scene with"
_SIDES = ("on the left of", "on the right of", "above", "below")
_EXTRA_WORDS = (
    "a an the of with without and no not one two three four five six seven photo realistic image picture scene "
    "there is are to left right top bottom middle center side on in at above below under over next between "
    "objects object empty it other small large big little icon drawing simple grey has contains showing"
)
WORDS = frozenset(
    [*CLASSES, *PLURALS.values(), *COLORS, *_EXTRA_WORDS.split()]
    + [word for phrase in (*BACKGROUND_PHRASES.values(), *BACKGROUND_PHRASES) for word in phrase.split()]
)


def caption(rng: np.random.Generator, objects: Sequence[IconObject], background: str) -> str:
    """Describe the scene in one sentence; the form, the order and what is left unsaid vary."""
    place = f" {BACKGROUND_PHRASES[background]}" if rng.random() < 0.5 else ""
    lead = _LMD_LEAD if rng.random() < 0.45 else str(rng.choice(_LEADS))
    form = rng.random()
    if not objects or form < 0.06:
        absent = [name for name in CLASSES if all(item.name != name for item in objects)]
        missing = str(rng.choice(absent))
        lead = "a realistic photo of a scene" if rng.random() < 0.7 else "a scene"
        return f"{lead} without {PLURALS[missing] if rng.random() < 0.6 else a(missing)}{place}"
    if lead.endswith("with") and rng.random() < 0.4:  # "a scene on a beach with ..."
        lead, place = f"{lead.removesuffix(' with')}{place} with", ""
    colored = rng.random() < 0.75
    if 2 <= len(objects) <= 4 and form < 0.3:
        return f"{lead} {_relation(rng, objects, colored)}{place}".strip()
    return f"{lead} {listing(rng, objects, colored)}{place}".strip()


def listing(rng: np.random.Generator, objects: Sequence[IconObject], colored: bool) -> str:
    """Join the objects, alike ones counted: "two red cars and a dog"."""
    groups = list(Counter((item.color if colored else "", item.name) for item in objects).items())
    rng.shuffle(groups)
    parts = [counted(name, color, number) for (color, name), number in groups]
    if len(parts) == 1 or rng.random() < 0.3:
        return ", ".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def counted(name: str, color: str, number: int) -> str:
    """Say "a red car" or "three red cars"."""
    if number == 1:
        return a(f"{color} {name}".strip())
    return f"{NUMBERS[number]} {color} {PLURALS[name]}".replace("  ", " ")


def a(noun: str) -> str:
    """Put the right article before a noun."""
    return with_article(noun)


def _relation(rng: np.random.Generator, objects: Sequence[IconObject], colored: bool) -> str:
    """Say where two of the objects stand, and list the rest."""
    first, second = (int(index) for index in rng.permutation(len(objects))[:2])
    one, two = objects[first], objects[second]
    (x, y), (u, v) = one.box.center, two.box.center
    said_one, said_two = (a(f"{it.color} {it.name}" if colored else it.name) for it in (one, two))
    flat = abs(x - u) >= abs(y - v)
    side, other = (("left", "right") if x < u else ("right", "left")) if flat else (
        ("top", "bottom") if y < v else ("bottom", "top")
    )  # fmt: skip
    if rng.random() < 0.5:
        sentence = f"{said_one} on the {side} and {said_two} on the {other}"
    else:
        relation = _SIDES[{"left": 0, "right": 1, "top": 2, "bottom": 3}[side]]
        sentence = f"{said_one} {relation} {said_two}"
    rest = [it for index, it in enumerate(objects) if index not in (first, second)]
    return f"{sentence} and {listing(rng, rest, colored)}" if rest else sentence
