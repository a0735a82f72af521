"""What a studio shows, as frozen values that dump to plain JSON. Pictures are content ids, boxes ``[x, y, w, h]``.

Knows nothing of HTTP or pages.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.scene.box import Box
from tools.scene.operations import Operation


class View(BaseModel):
    """The base of everything that is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


State = Literal["pass", "fail", "unchecked"]
Doing = Literal["queued", "running", "stopping"]
Verb = Literal["send", "correct", "accept", "reject", "retry", "resume", "replay"]
"""What goes through the queue."""


class ObjectView(View):
    """An object of the current picture."""

    id: str
    name: str
    attributes: tuple[str, ...]
    phrase: str
    box: Box
    mask: str
    """Id of its mask: ask `Studio.mask` (or ``.../masks/ID``), which makes it when it is first asked for."""


class VerdictLine(View):
    """One requirement: whether the picture meets it, in words, with the places that this was seen at."""

    state: State
    text: str
    kind: str
    boxes: tuple[Box, ...]
    objects: tuple[str, ...]
    """Ids of the layout's objects at those places."""


class Turn(View):
    """A node of the history tree: the state after a turn. Turn 0 is the beginning."""

    turn: int
    parent: int | None
    text: str
    exit: str
    """As in the graph's result: "agreed", "answered", "round_limit", ...; "" for the beginning."""
    agreed: bool
    answer: str
    detail: str
    done: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading the text."""
    picture: str | None
    """Its thumbnail has the same id."""
    branches: tuple[str, ...]
    """The branches that stand here."""
    current: bool


class Message(View):
    """A line of the conversation on the current branch, oldest first."""

    who: Literal["you", "sld"]
    text: str
    turn: int
    state: Literal["said", "agreed", "answered", "not agreed", "waiting", "queued", "running", "stopped", "failed"]
    picture: str | None = None
    """What the picture was after it, where it changed."""
    done: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading what was said before."""


class ProposalView(View):
    """An edit that waits for `accept` or `reject`."""

    id: str
    """Of these operations on this picture: `accept` may name it, so that nobody accepts what he has not seen."""
    operations: tuple[Operation, ...]
    words: tuple[str, ...]
    drawing: str
    """Id of the picture with the plan drawn on it (``.../plans/ID``)."""
    problem: str
    """Why the last answer could not be used."""


class Work(View):
    """What a session is busy with. ``place``: 0 while it runs, 1 when it is the next one in the queue, ..."""

    verb: Verb
    text: str
    doing: Doing
    place: int
    since: str


class Summary(View):
    """A session or a run in a list."""

    name: str
    kind: Literal["session", "run"]
    text: str
    """What was said first, or asked for."""
    last: str
    started: str
    changed: float
    """Seconds since 1970 of its last change."""
    preset: str
    status: str
    """"open", "running", "waiting" (for approval), "failed", "finished"; "unreadable" for a damaged folder."""
    exit: str
    agreed: bool | None
    turns: int
    branches: int
    picture: str | None
    work: Work | None = None


class SessionView(View):
    """All that a page or a program needs of one session."""

    name: str
    preset: str
    origin: str
    started: str
    branch: str
    branches: tuple[str, ...]
    history: tuple[Turn, ...]
    messages: tuple[Message, ...]
    picture: str | None
    size_wh: tuple[int, int] | None
    layout: tuple[ObjectView, ...]
    verdict: tuple[VerdictLine, ...]
    agreed: bool | None
    exit: str
    usage: dict[str, Any]
    proposal: ProposalView | None
    work: Work | None
    unfinished: str | None
    """Text of a turn that an error or a kill stopped: `resume` goes on with it, `drop` gives it up."""
    stopped: str | None
    """Text of the turn that was cancelled last: `retry` does it anew."""
    error: str
    """Why the last turn failed."""
    approve: bool
    can_undo: bool
    can_redo: bool
    event: int
    """Id of the last event that this view includes: follow from here."""


Kind = Literal[
    "queued",  # place
    "began",  # verb, text
    "node",  # name, status ("started" or "finished"), words
    "tool",  # name, arguments
    "answer",  # name, failed, text: what a tool answered
    "progress",  # phase, done, total
    "picture",  # picture: a new one, round
    "verdict",  # round, passed, total, lines (of VerdictLine)
    "waiting",  # proposal (of ProposalView)
    "ended",  # turn, exit, agreed, answer, detail, done, picture
    "failed",  # reason, resumable
    "cancelled",  # text
    "changed",  # verb: undo, redo, branch, switch, drop, approve, made, delete, undelete: look at the view again
    "missed",  # events before this one are gone: look at the view again
]


class StudioEvent(View):
    """Something that happened in a session. Ids grow, also over restarts of the server; they are not consecutive."""

    id: int
    session: str
    at: str
    kind: Kind
    data: dict[str, Any] = Field(default_factory=dict)
