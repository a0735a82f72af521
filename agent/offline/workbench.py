"""What an instruction does to the objects: a working copy of the layout, and its net effect as operations.

Knows no words but the text that a refusal quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.offline import amounts
from agent.offline.destinations import Place
from agent.offline.items import Item, Scene, names_of
from agent.offline.lexer import Cursor
from agent.offline.placement import (
    CROWDED,
    LEAST,
    TOUCHED,
    NoPlaceError,
    Point,
    at,
    free_place,
    grown,
    is_crowded,
    room_beside,
    room_between,
    scaled,
    usual_size,
)
from tools.scene.lexicon import family
from tools.scene.operations import Add, Depth, Move, Remove, Replace, Restyle, Source
from tools.scene.relations import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.offline.nouns import NounPhrase
    from tools.scene.box import Box
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation
    from tools.scene.other_picture import OtherPicture

BIG = {"big": 1.3, "large": 1.3, "huge": 1.7, "giant": 1.7, "enormous": 1.7, "small": 0.7, "little": 0.7, "tiny": 0.45,
       "gigantic": 1.7, "massive": 1.7, "miniature": 0.45, "mini": 0.45}  # fmt: skip
"""What a word of size means for a new object's sides, compared with its kind."""

LESS = (1.0, 0.8, 0.6, 0.4)  # powers of a growth that are tried where there is no room for all of it
ENOUGH = 0.6  # the least of them that is still what was asked for
LEAST_GROWTH = 1.15  # of the area, under which nobody sees it
HARDLY = 0.85  # of its size, at least, that a thing keeps where it is moved to
LEAST_SHIFT = 0.4  # of a shift that is done where something is in the way
NARROW = 0.09  # of the picture: the shorter side of a new object at least
HUGE = LIMITS["huge"][0] * 1.05  # longest side of a new object that is called huge
RESHAPED = 1.5  # kinds whose usual shapes differ by this do not fit into each other's boxes


