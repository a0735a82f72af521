"""What a turn is to reach: the request as it was understood."""

from __future__ import annotations

from tools.scene.layout import Layout
from tools.scene.operations import Operation
from tools.scene.requirements import Requirement
from tools.scene.spec import Frozen, SceneSpec


class Goal(Frozen):
    """What was given or understood; ``requirements`` is None until then."""

    spec: SceneSpec | None = None
    target: Layout | None = None
    """The layout to reach: given, or what an instruction leads to."""
    operations: tuple[Operation, ...] = ()
    """What an instruction was understood to mean."""
    requirements: tuple[Requirement, ...] | None = None
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading: "reading 'biger' as 'bigger'"."""
