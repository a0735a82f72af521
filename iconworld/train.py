"""Train the icon-world models: ``python -m iconworld.train NAME``, or ``all``.

Goes on from where it was killed. Finished weights go to ``iconworld/weights``; the state while
training, the log, sample sheets and a plot of the losses go to ``--work``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from iconworld import autoencoder, detector, generator, inpainter, segmenter
from iconworld.training import Hyper, load_average, train

if TYPE_CHECKING:
    from iconworld.training import Recipe

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights"
NAMES = (
    "autoencoder",
    "detector",
    "segmenter",
    "generator",
    "heldout_detector",
)  # some need those before
COMPARED = ("inpainter",)  # not in the package: for ``sld eval engines``


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m iconworld.train", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, *COMPARED, "all"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--work", type=Path, default=Path("build/train"), help="folder of states, logs and samples")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of finished weights")
    parser.add_argument("--steps", type=int, help="train to this step instead of the recipe's")
    parser.add_argument("--batch", type=int, help="scenes a step instead of the recipe's; a GPU takes more")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes ahead; a GPU needs some")
    parser.add_argument("--threads", type=int, help="processor cores to use")
    parser.add_argument("--warm", action="store_true", help="where there is no state, start from the finished weights")
    parser.add_argument("--finish", action="store_true", help="the recipe's second stage, from the finished weights")
    parser.add_argument("--export", action="store_true", help="only write the weights of the newest state")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    for name in NAMES if options.name == "all" else (options.name,):
        run(name, options)


def run(name: str, options: argparse.Namespace) -> None:
    """Train one model (or go on with it) and write its weights."""
    settings = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))[name]
    work: Path = options.work / name
    if options.finish:
        stage = settings["finish"]
        settings = {"training": stage["training"], "model": {**settings["model"], **stage["model"]}}
        work = options.work / f"{name}-finish"
    given = {key: value for key in ("steps", "batch") if (value := getattr(options, key)) is not None}
    hyper = Hyper(**{**settings["training"], **given})
    generator_folder = options.weights / "generator"
    finished = generator_folder / "vae" if name == "autoencoder" else options.weights / name
    recipe: Any = _recipe(name, settings["model"], hyper.seed, generator_folder)
    if options.export:
        print(f"{name}: weights of step {load_average(recipe, work)}")  # noqa: T201 - a command's answer
    else:
        if (options.warm or options.finish) and not (work / "state.pt").exists():
            recipe.load(finished)
        train(recipe, hyper, work, options.device, workers=options.workers)
        _plot(work)
    recipe.model = recipe.model.cpu().eval()
    fresh = finished.with_name(finished.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    recipe.save(fresh)
    _put(fresh, finished)


def _recipe(name: str, options: dict[str, Any], seed: int, generator_folder: Path) -> Recipe:
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    match name:
        case "autoencoder":
            return autoencoder.AutoencoderRecipe(autoencoder.Options(**options), seed)
        case "segmenter":
            return segmenter.SegmenterRecipe(segmenter.Options(**options), seed)
        case "generator":
            return generator.GeneratorRecipe(generator.Options(**options), seed, generator_folder / "vae")
        case "inpainter":
            return inpainter.InpainterRecipe(inpainter.Options(**options), seed, generator_folder)
        case _:
            return detector.DetectorRecipe(name, detector.Architecture(**options), seed, generator_folder)


def _put(fresh: Path, target: Path) -> None:
    """Replace a folder in one step that a kill cannot leave half done."""
    old = target.with_name(target.name + ".old")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    fresh.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def _plot(folder: Path) -> None:
    """Draw the log as ``log.png``, where matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    keys = [key for key in rows[-1] if key not in ("step", "time")]
    figure = Figure(figsize=(4 * len(keys), 3), layout="constrained")
    for number, key in enumerate(keys, start=1):
        axes = figure.add_subplot(1, len(keys), number)
        axes.plot([row["step"] for row in rows], [row[key] for row in rows], linewidth=0.6)
        axes.set(title=key, xlabel="step")
    figure.savefig(folder / "log.png", dpi=110)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
