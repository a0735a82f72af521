"""What a notebook shows of results, sessions, layouts and verdicts: pictures, words, and no one else's markup."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.agent.jobs import run
from tests.agent.sessions import begin
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.requirement import Requirement
from tools.scene.results import RequirementResult, Verdict

EVIL = "<script>alert('x')</script>\x1b[2J"


def shown(html: str) -> Image.Image:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert found is not None
    return Image.open(BytesIO(base64.b64decode(found[1])))


def test_a_result_shows_its_picture_how_it_ended_and_the_verdict(tmp_path: Path) -> None:
    result = run(tmp_path)
    html = result._repr_html_()
    assert shown(html).size == (64, 64)
    assert "agreed" in html
    assert html.count("✓") == len(result.verdict["results"])
    png = result._repr_png_()
    assert png is not None
    assert Image.open(BytesIO(png)).size == (64, 64)


def test_a_session_and_its_turns_show_where_they_are(tmp_path: Path) -> None:
    with begin(tmp_path / "desk") as session:
        assert "the beginning" in session._repr_html_()
        turn = session.send("add a blue cup")
        assert "add a blue cup" in session._repr_html_()
        assert "on main" in session._repr_html_()
        assert "agreed" in turn._repr_html_()
        assert shown(turn._repr_html_()).size == (64, 64)
        session.approve = True
        waiting = session.send("remove the dog")
        assert "will remove" in waiting._repr_html_()


def test_a_picture_that_is_gone_is_said_to_be_none(tmp_path: Path) -> None:
    result = run(tmp_path)
    result.image.unlink()  # type: ignore[union-attr]
    assert "no picture" in result._repr_html_()
    assert result._repr_png_() is None


def test_a_layout_draws_its_boxes() -> None:
    html = Layout(objects=(PlacedObject(id="cup #1", name="cup", box=Box(0.5, 0.25, 0.25, 0.5)),))._repr_html_()
    assert '<rect x="160.0" y="80.0" width="80.0" height="160.0"' in html
    assert "cup #1" in html


@pytest.mark.parametrize(
    "value",
    [
        Layout(objects=(PlacedObject(id=EVIL, name=EVIL, box=Box(0, 0, 1, 1)),), background=EVIL),
        Verdict.of(
            [RequirementResult(requirement=Requirement(kind="clean"), passed=None, reason=f"not checked: {EVIL}")]
        ),
    ],
)
def test_no_text_becomes_markup(value: Layout | Verdict) -> None:
    html = value._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html
    assert "&lt;script&gt;" in html
