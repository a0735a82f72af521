"""A tool for other agents: the Model Context Protocol, over stdin and stdout or over HTTP, with the official package.

Every picture is a session that the tools name, so that an agent can go on with it, and a person can look at it.
"""

from __future__ import annotations

import base64
import binascii
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from anyio import CancelScope, to_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from agent.studio.queue import StudioError
from agent.studio.turns import IN_WORDS
from agent.studio.waiting import end_of
from tools.images import MAX_BYTES, PictureError, open_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture

    from agent.studio.studio import Studio
    from agent.studio.views import SessionView, StudioEvent

INSTRUCTIONS = """\
Makes, corrects and edits pictures; a detector checks every result, so `agreed` is not anybody's opinion. A tool that
makes a picture answers with it, with the session it belongs to, and with what it still misses. Go on with a session by
its name: edit it again, inspect it, undo. `agreed: false` means that the listed lines failed: say it in other words,
or ask for less at a time."""

T = TypeVar("T")
Session = Annotated[str, Field(description="name of a session, as an earlier answer gave it")]
Given = Annotated[str, Field(description="a picture file's bytes in base64 (PNG, JPEG, WebP), to begin a session with")]
Preset = Annotated[str, Field(description="a shipped preset; empty: the one that fits")]
Seed = Annotated[int, Field(ge=0, description="same seed, same picture")]


def make_server(studio: Studio, *, files: bool) -> MCPServer:
    """Return the server. ``files``: whether tools may be given paths, which they read with this process's rights."""
    server = MCPServer("sld-agent", instructions=INSTRUCTIONS, version=metadata.version("sld-agent"), log_level="ERROR")
    tools = PictureTools(studio, files=files)
    for tool in (tools.generate, tools.correct, tools.edit, tools.detect, tools.inspect, tools.undo, tools.picture):
        server.add_tool(tool, structured_output=False)
    return server


