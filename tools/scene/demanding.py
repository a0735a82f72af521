"""What each requirement demands of the solver's slots, as constraints of its model.

Knows how a demand is put to CP-SAT; what the demand means is defined in `tools.scene.checking`.
"""

from __future__ import annotations

from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING

from tools.scene.checking import claims, is_leftover
from tools.scene.lexicon import family, implies
from tools.scene.placing import GRID, Slot, beyond, in_line, larger, mainly, placings, sized
from tools.scene.relations import (
    BIGGER,
    PAIR_DIRECTIONS,
    are_in_line,
    compares,
    has_size,
    hold_together,
    holds,
    is_beyond,
    is_mainly,
    side,
)
from tools.scene.requirement import LEFTOVER, RANKS
from tools.scene.spec import GROUP_PREDICATES, SIZE_PREDICATES, Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ortools.sat.python import cp_model
    from ortools.sat.python.cp_model import IntVar

    from tools.scene.box import Box
    from tools.scene.placing import Constraint
    from tools.scene.requirement import Requirement
    from tools.scene.spec import Predicate

MOST_ORDERS = 4  # things of which every order of a pile is tried


class Demands:
    """Adds requirements to a model whose ``slots`` are the objects that may be in the scene.

    ``pins`` holds the slot of each requirement (by its place) that is about one place. ``tight`` takes smaller margins.
    """

    def __init__(
        self,
        cp: cp_model.CpModel,
        slots: Sequence[Slot],
        pins: Mapping[int, Slot],
        requirements: Sequence[Requirement],
        tight: bool,
    ) -> None:
        self.cp, self.slots, self.pins, self.tight = cp, slots, pins, tight
        self.fits: dict[tuple[int, Query], IntVar] = {}
        self.roles: dict[Query, dict[int, IntVar]] = {}
        for demand in requirements:
            if demand.kind == "size" and demand.query not in self.roles:
                self._cast(demand)
        for number, demand in enumerate(requirements):
            self._add(number, demand)

    def _named(self, name: str) -> list[Slot]:
        return [slot for slot in self.slots if slot.name == name]

    def _cast(self, demand: Requirement) -> None:
        """Choose which objects are the large (small, ...) ones; each is so in one way at most."""
        slots = self._named(demand.query.name)
        roles = {id(slot): self.cp.new_bool_var("") for slot in slots}
        for slot in slots:
            self.cp.add_implication(roles[id(slot)], self._fit(slot, demand.query))
            others = [known[id(slot)] for query, known in self.roles.items() if query.name == demand.query.name]
            self.cp.add_at_most_one([roles[id(slot)], *others])
        self.cp.add(sum(roles.values()) == demand.count)
        self.roles[demand.query] = roles

    def _add(self, number: int, demand: Requirement) -> None:
        if claims(demand):
            if demand.kind != "kept":
                self.cp.add(self._fit(self.pins[number], demand.query) == 1)
            return
        put = {
            "count": self._count,
            "attribute": self._attribute,
            "every": self._every,
            "absent": self._absent,
            "clean": self._absent,
            "number": self._number,
            "size": self._size,
            "relation": self._relate,
        }
        if demand.kind in put:  # what cannot be checked cannot be planned for either
            put[demand.kind](demand)

    def _attribute(self, demand: Requirement) -> None:
        fitting = sum(self._fit(slot, demand.query) for slot in self._named(demand.query.name))
        self.cp.add(fitting <= demand.count if demand.bound == "at most" else fitting >= demand.count)

    def _every(self, demand: Requirement) -> None:
        for slot in self._named(demand.query.name):
            self.cp.add_implication(slot.present, self._fit(slot, demand.query))

    def _absent(self, demand: Requirement) -> None:
        query = LEFTOVER if demand.kind == "clean" else demand.query
        for slot in self._named(query.name):
            if demand.box is None:
                self.cp.add(self._fit(slot, query) == 0)
            elif slot.pinned is None:
                self._clear(slot, demand.box, self._fit(slot, query))

    def _count(self, demand: Requirement) -> None:
        there = sum(slot.present for slot in self._named(demand.query.name))
        if demand.bound != "at most":
            self.cp.add(there >= demand.count)
        if demand.bound != "at least":
            self.cp.add(there <= demand.count)

    def _number(self, demand: Requirement) -> None:
        mine, theirs = (
            sum(self._means(slot, query) for slot in self._named(query.name))
            for query in (demand.query, demand.objects[0])
        )
        match demand.predicate:
            case "more than":
                self.cp.add(mine >= theirs + 1)
            case "fewer than":
                self.cp.add(theirs >= mine + 1)
            case "as many as":
                self.cp.add(mine == theirs)
            case "no more than":
                self.cp.add(mine <= theirs)
            case _:
                self.cp.add(mine >= theirs)

    # Who is meant

    def _fit(self, slot: Slot, query: Query) -> IntVar:
        """Return a variable: the object is there, has the attributes and lacks what it must not have."""
        query = query.model_copy(update={"size": None})
        known = self.fits.get((id(slot), query))
        if known is not None:
            return known
        fits = self.cp.new_bool_var("")
        chosen = [literal for style, literal in zip(slot.styles, slot.style, strict=True) if _shows(slot, style, query)]
        self.cp.add_implication(fits, slot.present)
        self.cp.add_bool_or([*chosen, fits.negated()])
        for literal in chosen:
            self.cp.add_bool_or([fits, slot.present.negated(), literal.negated()])
        self.fits[id(slot), query] = fits
        return fits

    def _means(self, slot: Slot, query: Query) -> IntVar:
        """Return a variable: the phrase means this object; where sizes tell those of a name apart, it is cast so."""
        if query in self.roles:
            return self.roles[query][id(slot)]
        others = [roles[id(slot)] for known, roles in self.roles.items() if known.name == query.name]
        fits = self._fit(slot, query)
        if not others:
            return fits
        plain = self.cp.new_bool_var("")
        self.cp.add_implication(plain, fits)
        for other in others:
            self.cp.add_implication(plain, other.negated())
        self.cp.add_bool_or([plain, fits.negated(), *others])
        return plain

    def _select(self, query: Query, count: int) -> list[tuple[Slot, IntVar]]:
        """Choose ``count`` objects that the phrase means."""
        chosen = []
        for slot in self._named(query.name):
            literal = self.cp.new_bool_var("")
            self.cp.add_implication(literal, self._means(slot, query))
            chosen.append((slot, literal))
        self.cp.add(sum(literal for _, literal in chosen) >= count)
        return chosen

    # Where they are

    def _clear(self, slot: Slot, place: Box, fits: IntVar) -> None:
        """Keep an object out of a place that shall be empty; one that only grazes it may stay."""
        x0, y0, x1, y1 = place.to_px((GRID, GRID))
        ways = [self.cp.new_bool_var("") for _ in range(4)]
        self.cp.add(slot.end(0) <= x0).only_enforce_if(ways[0])
        self.cp.add(slot.start(0) >= x1).only_enforce_if(ways[1])
        self.cp.add(slot.end(1) <= y0).only_enforce_if(ways[2])
        self.cp.add(slot.start(1) >= y1).only_enforce_if(ways[3])
        grazing = slot.old is not None and not is_leftover(slot.old.box, place)
        self.cp.add_bool_or([*ways, fits.negated(), *([slot.moved.negated()] if grazing else [])])

    def _relate(self, demand: Requirement) -> None:
        predicate = demand.predicate
        assert predicate is not None
        if predicate in GROUP_PREDICATES:
            self._gather(demand)
            return
        subjects = self._select(demand.query, demand.count)
        if predicate in PAIR_DIRECTIONS:
            self._face(demand, subjects)
            return
        groups = [[(slot, self._means(slot, query)) for slot in self._named(query.name)] for query in demand.objects]
        if predicate in SIZE_PREDICATES:
            self._compare(demand, subjects, groups[0])
            return
        for subject, chosen in subjects:
            ways = []
            for others in _distinct(subject, groups):
                option = self.cp.new_bool_var("")
                for _, fits in others:
                    self.cp.add_implication(option, fits)
                slots = [slot for slot, _ in others]
                self.cp.add_bool_or([option.negated(), *self._ways(predicate, subject, *slots)])
                ways.append(option)
            self.cp.add_bool_or([chosen.negated(), *ways])

    def _face(self, demand: Requirement, subjects: Sequence[tuple[Slot, IntVar]]) -> None:
        """Put each subject beyond every object, and mainly so of at least one."""
        assert demand.predicate is not None
        predicate = demand.predicate
        objects = self._select(demand.objects[0], demand.object_count)
        for subject, is_subject in subjects:
            main = []
            for other, is_object in objects:
                both = [is_subject.negated(), is_object.negated()]
                if subject is other:
                    self.cp.add_bool_or(both)
                    continue
                known = _boxes(subject, other)
                apart = [beyond(predicate, self.tight, subject, other)]
                ways = self._either(apart, bool(known) and is_beyond(predicate, *known), subject, other)
                self.cp.add_bool_or([*both, *ways])
                straight = mainly(predicate, self.tight, subject, other)
                ways = self._either(straight, bool(known) and is_mainly(predicate, *known), subject, other)
                for way in ways:
                    self.cp.add_implication(way, is_object)
                main += ways
            self.cp.add_bool_or([is_subject.negated(), *main])

    def _compare(
        self, demand: Requirement, subjects: Sequence[tuple[Slot, IntVar]], objects: Sequence[tuple[Slot, IntVar]]
    ) -> None:
        """Give each subject its size beside every object of the other phrase."""
        assert demand.predicate is not None
        for subject, chosen in subjects:
            for other, meant in objects:
                if subject is not other:
                    ways = self._ways(demand.predicate, subject, other, factor=demand.factor or 1.0)
                    self.cp.add_bool_or([chosen.negated(), meant.negated(), *ways])
            self.cp.add_bool_or([chosen.negated(), *(meant for other, meant in objects if other is not subject)])

    def _size(self, demand: Requirement) -> None:
        """Make things as large as their word says, in the picture and beside those of another size."""
        size = demand.query.size
        assert size is not None
        for slot, chosen in ((slot, self._means(slot, demand.query)) for slot in self._named(demand.query.name)):
            alone = not demand.objects
            already = slot.here is not None and has_size(size, slot.here, alone=alone)
            ways = self._either([sized(size, self.tight, slot, alone=alone)], already, slot)
            self.cp.add_bool_or([chosen.negated(), *ways])
        for query, count in zip(demand.objects, demand.counts[1:], strict=True):
            if query.name == demand.query.name and query not in self.roles:
                self.cp.add(sum(self._means(slot, query) for slot in self._named(query.name)) >= count)
        for slot, chosen in ((slot, self._means(slot, demand.query)) for slot in self._named(demand.query.name)):
            for query in demand.objects:
                steps = RANKS[size] - RANKS[query.size]
                for other in self._named(query.name):
                    if other is slot:
                        continue
                    pair = (slot, other) if steps > 0 else (other, slot)
                    known = _boxes(*pair)
                    already = bool(known) and side(known[0]) >= BIGGER ** abs(steps) * side(known[1])
                    ways = self._either([larger(abs(steps), self.tight, *pair)], already, slot, other)
                    self.cp.add_bool_or([chosen.negated(), self._means(other, query).negated(), *ways])

    def _gather(self, demand: Requirement) -> None:
        """Bring a group together: in a row, in a column, into a pile, or to one size."""
        assert demand.predicate is not None
        if demand.predicate == "stacked":
            self._pile(demand)
            return
        members: list[tuple[Slot, IntVar]] = []
        for query, count in zip((demand.query, *demand.objects), demand.counts, strict=True):
            chosen = self._select(query, count)
            for slot, literal in chosen:
                self.cp.add_at_most_one([literal, *(known for member, known in members if member is slot)])
            members += chosen
        for (first, in_it), (second, in_it_too) in combinations(members, 2):
            if first is second:
                continue
            if demand.predicate == "of the same size":
                ways = self._ways("as big as", first, second)
            else:
                axis, known = 0 if demand.predicate == "in a row" else 1, _boxes(first, second)
                already = bool(known) and are_in_line(axis, *known)
                ways = self._either(in_line(axis, self.tight, first, second), already, first, second)
            self.cp.add_bool_or([in_it.negated(), in_it_too.negated(), *ways])

    def _pile(self, demand: Requirement) -> None:
        """Stand things on each other: in any order if they are few, else as high as they are now, new ones on top."""
        members: list[Slot] = []
        for query, count in zip((demand.query, *demand.objects), demand.counts, strict=True):
            usable = [slot for slot in self._named(query.name) if slot not in members and _can_show(slot, query)]
            for slot in usable[:count]:
                self.cp.add(self._means(slot, query) == 1)
                members.append(slot)
        known = _boxes(*members)
        members.sort(key=lambda slot: slot.here.center[1] if slot.here else -1.0)
        orders = permutations(members) if len(members) <= MOST_ORDERS else [tuple(members)]
        piles = [
            [part for upper, lower in pairwise(order) for part in placings("on top of", self.tight, upper, lower)[0]]
            for order in orders
        ]
        self.cp.add_bool_or(self._either(piles, bool(known) and hold_together("stacked", known), *members))

    def _ways(self, predicate: Predicate, subject: Slot, *others: Slot, factor: float = 1.0) -> list[IntVar]:
        """Return literals, each of which makes the relation true: as it is, or by placing with a margin."""
        known, already = _boxes(subject, *others), False
        if known:
            compared = predicate in SIZE_PREDICATES
            already = compares(predicate, known[0], known[1], factor) if compared else holds(predicate, *known)
        return self._either(placings(predicate, self.tight, subject, *others, factor=factor), already, subject, *others)

    def _either(self, alternatives: Sequence[Sequence[Constraint]], already: bool, *slots: Slot) -> list[IntVar]:
        """Return a literal for each of the alternatives, and one for leaving all as it is where that will do."""
        ways = []
        for constraints in alternatives:
            way = self.cp.new_bool_var("")
            for constraint in constraints:
                self.cp.add(constraint).only_enforce_if(way)
            ways.append(way)
        if already:
            as_it_is = self.cp.new_bool_var("")
            for slot in slots:
                if not slot.fixed:
                    self.cp.add_implication(as_it_is, slot.moved.negated())
            ways.append(as_it_is)
        return ways


