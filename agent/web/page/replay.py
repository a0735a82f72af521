"""Asks for the setting to change, and runs a run again from one of its steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from nicegui import ui

from agent.web.page.dom import button, tag
from agent.web.page.errors import saying
from agent.web.page.sheet import sheet

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
            overrides = {key: value} if key and value else {}
            again = await asyncio.to_thread(
                lambda: studio.replay(name, step, overrides=overrides, seed=int(seed) if seed else None)
            )
            ui.navigate.to(f"/inspect/{quote(again)}")

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
