"""OpenAI's Images protocol (``/v1/images``), with pictures that were corrected: any client made for it works.

Each picture is a session of its own, so that it can be looked at, undone and talked about afterwards; ``run`` in the
answer is its name. What a picture still misses is in its ``verdict``.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from typing import TYPE_CHECKING, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.studio.queue import StudioError
from agent.studio.views import VerdictLine
from agent.studio.waiting import end_of
from agent.web.api import DECODING, Here, Text, uploaded
from agent.web.errors import failure
from configs.preset_files import preset_names

if TYPE_CHECKING:
    from agent.studio.studio import Studio
    from agent.studio.views import StudioEvent

MOST = 4  # pictures of one request
SIDES = (64, 2048)  # pixels
SEED_STEP = 1000  # between the pictures of one request: the rounds of one count up from its seed
LOOK = 2.0  # seconds between looks at whether the client is still there

router = APIRouter(prefix="/v1")


class ImageRequest(BaseModel):
    """A request for pictures; what this server has no use for (quality, style, user, ...) is left alone."""

    model_config = ConfigDict(extra="allow")

    prompt: Text
    n: int = Field(default=1, ge=1, le=MOST)
    size: str | None = Field(default=None, description="WIDTHxHEIGHT in pixels, or auto: the preset's own")
    response_format: Literal["b64_json", "url"] | None = None
    model: str | None = Field(default=None, description="a shipped preset; other names mean the usual one")
    seed: int = Field(default=0, ge=0, le=2**62)
    stream: bool | None = None


class MadeVerdict(BaseModel):
    """Whether the picture shows what was asked for, line by line."""

    agreed: bool
    exit: str
    detail: str
    lines: tuple[VerdictLine, ...]


class MadeImage(BaseModel):
    """A picture as OpenAI's clients know it, and what was found out about it."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None
    run: str
    verdict: MadeVerdict


class ImagesAnswer(BaseModel):
    """The pictures that were made."""

    created: int
    data: list[MadeImage]
    size: str | None = None
    output_format: Literal["png"] = "png"


class Model(BaseModel):
    """A preset, as OpenAI's clients know models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "sld-agent"


@router.get("/models")
async def models() -> dict[str, Any]:
    """List the presets."""
    return {"object": "list", "data": [Model(id=name) for name in preset_names()]}


@router.post("/images/generations", response_model=ImagesAnswer)
async def generations(studio: Here, request: Request, body: ImageRequest) -> Any:
    """Draw pictures of a prompt and correct them until they show it."""
    if refused := _refused(body, size_of(body.size)):
        return refused
    return await _made(studio, request, body, {"text": body.prompt, "size_wh": size_of(body.size)})


@router.post(
    "/images/edits",
    response_model=ImagesAnswer,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["image", "prompt"],
                        "properties": {
                            "image": {"type": "string", "format": "binary"},
                            "prompt": {"type": "string", "description": "what to change"},
                            "correct": {
                                "type": "boolean",
                                "description": "the prompt says what the picture shall show",
                            },
                            "n": {"type": "integer", "minimum": 1, "maximum": MOST},
                            "size": {"type": "string"},
                            "response_format": {"type": "string", "enum": ["b64_json", "url"]},
                            "model": {"type": "string"},
                            "seed": {"type": "integer"},
                        },
                    }
                }
            },
        }
    },
)
async def edits(studio: Here, request: Request) -> Any:
    """Change a picture as a prompt says, and nothing else of it; sent as a form with files."""
    async with request.form(max_files=2, max_fields=50) as form:
        image = form.get("image") or form.get("image[]")
        given = {key: value for key, value in form.multi_items() if isinstance(value, str)}
        if not isinstance(image, UploadFile) and not hasattr(image, "read"):
            return failure(400, "a picture is needed: send it as the file 'image' of a form", param="image")
        if len(form.getlist("image")) + len(form.getlist("image[]")) > 1:
            return failure(400, "one picture at a time: several cannot be put together", param="image")
        if form.get("mask") is not None:
            return failure(400, "a mask is not used here: say in the prompt what to change and where", param="mask")
        data: bytes = await uploaded(image)  # type: ignore[arg-type]  # starlette's file, which FastAPI's is one of
        origin = str(image.filename or "")[:100]  # type: ignore[union-attr]
    body = ImageRequest.model_validate(given)
    if refused := _refused(body, None):
        return refused
    whole = given.get("correct", "").lower() in ("true", "1", "yes")
    return await _made(studio, request, body, {"text": body.prompt, "picture": data, "whole": whole, "origin": origin})


def size_of(size: str | None) -> tuple[int, int] | None:
    """Return a size in pixels; None for the preset's own, (0, 0) for one that is none."""
    if size in (None, "", "auto"):
        return None
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _refused(body: ImageRequest, size_wh: tuple[int, int] | None) -> JSONResponse | None:
    if not body.prompt.strip():
        return failure(400, "the prompt is empty: say what to make", param="prompt")
    if body.stream:
        return failure(400, "pictures are not streamed here: leave stream out", param="stream")
    low, high = SIDES
    if size_wh and not all(low <= side <= high for side in size_wh):
        message = f"size {body.size!r} cannot be made: give WIDTHxHEIGHT with sides of {low} to {high}, or auto"
        return failure(400, message, param="size")
    return None


