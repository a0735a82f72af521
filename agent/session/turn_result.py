"""What a session tells about its turns, read from its checkpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from agent.run.stream import Event
from agent.session.proposal import Proposal
from agent.trace.notebook import picture_png, result_html
from tools.files import copy_file, remove_leftovers, replacing
from tools.images import open_picture
from tools.scene.layout import Layout
from tools.scene.lexicon import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.types import StateSnapshot

    from agent.run.folder import RunFolder
    from agent.run.stream import Listener
    from graphs.state import Result, TurnSummary

THUMBNAIL = 160  # pixels of the longer side

_WHAT = r"(?:\s+(?:it|that|this|(?:the\s+|my\s+)?last\s+(?:change|edit|step|turn|one|thing|operation)))?"
_OH = r"(?:(?:please|oh|no|ok|okay|hmm|wait|sorry|actually)[\s,.!]+)*"
_UNDO = re.compile(rf"{_OH}(?:undo{_WHAT}|take\s+(?:it|that)\s+back|revert{_WHAT})(?:,?\s*please)?\s*[.!]?", re.I)
_UNDO_MORE = re.compile(
    r"(?:please\s+)?(?:undo|revert|take\s+back)\s+(?:(?:(?:the|my)\s+)?last\s+)?(?P<count>\w+)\s+"
    r"(?:changes|edits|steps|turns|things|times)(?:,?\s*please)?\s*[.!]?",
    re.I,
)
_UNDO_TWICE = re.compile(r"(?:please\s+)?undo(?:\s+(?:it|that))?\s+twice(?:,?\s*please)?\s*[.!]?", re.I)
_REDO = re.compile(rf"(?:please\s+)?redo{_WHAT}(?:,?\s*please)?\s*[.!]?", re.I)


class SessionError(ValueError):
    """Something that a session cannot do as it stands; the message says why and what to do instead."""


@dataclass(frozen=True)
class TurnResult:
    """How a turn ended, or how things stand; JSON types but for paths, layout and proposal."""

    turn: int
    """Counted over the whole session; 0 is the beginning."""
    text: str
    exit: str
    """As in the graph's result; "waiting" for a proposal, "" for the beginning."""
    agreed: bool
    answer: str
    """What a question was answered with."""
    detail: str
    """Why it ended without agreement."""
    done: tuple[str, ...]
    """What was changed, in words."""
    image: Path | None
    layout: Layout
    verdict: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    rounds: int = 0
    proposal: Proposal | None = None
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading the text."""

    def _repr_png_(self) -> bytes | None:
        return picture_png(self.proposal.drawing if self.proposal else self.image)

    def _repr_html_(self) -> str:
        if self.proposal is not None:
            return result_html(f"{self.turn} {self.text}", self.proposal.drawing, lines=self.proposal.words)
        return result_html(
            f"{self.turn} {self.text}" if self.turn else "the beginning",
            self.image,
            ended={"agreed": self.agreed, "exit": self.exit, "verdict": self.verdict} if self.turn else None,
            lines=(*self.notes, *self.done, self.answer or self.detail),
            verdict=self.verdict,
            usage=self.usage,
        )


@dataclass(frozen=True)
class Moment:
    """The state after a turn; ``answer``, ``detail``, ``done`` and ``notes`` are those of its `TurnResult`."""

    turn: int
    parent: int | None
    text: str
    exit: str
    checkpoint: str
    image: Path | None
    thumbnail: Path | None
    branches: tuple[str, ...]
    """The branches that stand here."""
    current: bool
    agreed: bool = False
    answer: str = ""
    detail: str = ""
    done: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class TurnStopped(SessionError):
    """A turn was given up because somebody asked for it; everything is as it was before it."""


class TurnPaused(SessionError):
    """A turn was left where it is because somebody asked for it; ``resume`` goes on with it."""


def last_of(items: Iterator[Event | TurnResult], listener: Listener | None) -> TurnResult:
    """Return the result that a turn ends with; the listener is told what happens before."""
    result: TurnResult | None = None
    for item in items:
        if not isinstance(item, Event):
            result = item
        elif listener is not None:
            listener(item)
    assert result is not None
    return result


def is_undo(text: str) -> bool:
    """Whether a text says nothing but "undo", once or several times."""
    return undo_count(text) > 0


def undo_count(text: str) -> int:
    """Return how many changes a text that says nothing but "undo" takes back: "undo the last two changes"; else 0."""
    if _UNDO.fullmatch(text.strip()):
        return 1
    if _UNDO_TWICE.fullmatch(text.strip()):
        return 2
    found = _UNDO_MORE.fullmatch(text.strip())
    return (number(found["count"]) or 0) if found else 0


def is_redo(text: str) -> bool:
    """Whether a text says nothing but "redo"."""
    return _REDO.fullmatch(text.strip()) is not None


def turn_result(state: StateSnapshot, folder: RunFolder) -> TurnResult:
    """Read how a turn ended from its last checkpoint, or that it waits."""
    tags: dict[str, Any] = dict(state.metadata or {})
    values, turn = state.values, tags.get("turn", 0)
    store = folder.images
    image = store.path(values["picture"]) if values.get("picture") else None
    layout: Layout = values["layout"]
    if state.interrupts:
        done = tuple(values.get("done", ()))
        proposal = Proposal.of(state, folder)
        return TurnResult(turn, values["text"], "waiting", False, "", "", done, image, layout, proposal=proposal)
    if turn == 0:
        return TurnResult(turn, "", "", False, "", "", (), image, layout)
    result: Result = values["result"]
    summary: TurnSummary = values["turns"][-1]
    return TurnResult(
        turn=turn,
        text=values["text"],
        exit=result.exit,
        agreed=result.agreed,
        answer=summary.answer,
        detail="" if summary.answer else result.detail,
        done=summary.done,
        image=image,
        layout=layout,
        verdict=result.verdict.model_dump(mode="json") if result.verdict else {},
        usage=result.usage.model_dump(mode="json"),
        rounds=result.rounds,
        notes=result.notes,
    )


def moments(
    saver: BaseCheckpointSaver[Any],
    thread: str,
    folder: RunFolder,
    names: Mapping[str, Sequence[str]],
    current: str | None,
) -> tuple[Moment, ...]:
    """Read the tree of turns from the marked checkpoints; ``names`` maps checkpoints to branches."""
    store, found = folder.images, []
    for kept in saver.list({"configurable": {"thread_id": thread}}, filter={"source": "update"}):
        values: dict[str, Any] = kept.checkpoint["channel_values"]
        tags: dict[str, Any] = dict(kept.metadata)
        checkpoint = str(kept.config["configurable"]["checkpoint_id"])
        picture = values.get("picture")
        result: Result | None = values.get("result")
        summary: TurnSummary | None = values["turns"][-1] if values.get("turns") else None
        found.append(
            Moment(
                turn=int(tags["turn"]),
                parent=tags.get("parent"),
                text=str(values.get("text", "")),
                exit=result.exit if result else "",
                checkpoint=checkpoint,
                image=store.path(picture) if picture else None,
                thumbnail=thumbnail(store.path(picture), folder.path / "thumbnails") if picture else None,
                branches=tuple(names.get(checkpoint, ())),
                current=checkpoint == current,
                agreed=bool(result and result.agreed),
                answer=summary.answer if summary else "",
                detail=result.detail if result and not (summary and summary.answer) else "",
                done=summary.done if summary else (),
                notes=result.notes if result else (),
            )
        )
    return tuple(sorted(found, key=lambda moment: moment.turn))


def thumbnail(image: Path, folder: Path) -> Path:
    """Return a small copy of a picture, made when it is first asked for."""
    small = folder / image.name
    if not small.is_file():
        picture = open_picture(image)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        with replacing(small) as temporary:
            picture.save(temporary, format="PNG")
    return small


def save_as(image: Path | None, path: Path) -> Path:
    """Copy a picture to ``path``, as the kind that its suffix names.

    Raises:
        SessionError: there is no picture, the suffix is of no known kind, or the place cannot be written.
    """
    if image is None:
        raise SessionError("there is no picture yet")
    remove_leftovers(path.parent, path.name)
    try:
        if path.suffix.lower() in ("", ".png"):
            copy_file(image, path)
        else:
            kind = Image.registered_extensions()[path.suffix.lower()]
            with replacing(path) as temporary:
                open_picture(image).save(temporary, format=kind)
    except (ValueError, KeyError):
        raise SessionError(f"{path.suffix!r} is no kind of picture: use .png, .jpg or .webp") from None
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
    return path
