"""``make photo``: a real photograph, edited three ways on a processor, with a report of each and a picture of all.

The photograph comes with scikit-image (NASA, public domain).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from agent.models.chat import make_chat_model
from agent.report.render import write_report
from agent.run.driver import Job, run_correction
from agent.run.folder import RunFolder
from configs.settings import load_settings
from evals.photo_scenes import photograph, side_by_side
from tools.backend.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

PHOTO = "astronaut"
WISHES = ("make the person blue", "blur the background behind the person", "make the picture black and white")
WIDTH = 320  # of each picture in the overview


def run_demo(folder: Path, wishes: Sequence[str] = WISHES) -> Path:
    """Edit the photograph as each of ``wishes`` says; return the overview, a JPEG of all pictures in a row."""
    settings, image = load_settings("photo"), photograph(PHOTO)
    backend, chat = LocalBackend(settings), make_chat_model(settings.chat)
    pictures = [image]
    for number, wish in enumerate(wishes, 1):
        run = RunFolder(folder / str(number))
        job = Job(instruction=wish, image=image)
        result = run_correction(job, settings, run, backend=backend, chat=chat, preset="photo")
        write_report(run)
        sys.stdout.write(f"{'✓' if result.agreed else '✗'} {wish}: {run.report_path}\n")
        if result.image is not None:
            with Image.open(result.image) as edited:
                pictures.append(edited.convert("RGB"))
    small = [
        picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
        for picture in pictures
    ]
    overview = folder / "overview.jpg"
    side_by_side(small).save(overview, quality=88)
    return overview


if __name__ == "__main__":
    sys.stdout.write(f"all of them: {run_demo(Path(sys.argv[1]))}\n")
