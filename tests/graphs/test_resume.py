"""A process that dies at any moment: what was finished is not done again, and the outcome is the same."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from graphs.correction import build_graph
from graphs.state import CHECKPOINTED, Attempt, History, Result, TurnSummary, Usage
from tests.loop import Loop
from tests.scripted import Planner, calls, edit
from tests.world import World, scene
from tools.scene.box import Box
from tools.scene.goal import Goal
from tools.scene.layout import Layout
from tools.scene.operations import Add, Move, Remove, Replace, Restyle

RED = ("red car", [0.1, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
SCRIPT = [TWO_RED, calls(("inspect", {"object": "car #1"})), *Planner, *Planner]
STRICT = JsonPlusSerializer(allowed_msgpack_modules=CHECKPOINTED)
CONFIG: Any = {"configurable": {"thread_id": "run"}}
NODES = ("begin", "parse", "generate", "judge", "think", "act", "edit", "refine", "finish")


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it."""


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with closing(sqlite3.connect(tmp_path / "checkpoints.sqlite", check_same_thread=False)) as connection:
        # Strict: a type that is not listed would come back as something else, and the tests below would see it.
        yield SqliteSaver(connection, serde=STRICT)


def make_loop(tmp_path: Path, script: Any = SCRIPT) -> Loop:
    world = World(scene(RED))
    world.distort = lambda layout, number: scene(RED) if number == 1 else layout  # the first edit is lost
    return Loop(tmp_path, script, world, loop={"refine": True}, refiner={"path": "nowhere"})


def drive(loop: Loop, saver: SqliteSaver, request: Any) -> Result:
    graph = build_graph(saver, loop.settings.loop)
    result: Result = graph.invoke(request, CONFIG, context=loop.context, version="v2", durability="sync").value[
        "result"
    ]
    return result


def comparable(result: Result) -> dict[str, Any]:
    return result.model_dump(mode="json", exclude={"usage": {"wall_seconds"}})


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_node(
    tmp_path: Path, saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch, node: str, moment: str
) -> None:
    expected = comparable(drive(make_loop(tmp_path / "whole"), saver, {"prompt": "two red cars"}))
    saver.conn.execute("delete from checkpoints")
    saver.conn.execute("delete from writes")

    loop = make_loop(tmp_path / "killed")
    with monkeypatch.context() as patch:
        kill_at(patch, node, moment)
        with pytest.raises(Killed):
            drive(loop, saver, {"prompt": "two red cars"})
    resumed = make_loop(tmp_path / "killed")  # a new process: new objects, the same folder
    resumed.world.edits = loop.world.edits
    said_before_the_kill = node in ("parse", "think") and moment == "after"
    resumed.chat.position = loop.chat.position - said_before_the_kill
    result = comparable(drive(resumed, saver, None))

    assert result == expected
    assert len(loop.world.edits) == 2  # no finished edit was repeated
    assert loop.world.generated + resumed.world.generated == 1
    assert loop.world.refined + resumed.world.refined == 1


def kill_at(patch: pytest.MonkeyPatch, name: str, moment: str) -> None:
    import graphs.correction

    node = getattr(graphs.correction, name)

    def killed(state: Any, runtime: Any) -> Any:
        if moment == "after":  # the work is done, but the checkpoint is not written yet
            node(state, runtime)
        raise Killed

    killed.__name__ = name
    patch.setattr(graphs.correction, name, killed)


def test_state_survives_a_strict_round_trip(tmp_path: Path, saver: SqliteSaver) -> None:
    loop = make_loop(tmp_path)
    drive(loop, saver, {"prompt": "two red cars"})
    checkpoint = saver.get_tuple(CONFIG)
    assert checkpoint is not None
    values = checkpoint.checkpoint["channel_values"]
    assert STRICT.loads_typed(STRICT.dumps_typed(values)) == values
    assert all(message.type in ("human", "ai", "tool") for message in values["messages"])
    kept = {"goal": Goal, "layout": Layout, "usage": Usage, "best": Attempt, "latest": Attempt, "before": Layout}
    for name, kind in (kept | {"history": History, "result": Result}).items():
        assert type(values[name]) is kind, name
    assert [type(turn) for turn in values["turns"]] == [TurnSummary]
    assert type(values["layout"].objects[0].box) is Box


