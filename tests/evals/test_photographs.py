"""Real photographs with the real networks: a conversation with undo and branch, and a large picture.

The networks' files are looked for where ``SLD_WEIGHTS`` says; without them the tests say what is missing.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from agent.offline.planner import OfflinePlanner
from agent.session.session import Session
from configs.settings import load_settings
from evals.photo_scenes import photograph
from tools.backend.local import LocalBackend
from tools.images import open_picture
from tools.scene.layout import Layout
from tools.weights.places import WeightsError, locate

if TYPE_CHECKING:
    from pathlib import Path

try:
    MISSING = str(locate("weights:photo/migan_pipeline_v2.onnx") and "")
except WeightsError as error:
    MISSING = str(error)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.skipif(bool(MISSING), reason=MISSING)]

TURNS = (
    "make the cup blue",
    "remove the spoon",
    "undo",
    "move the spoon to the left",
    "make the cup darker",
    "what do you see?",
    "make the picture a bit warmer",
    "blur the background behind the cup",
    "make the picture black and white",
    "crop to the cup",
)


NEAR = 0.25  # of an object


def pixels(path: Path | None) -> np.ndarray:
    assert path is not None
    return np.asarray(open_picture(path))


def around(*layouts: Layout) -> np.ndarray:
    """Return the pixels in and near the places of the cup and the spoon, where turns about them may change anything."""
    mask = np.zeros(np.asarray(photograph("coffee")).shape[:2], dtype=bool)
    height, width = mask.shape
    for placed in (placed for layout in layouts for placed in layout.objects if placed.name in ("cup", "spoon")):
        x0, y0, x1, y1 = placed.box.to_px((width, height))
        pad_x, pad_y = NEAR * (x1 - x0) + 0.1 * width, NEAR * (y1 - y0) + 0.1 * height
        mask[max(0, int(y0 - pad_y)) : int(y1 + pad_y), max(0, int(x0 - pad_x)) : int(x1 + pad_x)] = True
    return mask


def test_ten_turns_on_one_photograph_with_undo_and_branch(tmp_path: Path) -> None:
    settings = load_settings("photo")
    with Session.open(
        tmp_path / "talk", settings=settings, backend=LocalBackend(settings), chat=OfflinePlanner(),
        image=photograph("coffee"),
    ) as talk:  # fmt: skip
        shown, layout, seen = np.asarray(photograph("coffee")), Layout(), []
        for said in TURNS[:5]:
            result = talk.send(said)
            assert result.agreed or result.detail, said  # what did not come out clean is said
            now = pixels(result.image)
            if said == "undo":
                assert (now == seen[-2]).all()
            else:
                outside = ~around(layout, result.layout)
                assert outside.mean() > 0.05
                assert (now[outside] == shown[outside]).all(), said
            shown, layout = now, result.layout
            seen.append(now)
        assert talk.send(TURNS[5]).exit == "answered"
        assert talk.send(TURNS[6]).agreed
        talk.branch("grey")
        grey = talk.send(TURNS[8])
        assert np.ptp(pixels(grey.image).astype(int), axis=-1).max() <= 3
        talk.switch("main")
        assert np.ptp(pixels(talk.show().image).astype(int), axis=-1).max() > 50
        assert talk.send(TURNS[7]).agreed
        assert pixels(talk.send(TURNS[9]).image).shape[0] < shown.shape[0]


PROGRAM = """
import resource, sys, sld
result = sld.run(instruction="remove the spoon", image=sys.argv[1], preset="photo", out=sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_a_24_megapixel_photograph(tmp_path: Path) -> None:
    large = photograph("coffee").resize((6000, 4000), Image.Resampling.BICUBIC)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[274] = 6  # lies on its side
    source = tmp_path / "large.jpg"
    large.transpose(Image.Transpose.ROTATE_90).save(source, quality=90, icc_profile=profile, exif=exif)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), str(tmp_path / "run")], capture_output=True, text=True, check=True
    )
    before = open_picture(source)
    with Image.open(tmp_path / "run" / "final.png") as after:
        assert after.size == before.size == (6000, 4000)
        assert after.info["icc_profile"] == profile
        changed = (np.asarray(after.convert("RGB")) != np.asarray(before)).any(axis=-1)
    assert 0 < changed.mean() < 0.1
    assert int(ran.stdout.split()[-1]) < 3 * 1024  # MiB
