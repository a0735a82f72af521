"""The addresses of the page, and NiceGUI on the studio's FastAPI app.

NiceGUI keeps one app for the whole process, so a process has one page.
"""

from __future__ import annotations

import asyncio
from importlib.resources import as_file, files
from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import app as nicegui_app
from nicegui import background_tasks, ui
from PIL import Image

from agent.run.folder import RunError
from agent.studio.queue import StudioError
from agent.web.page.compare import choose_page, compare_page
from agent.web.page.costs import cost_of, cost_page
from agent.web.page.dom import link, tag
from agent.web.page.gallery import Gallery
from agent.web.page.inspect import Inspector, trace_of
from agent.web.page.inspect_step import Place
from agent.web.page.replay import ask_replay
from agent.web.page.shell import empty, frame
from agent.web.page.start import start_page
from agent.web.page.talk import Talk, frames_of
from tools.images import DECODING_ERRORS, PictureError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.studio.studio import Studio
    from agent.studio.views import Summary
    from agent.web.page.costs import Cost

TOLD = ("node", "waiting", "ended", "failed", "cancelled", "changed")  # after these a trace holds more
LOOK = 2.0  # s between looks at what has come or ended: terminals and other servers tell nothing
SLOW = 30.0  # s that a page may take to be made on a machine that is at work
GONE = (StudioError, RunError, PictureError, ValueError)
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect x="1" y="1" width="22" height="22" rx="6" '
    'fill="#5a4be6"/><rect x="7" y="7" width="10" height="10" rx="2" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)


def add_page(app: FastAPI, studio: Studio) -> None:
    """Put the page on ``app``, behind everything that is on it already."""
    with as_file(files("agent.web.page") / "static" / "samples") as samples:
        nicegui_app.add_static_files("/page/samples", samples)
    _add_talk(studio)
    _add_gallery(studio)
    _add_inspect(studio)
    nicegui_app.config.quasar_config["loadingBar"] = {"skipHijack": True}  # a bar that has no name for a reader
    ui.run_with(
        app,
        title="sld",
        favicon=ICON,
        language="en-US",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )


def _add_talk(studio: Studio) -> None:
    @ui.page("/", response_timeout=SLOW)
    async def start() -> None:
        found = await asyncio.to_thread(studio.summaries)
        with frame("talk", ""):
            start_page(studio, [one for one in found if one.kind == "session" and one.status != "unreadable"])

    @ui.page("/talk/{name}", response_timeout=SLOW)
    async def talk(name: str) -> None:
        try:
            view = await asyncio.to_thread(studio.view, name)
            frames = await asyncio.to_thread(frames_of, studio.folder(name), view)
        except GONE as error:
            _missing("talk", str(error))
            return
        with frame("talk", next((one.text for one in view.messages), view.origin or name), "page"):
            Talk(studio, name, view, frames).draw()


def _add_gallery(studio: Studio) -> None:
    @ui.page("/gallery", response_timeout=SLOW)
    async def gallery() -> None:
        found = await asyncio.to_thread(studio.summaries)
        with frame("gallery", "Gallery"):
            drawn = Gallery(studio, found)
            drawn.draw()

        async def look() -> None:
            drawn.update(await asyncio.to_thread(studio.summaries))

        ui.timer(LOOK, look)

    @ui.page("/cost", response_timeout=SLOW)
    async def cost() -> None:
        drawn = await asyncio.to_thread(_ended, studio)
        found = await asyncio.to_thread(_costs, studio)
        with frame("cost", "Cost"), tag("div") as root:
            cost_page(found)

        async def look() -> None:
            nonlocal drawn
            now = await asyncio.to_thread(_ended, studio)
            if now != drawn:  # only then, for reading every trace takes a while
                drawn, again = now, await asyncio.to_thread(_costs, studio)
                root.clear()
                with root:
                    cost_page(again)

        ui.timer(LOOK, look)


def _add_inspect(studio: Studio) -> None:
    @ui.page("/inspect", response_timeout=SLOW)
    async def inspect_any() -> None:
        found = await asyncio.to_thread(studio.summaries)
        with frame("inspect", "Inspect"):
            choose_page(
                "Inspect", "Every step of a run: what was asked, said, drawn and seen, and how long it took.", found
            )

    @ui.page("/inspect/{name}", response_timeout=SLOW)
    async def inspect(name: str, step: str = "", turn: int | None = None) -> None:
        try:
            trace = await asyncio.to_thread(trace_of, studio.folder(name))
        except GONE as error:
            _missing("inspect", str(error))
            return
        with frame("inspect", trace.title, "page"):
            inspector = Inspector(trace, place_of(studio, name), step, turn)
            inspector.draw()
            task = background_tasks.create(_keep_up(studio, name, inspector), name=f"inspect {name}")
            ui.context.client.on_delete(task.cancel)

    @ui.page("/compare", response_timeout=SLOW)
    async def compare(left: str = "", right: str = "") -> None:
        if not (left and right):
            found = await asyncio.to_thread(studio.summaries)
            with frame("inspect", "Compare"):
                choose_page("Compare two", "Choose the first, then the second.", found, left)
            return
        try:
            pair = [await asyncio.to_thread(trace_of, studio.folder(name)) for name in (left, right)]
        except GONE as error:
            _missing("inspect", str(error))
            return
        with frame("inspect", "Compare"):
            compare_page((pair[0], place_of(studio, left)), (pair[1], place_of(studio, right)))


async def _keep_up(studio: Studio, name: str, inspector: Inspector) -> None:
    """Show steps as they end."""
    async for event in studio.events.follow(name, studio.events.last):
        if event.kind in TOLD and event.data.get("status") != "started":
            inspector.update(await asyncio.to_thread(trace_of, studio.folder(name)))


def place_of(studio: Studio, name: str) -> Place:
    """Return where a session's or a run's steps and pictures are, and what leads away from it."""
    quoted, is_run = quote(name), name.startswith("run:")

    def picture(image: str) -> tuple[str, tuple[int, int]] | None:
        try:
            with Image.open(studio.picture(name, image)) as opened:
                return f"/api/sessions/{quoted}/pictures/{image}.png", opened.size
        except (*GONE, *DECODING_ERRORS):
            return None

    links = [("Report", f"/api/sessions/{quoted}/report", "gallery"), ("Compare", f"/compare?left={quoted}", "compare")]
    if not is_run:
        links.insert(0, ("Talk", f"/talk/{quoted}", "talk"))
    return Place(
        lambda step: f"/inspect/{quoted}?step={quote(step)}",
        picture,
        tuple(links),
        lambda step: ask_replay(studio, name, step),
    )


def _ended(studio: Studio) -> dict[str, float]:
    """Return when each session and run that is not at work changed last."""
    return {one.name: one.changed for one in studio.summaries() if one.work is None}


def _costs(studio: Studio) -> list[tuple[Summary, str, Cost]]:
    found = []
    for summary in studio.summaries():
        try:
            cost = cost_of(studio.folder(summary.name))
        except GONE:
            continue  # a damaged folder must not hide the others
        found.append((summary, f"/inspect/{quote(summary.name)}", cost))
    return found


def _missing(place: str, why: str) -> None:
    with frame(place, "Not here"):
        empty("search", "That is not here", why)
        with tag("p", None, "empty"):
            link("To the gallery", "/gallery", "btn")
