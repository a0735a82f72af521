"""The results of a check as values: one per requirement, and the verdict that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from tools.scene.layout import Detection
from tools.scene.notebook import verdict_html
from tools.scene.requirement import Requirement
from tools.scene.spec import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


class RequirementResult(Frozen):
    """One requirement, whether it is met, the detections behind that, and a plain sentence about it.

    ``passed`` is None where nothing could check it.
    """

    requirement: Requirement
    passed: bool | None
    evidence: tuple[Detection, ...] = ()
    reason: str


class Verdict(Frozen):
    """All results, and whether the picture agrees with everything that could be checked.

    Dumps to plain JSON and is rebuilt by ``Verdict.model_validate``.
    Raises (on building): ValueError when ``agreed`` contradicts the results.
    """

    agreed: bool
    results: tuple[RequirementResult, ...] = ()

    @model_validator(mode="after")
    def _agreed_follows_from_the_results(self) -> Verdict:
        if self.agreed != (not self.failures):
            raise ValueError(f"agreed is {self.agreed}, but {self.satisfied} of {self.total} requirements are met")
        return self

    @classmethod
    def of(cls, results: Iterable[RequirementResult]) -> Verdict:
        """Return the verdict that follows from the results."""
        given = tuple(results)
        return cls(agreed=all(result.passed is not False for result in given), results=given)

    @property
    def satisfied(self) -> int:
        """How many requirements are met."""
        return sum(result.passed is True for result in self.results)

    @property
    def total(self) -> int:
        """How many requirements were checked."""
        return sum(result.passed is not None for result in self.results)

    @property
    def failures(self) -> tuple[RequirementResult, ...]:
        """What is still wrong."""
        return tuple(result for result in self.results if result.passed is False)

    @property
    def unchecked(self) -> tuple[RequirementResult, ...]:
        """What nothing could check."""
        return tuple(result for result in self.results if result.passed is None)

    @property
    def text(self) -> str:
        """One line per requirement, for people and language models."""
        signs = {True: "ok  ", False: "FAIL", None: "?   "}
        return "\n".join(f"{signs[result.passed]} {result.reason}" for result in self.results)

    def _repr_html_(self) -> str:
        return verdict_html((result.passed, result.reason) for result in self.results)
