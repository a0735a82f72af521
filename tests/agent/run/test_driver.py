import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent.run.driver import Job, RunError, RunFolder, read_result
from agent.run.stream import Event
from agent.trace.events import effective, read_trace
from configs.settings import Settings
from tests.agent.jobs import FIRST, LOOK, SCRIPT, SECOND, SPEC, job, run
from tests.scripted import ScriptedChat
from tests.world import World, settings, truth
from tools.images import open_picture

SECRET = "sk-never-write-this-down"


class Killed(BaseException):
    """Ends a run the way no code can catch."""


def test_a_run_agrees_and_leaves_everything_in_its_folder(tmp_path: Path) -> None:
    world = World()

    result = run(tmp_path / "run", world=world)

    assert result.agreed
    assert result.exit == "agreed"
    assert result.rounds == 2
    assert len(world.edits) == 2
    assert result.image == tmp_path / "run" / "final.png"
    names = sorted(placed.phrase for placed in truth(open_picture(result.image)).objects)
    assert names == ["blue cup", "red car", "red car"]
    assert RunFolder(tmp_path / "run").read_record()["status"] == "finished"


def test_the_trace_holds_one_event_per_node_model_call_and_tool_call(tmp_path: Path) -> None:
    run(tmp_path)

    events = read_trace(tmp_path / "trace.jsonl")
    nodes = [event["node"] for event in events if event["event"] == "node"]
    tools = [event["tool"] for event in events if event["event"] == "tool"]
    calls = [event for event in events if event["event"] == "llm"]
    assert nodes == [
        "begin", "parse", "judge", "think", "act", "think", "act", "edit", "judge", "think", "act", "edit", "judge",
        "finish",
    ]  # fmt: skip
    assert tools == ["detect", "edit", "edit"]
    assert [call["input_tokens"] for call in calls] == [10, 10, 10, 10]
    assert calls[1]["answer"]["content"] == "I look at the cars first."
    assert all(event["seconds"] >= 0 for event in events if event["event"] in ("node", "tool", "llm"))
    assert (events[0]["event"], events[-1]["event"]) == ("start", "end")
    assert events[-1]["result"]["agreed"]


def test_messages_of_a_model_call_can_be_put_together_again(tmp_path: Path) -> None:
    chat = ScriptedChat(script=list(SCRIPT))
    run(tmp_path, chat=chat)

    said: list[dict[str, Any]] = []
    for event, seen in zip(
        (event for event in read_trace(tmp_path / "trace.jsonl") if event["event"] == "llm"), chat.seen, strict=True
    ):
        said = [*said[: event["keep"]], *event["new"]]
        assert [one["content"] for one in said] == [message.text for message in seen]


def test_no_secret_and_no_absolute_path_is_in_any_file(tmp_path: Path) -> None:
    given = settings(chat={"api_key": SECRET, "base_url": f"http://user:{SECRET}@localhost/v1"})
    given = given.model_copy(update={"detector": given.detector.model_copy(update={"path": "/opt/models/owl"})})
    said = f"{SECRET} and {tmp_path / 'run' / 'images'} and {Path.cwd()}"
    talkative = ScriptedChat(script=[SPEC, LOOK, FIRST.model_copy(update={"content": said}), SECOND])

    run(tmp_path / "run", settings=given, chat=talkative, overrides={"chat.api_key": SECRET, "loop.rounds": 3})

    for path in (tmp_path / "run").rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl"):
            text = path.read_text()
            assert SECRET not in text, path.name
            assert str(tmp_path) not in text, path.name
            assert str(Path.cwd()) not in text, path.name
            assert "/opt/models" not in text, path.name


def test_a_failure_is_recorded_without_the_secret_and_the_run_goes_on_later(tmp_path: Path) -> None:
    given = settings(chat={"api_key": SECRET})
    broken = ScriptedChat(script=[SPEC, FIRST, RuntimeError(f"the server hates {SECRET}")])
    world = World()

    with pytest.raises(RuntimeError):
        run(tmp_path, settings=given, chat=broken, world=world)
    record = RunFolder(tmp_path).read_record()
    result = run(tmp_path, settings=given, chat=ScriptedChat(script=[SECOND]), world=world)

    assert record["status"] == "failed"
    assert "the server hates ***" in record["error"]
    assert result.agreed
    assert len(world.edits) == 2, "the first edit is not repeated"


