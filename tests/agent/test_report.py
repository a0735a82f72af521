from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.driver import RunFolder
from agent.report import render_report, write_report
from agent.runs import RunError
from tests.agent.jobs import FIRST, LOOK, SECOND, SPEC, job, run
from tests.scripted import ScriptedChat, calls

HOSTILE = '<script>alert("x")</script>"><img src=x onerror=alert(1)>{{ 7 * 7 }}'


class Reader(HTMLParser):
    """Collects tags, attributes and text; fails on tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "rect", "use", "image"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

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
    labels = {attributes["for"] for tag, attributes in page.tags if tag == "label"}

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
    assert page.count("image", "l-change") == 2
    assert sum(tag == "input" and attributes.get("type") == "range" for tag, attributes in page.tags) == 1


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

    assert "? hm" in (tmp_path / "report.html").read_text()


def test_an_unfinished_run_has_a_report_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(tmp_path, chat=ScriptedChat(script=[SPEC, FIRST, RuntimeError("the cable was cut")]))

    text = render_report(RunFolder(tmp_path))

    assert "the cable was cut" in text
    assert "Round 1" in text


def test_a_run_that_ended_at_once_has_a_report_too(tmp_path: Path) -> None:
    run(tmp_path, chat=ScriptedChat(script=["?"], forever=True))

    assert "parse failed" in render_report(RunFolder(tmp_path))


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
