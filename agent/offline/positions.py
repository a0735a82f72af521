"""The phrases that say where: beside another object, in the picture, and towards what was named before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.lexer import Phrases, meaning

if TYPE_CHECKING:
    from tools.scene.spec import Predicate


_PICTURE = ("", " of the picture", " of the image", " of the photo", " of the scene", " of the frame", " of it all")


def predicates(texts: str, predicate: Predicate) -> dict[str, Predicate]:
    """Return rows of a table: every phrase of ``texts`` (with ``|`` between them) means ``predicate``."""
    return dict.fromkeys(texts.split("|"), predicate)


def _sides(word: str) -> list[str]:
    return [
        f"{prep} the {far}{word}{side}"
        for prep in ("on", "at", "to", "in")
        for far in ("", "far ", "very ", "extreme ")
        for side in ("", " side", " hand side", "-hand side", " edge", " half", " part")
        if not (prep == "in" and not side)
    ] + [f"{way} to the {word}" for way in ("far", "far over", "all the way", "way over")]


def _two_sided() -> dict[str, Predicate]:
    table: dict[str, Predicate] = {}
    sides: dict[str, Predicate] = {"left": "left of", "right": "right of"}
    for side, predicate in sides.items():
        for phrase in (
            *_sides(side), f"immediate {side}", f"just {side}", f"immediately {side}", f"directly {side}", side,
            f"immediately to the {side}", f"just to the {side}", f"directly to the {side}", f"slightly to the {side}",
            f"to the immediate {side}",
            f"towards the {side}", f"toward the {side}", f"on {side}", f"to {side}", f"at {side}", f"on {side} side",
        ):  # fmt: skip
            table[f"{phrase} of"] = predicate
    rows: tuple[tuple[Predicate, str], ...] = (
        ("above", "above|over|higher than|directly above|right above|just above|hovering over|hovering above"),
        ("below", "below|under|underneath|beneath|lower than|directly below|directly under|right below|right under"
                  "|just below|on the bottom of|on bottom of|at the bottom of|directly underneath|directly beneath"),
        ("on top of", "on top of|on the top of|at the top of|atop|upon|directly on top of|right on top of|on|on to"
                      "|up on|on the back of"),
        ("next to", "next to|beside|besides|adjacent to|alongside|by the side of|right next to|at the side of|"
                    "just next to|right beside|side by side with|to the side of|on the side of|on side of|at side of|"
                    "on one side of|to one side of|directly next to"),
        ("near", "near|near to|by|close to|nearby|in the vicinity of|right by|very close to|very near|not far from"),
        ("between", "between|in between|in the middle between|in the middle of|midway between|right between"
                    "|halfway between|half way between|exactly between"),
    )  # fmt: skip
    for predicate, texts in rows:
        table |= dict.fromkeys(texts.split("|"), predicate)
    return table


def _picture_sides() -> dict[str, tuple[Predicate, ...]]:
    table: dict[str, tuple[Predicate, ...]] = {}
    rows: list[tuple[list[str], tuple[Predicate, ...]]] = [
        (_sides("left"), ("on the left",)),
        (_sides("right"), ("on the right",)),
        ([*_sides("top"), *_sides("upper"), "at top", "on top"], ("at the top",)),
        ([*_sides("bottom"), *_sides("lower"), "at bottom"], ("at the bottom",)),
        (
            [f"{prep} the {very}{word}" for prep in ("in", "at", "on", "into", "to") for very in ("", "very ", "exact ")
             for word in ("middle", "center", "centre")],
            ("in the middle",),
        ),
    ]  # fmt: skip
    for vertical, first in (("top", "at the top"), ("upper", "at the top"), ("bottom", "at the bottom"),
                            ("lower", "at the bottom")):  # fmt: skip
        for side, second in (("left", "on the left"), ("right", "on the right")):
            corners = [
                f"{prep} the {pair}{corner}"
                for prep in ("in", "at", "on", "into", "to")
                for pair in (f"{vertical} {side}", f"{vertical}-{side}", f"{side} {vertical}")
                for corner in ("", " corner", " hand corner", "-hand corner", " part", " side", " quarter")
            ]
            rows.append((corners, (first, second)))  # type: ignore[arg-type]
    for texts, predicates in rows:
        for text in texts:
            for picture in _PICTURE:
                table[text + picture] = predicates
    return table


TWO_SIDED: Phrases[Predicate] = Phrases(_two_sided())
"""Predicates between two objects."""
PICTURE_SIDES: Phrases[tuple[Predicate, ...]] = Phrases(_picture_sides())
"""Places in the picture; a corner means two predicates."""


def _regions() -> dict[str, tuple[Predicate, ...]]:
    table = _picture_sides()
    for text, predicates in table.items():
        if len(predicates) == 2:
            vertical, side = predicates[0].rpartition(" ")[2], predicates[1].rpartition(" ")[2]
            table[text] = (f"in the {vertical} {side} corner",)  # type: ignore[assignment]
    found = {**_parts(), **_middles(), **_extremes()}
    return table | {text + picture: predicates for text, predicates in found.items() for picture in _PICTURE}


def _parts() -> dict[str, tuple[Predicate, ...]]:
    """Return halves and thirds: "in the upper third"."""
    names = {"left": "left", "right": "right", "top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}
    return {
        f"{prep} the {word}{hand} {part}": (f"in the {name} {part}",)  # type: ignore[misc]
        for word, name in names.items()
        for part in ("half", "third")
        for prep in ("in", "on", "at")
        for hand in ("", "-hand", " hand")
    }


def _extremes() -> dict[str, tuple[Predicate, ...]]:
    """Return the far ends of the picture: "at the very top" is its upper third."""
    names = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
    table: dict[str, tuple[Predicate, ...]] = {
        f"{prep} the {far} {word}{side}": (f"in the {name} third",)  # type: ignore[misc]
        for word, name in names.items()
        for far in ("far", "very", "extreme")
        for prep in ("on", "at", "to", "in")
        for side in ("", " side", " edge")
    }
    table |= {f"{hard} {middle}": ("in the middle",) for middle in (f"{prep} the {word}" for prep in ("in", "at")
              for word in ("middle", "center", "centre")) for hard in ("exactly", "right", "directly")}  # fmt: skip
    return table


def _middles() -> dict[str, tuple[Predicate, ...]]:
    """Return the middles of sides: "at the top in the middle"."""
    table: dict[str, tuple[Predicate, ...]] = {}
    sides: dict[str, tuple[Predicate, Predicate]] = {
        "top": ("at the top", "halfway across"),
        "bottom": ("at the bottom", "halfway across"),
        "left": ("on the left", "halfway down"),
        "right": ("on the right", "halfway down"),
    }
    forms = ("in the {0} {1}", "at the {0} {1}", "at the {1} {0}", "{2} in the {1}", "in the {1} {2}", "in the {1} {0}",
             "on the {1} {0}")  # fmt: skip
    for side, predicates in sides.items():
        for middle in ("middle", "center", "centre"):
            table |= {form.format(side, middle, predicates[0]): predicates for form in forms}
    return table


REGIONS: Phrases[tuple[Predicate, ...]] = Phrases(_regions())
"""Places in the picture as a sentence demands them: corners, halves and thirds have predicates of their own."""
_LEFT: Predicate = "left of"
_RIGHT: Predicate = "right of"
ITS: Phrases[Predicate] = Phrases(
    meaning("to its left|on its left|at its left|to its left side|on its left side|to the left of it|left of it", _LEFT)
    | meaning(
        "to its right|on its right|at its right|to its right side|on its right side|to the right of it|"
        "right of it|to the right of it",
        _RIGHT,
    )
    | meaning("on it|on top of it|on its top", "on top of")
    | meaning("next to it|beside it|by its side", "next to")
    | meaning("above it|over it", "above")
    | meaning("below it|under it|underneath it|beneath it", "below")
    | meaning("in it|inside it|inside of it", "inside")
)
"""Predicates towards the object named before: "a dog with a cat to its left"."""
