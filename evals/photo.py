"""How well photographs are edited: planted objects are found, removed, moved and recoloured, against a known truth.

A removal is compared with what OpenCV's plain fill (Telea 2004) makes of the same hole.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from evals.alike import feature_distance, gradient_distance, psnr, shifted_psnr
from evals.photo_scenes import planted_scenes, side_by_side
from tools.backend.editor.recolour import TARGETS
from tools.backend.oklab import to_oklch
from tools.scene.box import Box
from tools.scene.checking import is_leftover
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Move, Remove, Restyle
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL.Image import Image

    from evals.alike import Embed
    from evals.photo_scenes import PlantedScene
    from tools.backend.protocol import Backend, Edited
    from tools.scene.operations import Operation

MOVED_EVERY = 3  # scenes
FOUND = 0.5  # IoU from which a detection is the planted object
HUE = 35.0  # degrees within which a colour is right
LIGHT = {"black": (0.0, 0.42), "white": (0.75, 1.0), "gray": (0.35, 0.8)}  # lightness of what has no hue
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "black", "white")
TEXTURES = frozenset({"grass", "gravel"})  # grounds where nothing but chance says which pixel is where
STRUCTURE = 4  # pixels of blur
CHANGED = 0.15  # share of an object that a recolouring has to reach


def run_photo(
    backend: Backend,
    *,
    seed: int = 0,
    scenes: int = 60,
    embed: Embed | None = None,
    pictures: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Edit planted scenes and measure the results.

    Flat result: ``found`` (share), ``removed`` (nothing of the kind is seen there any more), ``clean`` (removals of
    which the editor itself says so), ``psnr`` and ``psnr_opencv`` (dB against the truth inside the edited region,
    means), ``better_than_opencv`` (share, and by ground as ``better_on_G``; ``better_structure`` is the same on blurred
    pictures, where made-up texture does not count against a fill), ``gradients``, ``features`` and the shares
    ``better_gradients``, ``better_features`` (see `evals.alike`; features where ``embed`` is given),
    ``psnr_of_texture_aside`` (what the true ground gets when it is moved aside, on grass and gravel),
    ``moved_iou`` (mean) and ``moved`` (share of at least 0.9), ``recoloured``
    (right by hue), ``outside_identical`` (share of all edits), ``K_seconds`` for K in detect, remove, move, recolour
    (medians), and ``scenes``. With ``pictures``, each scene is saved there beside its edits.
    """
    rows: list[dict[str, float]] = []
    planted = planted_scenes(backend, seed, scenes)
    for number, scene in enumerate(planted):
        row, images = _measure(backend, scene, COLOURS[number % len(COLOURS)], number, embed)
        rows.append(row)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            side_by_side(images).save(pictures / f"{number:03d}.jpg", quality=85)
        if progress:
            progress("photo", number + 1, scenes)
    result = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        result[name] = statistics.median(values) if name.endswith("_seconds") else statistics.fmean(values)
    return result | {"scenes": scenes}


def _measure(
    backend: Backend, scene: PlantedScene, colour: str, number: int, embed: Embed | None
) -> tuple[dict[str, float], list[Image]]:
    query = Query(name=scene.kind)
    start = time.perf_counter()
    seen = backend.detect(scene.image, [query]).detections
    row = {"detect_seconds": time.perf_counter() - start}
    best = max(seen, key=lambda detection: detection.box.iou(scene.box), default=None)
    found = best is not None and best.box.iou(scene.box) >= FOUND
    row["found"] = float(found)
    # what is not found is edited all the same, so that the editor is measured on every scene
    box = best.box if best is not None and found else scene.box
    layout = Layout(objects=(PlacedObject(id=f"{scene.kind} #1", name=scene.kind, box=box),))
    images, identical = [scene.image], []

    def edit(name: str, operation: Operation) -> Edited:
        start = time.perf_counter()
        edited = backend.edit(scene.image, [operation], layout, seed=number)
        row[f"{name}_seconds"] = time.perf_counter() - start
        same = np.asarray(edited.image) == np.asarray(scene.image)
        identical.append(float(same[~edited.region].all()))
        images.append(edited.image)
        return edited

    name = layout.ids[0]
    removed = edit("remove", Remove(id=name))
    left = backend.detect(removed.image, [query]).detections
    row["removed"] = float(not any(is_leftover(detection.box, scene.box) for detection in left))
    row["clean"] = float(not removed.doubts)
    plain = _opencv(scene.image, removed.region)
    row |= _compared(removed.image, plain, scene, removed.region, embed)
    images.append(plain)

    if number % MOVED_EVERY == 0:  # its fill is a removal's: what is measured beside that is the new place
        target = _elsewhere(box, number)
        moved = edit("move", Move(id=name, box=target))
        expected = Box(scene.box.x + target.x - box.x, scene.box.y, scene.box.w, scene.box.h).clipped()
        row["moved_iou"] = float(_extent(moved.masks[name]).iou(expected))
        row["moved"] = float(row["moved_iou"] >= 0.9)

    restyled = edit("recolour", Restyle(id=name, attributes=(colour,)))
    row["recoloured"] = float(_is_coloured(restyled, scene, colour))
    row["outside_identical"] = statistics.fmean(identical)
    return row, images