def _shows(slot: Slot, style: tuple[str, ...], query: Query) -> bool:
    """Return whether an object of this style is what the query says; a new one must make sure of what it lacks."""
    if any(implies(word, lacking) for word in style for lacking in query.lacks):
        return False
    colourless = not any(family(word) == "colour" for word in style)
    if slot.old is None and colourless and any(family(word) == "colour" for word in query.lacks):
        return False
    return all(any(implies(word, asked) for word in style) for asked in query.attributes)


def _can_show(slot: Slot, query: Query) -> bool:
    return any(_shows(slot, style, query) for style in slot.styles)


def _boxes(*slots: Slot) -> tuple[Box, ...]:
    """Return where the objects are, if all of them are somewhere yet; else nothing."""
    known = [slot.here for slot in slots]
    return tuple(box for box in known if box is not None) if None not in known else ()


def _distinct(subject: Slot, groups: Sequence[Sequence[tuple[Slot, IntVar]]]) -> list[tuple[tuple[Slot, IntVar], ...]]:
    """Return every choice of one object per group, all different from each other and the subject."""
    choices: list[tuple[tuple[Slot, IntVar], ...]] = [()]
    for group in groups:
        choices = [
            (*choice, member)
            for choice in choices
            for member in group
            if member[0] is not subject and all(member[0] is not other for other, _ in choice)
        ]
    return choices
