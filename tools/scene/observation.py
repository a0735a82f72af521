"""What was detected in one picture, merged into things once, for the verdict, the layout and what is doubted alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.scene.merge import merge
from tools.scene.requirements import wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tools.scene.layout import Detection
    from tools.scene.merge import Thing
    from tools.scene.requirement import Requirement


@dataclass(frozen=True)
class Observation:
    """The things that are there: as ``found``, ``firm`` (not counting doubtful ones) and ``every`` (with all of them).

    All three are one where nothing is doubtful, or where doubt does not matter (`is_open_to_doubt`).
    """

    found: tuple[Thing, ...]
    firm: tuple[Thing, ...]
    every: tuple[Thing, ...]

    @property
    def is_certain(self) -> bool:
        """Whether nothing doubtful has a say."""
        return self.firm is self.found and self.every is self.found

    def with_traces(self, names: Collection[str]) -> tuple[Thing, ...]:
        """Return the things that belong in the layout: of these names everything doubtful too."""
        return tuple(
            [
                *(thing for thing in self.found if thing.name not in names),
                *(thing for thing in self.every if thing.name in names),
            ]
        )


def observe(
    requirements: Iterable[Requirement], detections: Iterable[Detection], doubtful: Iterable[Detection] = ()
) -> Observation:
    """Merge what a detector answered to ``queries(requirements)``, and to whatever else it was asked."""
    demands, seen, unsettled = tuple(requirements), tuple(detections), tuple(doubtful)
    asked = wanted(demands)
    found = merge(seen, asked)
    if not unsettled or not is_open_to_doubt(demands):
        return Observation(found, found, found)
    firm = merge([detection for detection in seen if detection not in unsettled], asked)
    every = merge([*seen, *(detection for detection in unsettled if detection not in seen)], asked)
    return Observation(found, firm, every)


def is_open_to_doubt(requirements: Iterable[Requirement]) -> bool:
    """Return whether doubtful detections matter: not where requirements name places, as an instruction's do."""
    return all(requirement.box is None for requirement in requirements)
