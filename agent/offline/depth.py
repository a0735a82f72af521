"""In front of and behind: where an object goes so that it covers another partly, or is covered by it.

What is nearer stands lower in a photograph, so the one in front goes a little below the other's foot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agent.offline.lexer import Phrases, meaning
from agent.offline.placement import at
from agent.offline.selectors import read_selection
from tools.scene.operations import Depth

if TYPE_CHECKING:
    from agent.offline.items import Item, Scene
    from agent.offline.lexer import Cursor

Side = Literal["in front of", "behind"]
_FRONT: Side = "in front of"
_BACK: Side = "behind"
_SIDES: Phrases[Side] = Phrases(
    meaning("in front of|to the front of|into the foreground of|right in front of|directly in front of|before", _FRONT)
    | meaning("behind|right behind|directly behind|in back of|to the back of|at the back of", _BACK)
)
NEARER = 0.06  # of the other's height, that the one in front stands lower
# of its own width, that it reaches inwards beyond the edge of the other
COVER: dict[Side, float] = {
    "in front of": 0.25,
    "behind": -0.12,
}


def read_depth(words: Cursor, scene: Scene) -> tuple[Side, Item] | None:
    """Take "in front of the bottle"; None where nothing of that kind follows.

    Raises:
        CannotParse: it is not one object that is there.
    """
    start = words.position
    side = words.take(_SIDES)
    if side is None:
        return None
    focus, name = scene.focus, scene.last_name
    chosen = read_selection(words, scene, places=False)
    scene.focus, scene.last_name = focus, name
    if len(chosen) != 1:
        words.fail("name one object there", start, words.position)
    return side, chosen[0]


def set_in_depth(item: Item, side: Side, other: Item) -> None:
    """Give an object its place before or behind another, on the side where it is now, most of both to be seen."""
    mine, theirs = item.box, other.box
    way = 1.0 if mine.center[0] >= theirs.center[0] else -1.0
    x = theirs.center[0] + way * (theirs.w / 2 - COVER[side] * mine.w)
    if not 0 <= x - mine.w / 2 <= 1 - mine.w:  # no room there
        x = theirs.center[0] - way * (theirs.w / 2 - COVER[side] * mine.w)
    foot = theirs.y + theirs.h + (NEARER if side == "in front of" else -NEARER) * theirs.h
    item.box = at((x, foot - mine.h / 2), (mine.w, mine.h))
    if other.original is not None:
        item.depth = Depth(side=side, id=other.original.id)
