from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.planner import OfflinePlanner
from agent.offline.sentences import parse_scene
from evals.fault_cases import FAULTS, fault_cases
from evals.faults import run_faults
from tests.world import World, draw, settings
from tools.scene.merge import as_detections
from tools.scene.requirements import requirements
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from pathlib import Path

    from evals.fault_cases import FaultCase
    from tools.scene.layout import Layout


def cases_of_the_exact_world(number: int) -> list[FaultCase]:
    return [
        replace(case, image=draw(case.layout), expected=draw(case.expected_layout)) for case in fault_cases(3, number)
    ]


def agreed(case: FaultCase, layout: Layout) -> bool:
    return verdict(requirements(case.spec), as_detections(layout)).agreed


def test_the_faults_are_there_and_the_sentence_says_what_is_meant() -> None:
    cases = fault_cases(0, 60)
    assert {fault for case in cases for fault in case.faults} == set(FAULTS)
    assert [len(case.faults) for case in cases[:3]] == [1, 2, 3]
    for case in cases:
        assert requirements(parse_scene(case.prompt)) == requirements(case.spec), case.prompt
        assert agreed(case, case.expected_layout), case.prompt
        assert not agreed(case, case.layout), (case.prompt, case.faults)
    assert [case.prompt for case in fault_cases(0, 60)] == [case.prompt for case in cases]


def test_a_perfect_editor_puts_everything_right(tmp_path: Path) -> None:
    cases = cases_of_the_exact_world(6)
    found = run_faults(World(), World(), OfflinePlanner(), settings(), cases, out=tmp_path)
    assert found["agreed"] == found["judged"] == found["verdict"] == found["verdict_pictures"] == 1
    assert found["scenes"] == 6
    assert found["rounds"] >= 1
    assert (tmp_path / "001" / "final.png").is_file()


def test_a_detector_that_misses_and_an_editor_that_does_nothing_show(tmp_path: Path) -> None:
    world = World()
    world.distort = lambda layout, number: layout.model_copy(update={"objects": ()})
    cases = cases_of_the_exact_world(3)
    found = run_faults(world, None, OfflinePlanner(), settings(), cases, out=tmp_path)
    assert found["agreed"] == 0
    assert "judged" not in found
    blind = [replace(case, image=case.expected) for case in cases]  # the truth says faults, the picture shows none
    assert run_faults(World(), None, OfflinePlanner(), settings(), blind, out=tmp_path / "blind")["verdict"] < 1
