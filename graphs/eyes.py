"""What no detector can check, asked of a language model that sees.

Its answers can fail a picture and never pass one: what it affirms stays unchecked, with its words beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import Field

from configs.prices import price_of
from graphs.node_helpers import picture_block
from prompts import render
from tools.scene.results import Verdict
from tools.scene.spec import Frozen

if TYPE_CHECKING:
    from graphs.state import Usage
    from tools.context import Context
    from tools.scene.results import RequirementResult


class Sighting(Frozen):
    """What a model says of one claim."""

    true: bool
    reason: str = Field(max_length=500)


class Sightings(Frozen):
    """What a model says of all claims, in their order."""

    sees: ClassVar[bool] = True
    """Asked of a model with a picture: not of one that is there to read texts."""

    answers: tuple[Sighting, ...] = Field(max_length=50)


def ask_eyes(verdict: Verdict, text: str, picture: str, context: Context, usage: Usage) -> tuple[Verdict, Usage]:
    """Return the verdict with what a seeing model says of its unchecked requirements, and what that took.

    Without such a model, without anything unchecked, or while the detector already finds something wrong, nothing
    is asked. An answer that is of no use changes nothing.
    """
    seer, claims = context.seer, verdict.unchecked
    if seer is None or not claims or not verdict.agreed:
        return verdict, usage
    question = render(
        "claims", text=text, claims=[claim.requirement.said or claim.requirement.text for claim in claims]
    )
    blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": question}, picture_block(picture, context)]
    asked = [SystemMessage(render("look")), HumanMessage(blocks)]
    answer: Any = seer.with_structured_output(Sightings, include_raw=True).invoke(asked)
    usage = usage.with_answer(answer["raw"], price_of(context.settings.judge.vlm or context.settings.chat), asked)
    parsed: Sightings | None = answer["parsed"]
    if parsed is None or len(parsed.answers) != len(claims):
        return verdict, usage
    answers = {id(claim): sighting for claim, sighting in zip(claims, parsed.answers, strict=True)}
    return Verdict.of(_with(result, answers.get(id(result))) for result in verdict.results), usage


def _with(result: RequirementResult, sighting: Sighting | None) -> RequirementResult:
    if sighting is None:
        return result
    if sighting.true:
        reason = f"{result.reason}; the model that sees says yes: {sighting.reason}"
        return result.model_copy(update={"reason": reason})
    reason = f"expected {result.requirement.text}, the model that sees says no: {sighting.reason}"
    return result.model_copy(update={"passed": False, "reason": reason})
