"""The words for in front of and behind; where an object then goes is `agent.offline.placement`'s business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agent.offline.lexer import Phrases, meaning
from agent.offline.selectors import read_selection

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
