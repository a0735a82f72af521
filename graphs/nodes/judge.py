"""The only way to success: the detector's verdict on the current picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage

from graphs.budget import reached_limit
from graphs.node_helpers import timed
from graphs.state import Attempt
from prompts import render
from tools.images import changed_share
from tools.scene.doubt import doubted, things_in_layout
from tools.scene.observation import observe
from tools.scene.requirements import queries
from tools.scene.track import track
from tools.scene.verdict import judged, with_doubts, without_answers

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context


@timed
def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Detect what is there, compare it with the requirements, and remember the best picture so far.

    Besides the requirements' queries it asks for everything in the layout, so that objects nobody
    asked about keep their ids. Nothing that the language model said is read here.
    """
    context, goal = runtime.context, state["goal"]
    demands = goal.requirements
    assert demands is not None
    assert state["picture"] is not None
    assert state["first_picture"] is not None
    image = context.images.load(state["picture"])
    found = context.backend.detect(image, list(dict.fromkeys([*queries(demands), *state["layout"].queries])))
    observation = observe(demands, found.detections, found.doubtful)
    verdict = judged(demands, observation)
    if found.unanswered:
        verdict = without_answers(verdict, found.unanswered)
    if state["unclean"]:
        verdict = with_doubts(verdict, state["unclean"])
    layout = track(state["layout"], things_in_layout(verdict, observation), goal.spec.background if goal.spec else "")
    # An instruction asks for a change: its requirements allow for tolerance, and a small wish within
    # it ("a bit larger") would seem fulfilled before anything was done.
    untouched = state["rounds"] == 0 and bool(goal.operations)
    attempt = Attempt(
        round=state["rounds"],
        image=state["picture"],
        passed=verdict.satisfied,
        total=verdict.total,
        changed=changed_share(context.images.load(state["first_picture"]), image),
        edits=len(state["done"]),
        agreed=verdict.agreed and not untouched,
        refined=state["polish"] == "done",
        verdict=verdict,
        layout=layout,
    )
    update: dict[str, Any] = {
        "layout": layout,
        "doubtful": doubted(verdict, layout, observation),
        "latest": attempt,
        "best": max(filter(None, (state["best"], attempt)), key=lambda judged: judged.rank),
        "usage": state["usage"] + found.cost,
    }
    if state["before"] is None:
        wrong = () if untouched else tuple(failure.reason for failure in verdict.failures)
        update |= {"before": layout, "was_wrong": wrong}
    if attempt.agreed or attempt.refined:
        # A picture that was right when it came is left alone: only what the run made is polished, once.
        made_here = state["generated"] or state["rounds"] > 0
        if context.settings.loop.refine and made_here and not attempt.refined:
            return update | {"polish": "wanted"}
        return update | {"exit": "agreed"}
    if limit := reached_limit(state, context.settings.loop):
        return update | {"exit": limit[0], "detail": limit[1]}
    if _is_better_drawn_anew(state, context, attempt):
        return update | {"anew": True}
    return update | {"messages": [HumanMessage(_report(state, attempt), additional_kwargs={"picture": attempt.image})]}


def _is_better_drawn_anew(state: State, context: Context, attempt: Attempt) -> bool:
    """Return whether half of what a sentence asks for is wrong in a picture that nobody gave or sees before the end.

    Drawing it anew from another layout then costs no more than mending it, and comes out cleaner.
    """
    can = context.backend.capabilities.grounds and state["goal"].target is None
    ours = state["generated"] and state["kind"] == "prompt" and not state["approval"]
    return can and ours and 2 * len(attempt.verdict.failures) >= attempt.total


def _report(state: State, attempt: Attempt) -> str:
    return render(
        "round",
        kind=state["kind"],
        text=state["text"],
        rounds=state["rounds"],
        results=attempt.verdict.results,
        layout=attempt.layout,
        target=state["goal"].target,
        operations=state["goal"].operations if state["rounds"] == 0 else (),
        done=state["done"],
    )
