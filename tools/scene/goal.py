"""What a turn is to reach: the request as it was understood."""

from __future__ import annotations

from tools.scene.layout import Layout
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import Operation
from tools.scene.requirement import Requirement
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

    @property
    def names(self) -> frozenset[str]:
        """The nouns that the source of the target layout knew of; everything else in the picture stays."""
        spec, target = self.spec or SceneSpec(), self.target or Layout()
        named = (*(wanted.name for wanted in spec.objects), *spec.absent, *(placed.name for placed in target.objects))
        return frozenset(parse_phrase(name).name for name in named)
