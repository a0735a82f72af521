"""What can be looked at: by names and ids that lead nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agent.offline.planner import OfflinePlanner
from agent.run.driver import Job, RunFolder, run_correction
from agent.studio.queue import StudioError
from agent.studio.studio import Studio
from tests.agent.sessions import begin
from tests.agent.studios import make, said, studio, until
from tests.world import World, scene, settings, truth
from tools.backend.protocol import Segmented
from tools.images import PictureError, open_picture


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[Studio]:
    with studio(tmp_path) as opened:
        yield opened


NAMES = ("", ".", "..", "../x", "a/b", "/etc/passwd", "..\\x", ".queue.json", ".deleted", "x\0", "x" * 300, "nobody")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_nowhere_else(open_studio: Studio, name: str) -> None:
    (open_studio.sessions.parent / "x").mkdir(exist_ok=True)
    for ask in (open_studio.view, open_studio.undo, open_studio.delete, open_studio.undelete, open_studio.report):
        with pytest.raises(StudioError):
            ask(name)


def test_a_link_is_no_session(open_studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    begin(other / "theirs").close()
    (open_studio.sessions / "mine").symlink_to(other / "theirs")
    assert open_studio.summaries() == ()
    with pytest.raises(StudioError, match="there is no session 'mine'"):
        open_studio.view("mine")


def test_pictures_are_reached_by_their_ids_alone(open_studio: Studio) -> None:
    name = make(open_studio)
    picture = open_studio.view(name).picture
    assert picture is not None
    assert truth(open_picture(open_studio.picture(name, picture)))
    assert open_picture(open_studio.thumbnail(name, picture)).size == (64, 64)
    assert open_picture(open_studio.download(name, "webp")).size == (64, 64)
    for wrong in ("../run", "..", "", picture.upper() + "Z", "a/b"):
        with pytest.raises(PictureError):
            open_studio.picture(name, wrong)
    with pytest.raises(StudioError, match="there is no picture"):
        open_studio.picture(name, "0" * 16)
    with pytest.raises(StudioError, match="no kind"):
        open_studio.download(name, "exe")


def test_a_mask_is_made_when_it_is_first_asked_for(tmp_path: Path) -> None:
    class Cutting(World):
        def segment(self, image: object, boxes: object) -> Segmented:  # type: ignore[override]
            mask = np.zeros((1, 64, 64), dtype=bool)
            mask[0, :10, :20] = True
            return Segmented(mask, (1.0,))

    with studio(tmp_path, Cutting()) as opened:
        name = make(opened)
        said(opened, name, "add a blue cup")
        masks = [seen.mask for seen in opened.view(name).layout]
        assert len(set(masks)) == 3
        with Image.open(opened.mask(name, masks[0])) as drawn:
            assert drawn.size == (64, 64)
            assert np.asarray(drawn.getchannel("A")).astype(bool).sum() == 200
        with pytest.raises(StudioError, match="no object"):
            opened.mask(name, "f" * 16)


def test_what_is_deleted_comes_back(open_studio: Studio) -> None:
    name = make(open_studio, "add a blue cup")
    until(open_studio, name)
    before = open_studio.view(name).picture
    open_studio.delete(name)
    assert open_studio.summaries() == ()
    assert [summary.name for summary in open_studio.deleted()] == [name]
    with pytest.raises(StudioError, match="no session"):
        open_studio.view(name)
    open_studio.undelete(name)
    assert open_studio.view(name).picture == before
    with pytest.raises(StudioError, match="nothing deleted"):
        open_studio.undelete(name)


def test_runs_are_listed_beside_sessions(tmp_path: Path) -> None:
    world = World(scene(("red car", [0.1, 0.1, 0.3, 0.3])))
    folder = RunFolder(tmp_path / "runs" / "one")
    run_correction(Job(prompt="a red car"), settings(), folder, backend=world, chat=OfflinePlanner())
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / "run.json").write_text("{")
    with studio(tmp_path / "sessions", runs=tmp_path / "runs") as opened:
        listed = {summary.name: summary for summary in opened.summaries()}
        assert listed["run:one"].agreed
        assert (listed["run:one"].kind, listed["run:one"].text) == ("run", "a red car")
        assert listed["run:damaged"].status == "unreadable"
        assert opened.report("run:one").is_file()
        assert opened.picture("run:one", str(listed["run:one"].picture)).is_file()
