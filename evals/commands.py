"""What the ``sld eval`` commands do, once their arguments are read."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.options import fail
from agent.cli.run import announce_chat
from configs.settings import DetectorSettings, GeneratorSettings, OnnxSegmenterSettings, Part
from evals.parts import needed
from evals.progress import progress_bar
from tools.backend.checkpoints import choose_device, resolve
from tools.backend.detector import ZeroShotDetector
from tools.backend.gligen import GroundedDiffusion
from tools.backend.local import LocalBackend
from tools.backend.segmenter_onnx import OnnxSegmenter
from tools.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

    from agent.cli.options import Options
    from configs.settings import Settings


def measure_iconworld(
    options: Options,
    *,
    scenes: int | None = None,
    only: Sequence[str] | None = None,
    edits: bool = False,
    pictures: Path | None = None,
) -> None:
    """Measure the preset's models, or with ``edits`` its editor, and print the figures."""
    from evals.edit_cases import KINDS
    from evals.edits import run_edits
    from evals.iconworld import PARTS, run_iconworld
    from evals.samples import sample_sheet

    settings, seed = options.load(), options.seed or 0
    names = tuple(only or (KINDS if edits else PARTS))
    if unknown := [name for name in names if name not in (KINDS if edits else PARTS)]:
        fail(f"--only {','.join(unknown)!r}: choose among {', '.join(KINDS if edits else PARTS)}")
    backend = LocalBackend(settings)
    needed = edits or bool({"heldout_detector", "generator"} & set(names))
    part = settings.heldout_detector if needed else None
    if needed and part is None:
        fail(
            f"preset {options.preset!r} names no held-out detector: "
            "give one with a heldout_detector section, or --only without it"
        )
    heldout: Any = backend.detector_for(part) if part else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        if edits:
            found = run_edits(
                backend,
                heldout,
                seed=seed,
                scenes_per_operation=scenes or 100,
                kinds=names,
                pictures=pictures,
                progress=progress,
            )
        else:
            round_trip = RoundTrip(settings)
            found = run_iconworld(
                backend,
                heldout,
                round_trip,
                seed=seed,
                scenes=scenes or 500,
                parts=names,
                progress=progress,
            )
            found["weights_mb"] = weights_mb(settings)
            if pictures:
                sample_sheet(backend, round_trip, seed).save(pictures / "samples.png")
    print_figures(found, as_json=options.as_json)


def measure_faults(options: Options, *, scenes: int, out: Path | None) -> None:
    """Correct pictures with planted faults and print the figures."""
    from evals.fault_cases import fault_cases
    from evals.faults import run_faults

    settings = options.load()
    backend = LocalBackend(settings)
    heldout: Any = backend.detector_for(settings.heldout_detector) if settings.heldout_detector else None
    chat = announce_chat(settings, as_json=True)
    with progress_bar() as progress, tempfile.TemporaryDirectory() as temporary:
        found = run_faults(
            backend,
            heldout,
            chat,
            settings,
            fault_cases(options.seed or 0, scenes),
            out=out or Path(temporary),
            seed=options.seed or 0,
            progress=progress,
        )
    print_figures(found, as_json=options.as_json)


def measure_flaws(options: Options, *, scenes: int, pictures: Path | None) -> None:
    """Judge pictures with planted flaws and their right twins, and print the figures."""
    from evals.flaw_cases import flaw_cases
    from evals.flaws import run_flaws

    backend = LocalBackend(options.load())
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        found = run_flaws(backend, flaw_cases(options.seed or 0, scenes), pictures=pictures, progress=progress)
    print_figures(found, as_json=options.as_json)


def measure_engines(options: Options, *, scenes: int, weights: str, only: Sequence[str], results: Path | None) -> None:
    """Compare the editor's engines on icon world, and print a table or write it into a page as a section."""
    from evals.agent.tables import with_section
    from evals.engines import engines, run_engines, table

    known = engines(weights)
    if unknown := [name for name in only if name not in known]:
        fail(f"--only {','.join(unknown)!r}: choose among {', '.join(known)}")
    settings = {name: options.load(below=sections) for name, sections in known.items() if name in (only or known)}
    own = next(iter(settings.values()))
    part = needed(own.heldout_detector, DetectorSettings, "held-out detector")
    heldout = ZeroShotDetector.from_settings(part)
    with progress_bar() as progress:
        found = run_engines(settings, LocalBackend, heldout, seed=options.seed or 0, scenes=scenes, progress=progress)
    if results is not None:
        page = results.read_text(encoding="utf-8") if results.exists() else "# Results\n"
        write_text(results, with_section(page, "Engines side by side", table(found)))
    if options.as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write(table(found) + "\n")


