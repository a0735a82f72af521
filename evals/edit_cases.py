"""Fresh icon-world scenes with operations to do on them, and the picture that a perfect editor would make.

Drawn from numbered scenes far below those that training uses, so none was ever seen. Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from iconworld.renderer import (
    CLASSES,
    COLORS,
    SIDE,
    IconObject,
    draw_scene,
    icon_aspect,
    icons_of,
    place_object,
    render,
)
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Adjust, Move, Operation, Remove, Replace, Restyle, apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from iconworld.renderer import Scene

KINDS = ("add", "remove", "move", "restyle", "replace", "mixed")
MIXED_OPERATIONS = 3
SPEED = ("add", "add", "move", "restyle")  # what the speed benchmark does, in one call
LIKE = 1.3  # a replacement's own shape (width over height) may differ by this factor from the old box
_SCENES_PER_SEED = 100_000  # numbers a seed may use, over all kinds
_COUNTS = (0, 3, 3, 3, 2)  # odds of 0, 1, 2, ... objects
_COUNTS_MANY = (0, 0, 0, 3, 3, 1)  # for several operations in one call


@dataclass(frozen=True)
class EditCase:
    """A picture, what is in it, what shall be done, and the truth after that.

    ``expected`` is the scene drawn anew as the operations ask, for measuring the held-out detector itself;
    ``targets`` holds, for each operation, the object of the target layout (None for Remove).
    """

    kind: str
    number: int
    image: Image
    layout: Layout
    operations: tuple[Operation, ...]
    target: Layout
    targets: tuple[PlacedObject | None, ...]
    expected: Image

    @property
    def untouched(self) -> tuple[PlacedObject, ...]:
        """Objects that no operation names."""
        named = {operation.id for operation in self.operations if not isinstance(operation, Add)}
        return tuple(placed for placed in self.layout.objects if placed.id not in named)


def edit_cases(kind: str, seed: int, number: int, size_wh: tuple[int, int] = (SIDE, SIDE)) -> list[EditCase]:
    """Draw ``number`` cases of one of ``KINDS``, or of "speed"; the same arguments give the same cases."""
    numbered = (*KINDS, "speed")
    first = (seed * len(numbered) + numbered.index(kind)) * _SCENES_PER_SEED
    cases: list[EditCase] = []
    for scene_number in range(first, first + _SCENES_PER_SEED):
        if len(cases) == number:
            break
        case = _edit_case(kind, scene_number, size_wh)
        if case is not None:
            cases.append(case)
    return cases


def scene_layout(scene: Scene) -> Layout:
    """Return what is truly in a scene, back to front."""
    layout = Layout(background="")
    for item in scene.objects:
        placed = PlacedObject(id=layout.new_id(item.name), name=item.name, attributes=(item.color,), box=item.box)
        layout = layout.model_copy(update={"objects": (*layout.objects, placed)})
    return layout


def _edit_case(kind: str, number: int, size_wh: tuple[int, int]) -> EditCase | None:
    rng = np.random.default_rng(number)
    kinds = [kind]
    if kind == "mixed":
        kinds = [str(drawn) for drawn in rng.permutation(KINDS[:-1])[:MIXED_OPERATIONS]]
    elif kind == "speed":
        kinds = list(SPEED)
    scene = draw_scene(number, size_wh, counts=_COUNTS if len(kinds) == 1 else _COUNTS_MANY)
    if len(scene.objects) < sum(wanted != "add" for wanted in kinds):
        return None  # the scene had no room for as many objects as were asked for
    layout = scene_layout(scene)
    chosen = iter(int(index) for index in rng.permutation(len(scene.objects)))
    drawn: list[IconObject | None] = list(scene.objects)
    operations: list[Operation] = []
    for wanted in kinds:
        index = None if wanted == "add" else next(chosen)
        others = [it for place, it in enumerate(drawn) if it is not None and place != index]
        made = _operation(rng, wanted, None if index is None else scene.objects[index], others)
        if made is None:
            return None
        build, new = made
        operations.append(build if index is None else build.model_copy(update={"id": layout.ids[index]}))
        if index is None:
            drawn.append(new)
        else:
            drawn[index] = new
    target, targets = layout, []
    for operation in operations:
        before = set(target.ids)
        target = apply(target, [operation])
        new_ids = [object_id for object_id in target.ids if object_id not in before]
        goes = isinstance(operation, Remove) or (not new_ids and isinstance(operation, Add | Adjust))
        targets.append(None if goes else target[new_ids[0] if new_ids else str(getattr(operation, "id", ""))])
    expected = render([it for it in drawn if it is not None], scene.background, scene.image.size, seed=number)
    return EditCase(kind, number, scene.image, layout, tuple(operations), target, tuple(targets), expected.image)


def _operation(
    rng: np.random.Generator, kind: str, old: IconObject | None, others: Sequence[IconObject]
) -> tuple[Operation, IconObject | None] | None:
    """Draw one operation and the object it makes; None where there is no room. Ids are filled in later."""
    if old is None:
        new = place_object(rng, str(rng.choice(CLASSES)), str(rng.choice(list(COLORS))), others)
        return (Add(name=new.name, attributes=(new.color,), box=new.box), new) if new else None
    if kind == "remove":
        return Remove(id="?"), None
    if kind == "move":
        box = _free_box(rng, old, others)
        return (Move(id="?", box=box), replace(old, box=box)) if box else None
    color = str(rng.choice([other for other in COLORS if other != old.color]))
    if kind == "restyle":
        return Restyle(id="?", attributes=(color,)), replace(old, color=color)
    # Something of about the old one's shape: a bottle drawn as wide as a car is no bottle to anyone.
    shape = old.box.w / old.box.h
    fitting = [
        (name, icon)
        for name in CLASSES
        for icon in icons_of(name)
        if name != old.name and 1 / LIKE <= icon_aspect(icon) / shape <= LIKE
    ]
    if not fitting:
        return None
    name, icon = fitting[int(rng.integers(len(fitting)))]
    return Replace(id="?", name=name, attributes=(color,)), IconObject(name, color, old.box, icon)


def _free_box(rng: np.random.Generator, old: IconObject, others: Sequence[IconObject]) -> Box | None:
    """Find a place for an object, half of the time in another size, that hardly overlaps anything."""
    for _ in range(60):
        scale = float(rng.uniform(0.75, 1.35)) if rng.random() < 0.5 else 1.0
        w, h = old.box.w * scale, old.box.h * scale
        if max(w, h) > 0.7:
            continue
        box = Box(float(rng.uniform(0, 1 - w)), float(rng.uniform(0, 1 - h)), w, h)
        if box.iou(old.box) < 0.2 and all(
            box.intersection(other.box) <= 0.1 * min(box.area, other.box.area) for other in others
        ):
            return box
    return None
