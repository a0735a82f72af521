"""What so many conversations an hour take: a small simulation of turns before GPUs, with measured costs.

Conversations begin at random; each is a few turns with pauses for thought between them. A turn waits for a free GPU,
first come, first served, and holds it for the time that its models take. Everything else of a turn (the agent's
processor, the database, the store of pictures) is not waited for: its load is added up. Knows nothing of models.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RATES = (10, 1_000, 100_000)  # conversations an hour


@dataclass(frozen=True)
class Costs:
    """What a turn takes. The first group was measured (docs/scale.md), the second is computed, the third assumed."""

    agent_seconds: float = 0.14  # of one core, offline planner, sessions in Postgres
    transactions: float = 79  # of the database
    kept_bytes: float = 160e3  # in the database
    picture_bytes: float = 18e3  # of 256 x 256 pixels; a photograph has a hundred times that

    evaluations: float = 160  # of the model, a turn that draws: 100 for a new picture, 140 to 226 for an edit
    teraflops: float = 1.14  # of one evaluation: GLIGEN, grounded, 512 x 512
    looks: float = 0.15  # GPU seconds of detector and segmenter

    speed: float = 300  # TFLOP/s that a large GPU really gives, of some 990 on paper
    price: float = 3.0  # dollars for an hour of that GPU
    core_price: float = 0.04  # dollars for an hour of a core with its memory
    drawing: float = 0.8  # share of turns that draw; the others are questions and undos
    turns: float = 4  # of a conversation
    thought: float = 40  # seconds between two turns of one
    most_busy: float = 0.6  # of agent cores
    database: float = 10_000  # transactions a second that one large Postgres does

    @property
    def gpu_seconds(self) -> float:
        """Of a turn that draws."""
        return self.evaluations * self.teraflops / self.speed + self.looks


@dataclass(frozen=True)
class Load:
    """What a rate of conversations comes to, with so many GPUs."""

    rate: int
    gpus: int
    busy: float
    """Share of the time that GPUs work."""
    wait: float
    """Seconds that 95 of 100 turns wait less than for a GPU."""
    turns: float
    """A second."""
    cores: int
    transactions: float
    """A second."""
    gigabytes: float
    """A day, in the database."""
    dollars: float
    """For a picture: GPUs and agent cores, idle time included; no language model, no storage."""


def simulate(rate: int, costs: Costs, gpus: int, *, seed: int = 0) -> Load:
    """Run conversations for a while (an hour; less where there are very many) and return what it came to."""
    chance, seconds = random.Random(seed), 3600.0 if rate <= 1000 else 600.0
    begun = seconds / 5  # until then the system fills up: not counted
    events: list[tuple[float, int, int]] = []  # when a turn is asked for, a number, turns left after it
    clock, number = 0.0, 0
    while (clock := clock + chance.expovariate(rate / 3600)) < seconds:
        left = int(math.log(1 - chance.random()) / math.log(1 - 1 / costs.turns))
        heapq.heappush(events, (clock, number := number + 1, left))
    free = [0.0] * gpus
    waits: list[float] = []
    worked, turns, pictures = 0.0, 0, 0
    while events and events[0][0] < seconds:
        asked, _, left = heapq.heappop(events)
        ended = asked
        if chance.random() < costs.drawing:
            start = max(asked, heapq.heappop(free))
            took = chance.gammavariate(2, costs.gpu_seconds / 2)
            ended = start + took
            heapq.heappush(free, ended)
            if asked >= begun:
                waits.append(start - asked)
                worked, pictures = worked + took, pictures + 1
        turns += asked >= begun
        if left:
            heapq.heappush(events, (ended + chance.expovariate(1 / costs.thought), number := number + 1, left - 1))
    counted = seconds - begun
    a_second = turns / counted
    cores = math.ceil(a_second * costs.agent_seconds / costs.most_busy)
    hourly = gpus * costs.price + cores * costs.core_price
    return Load(
        rate=rate,
        gpus=gpus,
        busy=worked / counted / gpus,
        wait=sorted(waits)[int(0.95 * len(waits))] if waits else 0.0,
        turns=a_second,
        cores=cores,
        transactions=a_second * costs.transactions,
        gigabytes=a_second * 86_400 * costs.kept_bytes / 1e9,
        dollars=hourly * counted / 3600 / max(pictures, 1),
    )


def size(rate: int, costs: Costs, longest_wait: float = 2.0) -> Load:
    """Return the load with the fewest GPUs before which 95 of 100 turns wait no longer than this."""
    offered = rate / 3600 * costs.turns * costs.drawing * costs.gpu_seconds
    gpus, step = max(1, math.ceil(offered)), max(1, math.ceil(offered / 100))
    while (load := simulate(rate, costs, gpus)).wait > longest_wait:
        gpus += step
    return load


def limits(load: Load, costs: Costs) -> dict[str, float]:
    """Return how much of what one machine can do each part takes: what is above 1 first breaks first."""
    return {
        "one GPU": load.gpus * load.busy,
        "one Postgres, transactions": load.transactions / costs.database,
        "one Postgres, 1 TB of disk a week": load.gigabytes * 7 / 1000,
        "one web process": load.turns * costs.agent_seconds / costs.most_busy,
    }


def table(loads: Sequence[Load]) -> str:
    """Return the loads as lines of Markdown."""
    lines = [
        "| conversations an hour | turns a second | GPUs | busy | p95 wait, s | agent cores | transactions/s "
        "| database, GB a day | $ a picture |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for load in loads:
        lines.append(
            f"| {load.rate:,} | {load.turns:.2g} | {load.gpus} | {load.busy:.0%} | {load.wait:.1f} | {load.cores} "
            f"| {_short(load.transactions)} | {_short(load.gigabytes)} | {load.dollars:.4f} |"
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def draw(path: Path, costs: Costs, rates: Sequence[int] = (10, 100, 1_000, 10_000, 100_000)) -> None:
    """Draw how much of one machine each part takes, by the rate."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    loads = [size(rate, costs) for rate in rates]
    with mpl.rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none"}):  # the same numbers make the same file
        figure = Figure(figsize=(8, 4), layout="constrained")
        axes, dollars = figure.subplots(1, 2)
        for name in limits(loads[0], costs):
            axes.loglog(rates, [limits(load, costs)[name] for load in loads], marker="o", label=name)
        axes.axhline(1, color="black", linestyle=":", linewidth=1)
        axes.set(xlabel="conversations an hour", ylabel="of what one can do", title="What is above 1 needs a second")
        axes.legend(fontsize=7)
        for name, loaded in (("large GPU", loads), ("smaller GPU", [size(rate, smaller(costs)) for rate in rates])):
            dollars.loglog(rates, [load.dollars for load in loaded], marker="o", label=name)
        dollars.set(xlabel="conversations an hour", ylabel="$ a picture", title="What a picture costs")
        dollars.legend(fontsize=7)
        for each in (axes, dollars):
            each.grid(visible=True, alpha=0.3)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def smaller(costs: Costs) -> Costs:
    """Return the costs with a GPU for inference of the smaller kind (some 120 TFLOP/s on paper)."""
    return replace(costs, speed=40, price=0.8)
