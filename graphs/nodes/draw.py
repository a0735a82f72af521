"""Making pictures: the first one, every edit of it, and the last polish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphs.budget import reached_limit
from graphs.fallback import can_fall_back
from graphs.node_helpers import answer_edits, make_once, report_to, timed
from tools.backend.protocol import BackendError
from tools.edit import describe
from tools.scene.layout import Layout, in_words
from tools.scene.operations import apply, source_of
from tools.scene.requirement import LEFTOVER
from tools.stage import stage
from tools.suggest_layout import dump_operations

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.backend.protocol import Edited, Generated
    from tools.context import Context


@timed
def generate(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Make a picture from the sentence, the first one or another when too much of one was wrong.

    A given target layout grounds it; else one that meets the requirements, where the generator takes boxes. Another
    picture is a round like an edit: it has a layout and a seed of its own.
    """
    context, rounds = runtime.context, state["rounds"] + state["anew"]
    goal, seed = state["goal"], state["noise_seed"] + rounds
    assert goal.requirements is not None
    background = goal.spec.background if goal.spec else ""
    layout = goal.target or stage(context, goal.requirements, seed, background)
    text = state["text"]
    if layout is not None and not layout.objects and background:
        text = background  # a sentence that only names what must be absent would call it up
    elif layout is None and background:
        layout = Layout(background=background)  # words alone; the setting is no box
    layout = _without(layout, state)

    def make() -> Generated:
        return context.backend.generate(text, layout=layout, seed=seed, progress=report_to(runtime.stream_writer))

    grounding = None if layout is None else layout.model_dump(mode="json")
    made = make_once(context, "generate", [text, grounding, seed], make)
    return {
        "picture": made.image,
        "first_picture": state["first_picture"] or made.image,
        "generated": True,
        "rounds": rounds,
        "anew": False,
        "touched": (),
        "unclean": None,
        "layout": Layout() if state["anew"] else state["layout"],
        "done": (*state["done"], "drew the picture anew") if state["anew"] else state["done"],
        "usage": state["usage"] + made.cost,
    }


@timed
def edit(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the editor once for everything planned, and complete the answers of the edit calls.

    What the editor cannot do goes back to the model as a failure; the picture stays as it was.
    """
    context, seed = runtime.context, state["noise_seed"] + state["rounds"]
    layout, operations = state["layout"], state["planned"]
    assert state["picture"] is not None
    image = context.images.load(state["picture"])
    scene = _without(layout, state) or layout

    named = {source.picture for source in map(source_of, operations) if source is not None}
    others = {other.name: other.image for other in state["others"] if other.name in named}
    others |= {picture: picture for picture in state["history"].seen_in if picture in named}

    def make() -> Edited:
        references = {name: context.images.load(picture) for name, picture in others.items()}
        return context.backend.edit(
            image, operations, scene, seed=seed, progress=report_to(runtime.stream_writer), references=references
        )

    what = [state["picture"], dump_operations(operations), scene.model_dump(mode="json"), seed]
    what += [others] if others else []
    try:
        made = make_once(context, "edit", what, make)
    except BackendError as error:
        failures = state["tool_failures"] | {"edit": state["tool_failures"].get("edit", 0) + 1}
        limit = reached_limit({**state, "tool_failures": failures}, context.settings.loop)
        if limit and limit[0] == "failure_limit" and can_fall_back(state, context):
            limit = None
        return {
            "planned": (),
            "tool_failures": failures,
            "exit": limit[0] if limit else None,
            "detail": limit[1] if limit else "",
            "messages": answer_edits(
                state["messages"], f"the editor could not do it, nothing has changed: {error}", failed=True
            ),
        }
    done = describe(layout, operations)
    shown = {"region": made.region, "masks": made.masks, "masked": list(made.masked)}
    answer: dict[str, Any] = {"done": done, "image": made.image}
    if made.doubts:
        answer["not_clean"] = list(made.doubts)
    if made.warnings:
        answer["warnings"] = list(made.warnings)
    return {
        "picture": made.image,
        "unclean": made.doubts,
        "layout": apply(layout, operations),
        "rounds": state["rounds"] + 1,
        "touched": (*state["touched"], *([made.region] if made.region and made.doubts is None else [])),
        "planned": (),
        "tool_failures": {},
        "refused": (),
        "stuck": 0,
        "done": (*state["done"], *done),
        "usage": state["usage"] + made.cost,
        "messages": answer_edits(state["messages"], json.dumps(answer), shown),
    }


@timed
def refine(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Polish the picture that agrees, or the best one at the end; the next judgement decides whether it is kept."""
    context, seed, best = runtime.context, state["noise_seed"], state["best"]
    picture, ended = state["picture"], state["exit"] is not None
    update: dict[str, Any] = {"polish": "done"}
    if ended and best is not None and best.image != picture:
        picture = best.image
        update |= {"layout": best.layout, "done": state["done"][: best.edits], "touched": (), "unclean": None}
    assert picture is not None
    image, shown = context.images.load(picture), update.get("layout", state["layout"]).without({LEFTOVER.name})
    prompt = state["text"] if state["kind"] == "prompt" else in_words(shown)

    def make() -> Generated:
        return context.backend.refine(image, prompt, seed=seed, progress=report_to(runtime.stream_writer))

    made = make_once(context, "refine", [picture, prompt, seed], make)
    return update | {"picture": made.image, "usage": state["usage"] + made.cost}


def _without(layout: Layout | None, state: State) -> Layout | None:
    """Return a layout with what the sentence forbids, for models that are told what not to draw."""
    spec = state["goal"].spec
    if spec is None or not spec.absent:
        return layout
    return (layout or Layout()).model_copy(update={"absent": spec.absent})
