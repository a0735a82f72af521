"""The manual builds without a warning, its links lead somewhere, and a reader's browser asks no other server."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from configs.reference import settings_page
from configs.settings import Settings

pytest.importorskip("material", reason="the extra docs is not installed")
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).resolve().parents[2]
LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder))
    build(config)  # strict: a link that leads nowhere is an error
    return folder


class Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        relation = dict(attrs).get("rel") or ""
        if relation not in ("canonical", "prev", "next"):
            self.places += [value or "" for name, value in attrs if (tag, name) in LOADING]


def test_every_page_is_there(site: Path) -> None:
    pages = {path.parent.name for path in site.rglob("index.html")}
    assert pages >= {"first-steps", "make", "talk", "traces", "verdict", "limits", "presets", "settings", "commands"}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = Loads()
        found.feed(page.read_text(encoding="utf-8"))
        assert not [place for place in found.places if re.match(r"(https?:)?//", place)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?https?://", style.read_text(encoding="utf-8")), style


def test_every_setting_is_in_the_reference() -> None:
    page, models = settings_page(), Settings.model_json_schema()["$defs"]
    missing = [
        (model, field)
        for model, schema in models.items()
        if model not in ("Price", "Thresholds")
        for field in schema["properties"]
        if f"| `{field}` |" not in page
    ]
    assert missing == []


def test_the_reference_has_bounds_defaults_and_meanings() -> None:
    assert "| `rounds` | whole number ≥ 0, ≤ 1000 | `3` |" in settings_page()
    assert "| `provider` | text | `auto` |" in settings_page()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="mkdocs")
