"""The benchmark of language models: its gold is readable and right, and its figures follow what was answered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agent.offline.planner import OfflinePlanner
from agent.offline.sentences import parse_scene
from agent.run.folder import RunError
from evals.agent.gold import instruction_cases, prompt_cases, wanted
from evals.agent.runner import Services, follow_instruction, mend_faults, run_agent
from evals.agent.scoring import does_right, reads_right
from evals.agent.tables import summarize, table, with_section
from evals.fault_cases import fault_cases
from tests.scripted import Planner, ScriptedChat, calls
from tests.world import World, draw, settings
from tools.scene.operations import Adjust, Move, Remove, Restyle
from tools.scene.spec import SceneSpec

if TYPE_CHECKING:
    from pathlib import Path

    from evals.agent.gold import InstructionCase

BEYOND_THE_GRAMMAR = ("an empty beach", "all the balloons", "half as big", "a girl with a")
SWAP, BRIGHTER, HOW_MANY = "swap the cup and the bowl", "make the picture brighter", "how many dogs are there?"


def case_of(text: str) -> InstructionCase:
    case = next(case for case in instruction_cases() if case.text == text)
    return replace(case, image=draw(case.layout))  # of the exact world


def moves(*places: tuple[str, list[float]]) -> list[Move]:
    return [Move.model_validate({"id": object_id, "box": box}) for object_id, box in places]


def test_the_gold_is_what_the_grammar_reads() -> None:
    cases = prompt_cases()
    assert len(cases) == 60
    assert len({case.text for case in cases}) == 60
    for case in cases:
        assert reads_right(parse_scene(case.text), case), case.text
        assert not reads_right(SceneSpec(objects=(wanted("3 zebra"),)), case)


def test_the_gold_of_sentences_that_nothing_was_mended_on() -> None:
    cases = prompt_cases("prompts_unseen")
    assert len({case.text for case in cases} - {case.text for case in prompt_cases()}) == 30
    for case in cases:
        if not any(words in case.text for words in BEYOND_THE_GRAMMAR):
            assert reads_right(parse_scene(case.text), case), case.text


def test_a_phrase_of_the_gold() -> None:
    known = wanted("at least 2 large not red wooden chair")
    assert (known.count, known.bound, known.phrase) == (2, "at least", "large not red wooden chair")
    assert wanted("every cup").every


@pytest.mark.parametrize(
    ("predicate", "subject", "object_", "right"),
    [
        ("right of", "chair", "blue backpack", True),
        ("left of", "blue backpack", "chair", True),
        ("left of", "backpack", "chair", True),
        ("left of", "chair", "blue backpack", False),
    ],
)
def test_what_is_said_the_other_way_round_is_the_same(predicate: str, subject: str, object_: str, right: bool) -> None:
    case = next(case for case in prompt_cases() if case.text == "a chair to the right of a blue backpack")
    objects = [{"name": "chair"}, {"name": "backpack", "attributes": ["blue"]}]
    relation = {"subject": subject, "predicate": predicate, "object": object_}
    assert reads_right(SceneSpec.model_validate({"objects": objects, "relations": [relation]}), case) is right


def test_instructions_are_judged_by_what_they_lead_to() -> None:
    assert len(instruction_cases()) == 40
    swap = case_of(SWAP)
    right = moves(("cup #1", [0.66, 0.57, 0.2, 0.22]), ("bowl #1", [0.04, 0.56, 0.28, 0.2]))
    assert does_right(right, "", swap)
    assert not does_right(right[:1], "", swap)
    assert not does_right([*right, Remove(id="bottle #1")], "", swap)
    assert not does_right([*right, *moves(("bottle #1", [0.1, 0.1, 0.12, 0.3]))], "", swap)
    assert not does_right([*right, Restyle(id="cup #1", attributes=("pink",))], "", swap)
    assert not does_right([Remove(id="dog #1")], "", swap)
    assert does_right([Adjust(wish="brighter")], "", case_of(BRIGHTER))
    assert not does_right([Adjust(wish="darker")], "", case_of(BRIGHTER))
    assert does_right([], "There are 2 dogs.", case_of(HOW_MANY))
    assert not does_right([], "There are three dogs.", case_of(HOW_MANY))


def test_the_offline_planner_follows_instructions_and_mends_faults(tmp_path: Path) -> None:
    services = Services(settings(), OfflinePlanner(), World())
    for text in (SWAP, BRIGHTER, HOW_MANY):
        record = follow_instruction(case_of(text), services, tmp_path / text.replace("?", ""))
        assert record["right"], text
        assert record["first_right"], text
        assert record["agreed"] or record["question"] or text == BRIGHTER
    fault = fault_cases(7, 1)[0]
    record = mend_faults(replace(fault, image=draw(fault.layout)), services, tmp_path / "fault")
    assert record["right"]
    assert record["alone"]
    assert record["refused"] == record["fallbacks"] == 0


def test_repairs_refusals_and_the_solvers_help_show(tmp_path: Path) -> None:
    case = case_of("remove the green bottle")
    right = {"operations": [{"op": "remove", "id": "bottle #1"}]}
    again = [{"operations": [{"op": "remove", "id": "bottle #7"}]}, right, calls(("detect", {"phrases": 3})), *Planner]
    record = follow_instruction(case, Services(settings(), ScriptedChat(script=again), World()), tmp_path / "again")
    assert (record["right"], record["first_right"], record["alone"]) == (True, False, True)
    assert (record["refused"], record["calls"], record["tokens"]) == (1, 5, 75)
    silent = ScriptedChat(script=[right, "I cannot."], forever=True)
    record = follow_instruction(case, Services(settings(), silent, World()), tmp_path / "silent")
    assert (record["agreed"], record["alone"], record["fallbacks"]) == (True, False, 1)
    broken = ScriptedChat(script=[RuntimeError("no server")])
    record = follow_instruction(case, Services(settings(), broken, World()), tmp_path / "broken")
    assert (record["exit"], record["agreed"], record["right"]) == ("failed", False, False)


def answers(*specs: Any) -> Services:
    return Services(settings(), ScriptedChat(script=list(specs)), None)


def test_a_measurement_goes_on_where_it_stopped(tmp_path: Path) -> None:
    two_red_cars = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
    other = {"objects": [{"name": "dog"}, {"name": "cat"}]}
    found = run_agent(answers(two_red_cars), tmp_path, identity={"model": "a"}, parts=["prompts"], limit=1)
    assert found["prompts"][0]["right"]
    found = run_agent(answers(other, other), tmp_path, identity={"model": "a"}, parts=["prompts"], limit=2)
    assert [record["right"] for record in found["prompts"]] == [True, False]
    assert found["prompts"][1]["spec"]["objects"][0]["name"] == "dog"
    assert json.loads((tmp_path / "prompts" / "02.json").read_text())["calls"] == 2  # it stands by it
    with pytest.raises(RunError, match="another model"):
        run_agent(answers(), tmp_path, identity={"model": "b"}, parts=["prompts"], limit=1)


def test_other_seeds_plant_other_faults(tmp_path: Path) -> None:
    services = Services(settings(), ScriptedChat(script=[RuntimeError("no server")], forever=True), World())
    asked = []
    for seed in (7, 8):
        out = tmp_path / str(seed)
        (record,) = run_agent(services, out, identity={}, parts=["faults"], limit=1, seed=seed)["faults"]
        asked.append(record["text"])
    assert asked == [fault_cases(seed, 1)[0].prompt for seed in (7, 8)]
    services = answers(*[{"objects": [{"name": "dog"}]}] * 2)
    (record,) = run_agent(services, tmp_path, identity={}, parts=["unseen"], limit=1)["unseen"]
    assert record["text"] == prompt_cases("prompts_unseen")[0].text


def test_the_table_of_a_model() -> None:
    common = {"right": True, "first_right": False, "calls": 2, "tokens": 3000, "cached": 1000, "seconds": 1.5}
    run = common | {"agreed": True, "alone": False, "rounds": 1, "refused": 1, "question": False, "exit": "agreed"}
    summary = summarize(
        {"prompts": [common | {"exit": "read"}], "instructions": [run, run | {"rounds": 3, "tokens": 9}]}
    )
    assert summary["instructions"]["one_round"] == 3000
    assert summary["instructions"]["alone"] == 0
    assert "| agreed without the solver's help, % |  | 0 |" in table(summary)
    page = with_section("# Results\n\n## Speed\n\nfast\n", "Language model: a", "first")
    page = with_section(with_section(page, "Language model: b", "other"), "Language model: a", "second")
    assert page == "# Results\n\n## Speed\n\nfast\n\n## Language model: a\n\nsecond\n\n## Language model: b\n\nother\n"
