"""Other pictures in a conversation and in a run, on the exact world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.offline.planner import OfflinePlanner
from agent.run.driver import Job, job_of, run_correction
from agent.run.folder import RunError, RunFolder
from agent.run.sources import files_named, opened
from tests.agent.conversation import START
from tests.agent.sessions import SETTINGS, begin, seen
from tests.world import World, draw, scene, truth
from tools.images import PictureError

CATS = scene(("white cat", [0.2, 0.3, 0.2, 0.3]))
SAID = "add the cat from cats.png to the top"


class Copying(World):
    """Notes which pictures its edits may copy from."""

    def __init__(self) -> None:
        super().__init__()
        self.can = replace(self.can, draws=frozenset(), copies=True)
        self.given: list[list[str]] = []

    def edit(self, *arguments: Any, **more: Any) -> Any:
        references = more.get("references") or {}
        assert all(truth(picture) == CATS for picture in references.values())
        self.given.append(list(references))
        return super().edit(*arguments, **more)


def test_a_picture_comes_with_a_text_and_stays_over_turns_and_restarts(tmp_path: Path) -> None:
    world = Copying()
    with begin(tmp_path / "talk", backend=world) as talk:
        refused = talk.send(SAID)
        assert (refused.exit, world.given) == ("parse_failed", [])
        assert "cats.png" in refused.detail
        result = talk.send(SAID, sources={"cats.png": draw(CATS)})
        assert result.agreed
        assert "white cat" in seen(result)
        talk.undo()
        with pytest.raises(RunError, match="already"):
            talk.add_sources({"Cats.png": draw(CATS)})
    with begin(tmp_path / "talk", backend=world) as again:
        assert again.sources == ("cats.png",)
        again.branch("other")
        assert again.send("replace the dog with the cat from the other picture").agreed
        assert again.send("make the car blue").agreed
    assert world.given == [["cats.png"], ["cats.png"], []]


def test_a_run_keeps_its_sources_for_whoever_goes_on_with_it(tmp_path: Path) -> None:
    folder, world = RunFolder(tmp_path / "run"), Copying()
    job = Job(instruction=SAID, image=draw(START), sources={"cats.png": draw(CATS)})
    result = run_correction(job, SETTINGS, folder, backend=world, chat=OfflinePlanner())
    assert result.agreed
    given = folder.read_record()["input"]
    again = job_of(given, folder, "")
    assert {name: truth(picture) for name, picture in again.sources.items()} == {"cats.png": CATS}


def test_a_preset_that_draws_says_that_it_does_not_copy(tmp_path: Path) -> None:
    job = Job(instruction=SAID, image=draw(START), sources={"cats.png": draw(CATS)})
    result = run_correction(job, SETTINGS, RunFolder(tmp_path / "run"), backend=World(), chat=OfflinePlanner())
    assert result.exit == "parse_failed"
    assert "the preset 'photo' can" in result.detail


def test_files_that_a_text_names(tmp_path: Path) -> None:
    draw(CATS).save(tmp_path / "my cats.png")
    draw(CATS).save(tmp_path / "cats.png")
    texts = "add the cat from cats.png", 'add the cat from "my cats.png"', "crop it to 3.5", "remove the cat"
    assert [[path.name for path in files_named(text, tmp_path)] for text in texts] == [
        ["cats.png"], ["my cats.png"], [], [],
    ]  # fmt: skip
    assert files_named("add the cat from cats.png", tmp_path, known=["cats.png"]) == []
    with pytest.raises(PictureError, match=r"dogs\.png"):
        files_named("add the dog from dogs.png", tmp_path)
    assert list(opened([tmp_path / "cats.png"])) == ["cats.png"]
    with pytest.raises(RunError, match="at most"):
        opened({f"{number}.png": draw(CATS) for number in range(9)})
