"""The only way to success: the detector's verdict on the current picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.messages import HumanMessage

from graphs.budget import reached_limit
from graphs.eyes import ask_eyes
from graphs.fallback import solvers_plan
from graphs.node_helpers import timed
from graphs.state import Attempt
from prompts import render
from tools.backend.leftovers import leftovers
from tools.images import changed_share
from tools.scene.doubt import doubted, things_in_layout
from tools.scene.layout import Detection
from tools.scene.loss import is_destroyed
from tools.scene.observation import observe
from tools.scene.requirement import LEFTOVER, Requirement
from tools.scene.requirements import queries
from tools.scene.track import track
from tools.scene.verdict import judged, with_doubts, with_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph.runtime import Runtime
    from PIL.Image import Image

    from graphs.state import State
    from tools.backend.protocol import Cost
    from tools.context import Context
    from tools.scene.layout import Layout
    from tools.scene.observation import Observation
    from tools.scene.results import Verdict


SAME = 0.1  # share of an object's box that an edit beside it may change, and it still is the same object


@timed
def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Detect what is there, compare it with the requirements, and remember the best picture so far.

    Besides the requirements' queries it asks for everything in the layout, so that objects nobody
    asked about keep their ids. Nothing that the language model said is read here.
    """
    context, goal = runtime.context, state["goal"]
    assert state["picture"] is not None
    assert state["first_picture"] is not None
    image, first = context.images.load(state["picture"]), context.images.load(state["first_picture"])
    seen, observation, cost = _look(state, context, image, first)
    verdict, usage = ask_eyes(seen, state["text"], state["picture"], context, state["usage"])
    # What was only doubtfully seen is planned for, but is no part of the picture that a later turn starts from.
    background = goal.spec.background if goal.spec else ""
    layout = track(state["layout"], things_in_layout(verdict, observation), background)
    certain = {thing.box for thing in observation.found if thing.name != LEFTOVER.name}
    held = layout.model_copy(update={"objects": tuple(placed for placed in layout.objects if placed.box in certain)})
    # An instruction asks for a change: its requirements allow for tolerance, and a small wish within
    # it ("a bit larger") would seem fulfilled before anything was done.
    untouched = state["rounds"] == 0 and bool(goal.operations)
    attempt = Attempt(
        round=state["rounds"],
        image=state["picture"],
        passed=verdict.satisfied,
        total=verdict.total,
        changed=changed_share(first, image),
        edits=len(state["done"]),
        agreed=verdict.agreed and not untouched and bool(verdict.satisfied or not verdict.unchecked),
        refined=state["polish"] == "done",
        lost=state["before"] is not None and is_destroyed(goal, state["before"], held),
        verdict=verdict,
        layout=held,
    )
    update: dict[str, Any] = {
        "layout": layout,
        "doubtful": doubted(verdict, layout, observation),
        "latest": attempt,
        "best": max(filter(None, (state["best"], attempt)), key=lambda judged: judged.rank),
        "usage": usage + cost,
    }
    if state["before"] is None:
        wrong = () if untouched else tuple(failure.reason for failure in verdict.failures)
        update |= {"before": held, "was_wrong": wrong}
    return update | _next(state, context, attempt, layout, update["doubtful"])


def _look(state: State, context: Context, image: Image, first: Image) -> tuple[Verdict, Observation, Cost]:
    """Return what the picture's detections say of the demands, the detections, and what finding them cost."""
    demands = state["goal"].requirements
    assert demands is not None
    known = state["layout"].without({LEFTOVER.name})
    found = context.backend.detect(image, list(dict.fromkeys([*queries(demands), *known.queries])))
    detections = found.detections
    if state["touched"] or state["unclean"] is not None:
        demands = (*demands, Requirement(kind="clean"))
    if state["touched"]:
        detections = (*detections, *_left_behind(image, state, detections, context))
    observation = observe(demands, detections, found.doubtful)
    seen = with_kept(
        judged(demands, observation, found.unanswered),
        lambda box: changed_share(*(picture.crop(box.to_px(picture.size)) for picture in (first, image))) <= SAME,
    )
    if state["unclean"]:
        seen = with_doubts(seen, state["unclean"])
    return seen, observation, found.cost


def _next(
    state: State, context: Context, attempt: Attempt, layout: Layout, doubtful: tuple[str, ...]
) -> dict[str, Any]:
    """Return the part of the update that says how the turn goes on: an end, a polish, a new drawing or a report."""
    if attempt.agreed or attempt.refined:
        # A picture that was right when it came is left alone: only what the run made is polished, once.
        made_here = state["generated"] or state["rounds"] > 0
        if context.settings.loop.refine and made_here and not attempt.refined:
            return {"polish": "wanted"}
        return {"exit": "agreed"}
    if limit := reached_limit(state, context.settings.loop):
        return {"exit": limit[0], "detail": limit[1]}
    if _is_better_drawn_anew(state, context, attempt):
        return {"anew": True}
    report = HumanMessage(
        _report(state, context, attempt, layout, doubtful), additional_kwargs={"picture": attempt.image}
    )
    return {"messages": [report]}


def _is_better_drawn_anew(state: State, context: Context, attempt: Attempt) -> bool:
    """Return whether half of what a sentence asks for is wrong in a picture that nobody gave or sees before the end.

    Drawing it anew from another layout then costs no more than mending it, and comes out cleaner.
    """
    ours = state["generated"] and state["kind"] == "prompt" and not state["approval"]
    free = ours and state["goal"].target is None and context.backend.capabilities.grounds
    return free and 2 * len(attempt.verdict.failures) >= attempt.total


def _left_behind(
    image: Image, state: State, detections: Sequence[Detection], context: Context
) -> tuple[Detection, ...]:
    """Return what the turn's edits left in their regions that is no object, as detections named `LEFTOVER`."""
    regions = [np.asarray(context.images.load(region).convert("L")) > 0 for region in state["touched"]]
    region = np.any(
        [np.zeros(image.size[::-1], bool), *(area for area in regions if area.shape == image.size[::-1])], axis=0
    )
    boxes = [detection.box for detection in detections]
    return tuple(Detection(name=LEFTOVER.name, box=box, score=1.0) for box in leftovers(image, region, boxes))


def _report(state: State, context: Context, attempt: Attempt, layout: Layout, doubtful: tuple[str, ...]) -> str:
    return render(
        "round",
        kind=state["kind"],
        text=state["text"],
        rounds=state["rounds"],
        results=attempt.verdict.results,
        layout=layout,
        target=state["goal"].target,
        suggestion=solvers_plan({**state, "layout": layout, "doubtful": doubtful}, context),
        done=state["done"],
    )
