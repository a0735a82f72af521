"""What an instruction does to the objects: a working copy of the layout, and its net effect as operations.

Knows no words but the text that a refusal quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.offline import amounts
from agent.offline.destinations import Place
from agent.offline.items import Item, Scene
from agent.offline.lexer import Cursor
from agent.offline.placement import NoPlaceError, Point, at, free_place, scaled, usual_size
from tools.scene.lexicon import family
from tools.scene.operations import Add, Move, Remove, Replace, Restyle, Source
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

HUGE = LIMITS["huge"][0] * 1.05  # longest side of a new object that is called huge
RESHAPED = 1.5  # kinds whose usual shapes differ by this do not fit into each other's boxes


@dataclass(frozen=True)
class Memory:
    """What earlier turns left behind.

    ``recent``: ids that were spoken of or changed last, the newest last ("it"); ``removed``: objects that
    were taken away, the newest last ("put back the dog"); ``before``: the layout before the last change;
    ``shapes``: usual width over height of new objects, by noun; ``others``: pictures that objects may be copied from.
    """

    recent: tuple[str, ...] = ()
    removed: tuple[PlacedObject, ...] = ()
    before: Layout | None = None
    shapes: Mapping[str, float] = field(default_factory=dict)
    others: tuple[OtherPicture, ...] = ()


class Workbench:
    """A layout while an instruction is worked out."""

    def __init__(self, text: str, layout: Layout, memory: Memory) -> None:
        self.words = Cursor(text)
        self.memory = memory
        items = [Item(placed.id, placed.name, placed.attributes, placed.box, placed) for placed in layout.objects]
        focus = [item for recent in memory.recent for item in items if item.id == recent]
        self.scene = Scene(items, focus, focus[-1].name if focus else "")
        self.layout = layout
        self.verb = ""
        self.added = 0

    def _forget(self, chosen: Sequence[Item]) -> None:
        self.scene.items = [item for item in self.scene.items if item not in chosen]
        self.scene.focus = []

    def _put(self, phrase: NounPhrase, place: Place | None, start: int) -> Item:
        factor = BIG.get(phrase.size_word, 1.0)
        attributes = phrase.attributes
        same = [item.box for item in self.scene.items if item.name == phrase.name]
        width, height = usual_size(same, self.scene.boxes(), self.memory.shapes.get(phrase.name))
        if phrase.size == "huge":
            factor = max(factor, HUGE / max(width, height))
        return self._insert(phrase.name, attributes, (width * factor, height * factor), place, start)

    def _insert(
        self,
        name: str,
        attributes: tuple[str, ...],
        size: tuple[float, float],
        place: Place | None,
        start: int,
        *,
        shrink: bool = True,
    ) -> Item:
        box = self._free_place((min(size[0], 0.95), min(size[1], 0.95)), (0.5, 0.6), start, place, shrink=shrink)
        item = Item(f"{name} (new {len(self.scene.items)})", name, attributes, box)
        self.scene.items.append(item)
        return item

    def _free_place(
        self, size: tuple[float, float], wish: Point, start: int, place: Place | None = None, *, shrink: bool = True
    ) -> Box:
        others = self.scene.boxes()
        try:
            if place is None:
                return free_place(size, [wish], others, shrink=shrink)
            return place.box(size, wish, others, shrink=shrink)
        except NoPlaceError:
            self.words.fail("there is no room for it at that place", start, self.words.position)

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
            first.box, second.box = (
                at(second.box.center, (first.box.w, first.box.h)),
                at(first.box.center, (second.box.w, second.box.h)),
            )
        self.scene.focus = list(chosen)

    def _scale(self, chosen: Sequence[Item], factors: tuple[float, float], start: int) -> None:
        for item in chosen:
            box = scaled(item.box, *factors)
            if box == item.box or min(box.w, box.h) < amounts.SMALLEST:
                self.words.fail(f"{item.id!r} cannot get that size", start, self.words.position)
            item.box = box
        self.scene.focus = list(chosen)

    def _take_size(self, chosen: Sequence[Item], model: Item) -> None:
        for item in chosen:
            item.box = at(item.box.center, (model.box.w, model.box.h))
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
                self._insert(phrase.name, phrase.attributes, (box.w, box.h), place, start)

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
            if box is not None:
                operations.append(Move(id=placed.id, box=box, depth=item.depth))
            if item.attributes != placed.attributes and item.attributes:
                operations.append(Restyle(id=placed.id, attributes=item.attributes))
        operations += [
            Add(name=item.name, attributes=item.attributes, box=item.box, source=_source(item))
            for item in self.scene.items
            if item.original is None
        ]
        return tuple(operations)


def _source(item: Item) -> Source | None:
    """Return what the picture can be copied from: a duplicate has the very looks of what it is one of."""
    model = item.model
    if model is None or model.name != item.name or (model.attributes != item.attributes and not item.picture):
        return None
    return Source(picture=item.picture, box=model.box, attributes=model.attributes)


def _same(first: Box, second: Box) -> bool:
    return all(abs(left - other) < 1e-6 for left, other in zip(first, second, strict=True))
