"""A scene and its demands as a CP-SAT model over an integer grid: what may be in it, where, and what a change costs."""

from __future__ import annotations

import math
import random
from statistics import median
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from tools.scene.box import Box
from tools.scene.checking import AT, claims
from tools.scene.demanding import Demands
from tools.scene.layout import Layout, PlacedObject
from tools.scene.lexicon import COLOURS, family
from tools.scene.merge import can_be_told_apart, restyled
from tools.scene.placing import FINE, GRID, Slot, fine
from tools.scene.requirement import LEFTOVER, PICTURE_KINDS
from tools.scene.spec import SIZE_PREDICATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ortools.sat.python.cp_model import IntVar

    from tools.scene.requirement import Requirement
    from tools.scene.spec import Query


EDGE = 2  # steps that a moved or new box keeps from the border
CLEAR = 5  # steps wished for between two boxes
SIZE = 0.28  # side of a new object when the picture holds nothing to compare with
LARGEST = 0.45  # side that a new object never exceeds
SMALLEST = 16  # steps: no longer side is shrunk below this, for small things are hard to draw and to find
SCALES = (100, 85, 70, 55)  # per cent of its usual size that an object may take when it is crowded
LADDER = (25, 30, 36, 43, 50, 58, 66, 75, 85, 93, 108, 118, 130, 145, 155, 165, 175, 190, 210, 235, 260)
"""Per cent of the usual size, where sizes matter."""
NEUTRAL = ("white", "black", "gray")  # colours that stand in for one that is not wanted
TINIEST, LARGEST_OF_ALL = 14, 90  # steps of the longer side where sizes matter
STRIDE = 0.15  # of its longer side that a moved object travels at least; less would not count as a Move
STAGED_SIZES = (1.0, 1.35)  # of a staged scene's usual size
STAGED_X, STAGED_Y = (0.25, 0.75), (0.45, 0.75)  # where staged objects want their centres
MOST = 100  # objects that a layout can hold

# What a change costs: keeping is free, then restyling, moving (the farther the dearer; what others stand in
# relation to rather stays), removing, adding.
RESTYLE, MOVE, ANCHOR, WAY, REMOVE, ADD = 1000, 1500, 100, 2, 2000, 2500
TIGHT, OVERLAP, SHRINK, DRIFT = 20, 60, 120, 1
PROOF = 0.02  # deterministic seconds to prove that some requirements exclude each other
PATIENCE = 10.0  # seconds on the clock; deterministic ones are counted differently by some parts of the search


