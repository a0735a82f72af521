"""Pictures that are none, or too much: each a clear error or the right picture, within memory and time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agent.cli.app import app
from tests.hostile.corpus import check, encoded
from tools.backend.detector_heads import LARGEST_SQUARE, shrunk
from tools.images import PictureError, open_picture

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1500 * 2**20


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full", "/dev/tty", "."])
def test_a_device_is_no_picture(device: str) -> None:
    if not Path(device).exists():
        pytest.skip("this machine has no such device")
    with pytest.raises(PictureError, match=r"ordinary file|directory|cannot read"):
        open_picture(device)


def test_a_pipe_is_no_picture_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for given in (tmp_path / "pipe.png", tmp_path / "link.png"):
        if given.name == "link.png":
            given.symlink_to(tmp_path / "pipe.png")
        with pytest.raises(PictureError, match="not an ordinary file"):
            open_picture(given)


def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.images.MAX_BYTES", 1000)
    (tmp_path / "long.png").write_bytes(b"x" * 1001)
    with pytest.raises(PictureError, match="more than 1,000 bytes"):
        open_picture(tmp_path / "long.png")


@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1), (4_000_000, 10), (1, 11), (2_000, 199)])
def test_a_sliver_is_refused_with_its_size(size: tuple[int, int]) -> None:
    claims = encoded(Image.new("1", size), "PPM")
    with pytest.raises(PictureError, match=rf"{size[0]} x {size[1]} pixels: (one side may be 10 times|at most)"):
        open_picture(claims)


@pytest.mark.parametrize("size", [(1, 1), (1, 10), (20, 2), (160, 20), (7, 5)])
def test_odd_shapes_that_can_be_used_are(size: tuple[int, int]) -> None:
    assert open_picture(encoded(Image.new("RGB", size, "red"), "PNG")).size == size


def test_a_panorama_is_made_small_before_it_is_put_into_a_square() -> None:
    assert shrunk(Image.new("RGB", (20_000, 2_500))).size == (LARGEST_SQUARE, 256)
    small = Image.new("RGB", (2048, 300))
    assert shrunk(small) is small


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(Image.fromarray(np.full((600, 5), 25700, np.uint16)), id="16 bits"),
        pytest.param(Image.fromarray(np.full((60, 60), np.nan, np.float32)), id="no numbers"),
        pytest.param(Image.fromarray(np.linspace(-1e30, 1e30, 3600, dtype=np.float32).reshape(60, 60)), id="wide"),
    ],
)
def test_wide_pixels_are_narrowed_in_pieces(image: Image.Image) -> None:
    if image.size == (5, 600):
        image = image.resize((60, 600))
    assert open_picture(encoded(image, "TIFF")).mode == "RGB"


def test_a_hostile_corpus_is_handled() -> None:
    assert 0 < check(36, 1) < 36


def guarded(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python within the memory and the time that any test may take."""

    def limit() -> None:  # of the address space, which is more than what is used: that is checked at the end
        resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY, 2 * MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit,
        check=False,
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY
    return ended


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_hostile_pictures_within_bounds() -> None:
    ended = guarded("from tests.hostile.corpus import check; print(sum(check(200, seed) for seed in (2, 3)))")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "CMYK"])
def test_a_photograph_of_fifty_megapixels_within_bounds(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "large.tiff"
    Image.new(mode, (8660, 5773)).save(path, compression="tiff_lzw" if mode == "RGB" else "tiff_deflate")
    ended = guarded(
        "import sys; from tools.images import open_picture; print(open_picture(sys.argv[1]).size)", str(path)
    )
    assert ended.stdout.strip() == "(8660, 5773)", ended.stderr


@pytest.mark.parametrize("name", ["pipe.png", "nothing.png", "text.png", "x" * 300, "folder.png"])
def test_the_command_line_answers_with_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.png")
    Path("text.png").write_text("hello")
    Path("folder.png").mkdir()

    ended = CliRunner().invoke(app, ["correct", name, "a red car", "--json"])

    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert json.loads(ended.stdout)["exit"] == "mistake"
    assert not Path("runs").exists()
