"""The page in a real browser, on a real server with the embedded models."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.agent.jobs import FIRST, LOOK, SECOND, SPEC, job, run
from tests.scripted import ScriptedChat
from tools.scene.spec import SceneSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("nicegui", reason="the extra `web` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_module = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
NAMED = "<img src=x onerror=document.title='owned'>"
WAIT = 120_000  # ms for a turn: other tests may have the processor
DESK, PHONE = {"width": 1360, "height": 850}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the program as a person does, in a process of its own: NiceGUI keeps one app in each."""
    home = tmp_path_factory.mktemp("home")
    given = job(prompt=HOSTILE, spec=SceneSpec.model_validate(SPEC))  # no reading of such a sentence is believed
    run(home / "runs" / NAMED, job=given, chat=ScriptedChat(script=[LOOK, FIRST, SECOND]))
    command = [sys.executable, "-m", "sld", "serve", "--port", "0", "--sessions", "sessions", "--runs", "runs"]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        yield next(line.split()[1] for line in process.stdout if line.startswith("page:")).rstrip("/")
        process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A browser of its own with one tab, that remembers what went wrong in it."""

    def __init__(self, chromium: Any, server: str, **options: Any) -> None:
        self.server, self.context = server, chromium.new_context(**{"viewport": DESK, **options})
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        self.page = self.open()

    def open(self, path: str = "") -> Any:
        page = self.context.new_page()
        page.set_default_timeout(WAIT)
        page.on(
            "console", lambda message: self.said.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        if path:
            page.goto(self.server + path)
            page.wait_for_selector(".app")
        return page

    def _asked(self, url: str) -> None:
        if not url.startswith((self.server, self.server.replace("http", "ws", 1), "data:", "blob:")):
            self.elsewhere.append(url)

    def go(self, path: str) -> Any:
        self.page.goto(self.server + path)
        self.page.wait_for_selector(".app")
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.said == []
        assert self.elsewhere == []


@pytest.fixture
def tab(chromium: Any, server: str) -> Iterator[Tab]:
    tab = Tab(chromium, server)
    yield tab
    tab.close()


@pytest.fixture
def phone(chromium: Any, server: str) -> Iterator[Tab]:
    tab = Tab(chromium, server, viewport=PHONE, is_mobile=True, has_touch=True, color_scheme="dark")
    yield tab
    tab.close()


def begin(page: Any) -> None:
    """Begin with a sample picture."""
    page.goto(page.url)
    page.get_by_role("button", name="Begin with: Two cars and a cup").click()
    page.wait_for_url("**/talk/**")
    page.wait_for_selector(".pv")


def say(page: Any, text: str) -> None:
    field = page.get_by_label("What shall be different")
    field.fill(text)
    field.press("Enter")
    page.wait_for_function("text => [...document.querySelectorAll('.you')].at(-1)?.textContent === text", arg=text)


def ended(page: Any, what: str = "agreed") -> None:
    """Wait until nothing is at work and the last message says how it ended."""
    page.wait_for_function(
        "what => !document.querySelector('.says .steps')"
        " && document.querySelector('.says > :last-child')?.textContent.includes(what)",
        arg=what,
    )


def picture(page: Any) -> str:
    return str(page.locator(".pv > img").first.get_attribute("src"))


def drag(page: Any, what: Any, by: tuple[float, float], at: tuple[float, float] | None = None) -> None:
    box = what.bounding_box()
    x, y = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) if at is None else at
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0] / 2, y + by[1] / 2)
    page.mouse.move(x + by[0], y + by[1])
    page.mouse.up()


def test_a_conversation_of_ten_turns(tab: Tab) -> None:
    page = tab.go("/")
    begin(page)
    say(page, "add a yellow dog")  # 1
    ended(page)

    page.get_by_label("Ask me before each edit").check()
    say(page, "move the dog to the right")  # 2: the plan waits, its box is dragged
    page.wait_for_selector(".plan")
    box = page.locator(".pv-plan.move")
    before = box.bounding_box()
    drag(page, box, (-60, -30))
    drag(page, page.locator(".pv-plan.move .pv-handle.se"), (-20, -15))
    after = box.bounding_box()
    assert before["x"] - after["x"] == pytest.approx(60, abs=2)
    assert before["width"] - after["width"] == pytest.approx(20, abs=2)
    box.press("ArrowLeft")
    page.get_by_role("button", name="Do it").click()
    page.wait_for_selector(".plan", state="detached")
    ended(page)
    dog = page.get_by_label("Pick yellow dog").bounding_box()
    assert dog["x"] + dog["width"] / 2 == pytest.approx(after["x"] + after["width"] / 2, abs=40)
    assert dog["y"] + dog["height"] / 2 == pytest.approx(after["y"] + after["height"] / 2, abs=40)

    say(page, "remove the cup")  # 3: no, with a reason
    page.wait_for_selector(".plan")
    page.get_by_role("button", name="No", exact=True).click()
    page.wait_for_selector(".plan", state="detached")
    page.wait_for_function("!document.querySelector('.steps')")
    page.get_by_label("Ask me before each edit").uncheck()

    if page.get_by_role("button", name="Give it up").count():
        page.get_by_role("button", name="Give it up").click()
    page.get_by_label("Pick red car").click()  # 4: an object is picked by clicking, and named
    field = page.get_by_label("What shall be different")
    page.wait_for_function("document.querySelector('textarea').value.includes('the red car')")
    field.press("Home")
    field.type("make ")
    field.press("End")
    field.type("green")
    field.press("Enter")
    ended(page, "Inspect")
    page.get_by_label("Pick green car").wait_for()
    green = picture(page)

    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    page.get_by_label("Pick red car").wait_for()
    assert picture(page) != green
    page.get_by_label("Redo (Ctrl+Shift+Z)").click()
    page.get_by_label("Pick green car").wait_for()
    assert picture(page) == green

    say(page, "how many cars are there?")  # 5
    ended(page, "two")

    second = tab.open(page.url.removeprefix(tab.server))  # 6: a second tab follows, and the first is loaded anew
    say(page, "add a pink book")
    second.wait_for_selector(".steps")
    page.reload()
    page.wait_for_selector(".says .steps, .says .chip")
    ended(page)
    ended(second)
    assert picture(page) == picture(second)

    kept = picture(second)
    say(page, "add a green bottle and a black cat")  # 7: cancelled in the middle of drawing
    page.locator(".steps .now", has_text="editing").wait_for()
    page.get_by_role("button", name="Stop").click()
    ended(page, "stopped")
    assert picture(page) == kept

    page.keyboard.press("Escape")
    page.keyboard.press("t")  # 8: a branch from an earlier turn
    page.get_by_role("dialog", name="Every turn, every branch").wait_for()
    page.locator(".moment", has_text="add a yellow dog").click()
    page.get_by_label("Pick red car").wait_for()
    say(page, "make the dog orange")
    ended(page)
    page.get_by_label("Pick orange dog").wait_for()
    ended(second, "orange")
    page.locator(".verdict li", has_text="orange dog").first.hover()
    page.wait_for_selector(".pv-mark.pass")

    page.get_by_label("Draw a box where it shall be (2)").click()  # 9: a box says where
    view = page.locator(".pv").bounding_box()
    corner = (view["x"] + view["width"] * 0.04, view["y"] + view["height"] * 0.04)
    drag(page, page.locator(".pv-surface"), (view["width"] * 0.26, view["height"] * 0.24), corner)
    page.wait_for_selector(".pv-plan.where")
    say(page, "add a purple bowl")
    ended(page, "Inspect")
    page.get_by_label("Pick an object (1)").click()
    bowl = page.get_by_label("Pick purple bowl").bounding_box()
    assert (bowl["x"] + bowl["width"] / 2 - view["x"]) / view["width"] == pytest.approx(0.17, abs=0.08)
    assert (bowl["y"] + bowl["height"] / 2 - view["y"]) / view["height"] == pytest.approx(0.16, abs=0.08)
    assert not page.get_by_label("Ask me before each edit").is_checked()

    say(page, HOSTILE)  # 10: what is said is never markup
    ended(page, "Inspect")
    assert HOSTILE in page.locator(".you").last.inner_text()
    assert page.locator(".says img, .topbar img").count() == 0
    assert "owned" not in page.title()

    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.get_by_label("Show more of the picture before or after").press("ArrowRight")
    with page.expect_download() as download:
        page.get_by_label("Download the picture").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_same_on_a_phone(phone: Tab) -> None:
    page = phone.go("/")
    begin(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Ask me before each edit").check()
    say(page, "add a yellow dog")
    page.wait_for_selector(".plan")
    box = page.locator(".pv-plan.add")
    before = box.bounding_box()
    touch_drag(page, box, (30, 20))
    assert box.bounding_box()["x"] - before["x"] == pytest.approx(30, abs=3)
    page.get_by_role("button", name="Do it").tap()
    page.wait_for_selector(".plan", state="detached")
    ended(page, "Inspect")
    page.get_by_label("Pick yellow dog").tap()
    page.wait_for_function("document.querySelector('textarea').value.includes('the dog')")
    page.get_by_label("Undo (Ctrl+Z)").tap()
    page.get_by_label("Pick yellow dog").wait_for(state="detached")
    for path in ("/", "/gallery", "/cost", page.url.removeprefix(phone.server).replace("talk", "inspect")):
        phone.go(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def touch_drag(page: Any, what: Any, by: tuple[float, float]) -> None:
    """Drag with a finger (Chromium's protocol: Playwright itself only taps)."""
    box = what.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + by[0] / 2, "y": y + by[1] / 2}]),
        ("touchMove", [{"x": x + by[0], "y": y + by[1]}]),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(chromium: Any, server: str, scheme: str) -> None:
    tab = Tab(chromium, server, color_scheme=scheme)
    page = tab.go("/")
    begin(page)
    name = page.url.rsplit("/", 1)[1]
    page.get_by_label("Ask me before each edit").check()
    say(page, "add a yellow dog")
    page.wait_for_selector(".plan")
    findings = serious(page, "plan")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.get_by_role("dialog").wait_for()
    findings += serious(page, "tree")
    for path in (
        "/",
        "/gallery",
        "/inspect",
        f"/inspect/{name}",
        f"/compare?left={name}&right={name}",
        "/cost",
        "/nothing",
    ):
        tab.go(path) if path != "/nothing" else tab.go("/inspect/nothing")
        page.wait_for_timeout(300)
        findings += serious(page, path)
    assert findings == []
    tab.close()


