"""Batches whose items, pictures and runs lie in a bucket: done once, gone on with anywhere, equal to a local run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from agent.run.elsewhere import Elsewhere
from agent.run.folder import RunError, RunFolder
from sld.cli import app
from tests import s3
from tests.agent.cli.test_batch import Bench, item
from tests.agent.cli.test_batch import bench as bench
from tests.agent.jobs import FIRST, SECOND, SPEC
from tests.scripted import ScriptedChat
from tools.remote_files import PlaceError, filesystem

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bucket() -> Iterator[Any]:
    with s3.serving() as files:
        yield files


def run(*options: str) -> Result:
    base = ["batch", f"{s3.BUCKET}/data.json", "--mode", "self_correction"]
    places = ["--input-dir", f"{s3.BUCKET}/in", "--output-dir", f"{s3.BUCKET}/out"]
    return CliRunner().invoke(app, [*base, *places, "--json", *options])


def test_a_batch_in_a_bucket_is_done_once_and_equals_a_local_one(bench: Bench, bucket: Any) -> None:
    items = [item("one"), item("two")]
    Path("data.json").write_text(json.dumps(items))
    bucket.put("data.json", f"{s3.BUCKET}/data.json")
    bucket.put("in/", f"{s3.BUCKET}/in/", recursive=True)

    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND] * 2)
    assert bench("self_correction").exit_code == 0
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND] * 2)
    result = run()
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["agreed"], summary["failed"], summary["output_dir"]) == (2, 0, f"{s3.BUCKET}/out")
    for name in ("one", "two"):
        assert bucket.cat(f"{s3.BUCKET}/out/{name}/final.png") == Path(f"out/{name}/final.png").read_bytes()
        assert bucket.exists(f"{s3.BUCKET}/out/{name}/report.html")
        assert b"AKIA0TEST" not in bucket.cat(f"{s3.BUCKET}/out/{name}/run.json")

    edits = len(bench.edits)
    bench.chat = ScriptedChat(script=[])
    again = run()  # on a machine that has nothing but the bucket
    assert again.exit_code == 0, again.output
    assert len(bench.edits) == edits

    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND] * 2)
    assert run("--overwrite").exit_code == 0
    assert len(bench.edits) == 2 * edits - edits // 2


def test_an_unfinished_run_goes_on_where_another_machine_left_it(
    bench: Bench,
    bucket: Any,
    tmp_path: Path,
) -> None:
    Path("data.json").write_text(json.dumps([item("one")]))
    bucket.put("data.json", f"{s3.BUCKET}/data.json")
    bucket.put("in/", f"{s3.BUCKET}/in/", recursive=True)
    bench.chat = ScriptedChat(script=[SPEC, FIRST, RuntimeError("the power went out")])
    assert run().exit_code == 1
    assert not bucket.exists(f"{s3.BUCKET}/out/one/final.png")
    bench.chat = ScriptedChat(script=[SECOND])
    assert run().exit_code == 0
    assert json.loads(bucket.cat(f"{s3.BUCKET}/out/one/run.json"))["status"] == "finished"


def test_a_folder_of_this_machine_may_be_named_by_its_address(bench: Bench, tmp_path: Path) -> None:
    Path("data.json").write_text(json.dumps([item("one")]))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, RuntimeError("the power went out")])
    assert bench("self_correction").exit_code == 1
    with RunFolder(tmp_path / "out" / "one").locked():  # leaves its lock's file there
        pass
    (tmp_path / "out" / "one" / ".run.json.1").write_text("half")
    there = Elsewhere((tmp_path / "out").as_uri(), tmp_path / "copies")
    there.fetch("one")
    copied = {path.name for path in (tmp_path / "copies" / "one").iterdir()}
    assert "run.json" in copied
    assert not {name for name in copied if name.startswith(".")}


def test_places_that_cannot_be_used_are_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    Path("data.json").write_text(json.dumps([item("one")]))
    for place in ("nowhere://bucket", "https://example.org/out"):
        command = ["batch", "data.json", "--mode", "self_correction", "--input-dir", "in", "--output-dir", place]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2
        assert place.partition(":")[0] in result.stderr
    with pytest.raises(PlaceError, match="no known kind"):
        filesystem("nowhere://bucket")
    files, base = filesystem(f"memory://{tmp_path.name}")
    files.pipe_file(f"{base}/one/../../stolen.txt", b"here")
    with pytest.raises(RunError, match="no file of a run"):
        Elsewhere(f"memory://{tmp_path.name}", tmp_path / "copies").fetch("one")
    assert not RunFolder(tmp_path / "copies" / "one").started
