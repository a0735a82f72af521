"""What a run remembers: frozen values and messages, which a checkpointer keeps by the list `CHECKPOINTED`.

Pictures are ids in the image store; models and clients come by the runtime context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from langchain_core.messages import AnyMessage
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from graphs.answer_bounds import TOKENS
from tools.older import renamed
from tools.scene.box import Box
from tools.scene.goal import Goal
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Adjust, Depth, Move, Operation, Remove, Replace, Restyle, Source
from tools.scene.other_picture import OtherPicture
from tools.scene.results import Verdict
from tools.scene.spec import Frozen, SceneSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from configs.prices import Price
    from tools.backend.protocol import Cost

CHARACTERS = 4  # of a token, where a server does not count
COUNTERS = ("model_evaluations", "encoder_passes", "decoder_passes", "detector_passes", "segmenter_passes")

Exit = Literal[
    "agreed",
    "round_limit",
    "tool_limit",
    "failure_limit",
    "token_limit",
    "time_limit",
    "cost_limit",
    "size_limit",
    "context_limit",  # the language model can read no more
    "model_stopped",  # the model gave up while the verdict failed
    "model_failed",  # the model gave no answer that can be used
    "parse_failed",  # the text cannot be read, or asks for what cannot be done
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
    places: Annotated[bool | None, EphemeralValue]
    """The given parse says nothing of places: those of the prompt are still read, and required."""
    seed: Annotated[int | None, EphemeralValue]
    sources: Annotated[dict[str, str] | None, EphemeralValue]
    """Other pictures that objects may be copied from: their ids, by the names that the instruction calls them."""
    approve: Annotated[bool | None, EphemeralValue]
    """Stop before each edit (an interrupt) until a person has decided."""


class Usage(Frozen):
    """What a turn has used up. Adds itself: ``usage + cost``, ``usage.with_answer(message)``."""

    model_evaluations: int = 0
    encoder_passes: int = 0
    decoder_passes: int = 0
    detector_passes: int = 0
    segmenter_passes: int = 0
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the tokens that were read: those that the server still knew from an earlier call."""
    estimated: bool = False
    """Whether some of the tokens were estimated, because a server does not count them."""
    cost: float | None = 0.0
    """US dollars for the language model; None as soon as a price is not known."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """By phase of the backend's work."""

    @model_validator(mode="before")
    @classmethod
    def _reads_older_names(cls, given: Any) -> Any:
        return renamed(given)

    @property
    def tokens(self) -> int:
        """Tokens in and out of the language model."""
        return self.input_tokens + self.output_tokens

    def __add__(self, cost: Cost) -> Self:
        """Return the usage with what a backend call took."""
        seconds = dict(self.seconds)
        for phase, value in cost.seconds.items():
            seconds[phase] = round(seconds.get(phase, 0.0) + value, 4)
        counted = {name: getattr(self, name) + getattr(cost, name) for name in COUNTERS}
        return self.model_copy(update=counted | {"seconds": seconds})

    def with_answer(self, message: BaseMessage, price: Price | None, asked: Sequence[BaseMessage] = ()) -> Self:
        """Return the usage with one answer of the language model to what it was ``asked``."""
        used: Any = getattr(message, "usage_metadata", None)
        estimated = used is None
        if used is None:
            said = len(message.text) + sum(len(str(call["args"])) for call in getattr(message, "tool_calls", ()))
            heard = sum(len(question.text) for question in asked)
            used = {"input_tokens": -(-heard // CHARACTERS), "output_tokens": -(-said // CHARACTERS)}
        read, written = (min(used.get(name, 0), TOKENS) for name in ("input_tokens", "output_tokens"))
        cached = (used.get("input_token_details") or {}).get("cache_read") or 0
        cost = None if self.cost is None or price is None else round(self.cost + price.cost(read, written), 9)
        return self.model_copy(
            update={
                "llm_calls": self.llm_calls + 1,
                "estimated": self.estimated or estimated,
                "input_tokens": self.input_tokens + read,
                "output_tokens": self.output_tokens + written,
                "cached_tokens": self.cached_tokens + min(cached, read),
                "cost": cost,
            }
        )


class TurnUsage(Usage):
    """What a whole turn used up."""

    wall_seconds: float


class Attempt(Frozen):
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
    lost: bool
    """Whether something that the request wants was there at first and is no more."""
    verdict: Verdict
    layout: Layout
    """What it holds without doubt."""

    @property
    def rank(self) -> tuple[bool, bool, int, bool, bool, float]:
        """Nothing lost, fewest requirements missed, fewest pixels changed; a polish that still agrees is wanted.

        Whether an edit came out clean settles only what is equal otherwise: a wish that is fulfilled with a flaw,
        which the verdict names, is worth more than the picture as it was.
        """
        idle = self.total == self.passed and not self.edits and not self.agreed  # nothing was done of what was asked
        missed = self.passed - self.total - idle
        unclean = any(result.requirement.kind == "clean" for result in self.verdict.failures)
        return self.agreed, not self.lost, missed + unclean, not unclean, self.refined, -self.changed


class TurnSummary(Frozen):
    """An earlier turn, as later ones are told of it."""

    instruction: str
    exit: Exit
    done: tuple[str, ...] = ()
    was_wrong: tuple[str, ...] = ()
    """What the verdict missed in the picture as it was given or first made."""
    still_wrong: tuple[str, ...] = ()
    answer: str = ""


class History(Frozen):
    """What can be brought back."""

    removed: tuple[PlacedObject, ...] = ()
    """Objects that were taken away, as they were last seen; the newest last."""
    seen_in: tuple[str, ...] = ()
    """For each of them, the id of the picture in which it was last seen."""
    before: Layout | None = None
    """The layout before the last change."""


class Result(Frozen):
    """How a turn ended. ``image`` is None when there never was a picture, ``verdict`` when none was judged."""

    agreed: bool
    exit: Exit
    detail: str
    rounds: int
    image: str | None
    verdict: Verdict | None
    usage: TurnUsage
    spec: SceneSpec | None
    fallbacks: int = 0
    """Edits that the solver planned, because the language model was at a loss (``loop.fallback``)."""
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading the text."""


CHECKPOINTED = (
    *(Goal, Usage, TurnUsage, Attempt, TurnSummary, History, Result),
    *(Layout, Box, Add, Remove, Move, Restyle, Replace, Source, Adjust, Depth, OtherPicture),
)
"""The types of this program that a state may hold: a checkpointer builds them and nothing else of ours."""


class State(Request, total=False):
    """The whole memory of the graph; ``begin`` sets every key of a turn anew."""

    kind: Literal["prompt", "instruction"]
    text: str
    noise_seed: int
    approval: bool
    messages: Annotated[list[AnyMessage], add_messages]
    goal: Goal
    reads_places: bool
    """Whether the prompt is read for places, though its parse is given."""
    picture: str | None
    """Id of the current picture."""
    layout: Layout
    """The layout of the current picture, as the detector saw it."""
    others: tuple[OtherPicture, ...]
    """Other pictures that this turn may copy from, with what is in those that its instruction names."""
    doubtful: tuple[str, ...]
    """Ids of objects in it that the detector is not sure of, and because of which the verdict failed."""
    strangers: tuple[str, ...]
    """Ids of objects in it that no edit of the turn brought, and nobody had seen before: they are left alone."""
    unclean: tuple[str, ...] | None
    """What did not come out clean in the last edit, where the editor looks; None where it does not."""
    first_picture: str | None
    generated: bool
    anew: bool
    """Whether the next round shall draw another picture, because too much of this one is wrong to be mended."""
    polish: Literal["no", "last", "wanted", "done"]
    """Whether the refiner shall still work on the current picture, or on the turn's best one at its end, or has."""
    rounds: int
    """Finished edits, and pictures drawn anew."""
    touched: tuple[str, ...]
    """Ids of pictures that are white where an edit of this turn was free to change, and nobody has looked yet."""
    best: Attempt | None
    latest: Attempt | None
    planned: tuple[Operation, ...]
    """Operations that wait for the editor's next pass."""
    done: tuple[str, ...]
    """Edits of this turn, in words."""
    repairs: int
    """Broken answers in a row."""
    tool_calls: int
    tool_failures: dict[str, int]
    """In a row, by tool."""
    refused: tuple[str, ...]
    """Calls that failed in this round, with their arguments."""
    stuck: int
    """How often in this round a call that had failed was made again as it was."""
    fallbacks: tuple[int, ...]
    """The rounds (the first is 0) in which the solver's proposal was done for the language model."""
    impossible: str
    """Why no layout can meet the goal, when a tool found that out."""
    usage: Usage
    elapsed: float
    """Seconds spent inside nodes, in all processes that worked on this turn."""
    exit: Exit | None
    detail: str
    before: Layout | None
    """The layout at the turn's first verdict, when nothing was edited yet."""
    was_wrong: tuple[str, ...]
    turns: tuple[TurnSummary, ...]
    history: History
    result: Result
