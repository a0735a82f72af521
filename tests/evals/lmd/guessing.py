"""A world whose generator is often wrong, for runs of the benchmark; run as a program, it is there to be killed."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.offline.planner import OfflinePlanner
from evals.lmd.measure import Plan, Services
from evals.lmd.prompts import choose, lmd_prompts
from evals.lmd.runner import run_prompts
from tests.world import World, draw, scene, settings
from tools.backend.protocol import Cost, Edited, Generated
from tools.context import Context
from tools.images import ImageStore

if TYPE_CHECKING:
    from tools.scene.layout import Layout

PRICE = 100  # model evaluations of a picture
LUCK = 0.4  # share of first pictures that are right
TRUTHS = {prompt.text: prompt.truth for prompt in lmd_prompts()}


class Guessing(World):
    """Draws what the prompt asks for, or something else; notes every picture in ``log``."""

    def __init__(self, log: Path | None = None, pause: float = 0.0) -> None:
        super().__init__()
        self.log, self.pause = log, pause

    def note(self, what: str) -> None:
        if self.log:
            time.sleep(self.pause)
            with self.log.open("a", encoding="utf-8") as file:
                file.write(what + "\n")

    def generate(self, prompt: str, *, seed: int = 0, **_: Any) -> Generated:
        self.note(f"generate {prompt} {seed}")
        cost = Cost(model_evaluations=PRICE, seconds={"generate": 0.5})
        return Generated((draw(guess(prompt, seed)),), cost=cost)

    def edit(self, *args: Any, **more: Any) -> Edited:
        edited = super().edit(*args, **more)
        self.note(f"edit {more.get('seed')} {self.edits[-1]}")
        return edited


def guess(prompt: str, seed: int) -> Layout:
    rng = np.random.default_rng(seed)
    if rng.random() >= LUCK:
        return scene(("white cup", [0.6, 0.6, 0.2, 0.2]), (f"red {rng.choice(['dog', 'car'])}", [0.1, 0.6, 0.2, 0.2]))
    truth, places = TRUTHS[prompt], iter([[0.05 + 0.18 * n, 0.4, 0.15, 0.15] for n in range(5)])
    first = truth.relations[0].predicate if truth.relations else ""
    sides = {"left": [[0.1, 0.4], [0.7, 0.4]], "top": [[0.4, 0.1], [0.4, 0.7]]}
    for side, turned in (("left", "right"), ("top", "bottom")):
        if first.endswith((side, turned)):
            boxes = sides[side] if first.endswith(side) else sides[side][::-1]
            places = iter([[*corner, 0.2, 0.2] for corner in boxes])
    return scene(*((one.phrase, next(places)) for one in truth.objects for _ in range(one.count)))


def make_services(out: Path, log: Path | None = None, pause: float = 0.0, **loop: Any) -> Services:
    world, chosen = Guessing(log, pause), settings(loop={"rounds": 2, **loop})
    context = Context(world, OfflinePlanner(), ImageStore(out / "images"), chosen)
    return Services(context, {"detector": world, "heldout": world})


def main() -> None:
    out, log, limit, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    make = partial(make_services, out, log, 0.04)
    run_prompts(choose(limit=limit), Plan(out), make, identity={"preset": "guessing"}, workers=workers)


if __name__ == "__main__":
    main()
