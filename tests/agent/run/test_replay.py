from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.offline.planner import OfflinePlanner
from agent.run.driver import RunResult
from agent.run.folder import RunError, RunFolder
from agent.run.replay import replay
from agent.session.session import Session
from agent.trace.diff import compare
from agent.trace.events import effective, read_trace
from agent.trace.timeline import turns_of
from tests.agent.conversation import START as CONVERSATION
from tests.agent.jobs import FIRST, SCRIPT, SECOND, START, run
from tests.agent.sessions import SETTINGS, begin
from tests.scripted import ScriptedChat, edit
from tests.world import World, draw, settings
from tools.scene.box import Box
from tools.scene.operations import Add

STEPS = range(1, 15)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("recorded") / "run")
    assert run(folder.path).agreed
    return folder


def again(
    source: RunFolder, target: Path, *, script: Any = (), world: World | None = None, **options: Any
) -> RunResult:
    return replay(
        source,
        RunFolder(target),
        make_backend=lambda _: world or World(),
        make_chat=lambda _: ScriptedChat(script=list(script)),
        settings=options.pop("settings", None) or settings(),
        **options,
    )


def told(folder: RunFolder) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return folder.read_record(), read_trace(folder.trace_path)


@pytest.mark.parametrize("step", [None, *STEPS])
def test_from_each_step_the_same_pictures_and_verdicts(recorded: RunFolder, tmp_path: Path, step: int | None) -> None:
    world = World()

    result = again(recorded, tmp_path, first_step=step, world=world)

    assert result.agreed
    assert result.verdict == recorded.read_record()["result"]["verdict"]
    assert (tmp_path / "final.png").read_bytes() == recorded.final_path.read_bytes()
    comparison = compare(told(recorded), told(RunFolder(tmp_path)))
    assert comparison.same
    assert len(comparison.same_steps) == 14
    edits_after = sum(
        event.get("node") == "edit" and event["event"] == "node" and event["step"] >= (step or 0)
        for event in read_trace(recorded.trace_path)
    )
    assert len(world.edits) == edits_after, "what comes after the step is really done again"


def test_recorded_answers_are_marked(recorded: RunFolder, tmp_path: Path) -> None:
    again(recorded, tmp_path, first_step=10)

    calls = [event for event in read_trace(tmp_path / "trace.jsonl") if event["event"] == "llm"]
    assert [call.get("recorded", False) for call in calls] == [False, False, False, True]
    assert RunFolder(tmp_path).read_record()["replay"] == {"of": "run", "from": 10, "set": {}}


def test_with_another_language_model_it_is_asked_from_the_step_on(recorded: RunFolder, tmp_path: Path) -> None:
    other = edit({"op": "add", "name": "cup", "attributes": ["blue"], "box": [0.3, 0.1, 0.1, 0.1]})

    result = again(recorded, tmp_path, first_step=10, script=[other], overrides={"chat.model": "another"})

    assert result.agreed
    comparison = compare(told(recorded), told(RunFolder(tmp_path)))
    assert comparison.parted is not None
    assert [step.node for step in comparison.same_steps][-1] == "judge"
    assert comparison.parted[0] is not None
    assert comparison.parted[0].number == 10
    assert any(one.where.endswith("box[0]") and (one.left, one.right) == (0.6, 0.3) for one in comparison.details)


def test_with_other_settings_the_recorded_answers_serve_as_long_as_the_questions_are_the_same(
    recorded: RunFolder, tmp_path: Path
) -> None:
    world = World()
    world.distort = lambda layout, number: layout.model_copy(update={"objects": layout.objects[:-1]})

    with pytest.raises(AssertionError, match="no line 1 in the script"):
        again(recorded, tmp_path, world=world)

    calls = [event for event in read_trace(tmp_path / "trace.jsonl") if event["event"] == "llm"]
    assert [call.get("recorded", False) for call in calls] == [True, True, True, False]


@pytest.mark.parametrize("step", [None, 1, 8, 12])
def test_with_another_seed_every_edit_from_there_on_has_it(
    recorded: RunFolder, tmp_path: Path, step: int | None
) -> None:
    world = World()

    again(recorded, tmp_path, first_step=step, seed=500, world=world)

    assert world.seeds == [500, 501][-len(world.seeds) :]
    assert RunFolder(tmp_path).read_record()["input"]["seed"] == 500


def test_a_replay_that_was_stopped_is_resumed_like_any_run(recorded: RunFolder, tmp_path: Path) -> None:
    world = World()
    world.edit_errors.append(RuntimeError("the cable was cut"))
    with pytest.raises(RuntimeError):
        again(recorded, tmp_path, first_step=8, world=world)

    result = run(tmp_path, chat=ScriptedChat(script=[SECOND]), world=World())

    assert result.agreed
    nodes = [event["node"] for event in effective(read_trace(tmp_path / "trace.jsonl")) if event["event"] == "node"]
    assert nodes.count("edit") == 2, "the failed try is not told as work that was done"