class LayoutModel:
    """The variables, constraints and costs of one scene; ``tight`` demands are asked for without the wider margin."""

    def __init__(
        self,
        demands: tuple[Requirement, ...],
        current: Layout,
        tight: bool,
        shapes: Mapping[str, float] | None = None,
        seed: int | None = None,
    ) -> None:
        self.demands, self.current, self.tight, self.shapes = demands, current, tight, shapes or {}
        self.cp = cp_model.CpModel()
        self.costs: list[cp_model.LinearExprT] = []
        self.pins: dict[int, Slot] = {}
        self.measured = _measured(demands)
        self.dice = None if seed is None else random.Random(seed)
        self.side = SIZE if self.dice is None else SIZE * self.dice.uniform(*STAGED_SIZES)
        self.slots = self._cast()
        for slot in self.slots:
            self._add_variables(slot)
        for number, first in enumerate(self.slots):
            for second in self.slots[number + 1 :]:
                self._keep_apart(first, second)
                if seed is not None and not tight and first.name == second.name:
                    self._same_size(first, second)
        Demands(self.cp, self.slots, self.pins, demands, tight)

    def is_impossible(self) -> bool:
        """Return whether it is quickly proven that nothing fulfils the requirements."""
        return bool(_solver(PROOF).solve(self.cp) == cp_model.INFEASIBLE)

    def solve(self, effort: float) -> Layout | None:
        """Return the cheapest layout found, or None."""
        self.cp.minimize(sum(self.costs))
        solver = _solver(effort)
        status = solver.solve(self.cp)
        if status == cp_model.UNKNOWN:
            self.cp.minimize(0)  # any layout is better than none
            status = solver.solve(self.cp)
        if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
            return None
        result = self.current
        objects: list[PlacedObject] = []
        for slot in self.slots:
            if not solver.value(slot.present):
                continue
            box = slot.pinned or Box(*(solver.value(v) / GRID for v in (slot.x, slot.y, slot.w, slot.h)))
            style = next(s for s, chosen in zip(slot.styles, slot.style, strict=True) if solver.value(chosen))
            if slot.old is None:
                new = PlacedObject(id=result.new_id(slot.name), name=slot.name, attributes=style, box=box)
                result = result.model_copy(update={"objects": (*result.objects, new)})  # takes the id
                objects.append(new)
            else:
                place = box if solver.value(slot.moved) else slot.old.box
                objects.append(slot.old.model_copy(update={"box": place, "attributes": style}))
        return self.current.model_copy(update={"objects": tuple(objects)})

    # Who may be in the scene

    def _cast(self) -> list[Slot]:
        queries = [query for demand in self.demands if demand.kind not in PICTURE_KINDS for query in _queries(demand)]
        names = dict.fromkeys(query.name for query in queries)
        styles = {name: dict.fromkeys(_style(query) for query in queries if query.name == name) for name in names}
        wishes = {name: [style for style in some if style] for name, some in styles.items()}
        if any(demand.kind == "clean" for demand in self.demands):
            names |= {LEFTOVER.name: None}
        slots = []
        for old in self.current.objects:
            wished = [restyled(old.attributes, wish) for wish in wishes.get(old.name, ())]
            looks = list(dict.fromkeys([old.attributes, *wished]))
            slots.append(Slot(old.name, old, looks, fixed=old.name not in names))
        # Known objects first, so that a new one does not take the place of one that is asked for by id.
        order = sorted(range(len(self.demands)), key=lambda number: self.demands[number].id not in self.current.ids)
        for number in order:
            if claims(self.demands[number]):
                self.pins[number] = self._pin(self.demands[number], slots)
        for name in names:
            there = sum(slot.name == name for slot in slots)
            looks = list(dict.fromkeys([(), *wishes.get(name, ())]))
            slots += [Slot(name, None, looks) for _ in range(self._needed(name) - there)]
        return slots

    def _pin(self, demand: Requirement, slots: list[Slot]) -> Slot:
        """Find or make the object that a requirement wants at a box, and hold it there."""
        assert demand.box is not None
        free = [slot for slot in slots if slot.name == demand.query.name and slot.pinned is None and slot.old]
        same = [slot for slot in free if slot.old and slot.old.id == demand.id]
        near = [slot for slot in free if slot.old and slot.old.box.iou(demand.box) >= AT]
        slot = next(iter([*same, *near]), None)
        if slot is None or slot.old is None:
            slot = Slot(demand.query.name, None, [demand.query.attributes])
            slots.append(slot)
        stays = slot.old is not None and demand.kind != "placed" and slot.old.box.iou(demand.box) >= AT
        slot.pinned = slot.old.box if stays and slot.old else demand.box
        slot.fixed = True
        return slot

    def _needed(self, name: str) -> int:
        """How many of a name the requirements can ask for; a comparison of numbers may ask for as many as another."""
        return max(
            [self._asked(name), *(self._outnumbering(demand) for demand in self.demands if _grows(demand) == name)]
        )

    def _asked(self, name: str) -> int:
        about = [demand for demand in self.demands if demand.query.name == name and not claims(demand)]
        counts = [demand.count for demand in about if demand.kind == "count" and demand.bound != "at most"]
        if (
            any(demand.kind == "absent" and not demand.box and not demand.query.attributes for demand in about)
            and not counts
        ):
            return 0
        styled = sum(demand.count for demand in about if demand.kind == "attribute")
        related = sum(
            demand.count
            for demand in about
            if demand.kind == "size" or (demand.kind == "relation" and not demand.counts)
        )
        faced = [demand.object_count for demand in self.demands for query in demand.objects if query.name == name]
        gathered = [_members(demand, name) for demand in self.demands if demand.kind == "relation" and demand.counts]
        if counts:
            return max(counts)
        return max([styled, related + sum(faced), *gathered])

    def _outnumbering(self, demand: Requirement) -> int:
        """How many it takes to be more than, or as many as, what is there and asked for of the other name."""
        mine, theirs = demand.query.name, demand.objects[0].name
        other = mine if demand.predicate in {"fewer than", "no more than"} else theirs
        there = sum(slot.name == other for slot in self.current.objects)
        return min(max(there, self._asked(other)) + (demand.predicate in {"more than", "fewer than"}), MOST)

    # What each object can do

    def _add_variables(self, slot: Slot) -> None:
        cp, old = self.cp, slot.old
        slot.present, slot.moved = cp.new_bool_var(""), cp.new_bool_var("")
        slot.style = [cp.new_bool_var("") for _ in slot.styles]
        cp.add_exactly_one(slot.style)
        sizes = self._sizes(slot)
        slot.x, slot.y = (cp.new_int_var(0, GRID, "") for _ in range(2))
        slot.w, slot.h = (cp.new_int_var(1, GRID, "") for _ in range(2))
        slot.side, slot.longest = (cp.new_int_var(1, FINE, "") for _ in range(2))
        cp.add(slot.x + slot.w <= GRID)
        cp.add(slot.y + slot.h <= GRID)
        if slot.fixed:
            box = slot.pinned or (old.box if old else None)
            assert box is not None
            self._set(slot, box)
            cp.add(slot.present == 1)
            cp.add(slot.moved == int(old is None or box != old.box))
        else:
            scale = [cp.new_bool_var("") for _ in sizes]
            cp.add_exactly_one(scale)
            for chosen, (w, h), price in zip(scale, sizes, self._prices(sizes), strict=True):
                self._set_size(slot, w / GRID, h / GRID, chosen, slot.moved)
                self.costs.append(price * chosen)
            for axis in (0, 1):
                cp.add(slot.start(axis) >= EDGE).only_enforce_if(slot.moved)
                cp.add(slot.end(axis) <= GRID - EDGE).only_enforce_if(slot.moved)
            if old is None:
                cp.add(slot.moved == 1)
            else:
                self._set(slot, old.box, unless=slot.moved)
                cp.add_implication(slot.moved, slot.present)
                self._stride(slot, old.box, resized=scale[1:])
        if old is None:
            self.costs.append(ADD * slot.present)
        else:
            anchor = any(query.name == slot.name for demand in self.demands for query in demand.objects)
            self.costs += [REMOVE * slot.present.negated(), (MOVE + ANCHOR * anchor) * slot.moved]
            self.costs += [RESTYLE * chosen for chosen in slot.style[1:]]
        if not slot.fixed:
            home = old.box.center if old else self._home(slot.name)
            for axis in (0, 1):
                way = cp.new_int_var(0, 2 * GRID, "")
                offset = slot.center2(axis) - round(2 * GRID * home[axis])
                cp.add(way >= offset).only_enforce_if(slot.moved)
                cp.add(way >= -offset).only_enforce_if(slot.moved)
                self.costs.append((WAY if old else DRIFT) * way)

    def _stride(self, slot: Slot, box: Box, resized: list[IntVar]) -> None:
        step = math.ceil(2 * STRIDE * GRID * max(box.w, box.h))
        ways = [self.cp.new_bool_var("") for _ in range(4)]
        for axis in (0, 1):
            offset = slot.center2(axis) - round(2 * GRID * box.center[axis])
            self.cp.add(offset >= step).only_enforce_if(ways[2 * axis])
            self.cp.add(offset <= -step).only_enforce_if(ways[2 * axis + 1])
        self.cp.add_bool_or([slot.moved.negated(), *ways, *resized])

    def _set(self, slot: Slot, box: Box, unless: IntVar | None = None) -> None:
        x0, y0, x1, y1 = box.to_px((GRID, GRID))
        when = () if unless is None else (unless.negated(),)
        for variable, value in zip((slot.x, slot.y, slot.w, slot.h), (x0, y0, x1 - x0, y1 - y0), strict=True):
            self.cp.add(variable == value).only_enforce_if(*when)
        self._set_measures(slot, box.w, box.h, *when)

    def _set_size(self, slot: Slot, w: float, h: float, *when: IntVar) -> None:
        self.cp.add(slot.w == round(GRID * w)).only_enforce_if(*when)
        self.cp.add(slot.h == round(GRID * h)).only_enforce_if(*when)
        self._set_measures(slot, w, h, *when)

    def _set_measures(self, slot: Slot, w: float, h: float, *when: IntVar) -> None:
        self.cp.add(slot.side == fine(math.sqrt(w * h))).only_enforce_if(*when)
        self.cp.add(slot.longest == fine(max(w, h))).only_enforce_if(*when)

    def _sizes(self, slot: Slot) -> list[tuple[int, int]]:
        """Return sizes the object may take, the usual one first; larger ones too where a size is asked for."""
        w, h = (GRID * slot.old.box.w, GRID * slot.old.box.h) if slot.old else self._usual_size(slot.name)
        free = slot.name in self.measured
        scales = [100, *LADDER] if free else SCALES
        sizes = [(max(round(w * scale / 100), 1), max(round(h * scale / 100), 1)) for scale in scales]
        low, high = (TINIEST if free else SMALLEST), LARGEST_OF_ALL
        return [sizes[0], *(size for size in dict.fromkeys(sizes[1:]) if low <= max(size) <= high and size != sizes[0])]

    @staticmethod
    def _prices(sizes: Sequence[tuple[int, int]]) -> list[int]:
        """Return what each size costs: the more, the further it is from the first one."""
        usual = max(sizes[0])
        return [round(SHRINK * abs(math.log(max(size) / usual)) / math.log(100 / SCALES[1])) for size in sizes]

    def _usual_size(self, name: str) -> tuple[float, float]:
        """In steps: as others of its name, else as large as what is there in its shape; smaller in a crowd."""
        boxes = [placed.box for placed in self.current.objects]
        like = [placed.box for placed in self.current.objects if placed.name == name]
        side = median(math.sqrt(box.area) for box in boxes) if boxes else self.side
        stretch = math.sqrt(self.shapes.get(name, 1.0))
        w, h = side * stretch, side / stretch
        if like:
            w, h = median(box.w for box in like), median(box.h for box in like)
        total = max(len(boxes), sum(demand.count for demand in self.demands if demand.kind == "count"), 1)
        limit = min(LARGEST, math.sqrt(0.45 / total))
        fitting = GRID * min(1.0, limit / max(w, h))
        return w * fitting, h * fitting

    def _home(self, name: str) -> tuple[float, float]:
        """Where a new object would rather be: in the middle, as low or high as others of its name."""
        like = [placed.box.center[1] for placed in self.current.objects if placed.name == name]
        if self.dice is not None and not like:
            return self.dice.uniform(*STAGED_X), self.dice.uniform(*STAGED_Y)
        return 0.5, median(like) if like else 0.5

    def _same_size(self, first: Slot, second: Slot) -> None:
        if not (first.old or second.old or first.fixed or second.fixed or first.name in self.measured):
            self.cp.add(first.w == second.w)
            self.cp.add(first.h == second.h)

    def _keep_apart(self, first: Slot, second: Slot) -> None:
        """Two of a name never overlap, for they would be seen as one; others as little as possible."""
        if first.fixed and second.fixed:
            return
        cp, alike = self.cp, first.name == second.name
        ways = [cp.new_bool_var("") for _ in range(4)]
        space = cp.new_int_var(0 if alike else -GRID, CLEAR, "")
        for axis in (0, 1):
            cp.add(second.start(axis) - first.end(axis) >= space).only_enforce_if(ways[2 * axis])
            cp.add(first.start(axis) - second.end(axis) >= space).only_enforce_if(ways[2 * axis + 1])
        gone = [first.present.negated(), second.present.negated()]
        for mover in (first, second):
            cp.add_bool_or([*ways, *gone, mover.moved.negated()])
        cost = cp.new_int_var(0, (TIGHT + OVERLAP) * 2 * GRID, "")
        cp.add(cost >= TIGHT * (CLEAR - space))
        cp.add(cost >= TIGHT * CLEAR - OVERLAP * space)
        self.costs.append(cost)
        if alike and first.old and second.old and not can_be_told_apart(first.old.box, second.old.box):
            cp.add_bool_or([*gone, first.moved, second.moved])