def serious(page: Any, where: str) -> list[str]:
    """Return what axe finds that is serious."""
    found = axe_module.Axe().run(page).response["violations"]
    return [f"{where}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]


def test_inspect_searches_opens_and_highlights(tab: Tab) -> None:
    page = tab.go("/")
    begin(page)
    say(page, HOSTILE)
    ended(page, "Inspect")
    tab.go(page.url.removeprefix(tab.server).replace("talk", "inspect"))
    page.get_by_label("Search in the trace").fill("onerror")
    page.wait_for_selector("mark")
    assert page.locator(".span.hit").count() > 1
    assert page.locator(".detail img[src=x], .spans img").count() == 0
    page.get_by_label("Search in the trace").fill("")
    page.locator(".span", has_text="language model").first.click()
    page.get_by_text(re.compile(r"What the model was shown \(\d+ messages\)")).wait_for()
    link = page.url
    assert "step=" in link
    tab.go(link.removeprefix(tab.server))
    assert page.locator(".span[aria-selected=true]", has_text="language model").count() == 1


def test_gallery_and_cost_show_what_ends_meanwhile(tab: Tab) -> None:
    others = [tab.open("/gallery"), tab.open("/cost")]
    page = tab.go("/")
    begin(page)
    say(page, "add a small orange bottle")
    ended(page)
    for other in others:
        other.get_by_text("add a small orange bottle").first.wait_for()


def test_the_film_says_now_once(tab: Tab) -> None:
    page = tab.go("/")
    begin(page)
    say(page, "add a yellow dog")
    ended(page)
    say(page, "remove the dog")
    ended(page)
    assert page.locator(".frame[aria-current]").count() == 1


def test_on_a_phone_a_long_failure_hides_nothing(phone: Tab) -> None:
    page = phone.go("/")
    begin(page)
    say(page, "fly to the moon and back, please, and then to the sun")
    ended(page, "not agreed")
    phone.go(page.url.removeprefix(phone.server).replace("talk", "inspect"))
    for shown in (page.get_by_role("link", name="Talk").last, page.get_by_text("Only failures")):
        box = shown.bounding_box()
        assert box
        assert box["x"] + box["width"] <= PHONE["width"]


def test_the_gallery_finds_and_deletes_with_an_undo(tab: Tab) -> None:
    page = tab.go("/")
    begin(page)
    say(page, "is there a dog?")
    ended(page, "no")
    tab.go("/gallery")
    count = page.locator(".tile").count()
    page.get_by_label("Search", exact=True).fill("street")
    page.wait_for_function("document.querySelector('.page-head [role=status]').textContent.includes('of') || true")
    tile = page.locator(".tile").first
    tile.hover()
    tile.get_by_role("button").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_label("Search", exact=True).fill("")
    page.wait_for_function("count => document.querySelectorAll('.tile').length === count", arg=count)


def test_neither_a_name_nor_a_prompt_becomes_markup(tab: Tab) -> None:
    name = quote(f"run:{NAMED}")
    for path in ("/gallery", "/inspect", f"/inspect/{name}", f"/compare?left={name}&right={name}", "/cost"):
        page = tab.go(path)
        page.get_by_text("onerror").first.wait_for()
        assert page.locator("img[src=x]").count() == 0, path
        assert "owned" not in page.title() or HOSTILE in page.title(), path


def test_a_picture_is_brought_and_a_place_is_painted_or_set_by_keys(tab: Tab, tmp_path: Path) -> None:
    page = tab.go("/")
    Image.new("RGB", (160, 96), "teal").save(tmp_path / "teal.png")
    page.set_input_files("input[name=picture]", tmp_path / "teal.png")
    page.wait_for_url("**/talk/**")
    page.get_by_role("heading", name="teal.png").wait_for()
    view = page.locator(".pv").bounding_box()
    assert view["width"] / view["height"] == pytest.approx(160 / 96, abs=0.01)

    paint = page.locator('[aria-label$="(3)"][aria-pressed=true]')
    for _ in range(20):  # the page listens to keys a moment after it is drawn, sooner than a person finds them
        page.keyboard.press("3")
        page.wait_for_timeout(250)
        if paint.count():
            break
    paint.wait_for()
    drag(page, page.locator(".pv-surface"), (view["width"] * 0.3, 0))
    painted = page.locator(".pv-plan.where").bounding_box()
    assert painted["width"] > view["width"] * 0.3
    page.get_by_role("button", name="Clear the place").click()
    page.locator(".pv-plan.where").wait_for(state="detached")

    page.get_by_label("Draw a box where it shall be (2)").click()
    page.locator(".pv-surface").press("Enter")
    box = page.locator(".pv-plan.where:focus")
    box.wait_for()
    before = box.bounding_box()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_timeout(500)
    after = page.locator(".pv-plan.where").bounding_box()
    assert after["x"] < before["x"]
    assert after["height"] > before["height"]


def test_a_run_is_replayed_from_a_step_and_laid_beside_the_first(tab: Tab) -> None:
    page = tab.go("/")
    begin(page)
    say(page, "how many cars are there?")
    ended(page, "two")
    tab.go(page.url.removeprefix(tab.server).replace("talk", "inspect"))
    page.locator(".span.node", has_text="parse").first.click()
    page.get_by_role("button", name="Replay from here").click()
    page.get_by_label("Setting to change").fill("chat.base_url")
    page.get_by_label("Its value").fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Replay", exact=True).click()
    page.get_by_text("is for whoever starts the server to set").wait_for()
    page.get_by_label("Setting to change").fill("loop.rounds")
    page.get_by_label("Its value").fill("2")
    page.get_by_role("button", name="Replay", exact=True).click()
    page.wait_for_url("**/compare**")
    page.get_by_role("heading", name="Two runs side by side").wait_for()
    assert page.locator(".compare .pv").count() == 2
