"""The real graph with the real offline planner: the exact world shows whether the parts speak the same language."""

from pathlib import Path
from typing import Any

import pytest

from agent.offline.planner import OfflinePlanner
from tests.loop import Loop
from tests.world import scene, truth
from tools.context import Context

START = scene(("red car", [0.1, 0.55, 0.25, 0.25]), ("dog", [0.6, 0.6, 0.25, 0.25]), ("blue cup", [0.4, 0.1, 0.2, 0.2]))


def offline(folder: Path) -> Loop:
    loop = Loop(folder, detector={"vocabulary": ["car", "dog", "cup"], "attributes": ["red", "blue"]})
    loop.context = Context(loop.world, OfflinePlanner(), loop.images, loop.settings)
    return loop


@pytest.mark.parametrize(
    "prompt",
    [
        "two red cars and a dog",
        "a dog to the left of a blue car",
        "a red car, a dog and a blue cup at the bottom, on a beach",
        "a dog without cars",
        "a red car",
    ],
)
def test_sentences(tmp_path: Path, prompt: str) -> None:
    loop = offline(tmp_path)
    result = loop.run(prompt=prompt, image=loop.picture(START))
    assert (result["exit"], result["agreed"]) == ("agreed", True), result["detail"]
    assert result["rounds"] <= 1


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("remove the dog", {"red car", "blue cup"}),
        ("make the car blue", {"blue car", "dog", "blue cup"}),
        ("replace the dog with a cat", {"red car", "cat", "blue cup"}),
        ("swap the car and the dog", {"red car", "dog", "blue cup"}),
    ],
)
def test_instructions(tmp_path: Path, instruction: str, expected: set[str]) -> None:
    loop = offline(tmp_path)
    result: dict[str, Any] = loop.run(instruction=instruction, image=loop.picture(START))
    assert (result["exit"], result["rounds"]) == ("agreed", 1), result["detail"]
    assert {placed.phrase for placed in truth(loop.images.load(result["image"])).objects} == expected


def test_what_is_not_understood_is_quoted(tmp_path: Path) -> None:
    loop = offline(tmp_path)
    result = loop.run(prompt="flurb the wug", image=loop.picture(START))
    assert result["exit"] == "parse_failed"
    assert "'" in result["detail"]