def _queries(demand: Requirement) -> tuple[Query, ...]:
    return (demand.query, *demand.objects)


def _members(demand: Requirement, name: str) -> int:
    """How many of a name belong to a group."""
    return sum(count for query, count in zip(_queries(demand), demand.counts, strict=True) if query.name == name)


def _grows(demand: Requirement) -> str | None:
    """Which name a comparison of numbers may ask more of."""
    if demand.kind != "number":
        return None
    return demand.objects[0].name if demand.predicate in {"fewer than", "no more than"} else demand.query.name


def _measured(demands: Iterable[Requirement]) -> frozenset[str]:
    """Return the names whose sizes are asked for, or compared."""
    about = (
        demand
        for demand in demands
        if demand.kind == "size" or demand.predicate in SIZE_PREDICATES | {"of the same size", "inside"}
    )
    return frozenset(query.name for demand in about for query in _queries(demand))


def _style(query: Query) -> tuple[str, ...]:
    """Return the attributes that make an object what the query says; a colour it must lack takes another's place."""
    coloured = any(family(word) == "colour" for word in query.attributes)
    if coloured or not any(family(word) == "colour" for word in query.lacks):
        return query.attributes
    other = next(colour for colour in (*NEUTRAL, *COLOURS) if colour not in query.lacks)
    return (other, *query.attributes)


def _solver(effort: float) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = effort
    solver.parameters.max_time_in_seconds = PATIENCE
    solver.parameters.relative_gap_limit = 0.025
    return solver
