"""The only way to success: the detector's verdict on the current picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.messages import HumanMessage
from scipy import ndimage

from configs.parts import CocoDetectorSettings
from graphs.budget import reached_limit
from graphs.eyes import ask_eyes
from graphs.fallback import solvers_plan
from graphs.node_helpers import timed
from graphs.state import Attempt
from prompts import render
from tools.backend.backdrop import told
from tools.backend.coco_kinds import PAINTED_IN_PART, kinds_of
from tools.backend.colour_naming import is_painted
from tools.backend.leftovers import leftovers, scattered
from tools.carried import CHANGED, is_carried
from tools.images import changed_share
from tools.scene.checking import AT, is_leftover
from tools.scene.doubt import doubted, things_in_layout
from tools.scene.layout import Detection
from tools.scene.loss import is_destroyed
from tools.scene.observation import observe
from tools.scene.requirement import LEFTOVER, Requirement
from tools.scene.requirements import queries
from tools.scene.spec import Query
from tools.scene.track import track
from tools.scene.verdict import (
    judged,
    kept_unseen,
    with_doubts,
    with_kept,
    with_no_scores,
    with_painted,
    with_setting,
    without_strangers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph.runtime import Runtime
    from PIL.Image import Image

    from graphs.state import State
    from tools.backend.protocol import Cost
    from tools.context import Context
    from tools.scene.box import Box
    from tools.scene.layout import Layout
    from tools.scene.observation import Observation
    from tools.scene.results import Verdict

BESIDE = 2  # pixels around what changed that belong to the change


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
    seen, observation, unseen, cost = _look(state, context, image, first)
    verdict, usage = ask_eyes(seen, state["text"], state["picture"], context, state["usage"])
    # What was only doubtfully seen is planned for, but is no part of the picture that a later turn starts from.
    background = goal.spec.background if goal.spec else ""
    layout = track(state["layout"], things_in_layout(verdict, observation), background)
    certain = {thing.box for thing in observation.found if thing.name != LEFTOVER.name}
    # what nobody saw this time, or saw as another, though the picture is as it was there, is still what it was
    as_before = {one: state["layout"][one] for one in unseen if one in state["layout"].ids}
    same = tuple(placed for one, placed in as_before.items() if one not in layout.ids)
    seen_surely = tuple(placed for placed in layout.objects if placed.box in certain)
    held = layout.model_copy(update={"objects": (*same, *seen_surely)})
    objects = (*same, *(as_before.get(placed.id, placed) for placed in layout.objects))
    layout = layout.model_copy(update={"objects": objects})
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
        "strangers": _strangers(layout, state, image, first),
        "latest": attempt,
        "best": max(filter(None, (state["best"], attempt)), key=lambda judged: judged.rank),
        "usage": usage + cost,
    }
    if state["before"] is None:
        wrong = () if untouched else tuple(failure.reason for failure in verdict.failures)
        update |= {"before": held, "was_wrong": wrong}
    planned: State = {**state, "layout": layout, "doubtful": update["doubtful"], "strangers": update["strangers"]}
    return update | _next(planned, context, attempt)


def _look(
    state: State, context: Context, image: Image, first: Image
) -> tuple[Verdict, Observation, tuple[str, ...], Cost]:
    """Return what the picture's detections say of the demands, the detections, and what finding them cost.

    Third come the ids of objects that nobody saw, though the picture is as it was where they are.
    """
    demands = state["goal"].requirements
    assert demands is not None
    known = state["layout"].without({LEFTOVER.name})
    found = context.backend.detect(image, list(dict.fromkeys([*queries(demands), *known.queries])))
    detections = (*found.detections, *_carried_over(image, first, state, found.detections))
    strays = _strays(image, state, detections, context)
    if state["touched"] or state["unclean"] is not None or strays is not None:
        demands = (*demands, Requirement(kind="clean"))
    if strays is not None:
        detections = (*detections, *strays)
    elif state["touched"]:
        detections = (*detections, *_left_behind(image, first, state, detections, context))
    observation = observe(demands, detections, found.doubtful)
    strict = judged(demands, observation, found.unanswered)
    if any(demand.kind == "setting" for demand in demands):
        boxes = [thing.box for thing in observation.every]
        strict = with_setting(strict, told(image, boxes, context.settings.scenery))
    seen = with_kept(strict, lambda box: _is_as_before(image, first, box))
    unseen = kept_unseen(strict, seen)
    if state["goal"].operations:
        seen = without_strangers(seen, lambda box: _is_as_before(image, first, box))
    if not found.scored:
        seen = with_no_scores(seen)
    if state["rounds"] and isinstance(context.settings.detector, CocoDetectorSettings):  # it judges pixels, too
        seen = with_painted(seen, lambda demand: _is_painted(image, first, demand, observation))
    if state["unclean"]:
        seen = with_doubts(seen, state["unclean"])
    return seen, observation, unseen, found.cost


def _is_as_before(image: Image, first: Image, box: Box) -> bool:
    """Return whether a picture's pixels in a box are those of the turn's first picture."""
    if image.size != first.size:
        return False
    return changed_share(*(picture.crop(box.to_px(picture.size)) for picture in (first, image))) <= CHANGED


def _strangers(layout: Layout, state: State, image: Image, first: Image) -> tuple[str, ...]:
    """Return the ids of what no edit brought and no wish is about, seen where the picture is as it was."""
    if not state["goal"].operations or not state["rounds"]:
        return ()
    return tuple(
        placed.id
        for placed in layout.objects
        if (placed.id in state.get("strangers", ()) or placed.id not in state["layout"].ids)
        and placed.name != LEFTOVER.name
        and _is_as_before(image, first, placed.box)
    )


def _is_painted(image: Image, first: Image, demand: Requirement, observation: Observation) -> bool:
    """Return whether an object that is still there was painted as a demand says, where its kind shows paint in part."""
    box, query = demand.box, demand.query
    if box is None or image.size != first.size or not kinds_of(query.name) & PAINTED_IN_PART:
        return False
    there = any(thing.name == query.name and thing.box.iou(box) >= AT for thing in observation.found)
    before, after = (picture.crop(box.to_px(picture.size)) for picture in (first, image))
    return there and is_painted(before, after, query.attributes)


def _next(state: State, context: Context, attempt: Attempt) -> dict[str, Any]:
    """Return the part of the update that says how the turn goes on: an end, a polish, a new drawing or a report."""
    if attempt.refined and state["exit"]:
        return {}  # the best picture of a turn that had ended
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
    report = HumanMessage(_report(state, context, attempt), additional_kwargs={"picture": attempt.image})
    return {"messages": [report]}


def _is_better_drawn_anew(state: State, context: Context, attempt: Attempt) -> bool:
    """Return whether a picture that nobody gave or sees before the end is better drawn anew than mended.

    Where half of what a sentence asks for is wrong, that costs no more, and comes out cleaner; a setting no edit
    brings about.
    """
    ours = state["generated"] and state["kind"] == "prompt" and not state["approval"]
    free = ours and state["goal"].target is None and context.backend.capabilities.grounds
    failures = attempt.verdict.failures
    elsewhere = any(failure.requirement.kind == "setting" for failure in failures)
    return free and (elsewhere or 2 * len(failures) >= attempt.total)


def _carried_over(image: Image, first: Image, state: State, detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """Return detections of what an instruction moved or left, which the detector does not see there any more.

    It was recognised before, and the very pixels are where it shall be.
    """
    before, target = state["before"], state["goal"].target
    if before is None or target is None or not state["goal"].operations or not state["rounds"]:
        return ()
    result: list[Detection] = []
    for placed in before.objects:
        if placed.id not in target.ids or (now := target[placed.id]).attributes != placed.attributes:
            continue
        seen = any(one.name == now.name and one.box.iou(now.box) >= AT for one in detections)
        if not seen and is_carried(first, image, placed.box, now.box):
            looks = dict.fromkeys([(), placed.attributes])
            result += [Detection(name=now.name, attributes=words, box=now.box, score=1.0) for words in looks]
    return tuple(result)


def _strays(
    image: Image, state: State, detections: Sequence[Detection], context: Context
) -> tuple[Detection, ...] | None:
    """Return what is nothing at all in a picture that was drawn here, as detections named `LEFTOVER`.

    A thing that nobody asked for is a thing. None where it cannot be told, or the picture was given.
    """
    if not state["generated"] or state["kind"] != "prompt":
        return None
    found = scattered(image, [detection.box for detection in detections])
    if not found:
        return None if found is None else ()
    kinds = [Query(name=name) for name in context.settings.detector.vocabulary]
    others = context.backend.detect(image, kinds).detections
    return tuple(
        Detection(name=LEFTOVER.name, box=box, score=1.0)
        for box in found
        if not any(is_leftover(box, other.box) for other in others)
    )


def _left_behind(
    image: Image, first: Image, state: State, detections: Sequence[Detection], context: Context
) -> tuple[Detection, ...]:
    """Return what the turn's edits left in their regions that is no object, as detections named `LEFTOVER`.

    What was there already and was not touched is no fault of theirs, and where an object was to be put, what is
    there is its own: whether it is one is another demand.
    """
    regions = [np.asarray(context.images.load(region).convert("L")) > 0 for region in state["touched"]]
    region = np.any(
        [np.zeros(image.size[::-1], bool), *(area for area in regions if area.shape == image.size[::-1])], axis=0
    )
    if first.size == image.size:
        changed = (np.asarray(first.convert("RGB")) != np.asarray(image.convert("RGB"))).any(axis=-1)
        region &= ndimage.binary_dilation(changed, iterations=BESIDE)
    target = state["goal"].target if state["goal"].operations else None
    boxes = [detection.box for detection in detections] + [placed.box for placed in (target.objects if target else ())]
    return tuple(Detection(name=LEFTOVER.name, box=box, score=1.0) for box in leftovers(image, region, boxes))


def _report(state: State, context: Context, attempt: Attempt) -> str:
    return render(
        "round",
        kind=state["kind"],
        text=state["text"],
        rounds=state["rounds"],
        results=attempt.verdict.results,
        layout=state["layout"],
        target=state["goal"].target,
        suggestion=solvers_plan(state, context),
        done=state["done"],
    )