def measure_photo(options: Options, *, scenes: int, pictures: Path | None, seconds: bool = False) -> None:
    """Edit planted photographs and print the figures; or only how long the parts take."""
    from evals.photo import run_photo
    from evals.photo_seconds import run_seconds

    settings = options.load()
    if seconds:
        print_figures(run_seconds(settings, options.preset or "photo"), as_json=options.as_json)
        return
    part = settings.segmenter
    segmenter = OnnxSegmenter.from_settings(part) if isinstance(part, OnnxSegmenterSettings) else None
    with progress_bar() as progress:
        found = run_photo(
            LocalBackend(settings),
            seed=options.seed or 0,
            scenes=scenes,
            embed=(lambda image: segmenter.embedding(image)[0]) if segmenter else None,
            pictures=pictures,
            progress=progress,
        )
    print_figures(found, as_json=options.as_json)


def measure_speed(options: Options, *, scenes: int, steps: int, reload: bool, judged: bool) -> None:
    """Compare the editor with SLD's schedule and print a table, or the figures as JSON."""
    from evals.speed import run_speed, table

    settings = options.load()
    part = settings.heldout_detector if judged else None
    heldout = ZeroShotDetector.from_settings(needed(part, DetectorSettings, "held-out detector")) if part else None
    with progress_bar() as progress:
        found = run_speed(
            settings,
            seed=options.seed or 0,
            scenes=scenes,
            steps=steps,
            reload=reload,
            heldout=heldout,
            progress=progress,
        )
    if options.as_json:
        print_figures(found, as_json=True)
    else:
        sys.stdout.write(table(found) + "\n")


def measure_random(options: Options, *, repeats: int) -> None:
    """Measure a preset at full size with weights at random; without a GPU, count its work and say so."""
    from evals.speed_random import count, run_random

    settings, device = options.load(), choose_device("auto")
    if device.type == "cpu":
        print_figures(count(settings), as_json=options.as_json)
        sys.stderr.write("not run, only counted: this machine has no GPU\n")
        return
    with progress_bar() as progress:
        found = run_random(settings, device, repeats=repeats, progress=progress)
    print_figures(found, as_json=options.as_json)


def measure_shapes(options: Options) -> None:
    """Ask the preset's detectors about shapes that a person has labelled, and print what they believe."""
    from evals import shapes

    settings = options.load()
    backend = LocalBackend(settings)
    detectors = {"detector": backend.detector_for(settings.detector)}
    if settings.heldout_detector:
        detectors["heldout"] = backend.detector_for(settings.heldout_detector)
    vae = GroundedDiffusion.load(needed(settings.generator, GeneratorSettings, "generator")).vae
    print_figures(shapes.measure_shapes(backend, vae, detectors), as_json=options.as_json)


class RoundTrip:
    """Pictures through the generator's autoencoder and back; loaded when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self.part = settings.generator
        self.model: GroundedDiffusion | None = None

    def __call__(self, images: Sequence[Image]) -> list[Image]:
        """Return the pictures as the decoder gives them back."""
        self.model = self.model or GroundedDiffusion.load(needed(self.part, GeneratorSettings, "generator"))
        return self.model.decode(self.model.encode_image(images), images[0].size)


def weights_mb(settings: Settings) -> float:
    """Return the size of all files of the preset's local checkpoints, each counted once, in millions of bytes."""
    parts = [settings.detector, settings.segmenter, settings.generator, settings.editor, settings.heldout_detector]
    folders = {resolve(part) for part in parts if isinstance(part, Part) and _is_there(part)}
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) / 1e6


def _is_there(part: Any) -> bool:
    from tools.backend.protocol import BackendError

    try:
        resolve(part)
    except BackendError:
        return False
    return True


def print_figures(figures: Mapping[str, float], *, as_json: bool) -> None:
    """Print figures as one JSON object, or one per line."""
    if as_json:
        sys.stdout.write(json.dumps(dict(figures)) + "\n")
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        sys.stdout.write(f"{name.replace('_', ' '):{width}}  {value:.4g}\n")