def test_planned_operations_survive_a_strict_round_trip() -> None:
    box = Box(0.1, 0.1, 0.2, 0.3333333)
    planned = [
        Add(name="car", box=box),
        Remove(id="car #1"),
        Move(id="car #1", box=box),
        Restyle(id="car #1", attributes=("red",)),
        Replace(id="car #1", name="dog", box=box),
    ]
    assert STRICT.loads_typed(STRICT.dumps_typed(planned)) == planned


def test_wall_time_adds_up_over_processes(tmp_path: Path, saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make_loop(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, "think", "before")
        with pytest.raises(Killed):
            drive(loop, saver, {"prompt": "two red cars"})
    graph = build_graph(saver)
    used: float = graph.get_state(CONFIG).values["elapsed"]
    assert used > 0
    graph.update_state(CONFIG, {"elapsed": used + 10_000}, as_node="judge")
    monkeypatch.setattr(loop.chat, "script", [*loop.chat.script[:1], calls(("detect", {"phrases": ["car"]}))])
    result = drive(loop, saver, None)
    assert result.exit == "time_limit"
    assert result.usage.wall_seconds > 10_000


def approval(loop: Loop, saver: SqliteSaver, request: Any) -> Any:
    return build_graph(saver).invoke(request, CONFIG, context=loop.context, version="v2", durability="sync")


def test_an_edit_waits_for_approval_and_survives_a_restart(tmp_path: Path, saver: SqliteSaver) -> None:
    loop = Loop(tmp_path, [TWO_RED, *Planner], World(scene(RED)))
    waiting = approval(loop, saver, {"prompt": "two red cars", "approve": True})
    (shown,) = waiting.interrupts
    assert loop.world.edits == []
    assert shown.value["operations"][0]["op"] == "add"
    assert len(shown.value["layout"]["objects"]) == 2

    later = Loop(tmp_path, [])
    done = approval(later, saver, Command(resume={"accept": True}))
    assert done.value["result"].exit == "agreed"
    assert len(later.world.edits) == 1


def test_a_person_may_change_the_operations(tmp_path: Path, saver: SqliteSaver) -> None:
    loop = Loop(tmp_path, [TWO_RED, *Planner], World(scene(RED)))
    approval(loop, saver, {"prompt": "two red cars", "approve": True})
    unusable = approval(loop, saver, Command(resume={"operations": [{"op": "remove", "id": "cat #9"}]}))
    assert "known ids: car #1" in unusable.interrupts[0].value["problem"]
    nonsense = approval(loop, saver, Command(resume="hm"))
    assert "none of accept" in nonsense.interrupts[0].value["problem"]
    mine = {"op": "add", "name": "car", "attributes": ["red"], "box": [0.55, 0.05, 0.4, 0.4]}
    done = approval(loop, saver, Command(resume={"operations": [mine]}))
    assert done.value["result"].exit == "agreed"
    assert loop.world.edits == [[mine]]


def test_a_rejection_goes_back_to_the_model(tmp_path: Path, saver: SqliteSaver) -> None:
    other = edit({"op": "add", "name": "car", "attributes": ["red"], "box": [0.5, 0.05, 0.4, 0.4]})
    loop = Loop(tmp_path, [TWO_RED, *Planner, other], World(scene(RED)))
    approval(loop, saver, {"prompt": "two red cars", "approve": True})
    again = approval(loop, saver, Command(resume={"reject": "too low"}))
    assert "too low" in loop.chat.seen[-1][-1].text
    assert again.interrupts[0].value["operations"][0]["box"] == [0.5, 0.05, 0.4, 0.4]
    assert approval(loop, saver, Command(resume={"accept": True})).value["result"].exit == "agreed"
    assert len(loop.world.edits) == 1


def test_a_lost_picture_is_made_again(tmp_path: Path, saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make_loop(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, "edit", "after")
        with pytest.raises(Killed):
            drive(loop, saver, {"prompt": "two red cars"})
    for made in (tmp_path / "images" / "made").iterdir():
        made.write_text("{")  # a damaged record is no record
    drive(loop, saver, None)
    assert loop.world.seeds == [0, 0]  # the first round again, and no other
