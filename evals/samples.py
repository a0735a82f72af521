"""A sheet of what the icon-world models do, for a person to look at: the picture of the model card."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from evals.iconworld import PHRASES, draw_again
from iconworld.renderer import COLORS, draw_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from evals.iconworld import RoundTrip
    from tools.backend.protocol import Backend
    from tools.scene.layout import Detection

SIDE, GAP, MARGIN = 224, 8, 84  # pixels of one picture, between two, and left of a row for its name
NUMBERS = (904, 911, 937, 952, 929, 960)  # scenes, far from all that training draws
COUNTS = (0, 0, 0, 2, 2, 2, 1)  # odds of 0, 1, 2, ... objects
PROMPTS = (
    "A realistic photo of a scene with three dogs",
    "A realistic photo of a scene with four cups",
    "A realistic photo of a scene with a black book and a purple bowl",
    "A realistic photo of a scene with a gray cup and a purple laptop",
    "A realistic photo of a scene with a bottle on the top and a bowl on the bottom",
    "A realistic photo of a scene without cats",
)
_INK, _MARK = (30, 30, 30), (220, 0, 140)


def sample_sheet(backend: Backend, round_trip: RoundTrip, seed: int = 0) -> Image:
    """Return one sheet: scenes, what the models see in them, and what the generator draws."""
    scenes = [draw_scene(number, counts=COUNTS) for number in NUMBERS]
    found = [
        [detection for detection in backend.detect(it.image, PHRASES).detections if detection.attributes]
        for it in scenes
    ]
    grounded = [draw_again(backend, scene, seed + number).images[0] for number, scene in enumerate(scenes)]
    ungrounded = [
        _captioned(_enlarged(backend.generate(prompt, seed=seed + number).images[0]), prompt)
        for number, prompt in enumerate(PROMPTS)
    ]
    return _rows(
        {
            "scene": [_enlarged(scene.image) for scene in scenes],
            "after the autoencoder": [_enlarged(image) for image in round_trip([scene.image for scene in scenes])],
            "detector": [_marked(scene.image, detections) for scene, detections in zip(scenes, found, strict=True)],
            "segmenter": [
                _masked(backend, scene.image, detections) for scene, detections in zip(scenes, found, strict=True)
            ],
            "generator, the scene's boxes and phrases given": [_enlarged(image) for image in grounded],
            "generator, only a sentence given": ungrounded,
        }
    )


def _enlarged(image: Image) -> Image:
    return image.resize((SIDE, SIDE), PillowImage.Resampling.LANCZOS)


def _marked(image: Image, found: Sequence[Detection]) -> Image:
    big, font = _enlarged(image), ImageFont.load_default(12)
    pen = ImageDraw.Draw(big)
    for detection in found:
        x0, y0, x1, y1 = detection.box.to_px(big.size)
        label = f"{detection.phrase} {detection.score:.2f}"
        left, top = max(0, min(x0, SIDE - round(pen.textlength(label, font=font)) - 4)), max(0, y0 - 15)
        pen.rectangle((x0, y0, x1, y1), outline=_MARK, width=2)
        pen.rectangle((left, top, left + pen.textlength(label, font=font) + 4, top + 15), fill=_MARK)
        pen.text((left + 2, top), label, fill="white", font=font)
    return big


def _masked(backend: Backend, image: Image, found: Sequence[Detection]) -> Image:
    masks = backend.segment(image, [detection.box for detection in found]).masks
    pixels = np.asarray(image.convert("L").convert("RGB"), dtype=np.float32) * 0.5 + 110
    for detection, mask in zip(found, masks, strict=True):
        pixels[mask] = 0.35 * pixels[mask] + 0.65 * np.array(COLORS[detection.attributes[0]])
    return _enlarged(PillowImage.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def _captioned(image: Image, text: str) -> Image:
    lines = textwrap.wrap(text, 38)
    sheet = PillowImage.new("RGB", (SIDE, SIDE + 16 * 2 + 4), "white")
    sheet.paste(image, (0, 0))
    ImageDraw.Draw(sheet).text((0, SIDE + 2), "\n".join(lines), fill=_INK, font=ImageFont.load_default(12))
    return sheet


def _rows(rows: dict[str, list[Image]]) -> Image:
    width = MARGIN + max(len(row) for row in rows.values()) * (SIDE + GAP)
    sheet = PillowImage.new("RGB", (width, sum(row[0].height + GAP for row in rows.values()) + GAP), "white")
    pen, y = ImageDraw.Draw(sheet), GAP
    for name, row in rows.items():
        pen.text((GAP, y), "\n".join(textwrap.wrap(name, 12)), fill=_INK, font=ImageFont.load_default(13))
        for place, image in enumerate(row):
            sheet.paste(image, (MARGIN + place * (SIDE + GAP), y))
        y += row[0].height + GAP
    return sheet
