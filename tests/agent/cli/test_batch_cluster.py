"""Batches on a Ray cluster: what is lost with a node or a driver is done elsewhere, once, as a local run does it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from agent.run.folder import RunError, RunFolder
from tests.clusters import batch, finished, nodes, served_world, wait_until, write_batch
from tests.workers import serving_here
from tools.backend.remote.calls import Calls

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = 200


def test_a_run_folder_is_put_down_whole_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "one" / "images").mkdir(parents=True)
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    one.write_record({"status": "finished"})
    (one.images_path / "a.png").write_bytes(b"a")
    other.images_path.mkdir(parents=True)
    (other.images_path / "old.png").write_bytes(b"old")
    with one.locked():
        other.unpack(one.pack())
    assert other.pack() == one.pack()
    assert set(one.pack()) == {"run.json", "images/a.png"}
    with pytest.raises(RunError, match="no name inside"):
        other.unpack({"../run.json": b""})


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_every_item_is_done_once_though_a_node_and_the_driver_are_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with serving_here(served_world(), calls=Calls(8, 1000)) as url, nodes(3) as cluster:
        write_batch(tmp_path, ITEMS, url)
        options = ("--preset", "world.yaml", "--ray", cluster.address)
        first = batch(tmp_path, "out", *options)
        wait_until(lambda: len(finished(tmp_path / "out")) >= ITEMS // 4, first)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        before = finished(tmp_path / "out")
        assert len(before) < ITEMS

        second = batch(tmp_path, (tmp_path / "out").as_uri(), *options)  # the same place, by its address
        wait_until(lambda: len(finished(tmp_path / "out")) >= ITEMS // 2, second)
        cluster.remove_node(next(node for node in cluster.list_all_nodes() if not node.head), allow_graceful=False)
        told, said = second.communicate()

        third = batch(tmp_path, "out", *options)
        again, _ = third.communicate()
        local, _ = batch(tmp_path, "here", "--preset", "world.yaml").communicate()

    assert (second.returncode, third.returncode) == (0, 0), said
    answers = [json.loads(answer) for answer in (told, again, local)]
    assert all((answer["agreed"], answer["failed"]) == (ITEMS, 0) for answer in answers)
    assert all(sorted({item["item"] for item in answer["items"]}) == sorted(before | finished(tmp_path / "out"))
               for answer in answers)  # fmt: skip
    after = finished(tmp_path / "out")
    assert {name: after[name] for name in before} == before, "what was finished is not done again"
    pictures = [
        {path.parent.name: path.read_bytes() for path in (tmp_path / out).glob("*/final.png")}
        for out in ("out", "here")
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == ITEMS
