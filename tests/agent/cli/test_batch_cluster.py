"""Batches on a Ray cluster: what is lost with a node or a driver is done elsewhere, once, as a local run does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.run.folder import RunError, RunFolder
from tests.clusters import Batch, finished, nodes, served_world, write_batch
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
        first = Batch(tmp_path, "out", *options)
        first.wait_until(lambda: len(finished(tmp_path / "out")) >= ITEMS // 4)
        first.process.kill()
        first.process.wait()
        before = finished(tmp_path / "out")
        assert len(before) < ITEMS

        second = Batch(tmp_path, (tmp_path / "out").as_uri(), *options)  # the same place, by its address
        second.wait_until(lambda: len(finished(tmp_path / "out")) >= ITEMS // 2)
        cluster.remove_node(next(node for node in cluster.list_all_nodes() if not node.head), allow_graceful=False)
        answers = [second.ended(), Batch(tmp_path, "out", *options).ended()]
        answers.append(Batch(tmp_path, "here", "--preset", "world.yaml").ended())

    assert all((answer["agreed"], answer["failed"]) == (ITEMS, 0) for answer in answers)
    assert all(len({item["item"] for item in answer["items"]}) == ITEMS for answer in answers)
    after = finished(tmp_path / "out")
    assert {name: after[name] for name in before} == before, "what was finished is not done again"
    pictures = [
        {path.parent.name: path.read_bytes() for path in (tmp_path / out).glob("*/final.png")}
        for out in ("out", "here")
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == ITEMS