def _compared(
    ours: Image, plain: Image, scene: PlantedScene, region: np.ndarray, embed: Embed | None
) -> dict[str, float]:
    """Compare a removal and a plain fill of the same hole with the truth."""
    pictures = ours, plain, scene.truth
    pixels = [np.asarray(picture) for picture in pictures]
    soft = [np.asarray(picture.filter(ImageFilter.GaussianBlur(STRUCTURE))) for picture in pictures]
    row = {"psnr": psnr(pixels[0], pixels[2], region), "psnr_opencv": psnr(pixels[1], pixels[2], region)}
    row["better_than_opencv"] = float(row["psnr"] > row["psnr_opencv"])
    row[f"better_on_{scene.ground}"] = row["better_than_opencv"]
    row["better_structure"] = float(psnr(soft[0], soft[2], region) > psnr(soft[1], soft[2], region))
    if scene.ground in TEXTURES:
        row["psnr_of_texture_aside"] = shifted_psnr(pixels[2], region)
        row["psnr_opencv_on_textures"] = row["psnr_opencv"]
    row["gradients"], row["gradients_opencv"] = (gradient_distance(one, pixels[2], region) for one in pixels[:2])
    row["better_gradients"] = float(row["gradients"] < row["gradients_opencv"])
    if embed is not None:
        features = [embed(picture) for picture in pictures]
        row["features"], row["features_opencv"] = (feature_distance(one, features[2], region) for one in features[:2])
        row["better_features"] = float(row["features"] < row["features_opencv"])
    return row


def _opencv(image: Image, region: np.ndarray) -> Image:
    import cv2

    return PillowImage.fromarray(cv2.inpaint(np.asarray(image), region.astype(np.uint8) * 255, 5, cv2.INPAINT_TELEA))


def _elsewhere(box: Box, number: int) -> Box:
    """Return a place of the same size, as far to a side as the picture has room."""
    rng = np.random.default_rng(number)
    x = rng.uniform(0, 1 - box.w) if box.w < 1 else 0.0
    if abs(x - box.x) < 0.15:
        x = 0.0 if box.x > (1 - box.w) / 2 else 1 - box.w
    return Box(float(x), box.y, box.w, box.h)


def _is_coloured(edited: Edited, scene: PlantedScene, colour: str) -> bool:
    differs = (np.asarray(edited.image) != np.asarray(scene.image)).any(axis=-1) & scene.mask
    if differs.mean() < CHANGED * scene.mask.mean():
        return False
    lch = to_oklch(np.asarray(edited.image)[differs])
    if colour in LIGHT:
        low, high = LIGHT[colour]
        return bool(low <= np.median(lch[:, 0]) <= high and np.median(lch[:, 1]) < 0.04)
    angle = np.radians(lch[:, 2])
    middle = np.degrees(np.arctan2((np.sin(angle) * lch[:, 1]).sum(), (np.cos(angle) * lch[:, 1]).sum()))
    return bool(abs((middle - TARGETS[colour][2] + 180) % 360 - 180) <= HUE)


def _extent(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    return Box.from_px(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, (mask.shape[1], mask.shape[0]))
