"""A kept picture is found again by what made it: settings that matter, and what the files hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.world import settings
from tools.backend.fingerprint import fingerprint
from tools.backend.protocol import BackendError


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    return write(tmp_path, 1.0)


def write(folder: Path, value: float) -> Path:
    save_file({"weight": np.full(100, value, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def edits(checkpoint: Path, **editor: object) -> str:
    part = {"path": str(checkpoint)}
    return fingerprint(settings(editor=part | editor, segmenter=part, generator=part), "edit")


def test_it_follows_settings_and_contents_and_not_the_place(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory):
    known = edits(checkpoint)
    assert edits(checkpoint) == known
    assert edits(checkpoint, offload=True) == known
    assert edits(checkpoint, steps=7) != known
    moved = tmp_path_factory.mktemp("moved")
    for file in checkpoint.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    assert edits(moved) == known
    assert edits(write(moved, 2.0)) != known


def test_a_part_within_a_part_counts_too(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    (other / "config.json").write_text("{}", encoding="utf-8")
    one = edits(checkpoint, restyler={"path": str(write(other, 1.0))})
    assert one != edits(checkpoint)
    assert one != edits(checkpoint, restyler={"path": str(write(other, 2.0))})


def test_where_pictures_begin_is_a_part_of_it(checkpoint: Path):
    night = {"above": [10, 10, 60], "below": [20, 30, 20], "horizon": 0.5}
    part = {"path": str(checkpoint)}
    known = fingerprint(settings(generator=part), "generate")
    assert fingerprint(settings(generator=part, backdrops={"night": night}), "generate") != known


def test_a_large_file_is_read_in_pieces_that_see_a_change(checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tools.backend.fingerprint.WHOLE", 0)
    known = edits(checkpoint)
    assert edits(write(checkpoint, 2.0)) != known


def test_without_its_files_it_says_so(tmp_path: Path):
    with pytest.raises(BackendError, match="there is no folder"):
        edits(tmp_path / "nowhere")