@dataclass(frozen=True)
class Memory:
    """What earlier turns left behind.

    ``recent``: ids that were spoken of or changed last, the newest last ("it"); ``removed``: objects that
    were taken away, the newest last ("put back the dog"), ``seen_in``: the pictures that show them; ``before``: the
    layout before the last change; ``shapes``: usual width over height of new objects, by noun; ``others``: pictures
    that objects may be copied from; ``notes``: takes what is to be said of what was done.
    """

    recent: tuple[str, ...] = ()
    removed: tuple[PlacedObject, ...] = ()
    seen_in: tuple[str, ...] = ()
    before: Layout | None = None
    shapes: Mapping[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    others: tuple[OtherPicture, ...] = ()


class Workbench:
    """A layout while an instruction is worked out."""

    def __init__(self, text: str, layout: Layout, memory: Memory) -> None:
        self.words = Cursor(text)
        self.memory = memory
        items = [Item(placed.id, placed.name, placed.attributes, placed.box, placed) for placed in layout.objects]
        focus = [item for recent in memory.recent for item in items if item.id == recent]
        self.scene = Scene(items, focus, focus[-1].name if focus else "", memory.notes)
        self.layout = layout
        self.verb = ""
        self.added = 0

    def _forget(self, chosen: Sequence[Item]) -> None:
        self.scene.items = [item for item in self.scene.items if item not in chosen]
        self.scene.focus = []

    def _put(self, phrase: NounPhrase, place: Place | None, side: float | None = None) -> Item:
        factor = BIG.get(phrase.size_word, 1.0)
        attributes = phrase.attributes
        same = [item.box for item in self.scene.items if item.name == phrase.name]
        width, height = usual_size(same, self.scene.boxes(), self.memory.shapes.get(phrase.name))
        if phrase.size == "huge":
            factor = max(factor, HUGE / max(width, height))
        if side is not None:
            factor = side / (width * height) ** 0.5
        factor = max(factor, NARROW / min(width, height))
        size = width * factor, height * factor
        least = LEAST
        if phrase.size in {"huge", "large"}:  # what is made smaller to fit is still that
            least = min(1.0, LIMITS[phrase.size][0] / max(size))
        least = 1.0 if side is not None else least
        return self._insert(phrase.name, attributes, size, place, least=least)

    def _insert(
        self,
        name: str,
        attributes: tuple[str, ...],
        size: tuple[float, float],
        place: Place | None,
        *,
        least: float = LEAST,
    ) -> Item:
        size = min(size[0], 0.95), min(size[1], 0.95)
        box = self._free_place(name, size, (0.5, 0.6), place, least=least)
        depth = _depth(place) if place else None
        item = Item(f"{name} (new {len(self.scene.items)})", name, attributes, box, depth=depth)
        self.scene.items.append(item)
        return item

    def _free_place(
        self,
        name: str,
        size: tuple[float, float],
        wish: Point,
        place: Place | None = None,
        *,
        least: float = LEAST,
        item: Item | None = None,
    ) -> Box:
        """Return a free box for ``item`` or a new object; what it shall stand beside may step aside for it."""
        others = self.scene.boxes(*([item] if item else []))
        for share in dict.fromkeys((1.0, least)):
            try:
                if place is None:
                    return free_place(size, [wish], others, least=share)
                return place.box(size, wish, others, least=share)
            except NoPlaceError:
                found = self._with_room(size, wish, place, item)
            if found is not None:
                return found
        if place is not None and item is not None:
            try:
                found = place.box(size, wish, others, least=least, crowded=TOUCHED)
            except NoPlaceError:
                pass
            else:
                covered = [
                    other.id for other in self.scene.items if other is not item and is_crowded(found, [other.box])
                ]
                self.memory.notes.append(f"{item.id!r} covers a little of {' and '.join(map(repr, covered))}")
                return found
        return self.words.refuse(self._no_room(name, size, wish, place, item))

    def _set_into(self, chosen: Sequence[Item], place: Place) -> None:
        """Put things at a place, as large as they are or hardly smaller."""
        for item in chosen:
            size = item.box.w, item.box.h
            item.box = self._free_place(item.id, size, item.box.center, place, least=HARDLY, item=item)
            item.depth = _depth(place)

    def _with_room(self, size: tuple[float, float], wish: Point, place: Place | None, item: Item | None) -> Box | None:
        """Let the object that a place is named after step aside; None where that does not help."""
        known = [item] if item else []
        if place is not None and place.predicate == "between":
            return self._with_room_between(size, wish, place, known)
        beside = [other for other in self.scene.items if place and len(place.refs) == 1 and other.box == place.refs[0]]
        if place is None or len(beside) != 1:
            return None
        host = beside[0]
        aside = room_beside(place.predicate, size, host.box, self.scene.boxes(host, *known))  # type: ignore[arg-type]
        if aside is None:
            return None
        try:
            found = replace(place, refs=(aside,)).box(size, wish, [aside, *self.scene.boxes(host, *known)], least=1.0)
        except NoPlaceError:
            return None
        host.box = aside
        self.memory.notes.append(f"moving {host.id!r} a little to make room")
        return found

    def _with_room_between(
        self, size: tuple[float, float], wish: Point, place: Place, known: Sequence[Item]
    ) -> Box | None:
        """Let two objects step apart; smaller sizes are tried as well."""
        hosts = [other for ref in place.refs for other in self.scene.items if other.box == ref]
        if len(hosts) != 2:
            return None
        others = self.scene.boxes(*hosts, *known)
        for factor in (1.0, 0.85, 0.7):
            less = size[0] * factor, size[1] * factor
            apart = room_between(less, hosts[0].box, hosts[1].box, others)
            if apart is None:
                continue
            try:
                found = replace(place, refs=apart).box(less, wish, [*apart, *others], least=1.0)
            except NoPlaceError:
                continue
            hosts[0].box, hosts[1].box = apart
            self.memory.notes.append(f"moving {hosts[0].id!r} and {hosts[1].id!r} apart to make room")
            return found
        return None

    def _shift(self, item: Item, moved: Box) -> Box | None:
        """Return a free box about where a shift leads; None where something is in the way everywhere."""
        others = self.scene.boxes(item)
        (x0, y0), (x1, y1) = item.box.center, moved.center
        dx, dy = x1 - x0, y1 - y0
        way = (dx * dx + dy * dy) ** 0.5

        def goes_there(box: Box) -> bool:
            along = ((box.center[0] - x0) * dx + (box.center[1] - y0) * dy) / way
            aside = abs((box.center[0] - x0) * dy - (box.center[1] - y0) * dx) / way
            return bool(along >= LEAST_SHIFT * way and aside <= along)

        allowed = [other for other in others if not is_crowded(item.box, [other])]
        if not is_crowded(moved, allowed):
            return moved
        for crowded in (CROWDED, TOUCHED):
            try:
                return free_place(item.box[2:], [moved.center], allowed, goes_there, least=1.0, crowded=crowded)
            except NoPlaceError:
                continue
        return None

    def _no_room(
        self, name: str, size: tuple[float, float], wish: Point, place: Place | None, item: Item | None
    ) -> str:
        """Say why there is no room and what would help."""
        others = self.scene.boxes(*([item] if item else []))
        try:
            found = place.box(size, wish, others) if place else free_place(size, [wish], others)
        except NoPlaceError:
            around = names_of(other for other in self.scene.items if other is not item)
            return f"there is no room for {name!r} there; move, shrink or remove something first: {around}"
        return f"there is no room for {name!r} there; it would fit at {round(100 * found.w / size[0])}% of that size"

    def _exchange(self, chosen: Sequence[Item], start: int, *, colours: bool) -> None:
        if len(chosen) != 2:
            self.words.fail(f"a swap takes two objects, not {len(chosen)}", start, self.words.position)
        first, second = chosen
        if colours:
            tones = [tuple(word for word in item.attributes if family(word) == "colour") for item in chosen]
            if not all(tones):
                self.words.fail("both need a known colour", start, self.words.position)
            first.attributes, second.attributes = (
                self._restyled(first.attributes, tones[1]),
                self._restyled(second.attributes, tones[0]),
            )
        else:
            others = self.scene.boxes(first, second)
            one, two = at(second.box.center, first.box[2:]), at(first.box.center, second.box[2:])
            one = grown(one, (1, 1), others) or one
            first.box, second.box = one, grown(two, (1, 1), [*others, one]) or two
        self.scene.focus = list(chosen)

    def _scale(self, chosen: Sequence[Item], factors: tuple[float, float], start: int) -> None:
        for item in chosen:
            box = scaled(item.box, *factors)
            if box == item.box or min(box.w, box.h) < amounts.SMALLEST:
                self.words.fail(f"{item.id!r} cannot get that size", start, self.words.position)
            item.box = self._grown(item, factors) if max(factors) > 1 else box
        self.scene.focus = list(chosen)

    def _grown(self, item: Item, factors: tuple[float, float]) -> Box:
        """Return the larger box; where it is too tight, a little less of it."""
        others = self.scene.boxes(item)
        for share in LESS:
            less = tuple(factor**share for factor in factors)
            box = grown(item.box, (less[0], less[1]), others)
            if box is None or (share < 1 and box.area < LEAST_GROWTH * item.box.area):
                continue
            if share >= ENOUGH:
                if share < 1:
                    self.memory.notes.append(f"there is room for {max(less):.1f} times {item.id!r} only")
                return box
            size = f"{max(less):.1f} times its size"
            self.words.refuse(f"there is no room for {item.id!r} to get that large; there is for {size}")
        around = names_of(other for other in self.scene.items if other is not item)
        return self.words.refuse(f"there is no room for {item.id!r} to grow beside {around}")

    def _take_size(self, chosen: Sequence[Item], model: Item, start: int) -> None:
        """Make things as large as another one, each in its own shape."""
        for item in chosen:
            factor = (model.box.area / item.box.area) ** 0.5
            if abs(factor - 1) > 0.02:
                self._scale([item], (factor, factor), start)
        self.scene.focus = list(chosen)

    def _become(self, chosen: Sequence[Item], phrase: NounPhrase, start: int) -> None:
        count = phrase.count or (len(chosen) if phrase.plural else 1)
        if count not in {1, len(chosen)} and len(chosen) != 1:
            self.words.fail(f"{len(chosen)} objects cannot become {count}", start, self.words.position)
        for item in chosen:
            if item.name != phrase.name:
                item.box = self._reshaped(item, phrase.name)
            item.name, item.attributes = phrase.name, phrase.attributes
        if phrase.size_word:
            self._scale(chosen, (BIG[phrase.size_word], BIG[phrase.size_word]), start)
        self.scene.focus = list(chosen)
        self.scene.last_name = phrase.name
        if len(chosen) == 1 and count > 1:
            box = chosen[0].box
            self._check_count(phrase)
            for _ in range(count - 1):
                place = Place("next to", (box,))
                self._insert(phrase.name, phrase.attributes, (box.w, box.h), place)

    def _reshaped(self, item: Item, name: str) -> Box:
        """Return the box for another kind in an object's place: of its usual shape, on the same ground."""
        shape, old = self.memory.shapes.get(name), self.memory.shapes.get(item.name)
        box = item.box
        if shape is None or old is None or max(shape / old, old / shape) < RESHAPED:
            return box
        width, height = usual_size([], [box], shape)
        return at((box.center[0], box.y + box.h - height / 2), (width, height))

    @staticmethod
    def _restyled(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
        """A new colour takes the old one's place; what is of another kind stays."""
        kinds = {family(word) for word in new} - {None}
        kept = [word for word in old if family(word) not in kinds and word not in new]
        return tuple([*new, *kept])

    def _check_count(self, phrase: NounPhrase) -> None:
        self.added += phrase.count or 1
        if self.added > 20:
            self.words.fail("add at most 20 objects at once", phrase.start, phrase.end)

    def _net(self) -> tuple[Operation, ...]:
        """Return what must be done to each object so that it ends as it does now."""
        operations: list[Operation] = []
        left = {item.original.id: item for item in self.scene.items if item.original}
        for placed in self.layout.objects:
            item = left.get(placed.id)
            if item is None:
                operations.append(Remove(id=placed.id))
                continue
            box = None if _same(item.box, placed.box) else item.box
            if item.name != placed.name or item.picture:
                operations.append(
                    Replace(id=placed.id, name=item.name, attributes=item.attributes, box=box, source=_source(item))
                )
                continue
            if box is not None or item.depth is not None:
                operations.append(Move(id=placed.id, box=box or placed.box, depth=item.depth))
            if item.attributes != placed.attributes and item.attributes:
                operations.append(Restyle(id=placed.id, attributes=item.attributes))
        operations += [
            Add(name=item.name, attributes=item.attributes, box=item.box, source=_source(item), depth=item.depth)
            for item in self.scene.items
            if item.original is None
        ]
        return tuple(operations)


def _depth(place: Place) -> Depth | None:
    return Depth(side=place.depth, id=place.host) if place.depth is not None and place.host else None


def _source(item: Item) -> Source | None:
    """Return what can be copied: a duplicate, and what is brought back, have the very looks of what they are."""
    model = item.model
    if model is None or model.name != item.name or (model.attributes != item.attributes and not item.picture):
        return None
    return Source(picture=item.picture, box=model.box, attributes=model.attributes)


def _same(first: Box, second: Box) -> bool:
    return all(abs(left - other) < 1e-6 for left, other in zip(first, second, strict=True))