async def _made(studio: Studio, request: Request, body: ImageRequest, given: dict[str, Any]) -> Any:
    preset, names = body.model if body.model in preset_names() else None, list[str]()

    def make(number: int) -> str:
        return studio.make(preset=preset, seed=body.seed + number * SEED_STEP, **given)

    try:
        for number in range(body.n):
            names.append(await to_thread.run_sync(make, number, limiter=DECODING))
        ends = [await _end_of(studio, request, name) for name in names]
    except BaseException:  # nobody waits for them any more
        await to_thread.run_sync(_call_off, studio, names)
        raise
    for name, end in zip(names, ends, strict=True):
        if end is None or end.kind != "ended":
            reason = "the client has gone" if end is None else str(end.data.get("reason", "it was cancelled"))
            await to_thread.run_sync(_call_off, studio, names)
            return failure(500, f"{reason} (run {name})", code="failed")
        if end.data["exit"] == "parse_failed":
            return failure(400, f"{end.data['detail']} (run {name})", param="prompt", code="not_understood")
        if end.data["exit"] == "model_failed":
            return failure(502, f"{end.data['detail']} (run {name})", code="failed")
    images = [await to_thread.run_sync(_image, studio, request, body, name) for name in names]
    return ImagesAnswer(created=int(time.time()), data=images, size=body.size if body.size != "auto" else None)


async def _end_of(studio: Studio, request: Request, name: str) -> StudioEvent | None:
    """Wait for the end of the session's turn; None when the client has gone."""
    waiting = asyncio.ensure_future(end_of(studio, name))
    try:
        while not (await asyncio.wait([waiting], timeout=LOOK))[0]:
            if await request.is_disconnected():
                return None
        return waiting.result()
    finally:
        waiting.cancel()


def _call_off(studio: Studio, names: list[str]) -> None:
    for name in names:
        try:
            studio.cancel(name)
        except (StudioError, ValueError):  # it has ended
            continue


def _image(studio: Studio, request: Request, body: ImageRequest, name: str) -> MadeImage:
    view = studio.view(name)
    verdict = MadeVerdict(agreed=bool(view.agreed), exit=view.exit, detail=view.history[-1].detail, lines=view.verdict)
    if body.response_format == "url":
        path = f"/api/sessions/{name}/pictures/{view.picture}.png"
        address = f"{str(request.base_url).rstrip('/')}{path}{request.app.state.access.key(path)}"
        return MadeImage(url=address, run=name, verdict=verdict)
    data = base64.b64encode(studio.download(name)).decode()
    return MadeImage(b64_json=data, run=name, verdict=verdict)
