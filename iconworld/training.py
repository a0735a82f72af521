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
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tools.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

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

    def load(self, folder: Path) -> None:
        """Take the weights of a checkpoint that `save` wrote."""
        ...

    def sample(self, file: Path) -> None:
        """Draw a fixed sheet of what the model does now."""
        ...


def train(
    recipe: Recipe,
    hyper: Hyper,
    state_dir: Path,
    device: str,
    *,
    workers: int = 0,
    sample_every: int = 500,
    save_seconds: float = 60,
) -> None:
    """Train to ``hyper.steps``, going on from the newest state in ``state_dir`` when there is one.

    Mixed precision (bfloat16) throughout; optimizers and average in float32. A kill at any moment
    loses at most ``save_seconds`` of work. ``workers`` processes draw batches ahead; the batches are
    the same for any number. Leaves the averaged model in the recipe.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    state = _State(recipe.model.to(device), hyper)
    state_file = state_dir / "state.pt"
    if state_file.exists():
        state.read(state_file, device)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    last_save = time.monotonic()
    with Progress(*columns) as progress:
        bar = progress.add_task(recipe.name, total=hyper.steps, completed=state.step, loss="")
        for batch in DataLoader(_Batches(recipe, state.step, hyper), batch_size=None, num_workers=workers):
            torch.manual_seed((hyper.seed << 32) + state.step)  # noise drawn in the loss is the same after a kill
            with torch.autocast(torch.device(device).type, torch.bfloat16):
                losses = recipe.loss(batch)
            state.learn(losses["loss"])
            progress.update(bar, completed=state.step)
            if state.step % LOG_EVERY == 0:
                progress.update(bar, loss=_log(state_dir / "log.jsonl", state.step, losses))
            if state.step % sample_every == 0:
                recipe.model = state.average
                recipe.sample(state_dir / f"sample-{state.step:06d}.png")
                recipe.model = state.model
            if time.monotonic() - last_save > save_seconds or state.step == hyper.steps:
                state.write(state_file)
                last_save = time.monotonic()
    recipe.model = state.average


class _Batches(Dataset[Any]):
    """The batches from ``first`` on, by step."""

    def __init__(self, recipe: Recipe, first: int, hyper: Hyper) -> None:
        self.recipe, self.first, self.hyper = recipe, first, hyper

    def __len__(self) -> int:
        return max(0, self.hyper.steps - self.first)

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return self.recipe.batch(self.first + index, self.hyper.batch)


class _State:
    """A model, the running average of its weights, its optimizers and the step they are at."""

    def __init__(self, model: Any, hyper: Hyper) -> None:
        self.model, self.hyper, self.step = model.to(memory_format=torch.channels_last).train(), hyper, 0
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.matrices = _flat_matrices(model)
        self.optimizers = _optimizers(model, self.matrices, hyper)

    def learn(self, loss: Tensor) -> None:
        """Make one step down the gradient of ``loss``."""
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = self.hyper.lr * _schedule(self.step, self.hyper)
        self.model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # as torch types it
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.hyper.clip)
        for weight, flat in self.matrices:
            gradient = weight.grad
            flat.grad = gradient if gradient is None or gradient.ndim == 2 else gradient.permute(0, 2, 3, 1).flatten(1)
        if torch.isfinite(norm):  # one bad batch must not poison the weights
            for optimizer in self.optimizers:
                optimizer.step()
        self.step += 1
        keep = min(self.hyper.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def write(self, file: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
        }
        with replacing(file) as fresh:
            torch.save(state, fresh)

    def read(self, file: Path, device: str) -> None:
        state = torch.load(file, map_location=device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = int(state["step"])


def _log(file: Path, step: int, losses: dict[str, Tensor]) -> str:
    """Append one line to the log; return it for the progress bar."""
    numbers = {key: round(value.item(), 5) for key, value in losses.items()}
    with file.open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": step, "time": round(time.time(), 1), **numbers}) + "\n")
    return " ".join(f"{key} {value:.4f}" for key, value in numbers.items())


def load_average(recipe: Recipe, state_dir: Path) -> int:
    """Put the averaged weights of the newest state into the recipe's model; return its step.

    Raises:
        FileNotFoundError: nothing was trained yet.
    """
    state = torch.load(state_dir / "state.pt", map_location="cpu", weights_only=True)
    recipe.model.load_state_dict(state["average"])
    return int(state["step"])


def _flat_matrices(model: nn.Module) -> list[tuple[Tensor, nn.Parameter]]:
    """Return the weights of inner linear and convolution layers, each with a flat view of the same numbers."""
    pairs = []
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight.requires_grad:
            weight = module.weight
            # Channels last, as the model is stored, so that the view shares the weight's memory.
            flat = weight.detach() if weight.ndim == 2 else weight.detach().permute(0, 2, 3, 1).flatten(1)
            if min(flat.shape) > 8 and flat.data_ptr() == weight.data_ptr():
                pairs.append((weight, nn.Parameter(flat)))
    return pairs


def _optimizers(
    model: nn.Module, matrices: list[tuple[Tensor, nn.Parameter]], hyper: Hyper
) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices, where it needs far fewer steps; AdamW for everything else.

    Both at one learning rate: Muon's updates are scaled to the size of AdamW's.
    """
    inner = {id(weight) for weight, _ in matrices}
    others = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in inner]
    groups = [
        {"params": [other for other in others if other.ndim > 1], "weight_decay": hyper.weight_decay},
        {"params": [other for other in others if other.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=hyper.lr, betas=(0.9, 0.99))
    if not matrices:
        return [adam]
    flat = [matrix for _, matrix in matrices]
    decay = hyper.weight_decay
    muon = torch.optim.Muon(flat, lr=hyper.lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw", ns_steps=4)
    return [adam, muon]


def _schedule(step: int, hyper: Hyper) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < hyper.warmup:
        return (step + 1) / hyper.warmup
    done = (step - hyper.warmup) / max(1, hyper.steps - hyper.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
