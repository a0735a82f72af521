"""Copies: another one of what is there, and objects out of other pictures."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from agent.offline import amounts, destinations
from agent.offline.items import Item
from agent.offline.lexer import phrases
from agent.offline.other_pictures import read_from_other
from agent.offline.placement import at, in_picture, is_crowded, usual_size
from agent.offline.real_sizes import usual_height
from agent.offline.selectors import read_selection
from agent.offline.verbs import BETWEEN
from agent.offline.wishes import Wishes
from agent.offline.workbench import HARDLY
from tools.scene.box import Box
from tools.scene.errors import CannotParse
from tools.scene.lexicon import number
from tools.scene.relations import holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.other_pictures import Origin

_TO_PICTURE = phrases("to the picture|to the image|to the photo|to the scene|into the picture|into the image|"
                      "in the picture|in the image|into the scene|in the scene|here|in here|to it|in it|"
                      "to this picture|into this picture|to this photo|into this photo")  # fmt: skip

WIDEST = 0.9  # of the picture
UNCUT = 0.988  # a box that reaches farther is cut off by the edge of its picture
LEVEL = frozenset({"left of", "right of", "next to", "near", "between"})


class Copies(Wishes):
    """Reads what is copied, and puts it down."""

    def _add_from_other(self) -> bool:
        """Take "the dog from dog.jpg to the left of the chair"; False where no other picture is spoken of."""
        words, scene = self.words, self.scene
        origins = read_from_other(words, self.memory.others)
        if origins is None:
            return False
        words.take(_TO_PICTURE)
        place = destinations.read_place(words, scene, sides=True)
        words.take(_TO_PICTURE)
        made = []
        for origin in origins:
            placed = origin.placed
            item = self._set_down(origin, place)
            item.model, item.picture = placed, origin.picture
            self._stand(item, placed.box, place)
            made.append(item)
        scene.focus, scene.last_name = made, made[-1].name
        return True

    def _set_down(self, origin: Origin, place: destinations.Place | None) -> Item:
        """Add a copy in its size where one says, before what is there; smaller only where it fits in no other way."""
        name, attributes, size = origin.placed.name, origin.placed.attributes, self._size_of(origin)
        if place is not None and place.sides:  # it stands before whatever is there
            box = at(in_picture(place.sides, size, (0.5, 0.6)), size)
            item = Item(f"{name} (new {len(self.scene.items)})", name, attributes, box)
            self.scene.items.append(item)
            return item
        return self._insert(name, attributes, size, place)

    def _stand(self, item: Item, own: Box, place: destinations.Place | None) -> None:
        """Set a copy on the ground that others stand on, where the place leaves that open and it is free there.

        What an edge of its own picture cuts off there, at ``own``, goes to the same edge here.
        """
        others, box = self.scene.boxes(item), item.box
        x, y, sides = box.x, box.y, place.sides if place is not None else ()
        level = place is None or bool(place.refs and place.predicate in LEVEL)
        if own.y + own.h > UNCUT and (level or sides) and "at the top" not in sides:
            y = 1 - box.h
        elif level and others:
            grounds = place.refs if place is not None else others
            y = max(0.0, median(below.y + below.h for below in grounds) - box.h)
        if own.x < 1 - UNCUT and (place is None or "on the left" in sides):
            x = 0.0
        elif own.x + own.w > UNCUT and (place is None or "on the right" in sides):
            x = 1 - box.w
        there = Box(x, y, box.w, box.h)
        fits = place is None or not place.refs or holds(place.predicate, there, *place.refs)  # type: ignore[arg-type]
        if fits and (not is_crowded(there, others) or is_crowded(box, others)):
            item.box = there

    def _size_of(self, origin: Origin) -> tuple[float, float]:
        """Return (w, h): as high as its own kind, as such things are beside what is there, or as large as that."""
        scene, name = self.scene, origin.placed.name
        same = [item.box.h for item in scene.items if item.name == name]
        height = median(same) if same else usual_height(name, scene.items)
        if height is None:
            return usual_size([], scene.boxes(), origin.shape)
        height = min(height, WIDEST / origin.shape)
        return height * origin.shape, height

    def _become_copy(self, chosen: Sequence[Item]) -> bool:
        """Take "the dog from dog.jpg" for what shall stand in the place of others; False where it is none."""
        words = self.words
        start = words.position
        origins = read_from_other(words, self.memory.others)
        if origins is None:
            return False
        if len(origins) not in {1, len(chosen)}:
            words.fail(f"{len(chosen)} objects cannot become {len(origins)}", start, words.position)
        for item, origin in zip(chosen, origins * (len(chosen) if len(origins) == 1 else 1), strict=True):
            box, placed = item.box, origin.placed
            size = usual_size([], [box], origin.shape)
            item.box = at((box.center[0], box.y + box.h - size[1] / 2), size)  # on the same ground
            item.name, item.attributes, item.model, item.picture = (
                placed.name, placed.attributes, placed, origin.picture,
            )  # fmt: skip
        self.scene.focus, self.scene.last_name = list(chosen), chosen[-1].name
        return True

    def _become_something(self, chosen: Sequence[Item], start: int) -> None:
        if not self._become_copy(chosen):
            super()._become_something(chosen, start)

    def _duplicate(self, start: int, spoken: str) -> None:
        words = self.words
        times = 1
        if words.word(1) in {"copy", "copies"}:
            times = number(words.word()) or 1
            words.position += 2
            words.take_word("of")
        here, focus, name = words.position, self.scene.focus, self.scene.last_name
        chosen = read_selection(words, self.scene, places=False)
        place = None if words.done else destinations.read_place(words, self.scene, sides=True)
        if place is None and not words.done and not words.sees(BETWEEN):
            words.position, self.scene.focus, self.scene.last_name = here, focus, name
            chosen = read_selection(words, self.scene)
            place = destinations.read_place(words, self.scene, sides=True)
        times = max(times, amounts.read_times(words))
        if times * len(chosen) > 20:
            words.fail("add at most 20 objects at once", start, words.position)
        copies = []
        for item in chosen:
            for _ in range(times):
                self.added += 1
                copies.append(self._copy(item, place))
        self.scene.focus = copies

    def _copy(self, item: Item, place: destinations.Place | None) -> Item:
        """Add another one of the very looks and size, next to it where there is room."""
        size = item.box.w, item.box.h
        places = [place] if place else [destinations.Place("next to", (item.box,)), None]
        tries = [(where, 1.0) for where in places] + [(places[-1], HARDLY)]
        for where, least in tries:
            try:
                found = self._insert(item.name, item.attributes, size, where, least=least)
            except CannotParse:
                if least < 1:
                    raise
                continue
            found.model = item.original or item.model
            return found
        raise AssertionError("the last try returns or raises")
