from __future__ import annotations

from pathlib import Path

import pytest

from evals.scale import Costs, limits, simulate, size, table


def test_what_is_offered_is_what_is_done() -> None:
    costs = Costs()
    load = simulate(2_000, costs, gpus=20)
    assert load.turns == pytest.approx(2_000 * costs.turns / 3600, rel=0.15)
    assert load.gpus * load.busy == pytest.approx(load.turns * costs.drawing * costs.gpu_seconds, rel=0.1)
    assert load.wait < 0.1


def test_too_few_gpus_are_waited_for_and_more_are_found() -> None:
    costs = Costs(speed=10)
    offered = 600 / 3600 * costs.turns * costs.drawing * costs.gpu_seconds
    assert simulate(600, costs, gpus=max(1, int(offered / 2))).wait > 60
    load = size(600, costs, longest_wait=2.0)
    assert load.wait <= 2.0
    assert simulate(600, costs, gpus=load.gpus - 1).wait > load.wait


def test_the_same_seed_gives_the_same_load_and_more_conversations_cost_less_a_picture() -> None:
    few, many = size(10, Costs()), size(1_000, Costs())
    assert simulate(10, Costs(), few.gpus) == few
    assert many.dollars < few.dollars
    assert limits(many, Costs()).keys() == limits(few, Costs()).keys()


def test_the_document_holds_what_the_simulation_says() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    for line in table([size(rate, Costs()) for rate in (10, 1_000)]).splitlines():
        assert line in document