def _stop_at(world: World, moment: int) -> None:
    """Make the world end the process's run inside its ``moment``-th edit, before it is done."""
    world.edit_errors.extend([None] * moment)
    world.edit_errors.append(Killed())  # type: ignore[arg-type]  # the world raises whatever it holds


@pytest.mark.parametrize("moment", [0, 1])
def test_a_run_that_was_stopped_inside_an_edit_goes_on_there(tmp_path: Path, moment: int) -> None:
    world = World()
    _stop_at(world, moment)

    with pytest.raises(Killed):
        run(tmp_path, world=world)
    rest = [FIRST, SECOND][moment + 1 :]
    result = run(tmp_path, world=world, chat=ScriptedChat(script=list(rest)))

    assert result.agreed
    assert len(world.edits) == 2
    kept = effective(read_trace(tmp_path / "trace.jsonl"))
    assert sum(event["event"] == "node" and event["node"] == "edit" for event in kept) == 2
    assert sum(event["event"] == "resume" for event in kept) == 1
    assert len({event["task"] for event in kept if event["event"] == "node"}) == sum(
        event["event"] == "node" for event in kept
    )


def test_a_finished_run_is_only_read(tmp_path: Path) -> None:
    first = run(tmp_path)

    again = run(tmp_path, chat=ScriptedChat(script=[]))

    assert again == first


def test_a_finished_node_whose_event_was_lost_is_in_the_trace_after_a_resume(tmp_path: Path) -> None:
    world = World()
    _stop_at(world, 1)
    with pytest.raises(Killed):
        run(tmp_path, world=world)
    trace = tmp_path / "trace.jsonl"
    lines = [line for line in trace.read_text().splitlines() if '"node": "judge"' not in line]
    trace.write_text("\n".join(lines) + "\n")

    run(tmp_path, world=world, chat=ScriptedChat(script=[]))

    nodes = [event["node"] for event in effective(read_trace(trace)) if event["event"] == "node"]
    assert nodes.count("judge") == 3


def test_another_job_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run(tmp_path)

    with pytest.raises(RunError, match="another prompt"):
        run(tmp_path, job=job(prompt="a cat"))
    with pytest.raises(RunError, match="another seed"):
        run(tmp_path, job=job(seed=7))


def test_a_run_folder_can_be_moved_and_resumed_elsewhere(tmp_path: Path) -> None:
    world = World()
    _stop_at(world, 1)
    with pytest.raises(Killed):
        run(tmp_path / "here", world=world)
    shutil.move(tmp_path / "here", tmp_path / "there")

    result = run(tmp_path / "there", world=world, chat=ScriptedChat(script=[]))

    assert result.agreed
    assert result.image == tmp_path / "there" / "final.png"


def test_an_unfinished_run_has_no_result(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(tmp_path, chat=ScriptedChat(script=[RuntimeError("no")]))

    with pytest.raises(RunError, match="not finished"):
        read_result(RunFolder(tmp_path))


def test_without_agreement_the_best_picture_is_still_written(tmp_path: Path) -> None:
    limited = Settings.model_validate({**settings().model_dump(), "loop": {"rounds": 1}})

    result = run(tmp_path, settings=limited, chat=ScriptedChat(script=[SPEC, FIRST]))

    assert not result.agreed
    assert result.exit == "round_limit"
    assert result.image is not None
    assert len(truth(open_picture(result.image)).objects) == 2


def test_the_listener_hears_of_nodes_and_steps(tmp_path: Path) -> None:
    heard: list[Event] = []
    run(tmp_path, listener=heard.append)

    assert heard[:2] == [Event("started", "begin"), Event("finished", "begin", heard[1].update)]
    assert Event("progress", "compose", done=1, total=1) in heard
    assert (heard[-1].kind, heard[-1].name) == ("finished", "finish")


@pytest.mark.parametrize(
    "given",
    [{}, {"prompt": "  "}, {"prompt": "a", "instruction": "b"}, {"instruction": "remove the cat"}],
    ids=["nothing", "blank", "both", "no picture"],
)
def test_a_job_without_one_clear_wish_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"prompt|picture"):
        Job(**given)


def test_state_in_the_checkpoints_is_plain(tmp_path: Path) -> None:
    run(tmp_path)

    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as connection:
        rows = connection.execute("select metadata from checkpoints").fetchall()
    connection.close()
    assert len(rows) > 10
    assert all(isinstance(json.loads(row[0]), dict) for row in rows)
