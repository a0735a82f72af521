"""`sld eval iconworld` in a world where the truth is known: perfect models, and models with known faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from evals import commands
from evals.edit_cases import edit_cases, scene_layout
from evals.iconworld import FIRST_SCENE, PARTS, SCENES_PER_SEED, nearest_color, run_iconworld
from iconworld.data import FIRST_TRAINING_SEED
from iconworld.renderer import COLORS, draw_scene
from sld.cli import app
from tests.evals.truthful import Truthful, TruthfulDetector
from tools.backend.protocol import Cost, Detected, Edited

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCENES = 12
RATES = [
    *(
        f"{who}{what}_{rate}"
        for who in ("", "heldout_")
        for what in ("class", "attribute")
        for rate in ("precision", "recall")
    ),
    "count_accuracy",
    "heldout_count_accuracy",
    "mask_iou",
    "grounded_accuracy",
    "grounded_class_accuracy",
    "color_worst",
]


def truthful() -> Truthful:
    world = Truthful()
    for number in range(FIRST_SCENE, FIRST_SCENE + SCENES):
        scene = draw_scene(number)
        world.learn(scene.image, scene_layout(scene), scene.ids)
    return world


def measure(world: Any = None, heldout: Any = None, round_trip: Any = list, **more: Any) -> dict[str, float]:
    world = world or truthful()
    return run_iconworld(world, heldout or world, round_trip, scenes=SCENES, **more)


def test_perfect_models_are_perfect() -> None:
    found = measure()
    assert {key: found[key] for key in RATES} == dict.fromkeys(RATES, 1.0)
    assert found["psnr_db"] > 90
    assert {f"color_{color}" for color in COLORS} <= set(found)
    assert {"detect_seconds", "heldout_detect_seconds", "generate_seconds"} <= set(found)


def test_what_is_missed_and_what_is_invented_lower_different_figures() -> None:
    class Forgetful(Truthful):
        def detect(self, *args: Any) -> Detected:
            return Detected(super().detect(*args).detections[:-1])

    class Inventive(Truthful):
        def detect(self, *args: Any) -> Detected:
            found = super().detect(*args).detections
            return Detected((*found, *found[:1]), cost=Cost(seconds={"detect": 2.0}))

    world = truthful()
    forgetful, inventive = Forgetful(), Inventive()
    forgetful.known = inventive.known = world.known

    found = measure(forgetful, inventive, parts=["detector", "heldout_detector"])
    assert found["class_precision"] == found["attribute_precision"] == 1
    assert found["class_recall"] < 1
    assert found["attribute_recall"] < 1
    assert found["heldout_class_recall"] == found["heldout_attribute_recall"] == 1
    assert found["heldout_class_precision"] < 1
    assert max(found["count_accuracy"], found["heldout_count_accuracy"]) < 1
    assert found["heldout_detect_seconds"] == 2


def test_lost_colours_are_noticed() -> None:
    def gray(images: Sequence[Image.Image]) -> list[Image.Image]:
        return [image.convert("L").convert("RGB") for image in images]

    found = measure(round_trip=gray, parts=["autoencoder"])
    assert found["color_red"] == 0
    assert found["color_worst"] == 0
    assert found["color_white"] == 1
    assert found["psnr_db"] < 30
    assert "mask_iou" not in found


@pytest.mark.parametrize("color", list(COLORS))
def test_each_colour_is_its_own_nearest(color: str) -> None:
    image = Image.new("RGB", (4, 4), COLORS[color])
    assert nearest_color(image, np.ones((4, 4), bool)) == color


def test_the_scenes_are_fresh_and_differ_by_seed() -> None:
    assert FIRST_SCENE + 10_000 * SCENES_PER_SEED < FIRST_TRAINING_SEED
    with pytest.raises(ValueError, match="seed 10000"):
        measure(seed=10_000)
    with pytest.raises(ValueError, match="unknown parts judgeement"):
        measure(parts=["judgeement"])


def test_the_command_prints_one_flat_object(monkeypatch: pytest.MonkeyPatch) -> None:
    world = truthful()
    monkeypatch.setattr(world, "detector_for", lambda _: world, raising=False)
    monkeypatch.setattr(commands, "LocalBackend", lambda settings: world)
    monkeypatch.setattr(commands, "RoundTrip", lambda settings: list)

    done = CliRunner().invoke(app, ["eval", "iconworld", "--scenes", str(SCENES), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert all(isinstance(value, (int, float)) for value in found.values())
    assert {"psnr_db", "weights_mb", *RATES} <= set(found)

    done = CliRunner().invoke(app, ["eval", "iconworld", "--scenes", "3", "--only", "segmenter"])
    assert "mask iou" in done.stdout
    assert "class precision" not in done.stdout


@pytest.mark.parametrize("edits", [False, True])
def test_an_unknown_part_is_the_users_mistake(edits: bool) -> None:
    done = CliRunner().invoke(app, ["eval", "iconworld", "--only", "painter", *["--edits"][:edits]])
    assert done.exit_code == 2
    assert ("remove" if edits else PARTS[0]) in done.stderr


def test_the_editor_is_measured_on_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cases = edit_cases("restyle", 0, 2)

    class Editor:
        def detector_for(self, _: object) -> TruthfulDetector:
            return TruthfulDetector(cases)

        def edit(self, image: Image.Image, *_: Any, **more: Any) -> Edited:
            case = next(one for one in cases if one.image.tobytes() == image.tobytes())
            return Edited(case.expected, np.ones(image.size[::-1], bool))

    monkeypatch.setattr(commands, "LocalBackend", lambda settings: Editor())
    asked = ["--edits", "--only", "restyle", "--scenes", "2", "--pictures", str(tmp_path / "new"), "--json"]
    done = CliRunner().invoke(app, ["eval", "iconworld", *asked])
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["restyle"], found["restyle_scenes"], found["outside_identical"]) == (1, 2, 1)
    assert len(list((tmp_path / "new").glob("*.png"))) == 2
