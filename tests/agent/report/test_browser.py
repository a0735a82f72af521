"""The report in a real browser: it opens, switches, filters, slides, and says nothing on the console."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent.report.render import write_report
from agent.run.folder import RunFolder
from tests.agent.jobs import FIRST, LOOK, SECOND, SPEC, job, run
from tests.scripted import ScriptedChat, calls, edit
from tests.world import World, settings
from tools.backend.protocol import Edited

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

LAST = edit(
    {"op": "restyle", "id": "car #1", "attributes": ["red"]},
    {"op": "remove", "id": "dog #1"},
    {"op": "add", "name": "cup", "attributes": ["blue"], "box": [0.6, 0.1, 0.2, 0.2]},
)


class Careful(World):
    """Says that its edits were free to change the right half only."""

    def edit(self, *args: Any, **kwargs: Any) -> Edited:
        edited = super().edit(*args, **kwargs)
        edited.region[:, :32] = False
        return edited


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = RunFolder(tmp_path_factory.mktemp("report"))
    wrong = calls(("edit", {"operations": [{"op": "remove", "id": "cat #1"}]}))
    run(folder.path, chat=ScriptedChat(script=[SPEC, LOOK, wrong, FIRST, SECOND]), world=Careful())
    write_report(folder)
    return folder.report_path.as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    """Return the open report; the test fails if anything was said on the console."""
    said: list[str] = []
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert said == []


def seen(page: Any, selector: str) -> int:
    return sum(one.is_visible() for one in page.query_selector_all(selector))


@pytest.mark.parametrize(
    ("switch", "key", "layer"),
    [
        ("#layer-objects", "o", ".l-objects rect"),
        ("#layer-verdict", "v", ".l-verdict rect"),
        ("#layer-masks", "s", ".l-masks"),
        ("#layer-region", "m", ".l-region"),
        ("#layer-changed", "c", ".l-changed"),
    ],
)
def test_layers_switch_by_mouse_and_by_key(page: Any, switch: str, key: str, layer: str) -> None:
    at_first = seen(page, layer)
    page.click(switch)
    switched = seen(page, layer)
    page.keyboard.press(key)

    assert (at_first > 0) != (switched > 0)
    assert seen(page, layer) == at_first


def test_the_slider_shows_more_of_one_picture(page: Any) -> None:
    slider = page.locator("#compare input")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")

    assert page.evaluate("getComputedStyle(document.querySelector('#compare .after')).clipPath").endswith("70%)")


def test_any_two_rounds_can_be_compared(page: Any) -> None:
    before = page.locator("#compare .before use")
    first = before.get_attribute("href")
    page.select_option(".choose select[data-side=before]", index=1)

    assert before.get_attribute("href") != first
    assert page.locator(before.get_attribute("href")).count() == 1


def test_failures_and_words_filter_the_story(page: Any) -> None:
    everything = seen(page, ".step")
    page.check("#only-failures")
    failures = seen(page, ".step")
    page.uncheck("#only-failures")
    page.fill("#find", "look at the cars")

    assert everything > 10
    assert failures == 3, "the tool that refused, and the two verdicts that missed something"
    hits = seen(page, ".step")
    assert 0 < hits < everything
    assert page.text_content("#found") == f"{hits} of {everything} steps"
    page.keyboard.press("Escape")
    assert seen(page, ".step") == everything


def test_tool_calls_open_on_click_and_all_at_once(page: Any) -> None:
    assert seen(page, ".tool pre") == 0

    page.locator(".tool summary").first.click()
    assert seen(page, ".tool pre") == 2
    page.keyboard.press("e")
    assert page.locator("details").count() > page.locator("details.call").count()
    assert page.locator("details:not([open])").count() == 0


def test_finding_opens_and_marks_what_is_found_and_closes_it_again(page: Any) -> None:
    page.fill("#find", "cat #1")
    opened = page.locator("details[open]").count()

    assert opened > 0
    assert page.evaluate("CSS.highlights.get('found').size") >= opened
    page.fill("#find", "")
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("CSS.highlights.get('found').size") == 0


def test_no_box_is_blank(page: Any) -> None:
    page.keyboard.press("e")
    assert all(text.strip() for text in page.locator("pre, blockquote").all_inner_texts())


def test_a_story_without_failures_says_so(chromium: Any, tmp_path: Path) -> None:
    right = {"objects": [{"name": "car", "count": 2}, {"name": "dog", "attributes": ["green"], "count": 1}]}
    run(tmp_path, chat=ScriptedChat(script=[right]), job=job(prompt="two cars and a green dog"))
    write_report(RunFolder(tmp_path))
    page = chromium.new_page()
    page.goto((tmp_path / "report.html").as_uri())

    assert seen(page, ".none") == 0
    page.check("#only-failures")
    assert seen(page, ".step") == 0
    assert seen(page, ".none") == 1
    page.close()


def test_on_paper_every_card_has_its_content(page: Any) -> None:
    page.emulate_media(media="print")
    below = page.evaluate("document.documentElement.scrollHeight")
    drawn = page.evaluate("[...document.querySelectorAll('.round')].map((card) => card.innerText.trim().length)")
    styles = page.evaluate(
        "[...document.querySelectorAll('.round')].map((card) => getComputedStyle(card).contentVisibility)"
    )

    assert below > 900
    assert min(drawn) > 10
    assert set(styles) == {"visible"}
    assert page.evaluate("getComputedStyle(document.querySelector('#compare .after')).clipPath") == "none"


def test_rounds_are_walked_by_keys(page: Any) -> None:
    walked = []
    for key in "jjjk":
        page.keyboard.press(key)
        walked.append(page.evaluate("document.activeElement.id"))

    assert walked == ["round-1", "round-2", "round-3", "round-2"]


def test_without_javascript_everything_can_still_be_read(chromium: Any, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)

    assert seen(page, ".step") > 10
    assert seen(page, "#compare .picture") == 2
    assert seen(page, "#find") == 0
    assert "need JavaScript" in page.inner_text(".tools")
    page.click("#layer-objects")
    assert seen(page, ".l-objects rect") == 0
    context.close()


@pytest.mark.parametrize("width", [1400, 900, 420])
def test_nothing_sticks_out(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    ink, ground = (
        np.mean([int(part) for part in page.evaluate(f"getComputedStyle(document.body).{name}")[4:-1].split(",")])
        for name in ("color", "backgroundColor")
    )

    assert abs(ink - ground) > 150
    assert (ink < ground) == (scheme == "light")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_rounds_open_and_are_under_15_mb(chromium: Any, tmp_path: Path) -> None:
    moves = [edit({"op": "move", "id": "car #1", "box": [0.05, 0.01 * at, 0.2, 0.2]}) for at in range(49)]
    limits = settings(loop={"rounds": 60, "tool_calls": 500})
    run(tmp_path, chat=ScriptedChat(script=[SPEC, *moves, LAST]), settings=limits)
    noise = np.random.default_rng(0)
    for path in (tmp_path / "images").glob("*.png"):  # pictures as large and as full of detail as real ones
        small = Image.open(path).convert("RGB").resize((768, 768))
        Image.fromarray(np.clip(np.asarray(small) + noise.normal(0, 20, (768, 768, 3)), 0, 255).astype("u1")).save(path)
    write_report(RunFolder(tmp_path))
    page = chromium.new_page()

    page.goto((tmp_path / "report.html").as_uri())

    assert page.locator(".round").count() == 52
    assert (tmp_path / "report.html").stat().st_size < 15e6
