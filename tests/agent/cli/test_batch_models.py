"""Batches in SLD's format through real (tiny, random) models and the numbers of SLD's own preset: all items finish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from configs.preset_files import read_preset
from sld.cli import app
from tests.tiny_models import save_models

CORRECTIONS: dict[str, tuple[list[Any], str | None, list[Any]]] = {
    "counted": ([["cat", [None, None]]], None, [["cat #1", [0.1, 0.1, 0.3, 0.3]], ["cat #2", [0.6, 0.6, 0.3, 0.3]]]),
    "coloured": ([["car", ["red", "blue"]]], None, [["red car #1", [0.1, 0.5, 0.3, 0.3]],
                                                    ["blue car #1", [0.6, 0.5, 0.3, 0.3]]]),
    "two kinds": ([["dog", [None]], ["cup", ["green"]]], None, [["dog #1", [0.1, 0.2, 0.4, 0.6]],
                                                                ["green cup #1", [0.6, 0.4, 0.2, 0.3]]]),
    "forbidden": ([["bowl", [None]]], "cups, a blue dog", [["bowl #1", [0.3, 0.3, 0.4, 0.4]]]),
    "over the edge": ([["bottle", ["green"]]], "", [["green bottle #1", [0.8, 0.55, 0.25, 0.5]]]),
    "large": ([["laptop", [None]]], "none", [["laptop #1", [0.0, 0.0, 1.0, 1.0]]]),
    "small": ([["book", ["red"]]], None, [["red book #1", [0.45, 0.45, 0.15, 0.15]]]),
    "many": ([["chair", [None] * 4]], None, [[f"chair #{n + 1}", [0.24 * n, 0.3, 0.22, 0.4]] for n in range(4)]),
    "two words": ([["teddy bear", [None]]], None, [["teddy bear #1", [0.2, 0.2, 0.5, 0.6]]]),
    "none": ([["backpack", ["yellow"]]], None, [["yellow backpack #1", [0.2, 0.2, 0.3, 0.4]]]),
}  # fmt: skip
EDITS = ["move the cat to the right", "swap the cat and the dog", "make the car blue", "make the cup larger",
         "replace the dog by a laptop", "remove the bottle", "add a red book on the left", "make the bowl smaller",
         "move the chair up", "turn the laptop green"]  # fmt: skip


def _cases(mode: str) -> list[dict[str, Any]]:
    cases = []
    for number, (name, (objects, absent, layout)) in enumerate(CORRECTIONS.items()):
        text = EDITS[number] if mode == "image_editing" else f"an oil painting of a street, {name}"
        parsed = {"objects": objects, "bg_prompt": "an oil painting of a street", "neg_prompt": absent}
        cases.append(
            {
                "input_fname": "picture",
                "output_dir": f"case-{number}",
                "prompt": text,
                "generator": ["dalle", "lmdplus", "sdxl", "benchmark", "unheard of"][number % 5],
                "llm_parsed_prompt": parsed,
                "llm_layout_suggestions": layout,
            }
        )
    return cases


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_models(tmp_path_factory.mktemp("models"))
    tree = read_preset("gligen-sd14")
    for part, name in (("detector", "owl"), ("segmenter", "sam"), ("generator", "gligen"), ("editor", "gligen")):
        tree[part] |= {"path": str(folder / name), "revision": None, "device": "cpu"}
    plain = {"path": str(folder / "plain" / "pipeline"), "revision": None, "steps": 2, "side": 80, "device": "cpu"}
    tree["refiner"] |= plain
    tree["editor"] |= {"steps": 2, "side": 64}
    tree["loop"] = {"rounds": 1, "refine": "always"}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tree))
    return folder / "tiny.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["self_correction", "image_editing"])
def test_every_item_of_a_batch_finishes_and_the_terminal_stays_clean(
    preset: Path, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    Path("data.json").write_text(json.dumps(_cases(mode)))
    command = ["batch", "data.json", "--mode", mode, "--input-dir", ".", "--output-dir", "out", "--json"]
    capfd.readouterr()
    result = CliRunner().invoke(app, [*command, "--preset", str(preset)])
    answer = json.loads(result.stdout)
    assert answer["failed"] == 0, answer
    assert len(answer["items"]) == len(CORRECTIONS)
    for number in range(len(CORRECTIONS)):
        with Image.open(Path("out", f"case-{number}", "final.png")) as final:
            final.load()
    said = (result.stderr + "".join(capfd.readouterr())).lower()
    assert not [word for word in ("warning", "truncated", "[transformers]", "deprecated", "traceback") if word in said]
