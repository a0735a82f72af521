"""Looks that several things share out among themselves: "red and blue cars" are some red ones and some blue ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.lexer import word_set
from tools.scene.lexicon import family
from tools.scene.spec import GROUP_PREDICATES, SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.draft import Link, Thing
    from agent.offline.nouns import NounPhrase

_PATTERNS = word_set("striped spotted dotted checkered plaid floral patterned polka-dotted two-tone multicolored")
_ON_EACH = {"black", "white"}
"""Colours that go together: "black and white cows" are each of both."""


def shared_looks(phrase: NounPhrase) -> tuple[str, ...]:
    """Return the colours, materials or sizes of which each of the things has one; none where all have all."""
    number = phrase.count if phrase.bound in {"exactly", "a"} else None
    if not phrase.plural:
        return ()
    if len(set(phrase.sizes)) > 1 and number is None:
        return phrase.sizes
    for kind in ("colour", "material"):
        found = tuple(word for word in phrase.attributes if family(word) == kind)
        if is_shared(found, number) and not _PATTERNS & set(phrase.attributes):
            return found
    return ()


def is_shared(looks: Sequence[str], number: int | None) -> bool:
    """Return whether ``looks`` are one for each of ``number`` things (None: of several)."""
    return len(looks) > 1 and set(looks) != _ON_EACH and (number is None or number == len(looks) > 2)


def share_out(things: list[Thing], links: list[Link]) -> tuple[list[Thing], list[Link]]:
    """Put "1+ red car, 1+ blue car" in the place of "2+ cars" that share red and blue, also in what is said of them."""
    for whole in [thing for thing in things if thing.each]:
        bound = whole.bound if whole.bound == "exactly" else "at least"
        parts = [_part(replace(whole, count=1, bound=bound, each=()), look) for look in whole.each]
        at = things.index(whole)
        things = [*things[:at], *parts, *things[at + 1 :]]
        links = [new for link in links for new in _linked(link, whole, parts)]
    return things, links


def _part(thing: Thing, look: str) -> Thing:
    if look in SIZES:
        thing.size = SIZES[look]
    else:
        thing.attributes = (look, *thing.attributes)
    return thing


def _linked(link: Link, whole: Thing, parts: list[Thing]) -> list[Link]:
    if link.subjects == (whole,) and link.predicate not in GROUP_PREDICATES:
        return [new for part in parts for new in _linked(replace(link, subjects=(part,), count=None), whole, parts)]
    if link.objects == (whole,):
        return [replace(link, objects=(part,)) for part in parts]
    subjects, objects = (
        tuple({id(new): new for one in side for new in (parts if one is whole else [one])}.values())
        for side in (link.subjects, link.objects)
    )
    return [replace(link, subjects=subjects, objects=objects)]
