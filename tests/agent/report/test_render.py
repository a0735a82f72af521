from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent.offline.planner import OfflinePlanner
from agent.report.render import render_report, write_report
from agent.run.driver import RunFolder
from agent.run.folder import RunError
from agent.session.session import Session
from agent.trace.events import read_trace
from agent.trace.timeline import turns_of
from tests.agent.jobs import FIRST, LOOK, SECOND, SPEC, START, job, run
from tests.scripted import ScriptedChat, calls, edit
from tests.world import World, draw, settings, truth
from tools.backend.protocol import Edited
from tools.images import ImageStore

HOSTILE = '<script>alert("x")</script>"><img src=x onerror=alert(1)>{{ 7 * 7 }}'


class Reader(HTMLParser):
    """Collects tags, attributes and text; fails on tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "rect", "use", "image"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.classes: list[str] = []
        self.parts: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
            self.classes.append(dict(attrs).get("class") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.classes.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        self.parts += [(tag, css, data) for tag, css in zip(self.open, self.classes, strict=True)]

    def texts(self, tag: str, css: str) -> list[str]:
        return [text for name, classes, text in self.parts if name == tag and css in classes.split() and text.strip()]

    def count(self, tag: str, css: str = "") -> int:
        return sum(name == tag and css in (attributes.get("class") or "").split() for name, attributes in self.tags)


@pytest.fixture
def page(tmp_path: Path) -> Reader:
    run(tmp_path)
    write_report(RunFolder(tmp_path))
    return Reader((tmp_path / "report.html").read_text())


def test_the_page_needs_nothing_else(page: Reader) -> None:
    addresses = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("href", "src", "data", "action", "srcset", "xlink:href")
    ]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    policy = next(attributes["content"] or "" for tag, attributes in page.tags if "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    assert page.open == []


def test_links_inside_the_page_lead_somewhere(page: Reader) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    wanted = {(attributes.get("href") or "")[1:] for tag, attributes in page.tags if tag in ("a", "use")}
    labels = {attributes["for"] for tag, attributes in page.tags if attributes.get("for")}

    assert len(ids) == len(set(ids))
    assert wanted | labels <= set(ids)


def test_every_round_is_told(page: Reader) -> None:
    assert "The first picture" in page.text
    assert "Round 2" in page.text
    assert "I look at the cars first." in page.text
    assert "expected exactly one cup, found no cup" in page.text
    assert page.count("g", "object") == 3 + 2 + 3
    assert page.count("details", "tool") == 3
    assert page.count("td", "fail") == 4 + 2
    assert page.count("image", "l-changed") == 2
    assert sum(tag == "input" and attributes.get("type") == "range" for tag, attributes in page.tags) == 1


def test_the_region_that_an_edit_was_free_to_change_is_shown(tmp_path: Path) -> None:
    class Careful(World):
        def edit(self, *args: Any, **kwargs: Any) -> Edited:
            edited = super().edit(*args, **kwargs)
            edited.region[:, :32] = False
            return edited

    run(tmp_path, world=Careful())
    page = Reader(render_report(RunFolder(tmp_path)))

    assert page.count("image", "l-region") == 2
    regions = [attributes["href"] or "" for _, attributes in page.tags if attributes.get("class") == "l-region"]
    overlay = np.asarray(Image.open(BytesIO(b64decode(regions[0].partition(",")[2]))).convert("RGBA"))
    assert (overlay[:, :32, 3] > 0).all(), "what was not free to change lies in the shade"
    assert (overlay[:, 33:, 3] == 0).all()


def test_the_masks_of_objects_are_shown_in_their_colours(tmp_path: Path) -> None:
    run(tmp_path)
    page = Reader(render_report(RunFolder(tmp_path)))

    layers = [attributes["href"] or "" for _, attributes in page.tags if attributes.get("class") == "l-masks"]
    assert len(layers) == 2, "one for each edit"
    overlay = np.asarray(Image.open(BytesIO(b64decode(layers[0].partition(",")[2]))).convert("RGBA"))
    folder = RunFolder(tmp_path)
    edited = [one for turn in turns_of(read_trace(folder.trace_path)) for one in turn.rounds if one.masks]
    assert edited[0].attempt is not None
    seen = truth(ImageStore(folder.images_path).load(edited[0].attempt["image"]))
    assert list(edited[0].masked) == list(seen.ids)
    colours = set()
    for placed in seen.objects:
        x, y = (round(64 * value) for value in placed.box.center)
        assert overlay[y, x, 3] > 0
        colours.add(tuple(overlay[y, x, :3]))
    assert len(colours) == len(seen.objects)
    assert (overlay[..., 3] == 0).any()


def test_a_session_is_told_turn_by_turn_with_its_moves(tmp_path: Path) -> None:
    recolour = edit({"op": "restyle", "id": "car #1", "attributes": ["red"]})
    operations = {"operations": [{"op": "restyle", "id": "car #1", "attributes": ["red"]}]}
    chat = ScriptedChat(script=[operations, recolour, {"answer": "Two cars and a dog."}])
    with Session.open(tmp_path, image=draw(START), backend=World(), chat=chat, settings=settings()) as session:
        session.send("make the blue car red")
        session.send("what do you see?")
        session.undo()
    page = Reader(render_report(RunFolder(tmp_path)))

    said = [text.strip() for text in page.texts("p", "you")]
    assert said == ["make the blue car red", "what do you see?"]
    assert [text.strip() for text in page.texts("p", "move")] == ["undone: back to how it was after turn 0"]
    assert "Two cars and a dog." in page.text
    assert page.count("section", "turn") == 3


def test_each_picture_is_in_the_page_once(tmp_path: Path) -> None:
    run(tmp_path)
    text = render_report(RunFolder(tmp_path))

    assert len(re.findall(r'<image id="p-', text)) == 3


def test_what_models_and_users_say_is_text_and_nothing_else(tmp_path: Path) -> None:
    chat = ScriptedChat(
        script=[SPEC, LOOK.model_copy(update={"content": HOSTILE}), calls((HOSTILE, {HOSTILE: HOSTILE})), FIRST, SECOND]
    )
    run(tmp_path, chat=chat, job=job(prompt=f"two red cars {HOSTILE}", origin=HOSTILE))

    page = Reader(render_report(RunFolder(tmp_path)))

    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert HOSTILE in page.text


def test_half_a_character_from_a_model_does_not_lose_the_report(tmp_path: Path) -> None:
    run(tmp_path, chat=ScriptedChat(script=[SPEC, LOOK.model_copy(update={"content": "\ud800 hm"}), FIRST, SECOND]))

    write_report(RunFolder(tmp_path))

    assert "\ufffd hm" in (tmp_path / "report.html").read_text()


def test_an_unfinished_run_has_a_report_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(tmp_path, chat=ScriptedChat(script=[SPEC, FIRST, RuntimeError("the cable was cut")]))

    text = render_report(RunFolder(tmp_path))

    assert "the cable was cut" in text
    assert "Round 1" in text


def test_a_run_that_ended_at_once_has_a_report_too(tmp_path: Path) -> None:
    run(tmp_path, chat=ScriptedChat(script=["?"], forever=True))

    assert "model failed" in render_report(RunFolder(tmp_path))


def test_a_lost_picture_does_not_lose_the_story(tmp_path: Path) -> None:
    run(tmp_path)
    for path in (tmp_path / "images").glob("*.png"):
        path.unlink()

    assert "not in the run folder any more" in render_report(RunFolder(tmp_path))


def test_a_folder_without_a_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        render_report(RunFolder(tmp_path))


def test_the_same_run_makes_the_same_page(tmp_path: Path) -> None:
    run(tmp_path)

    assert render_report(RunFolder(tmp_path)) == render_report(RunFolder(tmp_path))


def test_the_model_is_named_also_when_it_is_the_offline_planner(tmp_path: Path) -> None:
    run(tmp_path, chat=OfflinePlanner(), job=job(prompt="a blue car"))
    page = render_report(RunFolder(tmp_path))
    assert page.count("offline planner") >= 2, "at the top, and at its calls"
