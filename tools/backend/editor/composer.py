"""The composer: any mix of operations on a picture in one pass, whatever engine paints.

Net plan, view, masks, canvas, region, the engine's paint, blend: `Composer.edit` reads in that order. Outside the
region nothing changes, and that is guaranteed here: an engine only says what it would like to change.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.backend.editor import adjust
from tools.backend.editor.canvas import make_canvas
from tools.backend.editor.engine import Job, UnusableError
from tools.backend.editor.masks import owned, trusted
from tools.backend.editor.outlines import NEARLY, Outline, alone, before_it, doubtful, frayed, surest
from tools.backend.editor.plan import cut_off, edges, plan_edit
from tools.backend.editor.view import choose_view
from tools.backend.protocol import BackendError, Cost, Edited
from tools.scene.box import Box
from tools.scene.layout import Layout
from tools.scene.operations import CUTTING, Adjust, apply
from tools.scene.worn import worn_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.backend.editor.engine import Engine, Painted, Segmenter
    from tools.backend.editor.masks import Mask
    from tools.backend.editor.plan import Copied, NetEdit
    from tools.backend.editor.view import View
    from tools.backend.protocol import Progress
    from tools.scene.operations import Operation

RETRY_SEED = 7_919  # added to the seed for the second attempt
CUT = 0.25  # share of an object's extent along the edge of its picture, from which that edge cuts it off
LOWER = 0.01  # of the height of the picture: what ends less than that above the end of an object may stand before it
NEAR = 0.1  # untouched objects whose box is within this share of the view of a changed box are segmented


class Composer:
    """Edits pictures with an engine, and a segmenter that says where things are."""

    def __init__(self, engine: Engine, segmenter: Segmenter, *, careful: bool = False) -> None:
        """Build a composer; a ``careful`` one asks the segmenter several times and doubts outlines that it shows."""
        self.engine, self.segmenter, self.careful = engine, segmenter, careful
        self._nearly = NEARLY if careful else (0.0,)

    def edit(
        self,
        image: Image.Image,
        operations: Sequence[Operation],
        scene: Layout,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        references: Mapping[str, Image.Image] | None = None,
    ) -> Edited:
        """Do all operations in one pass; ``scene`` is the current layout, whose ids they name.

        Raises:
            BackendError: unknown id, unusable box, no operations, something the engine cannot do, or unusable
                output for two seeds.
        """
        wishes = [operation for operation in operations if isinstance(operation, Adjust)]
        rest = [operation for operation in operations if not isinstance(operation, Adjust)]
        begins = list(takewhile(_is_for_light, operations)) if rest else []
        first, wishes = wishes[: len(begins)], wishes[len(begins) :]
        start = self._adjust(image, None, first, scene) if first else None
        begun = image if start is None else start.image
        edited = self._edit(begun, rest, scene, seed, progress, references or {}) if rest or not wishes else None
        if wishes:
            edited = self._adjust(begun, edited, wishes, apply(scene, rest))
        assert edited is not None  # there is something of either kind, or an error that says so
        if start is not None:
            edited = replace(edited, region=np.ones_like(edited.region), cost=start.cost + edited.cost)
        if profile := image.info.get("icc_profile"):
            edited.image.info["icc_profile"] = profile
        return edited

    def _edit(
        self,
        image: Image.Image,
        operations: Sequence[Operation],
        scene: Layout,
        seed: int,
        progress: Progress | None,
        references: Mapping[str, Image.Image],
    ) -> Edited:
        engine, meter = self.engine, self.engine.meter
        plan = plan_edit(scene, operations)
        picture = image.convert("RGB")
        view = choose_view(plan, picture.size, engine.capabilities.best_side)
        shown = view.plan(plan)
        engine.check(shown, view.size_wh, scene)
        if not plan.touched and not plan.erased:
            return _nothing(image)
        meter.collect()  # what an earlier, failed call spent is not this call's
        part = view.take(picture)
        masks, unsure, spent = self._segment(part, shown)
        for attempt in (seed, seed + RETRY_SEED):
            job = Job(np.asarray(part), shown, masks, attempt, progress, references)
            try:
                painted = engine.paint(job)
            except UnusableError as error:
                reason = error
                meter.warn(f"seed {attempt} failed: {error}")
                cost, warnings = meter.collect()
                spent += cost
                for warning in warnings:
                    meter.warn(warning)
                continue
            with meter.phase("blend"):
                edited = _blend(picture, view, painted, job, plan)
            cost, warnings = meter.collect()
            return replace(
                edited,
                warnings=(*painted.warnings, *warnings),
                doubts=None
                if painted.doubts is None
                else (*painted.doubts, *unsure, *self._cut_off(plan, picture, references)),
                cost=spent + painted.cost + cost,
            )
        raise BackendError(f"the edit failed with seeds {seed} and {seed + RETRY_SEED}: {reason}")

    def _adjust(self, image: Image.Image, edited: Edited | None, wishes: Sequence[Adjust], layout: Layout) -> Edited:
        """Do what is wished for the whole picture, after everything else."""
        picture = (edited.image if edited else image).convert("RGB")
        looked = edited.doubts if edited else ()
        doubts, cost = list(looked or ()), edited.cost if edited else Cost()
        region = np.ones(picture.size[::-1], dtype=bool)
        for wish in wishes:
            if wish.id is None:
                picture, doubt = adjust.recoloured(picture, wish.wish, wish.amount)
                doubts += [doubt] if doubt else []
                continue
            try:
                box = layout[wish.id].box
            except KeyError as error:
                raise BackendError(f"cannot {wish.wish}: {error.args[0]}") from None
            if wish.wish == "crop":
                picture = adjust.cropped(picture, box)
                region = np.ones(picture.size[::-1], dtype=bool)
            else:
                mask, unsure, spent = self._alone(picture.convert("RGB"), layout, wish.id)
                cost += spent
                doubts += [doubt for doubt in unsure if doubt not in doubts]
                if wish.wish == "cut out":
                    doubts += frayed(np.asarray(picture.convert("RGB")), {wish.id: mask}) if self.careful else []
                    picture = adjust.alone(picture.convert("RGB"), mask)
                else:
                    nearer, spent = self._nearer(picture, layout, wish.id)
                    cost += spent
                    picture = adjust.blurred(picture, before_it(mask) | nearer, wish.amount)
            layout = apply(layout, [wish])
        warnings = edited.warnings if edited else ()
        return Edited(picture, region, warnings, cost, doubts=None if looked is None else tuple(doubts))

    def _alone(self, picture: Image.Image, layout: Layout, object_id: str) -> tuple[Mask, tuple[str, ...], Cost]:
        """Return an object's mask without the smaller things that lie at its rim, which segmenters take along.

        What it wears and what it holds within its outline (a window's driver) stays part of it. Second comes what is
        doubtful about it, in words.
        """
        thing, worn = layout[object_id], worn_by(layout)
        others = [
            placed.box
            for placed in layout.objects
            if placed.id != object_id
            and worn.get(placed.id) != object_id
            and placed.box.area < thing.box.area
            and placed.box.intersection(thing.box) > 0
        ]
        outline, cost = alone(self.segmenter, picture, thing.box, others, self._nearly)
        return outline.mask, doubtful({object_id: outline}), cost

    def _nearer(self, picture: Image.Image, layout: Layout, object_id: str) -> tuple[Mask, Cost]:
        """Return the mask of smaller things that stand before an object: they overlap it, and end lower."""
        box = layout[object_id].box
        boxes = [
            other.box
            for other in layout.objects
            if other.id != object_id
            and other.box.area < box.area
            and other.box.intersection(box) > 0
            and other.box.y + other.box.h > box.y + box.h - LOWER
        ]
        if not boxes:
            return np.zeros(picture.size[::-1], dtype=bool), Cost()
        found = self.segmenter.segment(picture, boxes)
        masks = [trusted(mask, own) for mask, own in zip(found.masks, boxes, strict=True)]
        return np.logical_or.reduce(masks), found.cost

    def _outlines(
        self, image: Image.Image, boxes: Sequence[Box], beside: Sequence[Box]
    ) -> tuple[list[Outline], list[Outline], Cost]:
        """Return the outlines of what is edited, and of what lies beside it, from one embedding and one batch."""
        found, cost = surest(self.segmenter, image, boxes, beside, self._nearly)
        return found[: len(boxes)], found[len(boxes) :], cost

    def _cut_off(self, plan: NetEdit, picture: Image.Image, references: Mapping[str, Image.Image]) -> tuple[str, ...]:
        """Return, in words, which copies end where their own picture did."""

        def cut_at(copied: Copied) -> list[str]:
            source = references[copied.picture].convert("RGB") if copied.picture else picture
            mask = trusted(self.segmenter.segment(source, [copied.box]).masks[0], copied.box)
            rims = {
                "at the top": (mask[0], copied.box.w),
                "at the bottom": (mask[-1], copied.box.w),
                "on the left": (mask[:, 0], copied.box.h),
                "on the right": (mask[:, -1], copied.box.h),
            }
            return [side for side in edges(copied.box) if rims[side][0].mean() > CUT * rims[side][1]]

        return cut_off(plan, cut_at)

    def _segment(self, image: Image.Image, plan: NetEdit) -> tuple[dict[str, Mask], tuple[str, ...], Cost]:
        """Return disjoint masks of all objects that matter, by id, from one embedding, and what is doubtful of them."""
        changed = [placed.box for placed in plan.erased] + [touched.placed.box for touched in plan.touched]
        edited = {placed.id: placed for placed in plan.erased}
        edited |= {touched.source.id: touched.source for touched in plan.touched if touched.source is not None}
        beside = {
            placed.id: placed
            for placed in plan.untouched
            if placed.id not in edited and any(_near(placed.box, box) for box in changed)
        }
        wanted = edited | beside
        if not wanted:
            return {}, (), Cost()
        first, second, cost = self._outlines(
            image, *([placed.box for placed in some.values()] for some in (edited, beside))
        )
        told = dict(zip(edited, first, strict=True))
        found = told | dict(zip(beside, second, strict=True))
        masks = owned({key: outline.mask for key, outline in found.items()})
        leaving = {placed.id for placed in plan.erased}
        for thing, wearer in worn_by(Layout(objects=tuple(wanted.values()))).items():
            if {thing, wearer} <= leaving:  # a person is cut out and taken away with what the person wears
                masks[wearer] = masks[wearer] | masks[thing]
        return masks, doubtful(told), cost


def _blend(picture: Image.Image, view: View, painted: Painted, job: Job, plan: NetEdit) -> Edited:
    """Put the paint into the picture: identical outside the region, soft where the engine wants it."""
    region = view.mask_back(painted.region)
    weights = view.weights_back(painted.weights)
    old = np.asarray(picture if view.crop_wh == picture.size else picture.crop(view.px_xyxy))
    # in place: a photograph's float arrays are large
    result = view.pixels_back(painted.pixels).astype(np.float32)
    result -= old
    result *= weights[..., None]
    result += old
    if painted.own and (view.scaled or not painted.exact):
        canvas = job.canvas
        if view.scaled:  # the object's own pixels, not those that were scaled down and up again
            masks = {key: view.mask_back(mask) for key, mask in job.masks.items()}
            canvas = make_canvas(old, view.plan(plan), masks)
        for object_id, visible in painted.own.items():
            alpha = canvas.alphas[object_id] * view.mask_back(visible)
            result += alpha[..., None] * (canvas.pixels - result)
            region = region | (alpha > 0) if view.scaled else region
    result += 0.5
    new = np.where(region[..., None], np.clip(result, 0, 255, out=result).astype(np.uint8), old)
    masks = {key: view.mask_back(mask) for key, mask in painted.masks.items()}
    if view.crop_wh == picture.size:
        return Edited(Image.fromarray(new), region.copy(), masks=masks)
    edited = picture.copy()
    edited.paste(Image.fromarray(new), view.px_xyxy[:2])
    return Edited(edited, _framed(region, view), masks={key: _framed(mask, view) for key, mask in masks.items()})


def _is_for_light(operation: Operation) -> bool:
    return isinstance(operation, Adjust) and operation.wish not in CUTTING


def _nothing(image: Image.Image) -> Edited:
    return Edited(image, np.zeros(image.size[::-1], dtype=bool), ("the operations change nothing",))


def _framed(mask: Mask, view: View) -> Mask:
    full = np.zeros(view.picture_wh[::-1], dtype=bool)
    full[view.slices] = mask
    return full


def _near(box: Box, other: Box) -> bool:
    grown = Box(other.x - NEAR, other.y - NEAR, other.w + 2 * NEAR, other.h + 2 * NEAR)
    return box.intersection(grown) > 0
