"""The only way to success: the detector's verdict on the current picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage

from graphs.budget import add_cost, reached_limit
from graphs.node_helpers import timed
from prompts import render
from tools.images import changed_share
from tools.scene.doubt import doubted, things_in_layout
from tools.scene.layout import Layout
from tools.scene.observation import observe
from tools.scene.requirements import queries
from tools.scene.track import track
from tools.scene.verdict import judged, with_doubts
from tools.suggest_layout import REQUIREMENTS

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import Attempt, State
    from tools.context import Context


@timed
def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Detect what is there, compare it with the requirements, and remember the best picture so far.

    Besides the requirements' queries it asks for everything in the layout, so that objects nobody
    asked about keep their ids. Nothing that the language model said is read here.
    """
    context = runtime.context
    demands, scene = REQUIREMENTS.validate_python(state["goal"]["requirements"]), Layout.model_validate(state["layout"])
    assert state["picture"] is not None
    assert state["first_picture"] is not None
    image = context.images.load(state["picture"])
    found = context.backend.detect(image, list(dict.fromkeys([*queries(demands), *scene.queries])))
    observation = observe(demands, found.detections, found.doubtful)
    outcome = judged(demands, observation)
    if state["unclean"]:
        outcome = with_doubts(outcome, state["unclean"])
    spec = state["goal"]["spec"]
    scene = track(scene, things_in_layout(outcome, observation), spec["background"] if spec else "")
    # An instruction asks for a change: its requirements allow for tolerance, and a small wish within
    # it ("a bit larger") would seem fulfilled before anything was done.
    untouched = state["rounds"] == 0 and bool(state["goal"]["operations"])
    attempt: Attempt = {
        "round": state["rounds"],
        "image": state["picture"],
        "passed": outcome.satisfied,
        "total": outcome.total,
        "changed": changed_share(context.images.load(state["first_picture"]), image),
        "edits": len(state["done"]),
        "agreed": outcome.agreed and not untouched,
        "refined": state["polish"] == "done",
        "verdict": outcome.model_dump(mode="json"),
        "layout": scene.model_dump(mode="json"),
    }
    update: dict[str, Any] = {
        "layout": attempt["layout"],
        "doubtful": list(doubted(outcome, scene, observation)),
        "latest": attempt,
        "best": max(filter(None, (state["best"], attempt)), key=_rank),
        "usage": add_cost(state["usage"], found.cost),
    }
    if state["before"] is None:
        wrong = [one.reason for one in outcome.failures] if not untouched else []
        update |= {"before": attempt["layout"], "was_wrong": wrong}
    if attempt["agreed"] or attempt["refined"]:
        # A picture that was right when it came is left alone: only what the run made is polished, once.
        made_here = state["generated"] or state["rounds"] > 0
        if context.settings.loop.refine and made_here and not attempt["refined"]:
            return update | {"polish": "wanted"}
        return update | {"exit": "agreed"}
    if limit := reached_limit(state, context.settings.loop):
        return update | {"exit": limit[0], "detail": limit[1]}
    return update | {
        "messages": [HumanMessage(_report(state, attempt), additional_kwargs={"picture": attempt["image"]})]
    }


def _rank(attempt: Attempt) -> tuple[bool, int, bool, float]:
    """Order attempts: most requirements met, then fewest pixels changed; a polish that still agrees is wanted."""
    return attempt["agreed"], attempt["passed"], attempt["refined"], -attempt["changed"]


def _report(state: State, attempt: Attempt) -> str:
    return render(
        "round",
        kind=state["kind"],
        text=state["text"],
        rounds=state["rounds"],
        results=attempt["verdict"]["results"],
        layout=attempt["layout"],
        target=state["goal"]["target"],
        operations=state["goal"]["operations"] if state["rounds"] == 0 else [],
        done=state["done"],
    )
