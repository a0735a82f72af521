"""A conversation whose models are in a worker: the pictures of one whose models are here, with no torch, and kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.session.session import Session
from tests.agent import embedded
from tests.slim import WITHOUT_MODELS
from tests.workers import ROOT, Process, ServedWorld, serving_here
from tests.world import draw, scene, settings

if TYPE_CHECKING:
    from agent.run.stream import Event

TALK = f"""{WITHOUT_MODELS}
import json
from agent.session.session import Session
from configs.settings import Settings
settings = Settings.model_validate_json(sys.argv[3])
with Session.open(sys.argv[1], image=sys.argv[2], settings=settings) as session:
    pictures = [session.send(text).image.stem for text in sys.argv[4:]]
print(json.dumps([pictures, "onnxruntime" in sys.modules]))
"""
WORDS = ("move the car to the right", "remove the dog")
SEEN = {"vocabulary": ["car", "dog"], "attributes": ["red"]}


def line(url: str | None) -> Any:
    """The settings of a world, behind a worker where there is an address."""
    return settings(detector=SEEN, **({"backend": {"url": url}} if url else {}))


def test_an_agent_without_torch_gets_the_pictures_that_one_with_models_gets(tmp_path: Path) -> None:
    picture = tmp_path / "scene.png"
    draw(scene(("red car", [0.1, 0.1, 0.2, 0.2]), ("dog", [0.6, 0.6, 0.2, 0.2]))).save(picture)
    with Session.open(tmp_path / "here", image=picture, settings=line(None), backend=ServedWorld()) as session:
        whole = [session.send(text).image for text in WORDS]
    served = ServedWorld()
    served.settings = line(None)
    with serving_here(served) as url:
        command = [
            sys.executable,
            "-c",
            TALK,
            str(tmp_path / "there"),
            str(picture),
            line(url).model_dump_json(),
            *WORDS,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [[path.stem for path in whole if path], False]


@pytest.mark.slow
@pytest.mark.skipif(not embedded.complete(), reason="the embedded weights are not there")
@pytest.mark.timeout(900)
def test_a_worker_killed_in_the_middle_of_an_edit_changes_nothing(tmp_path: Path) -> None:
    layout = scene(("red car", [0.1, 0.5, 0.3, 0.2]), ("blue cup", [0.6, 0.5, 0.2, 0.25]))
    embedded.picture(layout).save(picture := tmp_path / "scene.png")
    text, kills = "add a green dog at the top", 1
    with Session.open(tmp_path / "here", image=picture, preset="iconworld") as session:
        whole = session.send(text)

    with Process("-m", "sld", "worker", "--preset", "iconworld", "--port") as worker:

        def kill_once(event: Event) -> None:
            nonlocal kills
            if kills and event.kind == "progress":
                kills -= 1
                worker.kill()
                worker.start()

        overrides = {"backend.url": worker.url, "backend.patience": 300}
        with Session.open(tmp_path / "there", image=picture, preset="iconworld", overrides=overrides) as session:
            there = session.send(text, kill_once)

    assert kills == 0
    assert whole.image is not None
    assert there.image is not None
    assert there.image.stem == whole.image.stem
    assert (there.exit, there.agreed) == (whole.exit, whole.agreed)
