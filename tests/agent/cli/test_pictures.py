"""Pictures in the terminal: drawn where it can, and nowhere else."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from agent.cli import pictures


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), "#c02020").save(tmp_path / "red.png")
    return tmp_path / "red.png"


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    pictures._kind.cache_clear()


def test_through_a_pipe_nothing_is_drawn(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not pictures.draw_inline(picture)
    assert capsys.readouterr().out == ""


def test_a_terminal_with_sixels_gets_them(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("textual_image.renderable", reason="the extra terminal is not installed")
    screen = StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(pictures, "_kind", lambda: library.SixelImage)

    assert pictures.draw_inline(picture)
    assert "\x1bP" in screen.getvalue(), "the sequence that begins sixels"


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("SLD_PICTURES", "0")])
def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv(name, value)
    assert pictures._kind() is None