def test_a_replay_of_a_replay(recorded: RunFolder, tmp_path: Path) -> None:
    again(recorded, tmp_path / "one", first_step=9)

    result = again(RunFolder(tmp_path / "one"), tmp_path / "two", first_step=4)

    assert result.agreed
    assert compare(told(recorded), told(RunFolder(tmp_path / "two"))).same


def test_broken_calls_are_given_again_as_they_were(tmp_path: Path) -> None:
    broken = FIRST.model_copy(
        update={
            "tool_calls": [],
            "invalid_tool_calls": [
                {"name": "edit", "args": "{", "id": "x", "error": "no brace", "type": "invalid_tool_call"}
            ],
        }
    )
    run(tmp_path / "run", chat=ScriptedChat(script=[SCRIPT[0], broken, FIRST, SECOND]))

    again(RunFolder(tmp_path / "run"), tmp_path / "again")

    assert compare(told(RunFolder(tmp_path / "run")), told(RunFolder(tmp_path / "again"))).same


def test_what_cannot_be_replayed_is_refused(recorded: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no step 99"):
        again(recorded, tmp_path, first_step=99)
    with pytest.raises(RunError, match="holds a run already"):
        again(recorded, recorded.path)
    recorded_copy = RunFolder(tmp_path / "bare")
    recorded_copy.write_record({key: value for key, value in recorded.read_record().items() if key != "version"})
    recorded_copy.trace_path.write_text(recorded.trace_path.read_text())
    with pytest.raises(RunError, match="checkpoints"):
        again(recorded_copy, tmp_path / "out", first_step=3)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a session: a turn, an undo, and another turn from the same state (so steps have the same numbers)."""
    folder = RunFolder(tmp_path_factory.mktemp("session"))

    def turn(operation: dict[str, Any]) -> list[Any]:
        return [{"operations": [operation]}, edit(operation)]

    script = [
        *turn({"op": "restyle", "id": "car #1", "attributes": ["red"]}),
        *turn({"op": "remove", "id": "dog #1"}),
        *turn({"op": "move", "id": "dog #1", "box": [0.7, 0.1, 0.2, 0.2]}),
    ]
    chat = ScriptedChat(script=script)
    with Session.open(folder.path, image=draw(START), backend=World(), chat=chat, settings=settings()) as talk:
        talk.send("make the blue car red, keep the dog")
        talk.send("remove the dog")
        talk.undo()
        assert talk.send("move the dog up").agreed
    return folder


def test_every_step_of_a_session_can_be_replayed_as_a_run_of_its_turn(session: RunFolder, tmp_path: Path) -> None:
    turns = [turn for turn in turns_of(read_trace(session.trace_path)) if turn.rounds]
    assert {step.number for step in turns[1].steps} & {step.number for step in turns[2].steps}, "two branches"
    chosen = [(turns[0], turns[0].steps[0]), *((turns[-1], step) for step in turns[-1].steps)]

    for turn, step in chosen:
        target = RunFolder(tmp_path / f"{turn.number}-{step.number}")
        result = again(session, target.path, first_step=step.number)

        (replayed,) = turns_of(read_trace(target.trace_path))
        assert replayed.text == turn.text
        assert [one.node for one in replayed.steps if one.number] == [one.node for one in turn.steps]
        assert replayed.result["image"] == turn.result["image"]
        assert result.verdict == turn.result["verdict"]


def test_a_session_is_replayed_from_a_step_only(session: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="session"):
        again(session, tmp_path)


@pytest.mark.parametrize("decision", ["accepted", "changed", "changed at the second try"])
def test_from_where_a_person_decided_the_decision_is_taken_again(tmp_path: Path, decision: str) -> None:
    source = tmp_path / "asked"
    with begin(source, approve=True) as talk:
        talk.send("add a blue cup")
        if decision == "changed at the second try":
            talk.accept([Add(name="cup", box=CONVERSATION["dog #1"].box)])
        box = Box(0.4, 0.05, 0.2, 0.2)
        wanted = None if decision == "accepted" else [Add(name="cup", attributes=("green",), box=box)]
        assert talk.accept(wanted).agreed
    events = read_trace(source / "trace.jsonl")
    step = next(event["step"] for event in effective(events) if event.get("node") == "approve")

    result = replay(
        RunFolder(source),
        RunFolder(tmp_path / "again"),
        make_backend=lambda _: World(),
        make_chat=lambda _: OfflinePlanner(),
        settings=SETTINGS,
        first_step=step,
    )

    assert result.agreed
    assert (tmp_path / "again" / "final.png").read_bytes() == (source / "final.png").read_bytes()
