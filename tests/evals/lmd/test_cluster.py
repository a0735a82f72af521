"""The benchmark on a Ray cluster: the records of a run in one process, and nothing measured twice."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from agent.cli.options import Cluster
from evals.lmd.cluster import Errand, Errands, do_errand
from evals.lmd.measure import Plan
from evals.lmd.prompts import choose
from evals.lmd.runner import read_record, run_prompts
from tests.clusters import nodes
from tests.evals.lmd.guessing import make_services

if TYPE_CHECKING:
    from pathlib import Path

    from evals.lmd.measure import Services

PROMPTS = choose(limit=8)


def make_there(images: Path) -> Services:
    """Make services on a node, for a folder of pictures."""
    return make_services(images.parent)


def timeless(value: Any) -> Any:
    """A record without what a clock says."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if "seconds" not in key}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def records(plan: Plan) -> list[Any]:
    return [timeless(read_record(plan, prompt)) for prompt in PROMPTS]


def run_here(out: Path) -> Plan:
    run_prompts(PROMPTS, Plan(out), partial(make_services, out), identity={"preset": "guessing"})
    return Plan(out)


def test_an_errand_brings_the_record_and_the_pictures_and_leaves_nothing(tmp_path: Path) -> None:
    import pickle

    plan, made = run_here(tmp_path / "here"), pickle.dumps(make_there)
    files = [do_errand(Errand(prompt, Plan(tmp_path / "nowhere"), made, None)) for prompt in PROMPTS[:2]]
    for prompt, brought in zip(PROMPTS, files, strict=False):
        record = json.loads(brought[f"{prompt.number:03d}.json"])
        assert timeless(record) == timeless(read_record(plan, prompt))
        assert {f"{attempt['image']}.png" for attempt in record["attempts"]} <= set(brought)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_measures_what_one_process_measures_and_only_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    here = run_here(tmp_path / "here")
    there = Plan(tmp_path / "there")
    with nodes(2, cpus=1) as cluster:
        errands = Errands(Cluster(cluster.address), make_there)
        for some in (PROMPTS[:3], PROMPTS):
            make = partial(pytest.fail, "made here")
            run_prompts(some, there, make, identity={"preset": "guessing"}, errands=errands)
            times = {path.name: path.stat().st_mtime_ns for path in (there.out / "items").iterdir()}
            if some is not PROMPTS:
                first = times
    assert records(there) == records(here)
    assert {name: times[name] for name in first} == first
    pictures = [{path.name for path in (plan.out / "images").glob("*.png")} for plan in (here, there)]
    assert pictures[0] == pictures[1]