class PictureTools:
    """The tools; their docstrings are what other agents read."""

    def __init__(self, studio: Studio, *, files: bool) -> None:
        self._studio, self._files = studio, files

    async def generate(self, prompt: str, context: Context, preset: Preset = "", seed: Seed = 0) -> list[Any]:
        """Draw a picture of a sentence and correct it until it shows what the sentence says."""
        return await self._begin(context, text=prompt, preset=preset or None, seed=seed)

    async def correct(
        self, prompt: str, context: Context, session: Session = "", picture: Given = "", path: str = ""
    ) -> list[Any]:
        """Correct a picture until it shows what the sentence says: what is missing, too many or wrong is changed.

        Give a session to go on with, or a picture, or the path of one (where the server runs on your machine).
        """
        if session:
            return await self._turn(context, session, lambda: self._studio.correct(session, prompt))
        return await self._begin(context, text=prompt, whole=True, picture=await self._given(picture, path))

    async def edit(
        self, instruction: str, context: Context, session: Session = "", picture: Given = "", path: str = ""
    ) -> list[Any]:
        """Change a picture as an instruction says ("make the cup red"), and nothing else of it.

        Give a session to go on with, or a picture, or the path of one (where the server runs on your machine).
        """
        if session:
            return await self._turn(context, session, lambda: self._studio.send(session, instruction))
        return await self._begin(context, text=instruction, picture=await self._given(picture, path))

    async def detect(
        self,
        phrases: Annotated[list[str], Field(min_length=1, max_length=20, description="such as 'red cup' or 'dog'")],
        session: Session = "",
        picture: Given = "",
        path: str = "",
    ) -> str:
        """Say where things are in a picture: boxes [x, y, width, height] as shares of it, origin top left, scores."""
        if not session:
            image = await self._given(picture, path)
            session = await self._do(lambda: self._studio.make(picture=image))
        found = await self._do(lambda: self._studio.detect(session, phrases))
        seen = [{"phrase": each.phrase, "box": list(each.box), "score": round(each.score, 3)} for each in found]
        return json.dumps({"session": session, "found": seen})

    async def inspect(self, session: Session) -> str:
        """Say how a session stands: what is in its picture and where, what the verdict misses, what was done."""
        view = await self._do(lambda: self._studio.view(session))
        told = _told(view) | {
            "objects": [{"id": seen.id, "phrase": seen.phrase, "box": list(seen.box)} for seen in view.layout],
            "history": [
                {"turn": turn.turn, "after": turn.parent, "text": turn.text, "done": turn.done, "here": turn.current}
                for turn in view.history
            ],
            "branches": view.branches,
            "size": view.size_wh,
        }
        return json.dumps(told)

    async def undo(self, session: Session, times: Annotated[int, Field(ge=1, le=100)] = 1) -> list[Any]:
        """Take back the last changes of a session's picture."""
        await self._do(lambda: self._studio.undo(session, times))
        return await self._answer(session)

    async def picture(self, session: Session) -> list[Any]:
        """Return the current picture of a session."""
        return await self._answer(session)

    # -- what the tools share -----------------------------------------------------------------

    async def _begin(self, context: Context, **given: Any) -> list[Any]:
        name = await self._do(lambda: self._studio.make(**given))
        return await self._end(context, name, 0)

    async def _turn(self, context: Context, name: str, order: Callable[[], None]) -> list[Any]:
        after = self._studio.events.last
        await self._do(order)
        return await self._end(context, name, after)

    async def _end(self, context: Context, name: str, after: int) -> list[Any]:
        told = 0

        async def tell(event: StudioEvent) -> None:
            nonlocal told
            told += 1
            await context.report_progress(told, message=_words(event))

        try:
            end = await end_of(self._studio, name, after, tell)
        except StudioError as error:
            raise ToolError(str(error)) from None
        except BaseException:  # whoever asked has given up
            with CancelScope(shield=True):
                await to_thread.run_sync(_call_off, self._studio, name)
            raise
        if end.kind in ("failed", "cancelled"):
            raise ToolError(f"session {name}: {end.data.get('reason', 'it was cancelled')}")
        return await self._answer(name)

    async def _answer(self, name: str) -> list[Any]:
        view = await self._do(lambda: self._studio.view(name))
        words = json.dumps(_told(view))
        if view.picture is None:
            return [words]
        return [words, Image(data=await self._do(lambda: self._studio.download(name)), format="png")]

    async def _given(self, picture: str, path: str) -> Picture:
        """Return the picture that a call brings.

        Raises:
            ToolError: it brings none, or one that cannot be used.
        """
        if bool(picture) == bool(path):
            raise ToolError("give a session, a picture in base64, or (where files are allowed) a path")
        if path and not self._files:
            raise ToolError("paths are not read here: give the picture's bytes in base64 as 'picture'")
        if path:
            return await self._do(lambda: open_picture(Path(path).expanduser()))
        if len(picture) > MAX_BYTES * 4 // 3 + 4:
            raise ToolError(f"the picture is too large: at most {MAX_BYTES // 2**20} MiB")
        try:
            data = base64.b64decode(picture.partition("base64,")[2] or picture, validate=True)
        except (binascii.Error, ValueError):
            raise ToolError("the picture is not base64: give a file's bytes, encoded") from None
        return await self._do(lambda: open_picture(data))

    async def _do(self, work: Callable[[], T]) -> T:
        """Do something that blocks; what goes wrong is told to the other agent in words."""
        try:
            return await to_thread.run_sync(work)
        except IN_WORDS as error:
            raise ToolError(str(error)) from None


def _told(view: SessionView) -> dict[str, Any]:
    last = next((turn for turn in view.history if turn.current), None)
    return {
        "session": view.name,
        "agreed": view.agreed,
        "exit": view.exit,
        "answer": last.answer if last else "",
        "detail": last.detail if last else "",
        "done": last.done if last else (),
        "notes": last.notes if last else (),
        "wrong": [line.text for line in view.verdict if line.state == "fail"],
        "not_checked": [line.text for line in view.verdict if line.state == "unchecked"],
        "waits_for_approval": list(view.proposal.words) if view.proposal else [],
    }


def _words(event: StudioEvent) -> str:
    data = event.data
    match event.kind:
        case "queued":
            return f"{data['place']} in the queue"
        case "progress":
            return f"{data['phase']} {data['done']} of {data['total']}"
        case "node" | "verdict":
            return str(data.get("words") or f"{data.get('passed', '')} of {data.get('total', '')} requirements met")
        case _:
            return event.kind


def _call_off(studio: Studio, name: str) -> None:
    try:
        studio.cancel(name)
    except (StudioError, PictureError, ValueError):  # it has ended
        return
