"""Asks for the setting to change, and runs a run again from one of its steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import ui

from agent.web.page.dom import button, tag
from agent.web.page.errors import notify, saying
from agent.web.page.live import LiveSteps
from agent.web.page.sheet import sheet
from configs.preset_files import read_yaml

if TYPE_CHECKING:
    from agent.studio.studio import Studio

SETTINGS = ("loop.rounds", "editor.steps", "editor.guidance", "detector.threshold", "detector.doubt", "chat.model")
SUBMIT = """(event) => {
  event.preventDefault();
  const { key, value, seed } = event.target.elements;
  emit({ key: key.value, value: value.value, seed: seed.value });
}"""


def ask_replay(studio: Studio, name: str, step: int) -> None:
    """Open the form."""

    async def go(given: dict[str, str]) -> None:
        key, value, seed = (given.get(part, "").strip() for part in ("key", "value", "seed"))
        with saying():
            overrides = {key: read_yaml(value, key)} if key and value else {}
            again = await asyncio.to_thread(studio.replay, name, step, overrides, int(seed) if seed else None)
            form.clear()
            with form:
                await _follow(studio, name, again)

    with sheet(f"Replay from step {step}"), tag("form", None, "form") as form:
        tag("p", "A new run, with everything before this step as it was.", "soft")
        tag("p", "The model's recorded answers are used while it is asked the same.", "soft")
        with tag("label", "Seed", "labelled"):
            tag("input", None, "field", name="seed", type="number", min=0, placeholder="as it was")
        with tag("label", "Setting to change", "labelled"):
            tag("input", None, "field", name="key", placeholder="editor.steps", list="settings", autocomplete="off")
        with tag("datalist", id="settings"):
            for key in SETTINGS:
                tag("option", value=key)
        with tag("label", "Its value", "labelled"):
            tag("input", None, "field", name="value", placeholder="40", autocomplete="off")
        button("Replay", None, "primary", "replay", type="submit")
    form.on("submit", lambda event: go(event.args), js_handler=SUBMIT)


async def _follow(studio: Studio, name: str, again: str) -> None:
    """Show the steps of the new run; when it has ended, lay both side by side."""
    tag("p", "The new run is made. Both are shown side by side when it has ended.", "soft")
    steps = LiveSteps()
    async for event in studio.events.follow(again, 0):
        if steps.is_gone:  # the sheet was closed: the run goes on
            return
        steps.take(event)
        if event.kind == "failed":
            notify(str(event.data["reason"]), wrong=True)
            return
        if event.kind == "ended":
            ui.navigate.to(f"/compare?left={quote(name)}&right={quote(again)}")
            return
