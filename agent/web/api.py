"""The HTTP API under ``/api``: sessions, their turns and pictures, and what happens as server-sent events."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, File, Form, Header, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from agent.studio.studio import LONGEST_TEXT, Studio
from agent.studio.views import SessionView, StudioEvent, Summary
from agent.trace.events import read_trace
from configs.preset_files import preset_names
from tools.images import MAX_BYTES, PictureError
from tools.scene.operations import Operation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is called by its content never changes
TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
PING = 15  # seconds between signs of life of a stream in which nothing happens
DECODING = CapacityLimiter(2)  # pictures that are decoded at a time: each may take half a gigabyte
CUTTING = CapacityLimiter(2)  # masks that are made at a time: they wait for the models, and nobody else shall
REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


async def studio_of(request: Request) -> Studio:
    """Return the studio that the app serves."""
    found: Studio = request.app.state.studio
    return found


Here = Annotated[Studio, Depends(studio_of)]
After = Annotated[int | None, Query(ge=0, le=2**53)]
LastEventId = Annotated[int | None, Header(ge=0, le=2**53)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Say(_Body):
    """A turn: an instruction or a question; ``whole``: a sentence that says what the picture shall show."""

    text: Text
    whole: bool = False


class Accept(_Body):
    """Do what is proposed, or ``operations`` instead; ``proposal`` is the id of the one that was looked at."""

    operations: list[Operation] | None = Field(default=None, max_length=20)
    proposal: str = ""


class Reject(_Body):
    """Do not do what is proposed."""

    reason: Text = ""
    proposal: str = ""


class Undo(_Body):
    """How many changes to take back."""

    times: int = Field(default=1, ge=1, le=100)


class NewBranch(_Body):
    """A branch that begins after a turn; without one, where the session stands."""

    name: str
    turn: int | None = None


class Switch(_Body):
    """The branch to go to."""

    branch: str


class Approve(_Body):
    """Whether each edit waits for approval."""

    wanted: bool


class About(BaseModel):
    """What runs here."""

    program: str
    presets: tuple[str, ...]
    queued: int
    """Turns that run or wait."""


router = APIRouter(prefix="/api")


@router.get("/about")
def about(studio: Here) -> About:
    """Say which program this is, which presets it has and how busy it is."""
    return About(program=f"sld-agent {metadata.version('sld-agent')}", presets=preset_names(), queued=studio.busy)


@router.get("/events")
async def all_events(studio: Here, after: After = None, last_event_id: LastEventId = None) -> EventSourceResponse:
    """Stream what happens in all sessions; resumable as the events of one are."""
    return _stream(studio, "", last_event_id if last_event_id is not None else after)


@router.get("/deleted")
def deleted(studio: Here) -> tuple[Summary, ...]:
    """List what can be brought back."""
    return studio.deleted()


@router.get("/sessions")
def sessions(studio: Here) -> tuple[Summary, ...]:
    """List sessions and runs, the newest change first."""
    return studio.summaries()


@router.post("/sessions", status_code=201)
async def make_session(
    studio: Here,
    response: Response,
    picture: Annotated[UploadFile | None, File(description="the picture to begin with")] = None,
    text: Annotated[str, Form(max_length=LONGEST_TEXT, description="what to draw, or to change in the picture")] = "",
    whole: Annotated[bool, Form(description="the text says what the picture shall show")] = False,
    preset: Annotated[str | None, Form(description="a shipped preset; else the one that fits")] = None,
    seed: Annotated[int, Form(ge=0, le=2**63 - 1)] = 0,
    approve: Annotated[bool, Form(description="each edit waits until it is accepted")] = False,
) -> SessionView:
    """Begin a session with a picture, a text (its first turn, which is queued), or both."""
    data = None if picture is None else await uploaded(picture)
    origin = Path((picture.filename if picture else "") or "").name[:100]

    def make() -> SessionView:
        given: dict[str, Any] = {"text": text, "whole": whole, "preset": preset, "seed": seed, "approve": approve}
        return studio.view(studio.make(picture=data, origin=origin, **given))

    view = await to_thread.run_sync(make, limiter=DECODING)
    response.headers["location"] = f"/api/sessions/{view.name}"
    return view


@router.get("/sessions/{name}")
def session(studio: Here, name: str) -> SessionView:
    """Show how a session stands."""
    return studio.view(name)


@router.delete("/sessions/{name}", status_code=204)
def delete(studio: Here, name: str) -> None:
    """Put a session or a run aside."""
    studio.delete(name)


@router.post("/sessions/{name}/undelete")
def undelete(studio: Here, name: str) -> None:
    """Bring back what was deleted."""
    studio.undelete(name)


# -- turns: queued; what comes of them is told by the events ----------------------------------


@router.post("/sessions/{name}/turns", status_code=202)
def say(studio: Here, name: str, body: Say) -> SessionView:
    """Queue a turn."""
    (studio.correct if body.whole else studio.send)(name, body.text)
    return studio.view(name)


@router.post("/sessions/{name}/accept", status_code=202)
def accept(studio: Here, name: str, body: Accept | None = None) -> SessionView:
    """Do the edit that waits, as it is or with other operations."""
    body = body or Accept()
    studio.accept(name, body.operations, body.proposal)
    return studio.view(name)


@router.post("/sessions/{name}/reject", status_code=202)
def reject(studio: Here, name: str, body: Reject | None = None) -> SessionView:
    """Do not do the edit that waits."""
    body = body or Reject()
    studio.reject(name, body.reason, body.proposal)
    return studio.view(name)


@router.post("/sessions/{name}/retry", status_code=202)
def retry(studio: Here, name: str) -> SessionView:
    """Do the last turn once more, with another seed."""
    studio.retry(name)
    return studio.view(name)


@router.post("/sessions/{name}/resume", status_code=202)
def resume(studio: Here, name: str) -> SessionView:
    """Go on with a turn that an error or a kill stopped."""
    studio.resume(name)
    return studio.view(name)


@router.post("/sessions/{name}/cancel", status_code=202)
def cancel(studio: Here, name: str) -> SessionView:
    """Stop the turn that is queued, runs or waits for approval; the session is then as it was before it."""
    studio.cancel(name)
    return studio.view(name)


# -- done at once -----------------------------------------------------------------------------


@router.post("/sessions/{name}/undo")
def undo(studio: Here, name: str, body: Undo | None = None) -> SessionView:
    """Take back the last changes of the picture."""
    studio.undo(name, (body or Undo()).times)
    return studio.view(name)


@router.post("/sessions/{name}/redo")
def redo(studio: Here, name: str) -> SessionView:
    """Take back the last undo."""
    studio.redo(name)
    return studio.view(name)


@router.post("/sessions/{name}/branches")
def branch(studio: Here, name: str, body: NewBranch) -> SessionView:
    """Begin a branch and go there."""
    studio.branch(name, body.name, body.turn)
    return studio.view(name)


@router.post("/sessions/{name}/switch")
def switch(studio: Here, name: str, body: Switch) -> SessionView:
    """Go to another branch."""
    studio.switch(name, body.branch)
    return studio.view(name)


@router.post("/sessions/{name}/drop")
def drop(studio: Here, name: str) -> SessionView:
    """Give up a turn that was stopped or waits."""
    studio.drop(name)
    return studio.view(name)


@router.post("/sessions/{name}/approve")
def approve(studio: Here, name: str, body: Approve) -> SessionView:
    """Say whether each edit waits for approval, from the next turn on."""
    studio.set_approve(name, body.wanted)
    return studio.view(name)


# -- looking ----------------------------------------------------------------------------------


@router.get("/sessions/{name}/events")
async def events(
    studio: Here, name: str, after: After = None, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Stream what happens, as server-sent events: what is kept, then what comes.

    ``after`` (or the header ``Last-Event-ID``, which browsers send by themselves) begins after that event.
    """
    await to_thread.run_sync(studio.folder, name)
    return _stream(studio, name, last_event_id if last_event_id is not None else after)


