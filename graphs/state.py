"""What a run remembers: plain JSON types and messages, so that any checkpointer can keep it.

Pictures are ids in the image store; models and clients come by the runtime context.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langchain_core.messages import AnyMessage
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

Exit = Literal[
    "agreed",
    "round_limit",
    "tool_limit",
    "failure_limit",
    "token_limit",
    "time_limit",
    "model_stopped",  # the model gave up while the verdict failed
    "parse_failed",
    "answered",  # a question: nothing was to be changed
    "unsatisfiable",  # no layout can meet the requirements
]


class Request(TypedDict, total=False):
    """What starts a turn: exactly one of ``prompt`` and ``instruction``.

    These keys live until the first node has read them, so that a later turn in the same thread
    never meets an earlier turn's request.
    """

    prompt: Annotated[str | None, EphemeralValue]
    instruction: Annotated[str | None, EphemeralValue]
    image: Annotated[str | None, EphemeralValue]
    """Id of the picture to start from; without one, a prompt is generated and an instruction goes on with
    the last turn's picture."""
    spec: Annotated[dict[str, Any] | None, EphemeralValue]
    """A parse (`SceneSpec`) to be used as it is."""
    target: Annotated[dict[str, Any] | None, EphemeralValue]
    """A target `Layout` to be used as it is."""
    seed: Annotated[int | None, EphemeralValue]
    approve: Annotated[bool | None, EphemeralValue]
    """Stop before each edit (an interrupt) until a person has decided."""


class Attempt(TypedDict):
    """One judged picture."""

    round: int
    image: str
    passed: int
    """Requirements met."""
    total: int
    changed: float
    """Share of pixels that differ from the turn's first picture, in [0, 1]."""
    edits: int
    """How many lines of ``done`` led to this picture."""
    agreed: bool
    refined: bool
    verdict: dict[str, Any]
    layout: dict[str, Any]


class TurnSummary(TypedDict):
    """An earlier turn, as later ones are told of it."""

    instruction: str
    exit: str
    done: list[str]
    was_wrong: list[str]
    """What the verdict missed in the picture as it was given or first made."""
    still_wrong: list[str]
    answer: str


class History(TypedDict):
    """What can be brought back."""

    removed: list[dict[str, Any]]
    """Objects that were taken away, as they were last seen (`PlacedObject`); the newest last."""
    before: dict[str, Any] | None
    """The layout before the last change."""


class Result(TypedDict):
    """How a turn ended. ``image`` is None when there never was a picture."""

    agreed: bool
    exit: Exit
    detail: str
    rounds: int
    image: str | None
    verdict: dict[str, Any]
    usage: dict[str, Any]
    spec: dict[str, Any] | None


class State(Request, total=False):
    """The whole memory of the graph; ``begin`` sets every key of a turn anew."""

    kind: Literal["prompt", "instruction"]
    text: str
    noise_seed: int
    approval: bool
    messages: Annotated[list[AnyMessage], add_messages]
    goal: dict[str, Any]
    """``spec``, ``target`` (layout), ``operations`` and ``requirements`` (None until the request is understood)."""
    picture: str | None
    """Id of the current picture."""
    layout: dict[str, Any]
    """The layout of the current picture, as the detector saw it."""
    doubtful: list[str]
    """Ids of objects in it that the detector is not sure of, and because of which the verdict failed."""
    unclean: list[str]
    """What did not come out clean in the last edit, by the editor's own evidence."""
    first_picture: str | None
    generated: bool
    polish: Literal["no", "wanted", "done"]
    """Whether the refiner shall still work on the current picture, or has."""
    rounds: int
    """Finished edits."""
    best: Attempt | None
    latest: Attempt | None
    planned: list[dict[str, Any]]
    """Operations that wait for the editor's next pass."""
    done: list[str]
    """Edits of this turn, in words."""
    repairs: int
    """Broken answers in a row."""
    tool_calls: int
    tool_failures: int
    """In a row."""
    impossible: str
    """Why no layout can meet the goal, when a tool found that out."""
    usage: dict[str, Any]
    elapsed: float
    """Seconds spent inside nodes, in all processes that worked on this turn."""
    exit: Exit | None
    detail: str
    before: dict[str, Any] | None
    """The layout at the turn's first verdict, when nothing was edited yet."""
    was_wrong: list[str]
    turns: list[TurnSummary]
    history: History
    result: Result
