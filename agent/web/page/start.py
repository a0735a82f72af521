"""Where a conversation begins: a sentence or a picture, or one of a few to try with."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import TYPE_CHECKING

from nicegui import ui

from agent.web.page.dom import button, draw_icon, tag
from agent.web.page.errors import notify, saying
from agent.web.page.gallery import draw_tile
from agent.web.page.samples import PICTURES, SENTENCES
from agent.web.page.shell import ENTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.studio.studio import Studio
    from agent.studio.views import Summary

RECENT = 6
# A picture goes over HTTP, not through the socket: it may be large. The form's text goes with it, as an instruction.
UPLOAD = """async (event) => {
  event.preventDefault();
  const form = event.target.form || event.target, data = new FormData(form);
  if (data.get("picture") && !data.get("picture").size) data.delete("picture");
  if (!data.get("picture") && !data.get("text").trim()) return;
  if (event.type === "change" && !data.get("picture")) return;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("/api/sessions", { method: "POST", body: data }), said = await answer.json();
    if (answer.ok) emit({ name: said.name });
    else emit({ error: typeof said.detail === "string" ? said.detail : said.error?.message || answer.statusText });
  } catch (problem) { emit({ error: String(problem) }); }
  form.removeAttribute("aria-busy");
}"""
OVER = "(event) => { event.preventDefault(); event.currentTarget.classList.add('over'); }"
LEAVE = "(event) => event.currentTarget.classList.remove('over')"
DROP = """(event) => {
  event.preventDefault();
  const form = event.currentTarget, field = form.elements.picture;
  form.classList.remove("over");
  if (!event.dataTransfer.files.length) return;
  field.files = event.dataTransfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def start_page(studio: Studio, recent: Sequence[Summary]) -> None:
    """Draw the page."""

    async def begin(text: str) -> None:
        with saying():
            _open(await asyncio.to_thread(lambda: studio.make(text=text)))

    async def begin_with(sample: str) -> None:
        data = (files("agent.web.page") / "static" / "samples" / sample).read_bytes()
        with saying():
            _open(await asyncio.to_thread(lambda: studio.make(picture=data, origin=sample)))

    with tag("div", None, "start"):
        tag("h1", "What shall the picture show?")
        tag(
            "p",
            "Say it in a sentence, or bring a picture. It is drawn, looked at, and corrected until it is so.",
        )
        _ask()
        with tag("section", aria_label="Sentences to try"):
            tag("h2", "Try a sentence")
            with tag("div", None, "suggest"):
                for sentence in SENTENCES:
                    button(sentence, lambda one=sentence: begin(one), "small")
        with tag("section", aria_label="Pictures to try"):
            tag("h2", "Or a picture to change")
            with tag("div", None, "tiles"):
                for name, words in PICTURES:
                    with tag("button", None, "tile", type="button", aria_label=f"Begin with: {words}") as item:
                        with tag("span", None, "look"):
                            tag("img", None, "thumb", src=f"/page/samples/{name}", alt="")
                        with tag("span", None, "text"):
                            tag("span", words, "title")
                    item.on("click", lambda _, one=name: begin_with(one), args=[])
        if recent:
            with tag("section", aria_label="Recent"):
                with tag("div", None, "row"):
                    tag("h2", "Go on with", "grow")
                with tag("div", None, "tiles"):
                    for summary in recent[:RECENT]:
                        draw_tile(summary)


def _ask() -> None:
    with tag("form", None, "card ask", aria_label="Begin") as form:
        text = tag(
            "textarea",
            None,
            "",
            name="text",
            aria_label="Sentence",
            placeholder="Two red cars on the left and a blue cup on the right",
            maxlength=10_000,
        )
        text.on("keydown", js_handler=ENTER)
        with tag("div", None, "row"):
            with tag("label", None, "btn quiet upload", title="Or drop one anywhere in this box"):
                draw_icon("upload")
                tag("span", "Bring a picture")
                picture = tag("input", None, "sr", type="file", name="picture", accept="image/*")
                picture.on("change", lambda event: _begun(event.args), js_handler=UPLOAD)
            tag("span", None, "grow")
            button("Begin", None, "primary", "send", type="submit")
    form.on("submit", lambda event: _begun(event.args), js_handler=UPLOAD)
    form.on("dragover", js_handler=OVER)
    form.on("dragleave", js_handler=LEAVE)
    form.on("drop", js_handler=DROP)


def _begun(answer: dict[str, str]) -> None:
    if answer.get("name"):
        _open(answer["name"])
    else:
        notify(str(answer.get("error") or "that did not work"), wrong=True)


def _open(name: str) -> None:
    ui.navigate.to(f"/talk/{name}")
