import json
from pathlib import Path

import pytest

from agent.trace.events import VERSION, TraceWriter, effective, plain, read_trace
from tools.redaction import Redactor


def test_events_are_numbered_and_readable_at_once(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)

    writer.write("start", input={"prompt": "a cat"})
    writer.write("node", node="parse", seconds=0.5)

    events = read_trace(path)
    assert [(event["seq"], event["event"]) for event in events] == [(1, "start"), (2, "node")]
    assert all(event["v"] == VERSION for event in events)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    TraceWriter(path).write("start")
    TraceWriter(path).write("resume")

    assert [event["seq"] for event in read_trace(path)] == [1, 2]


@pytest.mark.parametrize("secret", ["sk-1234567890", 'with "quotes" and \\', "schlüssel-ä"])
def test_what_must_be_hidden_is_never_written(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "trace.jsonl"
    TraceWriter(path, Redactor((secret,))).write("llm", error=f"the key {secret} is wrong", new=[{secret: secret}])

    assert secret not in path.read_text()
    assert json.dumps(secret)[1:-1] not in path.read_text()
    assert read_trace(path)[0]["error"] == "the key *** is wrong"


def test_a_torn_last_line_is_left_out_and_removed_on_resume(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    TraceWriter(path).write("start")
    with path.open("a") as file:
        file.write('{"v": 2, "seq": 2, "eve')

    assert len(read_trace(path)) == 1
    writer = TraceWriter(path)
    writer.reconcile({})
    writer.write("resume")
    assert [event["event"] for event in read_trace(path)] == ["start", "resume"]


def test_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text('{"v": 7, "seq": 1, "event": "start"}\n')

    with pytest.raises(ValueError, match="line 1: version 7"):
        read_trace(tmp_path / "trace.jsonl")


def test_reconciling_marks_cut_off_work_and_adds_what_a_kill_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)
    writer.write("node", task="a", node="parse")
    writer.write("llm", task="b", node="think")

    writer.reconcile({"a": {"node": "parse"}, "c": {"node": "judge", "step": 3, "update": {}}})

    assert [event.get("interrupted", False) for event in read_trace(path)] == [False, True, False]
    kept = effective(read_trace(path))
    assert [(event["task"], event["node"]) for event in kept] == [("a", "parse"), ("c", "judge")]
    assert kept[1]["recovered"]


def test_only_json_is_written_and_no_string_without_end() -> None:
    value = plain({"nan": float("nan"), "inf": [float("inf")], "path": Path("a"), 3: ("x",), "long": "y" * 50_000})

    assert value["nan"] is None
    assert value["inf"] == [None]
    assert value["3"] == ["x"]
    assert len(value["long"]) < 21_000
    json.dumps(value, allow_nan=False)
