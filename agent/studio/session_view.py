"""Making the value that is shown of a session from its state on disk."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PIL import Image

from agent.studio.views import Message, ObjectView, ProposalView, SessionView, State, Turn, VerdictLine
from agent.trace.wording import standing
from tools.scene.box import Box
from tools.scene.layout import Layout
from tools.suggest_layout import dump_operations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.session.proposal import Proposal
    from agent.session.reading import SessionState
    from agent.session.turn_result import Moment
    from agent.studio.views import Work

SAME_PLACE = 0.5  # IoU from which what a verdict saw is an object of the layout
STATES: dict[str, State] = {"pass": "pass", "fail": "fail", "open": "unchecked"}


def session_view(name: str, state: SessionState, work: Work | None, event: int) -> SessionView:
    """Return what is shown of a session: its state on disk, and what it is busy with."""
    record, stand, proposal = state.record, state.standing, state.proposal
    line, picture = record["session"], None if stand.image is None else stand.image.stem
    pending, stopped = line["pending"], line.get("stopped")
    here = next(moment for moment in state.moments if moment.current)
    path = _path_to(here, state.moments)
    waiting = None if proposal is None else proposal_view(proposal)
    unfinished = pending["text"] if pending and waiting is None and work is None else None
    first = path[0].image
    return SessionView(
        name=name,
        preset=record["preset"],
        origin=record.get("origin", ""),
        started=record.get("started", ""),
        branch=line["branch"],
        branches=tuple(line["branches"]),
        history=tuple(_turn(moment) for moment in state.moments),
        messages=(*_said(path), *_now(state, waiting, work, unfinished, stopped)),
        picture=picture,
        size_wh=_size(stand.image),
        layout=tuple(_objects(stand.layout, picture or "")),
        verdict=verdict_lines(stand.verdict, stand.layout),
        agreed=stand.agreed if stand.verdict else None,
        exit=stand.exit,
        usage=stand.usage,
        proposal=None if work else waiting,
        work=work,
        unfinished=unfinished,
        stopped=stopped["text"] if stopped and work is None else None,
        error=record.get("error", "") if record["status"] == "failed" else "",
        approve=line["approve"],
        can_undo=here.image != first and not pending and work is None,
        can_redo=bool(line["branches"][line["branch"]]["redo"]) and not pending and work is None,
        event=event,
    )


def proposal_view(proposal: Proposal) -> ProposalView:
    """Return a proposal with an id that stands for its operations and its picture."""
    operations, picture = dump_operations(proposal.operations), proposal.image.stem
    return ProposalView(
        id=hashlib.sha256(json.dumps([picture, operations], sort_keys=True).encode()).hexdigest()[:16],
        operations=proposal.operations,
        words=proposal.words,
        drawing=proposal.drawing.stem,
        problem=proposal.problem,
    )


def verdict_lines(verdict: dict[str, Any], layout: Layout) -> tuple[VerdictLine, ...]:
    """Return the results of a verdict (JSON types) as lines, in its own order."""
    return tuple(_line(result, layout) for result in verdict.get("results", []))


def mask_id(picture: str, box: Box) -> str:
    """Return what a mask of the object in ``box`` is called."""
    return hashlib.sha256(f"{picture} {[round(value, 4) for value in box]}".encode()).hexdigest()[:16]


def _line(result: dict[str, Any], layout: Layout) -> VerdictLine:
    requirement = result["requirement"]
    seen = [Box(*found["box"]) for found in result.get("evidence") or []]
    boxes = seen or ([Box(*requirement["box"])] if requirement.get("box") else [])
    meant = [
        placed.id
        for placed in layout.objects
        if placed.id == requirement.get("id") or any(placed.box.iou(box) > SAME_PLACE for box in seen)
    ]
    return VerdictLine(
        state=STATES[standing(result["passed"])],
        text=result["reason"],
        kind=requirement["kind"],
        boxes=tuple(boxes),
        objects=tuple(meant),
    )


def _objects(layout: Layout, picture: str) -> list[ObjectView]:
    return [
        ObjectView(
            id=placed.id,
            name=placed.name,
            attributes=placed.attributes,
            phrase=placed.phrase,
            box=placed.box,
            mask=mask_id(picture, placed.box),
        )
        for placed in layout.objects
    ]


def _turn(moment: Moment) -> Turn:
    return Turn(
        turn=moment.turn,
        parent=moment.parent,
        text=moment.text,
        exit=moment.exit,
        agreed=moment.agreed,
        answer=moment.answer,
        detail=moment.detail,
        done=moment.done,
        notes=moment.notes,
        picture=None if moment.image is None else moment.image.stem,
        branches=moment.branches,
        current=moment.current,
    )


def _path_to(here: Moment, moments: Sequence[Moment]) -> list[Moment]:
    known, path = {moment.turn: moment for moment in moments}, [here]
    while (parent := path[-1].parent) is not None and parent in known:
        path.append(known[parent])
    return path[::-1]


def _said(path: Sequence[Moment]) -> list[Message]:
    messages = list[Message]()
    for before, moment in pairwise(path):
        changed = moment.image is not None and moment.image != before.image
        state: Any = "answered" if moment.answer else "agreed" if moment.agreed else "not agreed"
        words = moment.answer or "; ".join(moment.done) if moment.agreed or moment.answer else moment.detail
        messages += [
            Message(who="you", text=moment.text, turn=moment.turn, state="said"),
            Message(
                who="sld",
                text=words or moment.exit.replace("_", " "),
                turn=moment.turn,
                state=state,
                picture=moment.image.stem if changed and moment.image else None,
                done=moment.done,
                notes=moment.notes,
            ),
        ]
    return messages


def _now(
    state: SessionState,
    waiting: ProposalView | None,
    work: Work | None,
    unfinished: str | None,
    stopped: dict[str, Any] | None,
) -> list[Message]:
    """Return the last lines: of the turn that waits, runs, failed or was stopped."""
    turn, pending = state.record["session"]["turns"], state.record["session"]["pending"]
    said = pending["text"] if pending else ""
    if work is not None:
        text = said or work.text
        doing: Any = "queued" if work.doing == "queued" else "running"
        place = f"{work.place} in the queue" if work.place else work.doing
        return [_you(text, turn), Message(who="sld", text=place, turn=turn, state=doing)]
    if waiting is not None:
        words = "; ".join(waiting.words)
        return [_you(said, turn), Message(who="sld", text=words, turn=turn, state="waiting", done=waiting.words)]
    if unfinished is not None:
        reason = state.record.get("error") or "stopped in the middle"
        return [_you(unfinished, turn), Message(who="sld", text=reason, turn=turn, state="failed")]
    if stopped is not None:
        return [_you(stopped["text"], turn), Message(who="sld", text="stopped", turn=turn, state="stopped")]
    if state.record["status"] == "failed":
        last = state.record["session"]["last"]
        return [_you(last, turn), Message(who="sld", text=state.record.get("error", ""), turn=turn, state="failed")]
    return []


def _you(text: str, turn: int) -> Message:
    return Message(who="you", text=text, turn=turn, state="said")


def _size(image: Path | None) -> tuple[int, int] | None:
    if image is None:
        return None
    with Image.open(image) as picture:
        return picture.size