@router.get("/sessions/{name}/picture.{kind}")
def current(studio: Here, name: str, kind: str) -> Response:
    """Return the current picture as png, jpg or webp."""
    return Response(studio.download(name, kind), media_type=TYPES[kind])


@router.get("/sessions/{name}/pictures/{image_id}.png", response_class=FileResponse)
def picture(studio: Here, name: str, image_id: str) -> FileResponse:
    """Return a picture by its content id."""
    return _png(studio.picture(name, image_id))


@router.get("/sessions/{name}/thumbnails/{image_id}.png", response_class=FileResponse)
def thumbnail(studio: Here, name: str, image_id: str) -> FileResponse:
    """Return a small copy of a picture."""
    return _png(studio.thumbnail(name, image_id))


@router.get("/sessions/{name}/plans/{image_id}.png", response_class=FileResponse)
def plan(studio: Here, name: str, image_id: str) -> FileResponse:
    """Return the drawing of a proposal on its picture."""
    return _png(studio.plan(name, image_id))


@router.get("/sessions/{name}/masks/{image_id}.png", response_class=FileResponse)
async def mask(studio: Here, name: str, image_id: str) -> FileResponse:
    """Return the mask of an object of the current picture: opaque white where the object is."""
    return _png(await to_thread.run_sync(studio.mask, name, image_id, limiter=CUTTING))


@router.get("/sessions/{name}/trace")
def trace(studio: Here, name: str) -> list[dict[str, Any]]:
    """Return the trace: every node, model call and tool call, in order."""
    return read_trace(studio.folder(name).trace)


@router.get("/sessions/{name}/report", response_class=FileResponse)
def report(studio: Here, name: str) -> FileResponse:
    """Return the report, one page that needs nothing else."""
    path = studio.report(name)
    return FileResponse(path, media_type="text/html; charset=utf-8", headers={"content-security-policy": REPORT_POLICY})


async def uploaded(picture: UploadFile) -> bytes:
    """Return the bytes of an uploaded picture.

    Raises:
        PictureError: there are more than a picture may have.
    """
    data = await picture.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureError(f"the picture is too large: at most {MAX_BYTES // 2**20} MiB are read")
    return data


def _png(path: Path) -> FileResponse:
    return FileResponse(path, media_type="image/png", headers=FOR_EVER)


def _stream(studio: Studio, name: str, after: int | None) -> EventSourceResponse:
    async def told() -> AsyncIterator[ServerSentEvent]:
        async for event in studio.events.follow(name, after or 0):
            yield as_server_sent(event)

    return EventSourceResponse(told(), ping=PING, send_timeout=60)


def as_server_sent(event: StudioEvent) -> ServerSentEvent:
    """Return an event as it goes over the wire: its id, its kind, and itself as JSON."""
    return ServerSentEvent(id=str(event.id), event=event.kind, data=event.model_dump_json())
