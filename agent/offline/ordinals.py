"""Which of several is meant, by its place or size: "the left cup is red", "three cups, the middle one yellow"."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.offline.descriptions import Descriptions
from agent.offline.draft import Link, Several, Thing
from agent.offline.lexer import Phrases, meaning, phrases
from agent.offline.nouns import NounPhrase, read_noun_phrase
from agent.offline.vocabulary import COPULA
from tools.scene.errors import CannotParse
from tools.scene.lexicon import attribute
from tools.scene.spec import GROUP_PREDICATES

if TYPE_CHECKING:
    from tools.scene.spec import Predicate, SizePredicate

_LAST, _MIDDLE = -1, 0
_BIGGER: SizePredicate = "bigger than"
_SMALLER: SizePredicate = "smaller than"
_ALONG: dict[str, tuple[Predicate, Predicate]] = {"across": ("left of", "right of"), "down": ("above", "below")}
_PLACES: Phrases[tuple[str, int]] = Phrases(
    meaning("left|leftmost|left-most|left hand|left-hand|far left", ("across", 1))
    | meaning("right|rightmost|right-most|right hand|right-hand|far right", ("across", _LAST))
    | meaning("top|topmost|upper|uppermost|highest", ("down", 1))
    | meaning("bottom|bottommost|lower|lowest|lowermost", ("down", _LAST))
    | meaning("middle|central|center|centre", ("", _MIDDLE))
    | meaning("last", ("", _LAST))
    | {word: ("", rank) for rank, word in enumerate("first second third fourth fifth sixth".split(), 1)}
)
_SIZED: Phrases[SizePredicate] = Phrases(
    meaning("larger|largest|bigger|biggest", _BIGGER) | meaning("smaller|smallest|tiniest", _SMALLER)
)
_FROM: Phrases[tuple[str, bool]] = Phrases(
    {"from the left": ("across", False), "from left": ("across", False), "from the right": ("across", True),
     "from right": ("across", True), "from the top": ("down", False), "from the bottom": ("down", True)}
)  # fmt: skip
_OF_TWO = frozenset("left right top bottom upper lower middle center centre central".split())
_BEFORE = phrases("where|with|of which|among them|, with|, where|in which|whose")


class Ordinals(Descriptions):
    """Reads attributes of the one that a place or size picks out."""

    def _read_ordinal(self) -> bool:
        """Take "the left cup is red", "the first red", "the larger one brown"."""
        words = self.words
        start, made = words.position, len(self.things)
        words.take_word(",", ":") if self.severals or self._last_several() else None
        words.take(_BEFORE)
        words.take_word("the")
        size = words.take(_SIZED)
        place = None if size else words.take(_PLACES)
        if size is None and place is None:
            words.position = start
            return False
        several = self._named_several(start, place)
        if several is None:
            words.position = start
            return False
        along, backward = words.take(_FROM) or ("", False)
        words.take(COPULA)
        found = self._read_bare()
        rank = self._rank(several, place, along, backward=backward) if place else None
        taken = several.sized.get(size) if size else several.parts.get(rank or 0)
        if not found or taken is not None or (place and rank is None) or not several.rest.count:
            words.position = start
            del self.things[made:]
            return False
        if several not in self.severals:
            self.severals.append(several)
        part = self._split_off(several, tuple(attribute(word) for word in found))
        if size:
            several.sized[size] = part
        elif rank is not None:
            several.parts[rank] = part
        self.mentioned.append(part)
        self.listed = [part]
        return True

    def _last_several(self) -> bool:
        return self.last is not None and self.last.count > 1

    def _named_several(self, start: int, place: tuple[str, int] | None) -> Several | None:
        """Take what is picked from: "cup", "one", "of three cups", or nothing where it was named before."""
        words = self.words
        whole: Thing | None = None
        name = ""
        if words.take_word("one", "ones") or words.sees(COPULA) or words.sees(_FROM):
            pass
        elif words.take_word("of"):
            words.take_word("the")
            phrase = self._phrase_or_none()
            whole = self._demand(phrase) if phrase is not None and (phrase.count or 0) > 1 else None
            if whole is None:
                return None
        else:
            here = words.position
            phrase = self._phrase_or_none()
            if phrase is None or phrase.attributes or phrase.plural or phrase.count or not phrase.is_thing:
                words.position = here
            else:
                name = phrase.name
        known = next((one for one in reversed(self.severals) if name in {"", one.name} and whole is None), None)
        if known is not None:
            return known
        whole = whole or next((one for one in reversed(self.things) if one.count > 1 and name in {"", one.name}), None)
        if whole is not None:
            return Several(whole.name, whole.count, whole.bound == "at least", whole)
        if not name or place is None or self._known_one(name):
            return None
        number = 3 if place[1] == _MIDDLE else max(2, place[1])
        counted = words.word(-2) in _OF_TWO
        whole = Thing(name, (), number, "exactly" if counted else "at least", start=start, end=words.position)
        self.things.append(whole)
        return Several(name, number, not counted, whole)

    def _phrase_or_none(self) -> NounPhrase | None:
        try:
            return read_noun_phrase(self.words)
        except CannotParse:
            return None

    def _known_one(self, name: str) -> bool:
        return any(thing.name == name for thing in self.things)

    def _rank(self, several: Several, place: tuple[str, int], along: str, *, backward: bool) -> int | None:
        """Return the place in the row, from 1, or from -1 backwards where more may follow; None: no such place."""
        direction = place[0] or along or several.along or self._direction(several, place)
        if several.along not in {"", direction}:
            return None
        several.along = direction
        number = several.number
        if place[1] == _MIDDLE:
            return (number + 1) // 2 if number % 2 and not several.open else None
        rank = -place[1] if backward else place[1]
        if several.open:
            return rank
        rank = number + 1 + rank if rank < 0 else rank
        return rank if 1 <= rank <= number else None

    def _direction(self, several: Several, place: tuple[str, int]) -> str:
        """Return where "the first" begins to count: along the row they stand in; "" where they stand in none."""
        groups = [link.predicate for link in self.links if several.rest in link.subjects]
        if {"in a column", "stacked"} & set(groups):
            return "down"
        return "across" if "in a row" in groups or place[1] == _MIDDLE else ""

    def _split_off(self, several: Several, found: tuple[str, ...]) -> Thing:
        """Make one of the rest a thing of its own."""
        rest = several.rest
        part = replace(rest, count=1, bound="at least" if several.open else "exactly")
        self._say([part], found)
        self.things.insert(self.things.index(rest), part)
        rest.count -= 1
        if not rest.count:
            self.things.remove(rest)
        for link in [link for link in self.links if rest in link.subjects]:
            if link.predicate in GROUP_PREDICATES:
                link.subjects = (part, *(thing for thing in link.subjects if thing.count))
            else:
                self.links.append(Link((part,), link.predicate, link.objects, None, link.factor))
        return part

    def _link_ordinals(self) -> None:
        """Put those that were told apart where they belong, once all of them are known."""
        for several in self.severals:
            rest = several.rest
            for size, part in several.sized.items():
                others = [one for one in (*several.parts.values(), *several.sized.values()) if one is not part]
                facing = rest if rest.count else others[0]
                self.links.append(Link((part,), size, (facing,)))
            if not several.along:
                continue  # "two cats, the first white and the second black"
            before, after = _ALONG[several.along]
            if len(several.parts) == several.number:
                for one, other in pairwise(part for _, part in sorted(several.parts.items())):
                    self.links.append(Link((one,), before, (other,)))
                continue
            for rank, part in several.parts.items():
                ahead, behind = rank - 1, several.number - rank
                if several.open:
                    ahead, behind = (rank - 1, int(rank == 1)) if rank > 0 else (int(rank == -1), -rank - 1)
                for predicate, count in ((before, ahead), (after, behind)):
                    if count and rest.count:
                        self.links.append(Link((rest,), predicate, (part,), min(count, rest.count)))
