"""The one training loop of all icon-world models: resumable, with an average of the weights and a log.

A `Recipe` says what is trained and on what; the loop knows nothing else about it.
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

LOG_EVERY = 20  # steps


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters of one model's training; see ``recipe.yaml``."""

    steps: int
    batch: int
    lr: float
    warmup: int = 200  # steps
    weight_decay: float = 0.01
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.999
    seed: int = 0  # of weights and of the scenes trained on


class Recipe(Protocol):
    """What is trained (`model`) and on what (`batch`, `loss`)."""

    name: str
    model: nn.Module

    def batch(self, step: int, size: int) -> Any:
        """Return the ``step``-th batch; the same step always gives the same one."""
        ...

    def loss(self, batch: Any) -> dict[str, Tensor]:
        """Return the total under "loss", and parts worth logging."""
        ...

    def save(self, folder: Path) -> None:
        """Write the trained checkpoint as standard ``save_pretrained`` folders."""
        ...

    def sample(self, file: Path) -> None:
        """Draw a fixed sheet of what the model does now."""
        ...


def train(
    recipe: Recipe, hyper: Hyper, state_dir: Path, device: str, *, sample_every: int = 500, save_seconds: float = 60
) -> None:
    """Train to ``hyper.steps``, going on from the newest state in ``state_dir`` when there is one.

    Mixed precision (bfloat16) throughout; optimizer and averages in float32. The state is written
    to a temporary name and renamed, so a kill at any moment loses at most ``save_seconds`` of work.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    model: Any = recipe.model.to(device)
    model.to(memory_format=torch.channels_last)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decay = [parameter for parameter in trained if parameter.ndim > 1]
    plain = [parameter for parameter in trained if parameter.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": hyper.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=hyper.lr,
        betas=(0.9, 0.99),
    )
    average = copy.deepcopy(model).eval().requires_grad_(False)
    state_file, log_file = state_dir / "state.pt", state_dir / "log.jsonl"
    step = 0
    if state_file.exists():
        state = torch.load(state_file, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = int(state["step"])

    def write_state() -> None:
        fresh = state_file.with_suffix(".tmp")
        state = {
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
        }
        torch.save(state, fresh)
        fresh.replace(state_file)

    def with_average(action: Any, *arguments: Any) -> None:
        recipe.model = average
        try:
            action(*arguments)
        finally:
            recipe.model = model

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    last_save = time.monotonic()
    with Progress(*columns) as progress:
        bar = progress.add_task(recipe.name, total=hyper.steps, completed=step, loss="")
        while step < hyper.steps:
            for group in optimizer.param_groups:
                group["lr"] = hyper.lr * _schedule(step, hyper)
            torch.manual_seed((hyper.seed << 32) + step)  # noise drawn in the loss is the same after a kill
            with torch.autocast(torch.device(device).type, torch.bfloat16):
                losses = recipe.loss(recipe.batch(step, hyper.batch))
            optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()  # type: ignore[no-untyped-call]  # as torch types it
            norm = torch.nn.utils.clip_grad_norm_(trained, hyper.clip)
            if torch.isfinite(norm):  # one bad batch must not poison the weights
                optimizer.step()
            step += 1
            keep = min(hyper.ema, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
            if step % LOG_EVERY == 0:
                numbers = {key: round(float(value.detach()), 5) for key, value in losses.items()}
                with log_file.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({"step": step, "time": round(time.time(), 1), **numbers}) + "\n")
                progress.update(bar, loss=" ".join(f"{key} {value:.4f}" for key, value in numbers.items()))
            if step % sample_every == 0:
                with_average(recipe.sample, state_dir / f"sample-{step:06d}.png")
            progress.update(bar, completed=step)
            if time.monotonic() - last_save > save_seconds or step == hyper.steps:
                write_state()
                last_save = time.monotonic()
    recipe.model = average


def load_average(recipe: Recipe, state_dir: Path) -> int:
    """Put the averaged weights of the newest state into the recipe's model; return its step.

    Raises:
        FileNotFoundError: nothing was trained yet.
    """
    state = torch.load(state_dir / "state.pt", map_location="cpu", weights_only=True)
    recipe.model.load_state_dict(state["average"])
    return int(state["step"])


def _schedule(step: int, hyper: Hyper) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < hyper.warmup:
        return (step + 1) / hyper.warmup
    done = (step - hyper.warmup) / max(1, hyper.steps - hyper.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
