"""An edit in plain words, for models that are told what to do and not where.

Pure bookkeeping on layouts; knows nothing of pixels or models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.backend.editor.plan import NetEdit, Touched
    from tools.scene.box import Box
    from tools.scene.layout import PlacedObject

KEEP = "Keep everything else exactly as it is."
THIRDS = (1 / 3, 2 / 3)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
SAME_PLACE = 0.5  # IoU of what goes and what comes, from which the one replaces the other


def instruct(plan: NetEdit, redrawn: Sequence[Touched] | None = None) -> str:
    """Return one instruction for a plan: what goes, what comes, what gets another look.

    An object that moves is only taken away from its old place, as its own pixels are set down at the new one; with
    ``redrawn``, the instruction is for these alone, where they are after that.
    """
    if redrawn is not None:
        now = [*plan.untouched, *(touched.placed for touched in plan.touched)]
        return " ".join([*(_restyled(touched, touched.placed, now) for touched in redrawn), KEEP])
    shown = [*plan.untouched, *plan.erased, *(touched.source for touched in plan.touched if touched.source)]
    before = list({placed.id: placed for placed in shown}.values())
    sentences, replaced = [], set[str]()
    for touched in plan.touched:
        if touched.source is None:
            old = _replaced(touched.placed, [placed for placed in plan.erased if placed.id not in replaced])
            if old is not None:
                replaced.add(old.id)
                sentences.append(f"Replace {_named(old, before)} with {with_article(touched.placed.phrase)}.")
            else:
                where = place(touched.placed.box)
                sentences.append(f"Add {with_article(touched.placed.phrase)} {where}{_depth(touched, plan)}.")
        elif touched.restyled and not touched.moved:
            sentences.append(_restyled(touched, touched.source, before))
    gone = [f"Remove {_named(placed, before)}." for placed in plan.erased if placed.id not in replaced]
    return " ".join([*gone, *sentences, KEEP])


def place(box: Box) -> str:
    """Return where a box is, in words: one of nine places of a picture."""
    x, y = box.center
    across = "on the left" if x < THIRDS[0] else "on the right" if x > THIRDS[1] else ""
    if y < THIRDS[0]:
        return f"at the top {across.removeprefix('on the ')}".rstrip()
    if y > THIRDS[1]:
        return f"at the bottom {across.removeprefix('on the ')}".rstrip()
    return across or "in the middle"


def _restyled(touched: Touched, shown: PlacedObject, scene: Sequence[PlacedObject]) -> str:
    source = touched.source
    assert source is not None  # only what is there already gets another look
    words = " and ".join(word for word in touched.placed.attributes if word not in source.attributes)
    # by its old look: that is what the model sees
    old = _named(shown.model_copy(update={"attributes": source.attributes}), scene)
    if not words:  # it loses a look
        return f"Make {old} plain, with the same shape."
    return f"Make {old} {words}, with the same shape."


def _replaced(new: PlacedObject, leaving: Sequence[PlacedObject]) -> PlacedObject | None:
    fitting = [old for old in leaving if old.box.iou(new.box) > SAME_PLACE]
    return max(fitting, key=lambda old: old.box.iou(new.box), default=None)


def _named(placed: PlacedObject, scene: Sequence[PlacedObject]) -> str:
    """Return the words for one object of a scene, counted out where others are called the same."""
    same = [
        other
        for other in scene
        if other.name == placed.name and (other.id == placed.id or set(placed.attributes) <= set(other.attributes))
    ]
    if len(same) < 2:
        return f"the {placed.phrase}"
    spread = [max(values) - min(values) for values in zip(*(other.box.center for other in same), strict=True)]
    axis = 0 if spread[0] >= spread[1] else 1
    number = [other.id for other in sorted(same, key=lambda other: other.box.center[axis])].index(placed.id)
    if number == len(same) - 1:
        return f"the {placed.phrase} {'on the right' if axis == 0 else 'at the bottom'}"
    if number == 0:
        return f"the {placed.phrase} {'on the left' if axis == 0 else 'at the top'}"
    return f"the {ORDINALS[min(number, len(ORDINALS) - 1)]} {placed.phrase} from the {'left' if axis == 0 else 'top'}"


def _depth(touched: Touched, plan: NetEdit) -> str:
    """Return what a new object is behind of, where something covers its box."""
    order = plan.target.ids
    box = touched.placed.box
    front = [
        other
        for other in plan.untouched
        if order.index(other.id) > order.index(touched.placed.id) and box.intersection(other.box) > 0
    ]
    return f", behind {_named(front[0], plan.untouched)}" if front else ""
