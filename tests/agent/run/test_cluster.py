"""Work spread over the nodes of a Ray cluster."""

from __future__ import annotations

import time

import pytest

from agent.run.cluster import spread
from tests.clusters import nodes

ITEMS = 12


def squared(number: int) -> int:
    time.sleep(0.3)
    return number * number


@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_what_a_lost_node_had_is_done_by_another_and_everything_once() -> None:
    done: list[tuple[str, object]] = []
    with nodes(2, cpus=1) as cluster:
        given = ((str(number), number) for number in range(ITEMS))
        for item, result in spread(squared, given, address=cluster.address):
            if not done:
                lost = next(node for node in cluster.list_all_nodes() if not node.head)
                cluster.remove_node(lost, allow_graceful=False)
            done.append((item, result))
    assert sorted(done) == sorted((str(number), number * number) for number in range(ITEMS))
