"""Whether a detector believes what no eye would: shapes that a person has labelled by looking.

`shapes.json` keeps no pictures, only how each is made again: what the generator drew from a sentence alone
("words": seed), or a scene with things that are none, softened by the autoencoder ("flaws" and "decoys": seed).
A shape is a place, a phrase that some detector once gave it, and what the eye said: "thing", "none" or "unsure".
The labels hold as long as generator and autoencoder are those that were looked at.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.iconworld import AT, PHRASES
from iconworld.corrupt import soften
from iconworld.decoys import add_decoys
from iconworld.flaws import add_flaws
from iconworld.renderer import draw_scene
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from diffusers import AutoencoderKL
    from PIL.Image import Image

    from evals.iconworld import Detector
    from tools.backend.protocol import Backend

SURE = 0.88  # what the embedded preset's verdict counts: its threshold and its doubt
BATCH = 8  # pictures of one sentence
FIRST_WORDS = 700_000  # noise seed of the first picture from words
MAKERS = {"flaws": add_flaws, "decoys": add_decoys}


def measure_shapes(backend: Backend, vae: AutoencoderKL, detectors: Mapping[str, Detector]) -> dict[str, float]:
    """Return, for each detector, the shares of things and of others that it takes for what they are called.

    Flat result: ``NAME_things`` and ``NAME_none`` at the detector's threshold; ``NAME_sure_things`` and
    ``NAME_sure_none`` for scores of at least `SURE`; ``things`` and ``none``, the numbers of shapes.
    """
    counts: dict[str, list[bool]] = {}
    for image, shapes in labelled_pictures(backend, vae):
        for name, detector in detectors.items():
            found = detector.detect(image, PHRASES).detections
            for shape in shapes:
                place = Box(*shape["box"])
                scores = [
                    detection.score
                    for detection in found
                    if detection.phrase == shape["phrase"] and detection.box.iou(place) >= AT
                ]
                counts.setdefault(f"{name}_{shape['eye']}", []).append(bool(scores))
                sure = any(score >= SURE for score in scores)
                counts.setdefault(f"{name}_sure_{shape['eye']}", []).append(sure)
    first = next(iter(detectors))
    return {key.replace("_thing", "_things"): sum(some) / len(some) for key, some in sorted(counts.items())} | {
        "things": len(counts[f"{first}_thing"]),
        "none": len(counts[f"{first}_none"]),
    }


def labelled_pictures(backend: Backend, vae: AutoencoderKL) -> Iterator[tuple[Image, list[dict[str, Any]]]]:
    """Make every picture again, with its shapes (``box``, ``phrase``, ``eye``) but those without a clear label."""
    kept = json.loads((resources.files("evals") / "shapes.json").read_text(encoding="utf-8"))
    by_picture: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for shape in kept["shapes"]:
        if shape["eye"] != "unsure":
            by_picture.setdefault(tuple(shape["picture"]), []).append(shape)
    for (kind, number), shapes in by_picture.items():
        if kind == "words":
            sentence = kept["sentences"][str(BATCH * (number // BATCH))]
            yield backend.generate(sentence, seed=FIRST_WORDS + number).images[0], shapes
        else:
            made = MAKERS[kind](draw_scene(number, counts=(1, 2, 2)), np.random.default_rng(number))
            yield soften([made.image], vae, np.random.default_rng(number))[0], shapes
