"""The engine without diffusion: fills the place of what goes, cuts out what moves, recolours what gets another look.

`PasteEngine.paint` reads in that order. Nothing is drawn anew: an object that is added comes from this picture or
from another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.abilities import cannot_draw, cannot_restyle
from tools.backend.editor import capabilities
from tools.backend.editor.engine import Painted
from tools.backend.editor.filling import Fill, find_shadow, holes_for, judge_fills, steadied
from tools.backend.editor.looking import Looked
from tools.backend.editor.masks import dilate, resized, soft_edge, trusted
from tools.backend.editor.matting import cut_out
from tools.backend.editor.outlines import alone, doubtful, frayed, goes_on, hidden_by, still_shows, unfinished
from tools.backend.editor.recolour import read_change, recolour
from tools.backend.editor.setting_down import Layer, composed, harmonised, place_light, set_down, shade_of
from tools.backend.meter import Meter
from tools.backend.protocol import BackendError, Cost
from tools.scene.layout import Layout, PlacedObject
from tools.scene.spec import Query
from tools.scene.worn import worn_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from configs.settings import PasteSettings
    from tools.backend.editor.engine import Job, Segmenter
    from tools.backend.editor.looking import Detect
    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.plan import NetEdit, Touched
    from tools.backend.inpainter import Inpainter
    from tools.backend.protocol import Capabilities
    from tools.scene.box import Box

FILL_SIDE = 1024  # pixels
RIM = 0.02  # of the longer side: how far around what goes its neighbours are told from its background
BEHIND = 0.4  # share of that which something has to cover to be background
FAR_LARGER = 3  # times a thing's size, from which another mask may hold pieces of it
ITSELF = 0.6  # IoU from which what is found in a thing's place is the thing
LEAST_PX = 4  # a side under that is no object


class PasteEngine:
    """Cuts, fills, pastes and recolours."""

    def __init__(
        self,
        segmenter: Segmenter,
        inpainter: Callable[[], Inpainter],
        detect: Detect,
        settings: PasteSettings,
        vocabulary: Sequence[str] = (),
    ) -> None:
        """Build an engine.

        Args:
            segmenter: for objects that come from other pictures.
            inpainter: asked for the network when something has to be filled, and not before.
            detect: looks at filled places.
            settings: of the preset.
            vocabulary: the nouns of what a fill may hold by mistake.
        """
        self.segmenter, self.inpainter, self.detect, self.settings = segmenter, inpainter, detect, settings
        self.vocabulary = tuple(vocabulary)
        self.meter = Meter()
        self.cost, self.said = Cost(), list[str]()  # of the segmenter, and what is not clean, in the last picture

    @property
    def capabilities(self) -> Capabilities:
        """Everything but drawing what is in no picture."""
        return capabilities.paste()

    def check(self, plan: NetEdit, size_wh: tuple[int, int], scene: Layout) -> None:
        """Refuse what would have to be drawn, and looks that are no colours."""
        for touched in plan.touched:
            placed = touched.placed
            if min(placed.box.w * size_wh[0], placed.box.h * size_wh[1]) < LEAST_PX:
                raise BackendError(f"the box of {placed.id!r} is smaller than {LEAST_PX} pixels; give a larger one")
            if touched.source is None and touched.copied is None:
                raise BackendError(cannot_draw(placed.name))
            wanted = _new_words(touched)
            if wanted and read_change(wanted) is None:
                raise BackendError(cannot_restyle(placed.id, wanted))

    def paint(self, job: Job) -> Painted:
        """Do the job with pixels alone, and say what did not come out clean."""
        self.cost = Cost()
        job, rests = self._whole(job)
        plan, pixels = job.plan, job.pixels
        nothing = np.zeros(pixels.shape[:2], dtype=bool)
        busy = _union(nothing, job.masks.values())
        gone = _union(nothing, [job.masks[placed.id] for placed in plan.erased])
        around = dilate(gone, max(2, round(RIM * max(job.size_wh)))) & ~gone
        # what mostly surrounds the thing that goes (a table, a coat) is its background, not a neighbour to protect
        beside = {
            key: mask
            for key, mask in job.masks.items()
            if key not in _ids(plan.erased) and (mask & around).sum() < BEHIND * around.sum()
        }
        staying = _union(nothing, beside.values())
        self.said = [*rests, *self._outlined(job)]
        region, ground = nothing.copy(), pixels
        if gone.any():
            self.said += [f"{key!r} may hide a part of what was taken away" for key in hidden_by(gone, beside)]
            found = self._fill(job, gone, staying)
            ground, region = found.pixels, found.hole.copy()
            self.said += found.evidence.doubts
            weights = np.maximum(soft_edge(found.hole, self.settings.feather), gone)
            result = ground.astype(np.float32)
            result -= pixels
            result *= weights[..., None]
            result += pixels
        else:
            result = pixels.astype(np.float32)
        order = {object_id: place for place, object_id in enumerate(plan.target.ids)}
        shown: dict[str, Mask] = {
            placed.id: job.masks[placed.id] for placed in plan.untouched if placed.id in job.masks
        }
        with self.meter.phase("paste"):
            for touched in plan.touched:
                layer = self._layer(job, touched, ground, busy)
                front = [shown[other.id] for other in plan.untouched if other.id in shown]
                front = [
                    shown[other.id]
                    for other in plan.untouched
                    if other.id in shown and order[other.id] > order[touched.placed.id]
                ]
                allowed = 1 - soft_edge(_union(nothing, front), 1) if front else None
                result = composed(result, layer, allowed)
                seen = layer.core if allowed is None else layer.core & (allowed > 0.5)
                for key in shown:
                    shown[key] = shown[key] & ~seen
                shown[touched.placed.id] = seen
                region |= layer.alpha > 0
                region |= layer.shade < 0.995 if layer.shade is not None else nothing
        result += 0.5
        painted = np.clip(result, 0, 255, out=result).astype(np.uint8)
        return Painted(painted, region.astype(np.float32), region, masks=shown, doubts=tuple(self.said), cost=self.cost)

    # what belongs to what is taken away

    def _whole(self, job: Job) -> tuple[Job, list[str]]:
        """Give what goes away the rest of it that its mask lacks, and say where even then there seems to be more."""
        masks, doubts = dict(job.masks), []
        scale = min(1.0, FILL_SIDE / max(job.size_wh))
        size = (max(1, round(job.size_wh[0] * scale)), max(1, round(job.size_wh[1] * scale)))
        small = job.pixels if scale == 1 else np.asarray(_picture(job.pixels).resize(size, Image.Resampling.BOX))
        for placed in job.plan.erased:
            own = resized(masks[placed.id], size)
            beside = [resized(masks[key], size) for key in masks if key != placed.id]
            # what is far larger (a table, a cup before it) may have got pieces that are this thing's
            others = _union(np.zeros_like(own), [mask for mask in beside if mask.sum() < FAR_LARGER * own.sum()])
            rest, cost = goes_on(self.segmenter, small, own, others)
            self.cost += cost
            if not rest.any():
                continue
            masks[placed.id] = masks[placed.id] | resized(rest, job.size_wh)
            more, cost = goes_on(self.segmenter, small, own | rest, others)
            self.cost += cost
            if more.any():
                doubts.append(f"{placed.id!r} seems to go on beyond what was taken away")
        return replace(job, masks=masks), doubts

    def _outlined(self, job: Job) -> list[str]:
        """Say which outlines that will be seen are none in the picture: of what is set down, and of new colours."""
        doubts = []
        for touched in job.plan.touched:
            source = touched.source
            if source is None:
                continue
            change, mask = read_change(_new_words(touched)), job.masks[source.id]
            if touched.moved:
                doubts += frayed(job.pixels, {source.id: mask})
            elif change is not None:
                _, weight = recolour(job.pixels, mask, change, touched.placed.name)
                doubts += unfinished(job.pixels, {source.id: weight > 0.5})
        return doubts

    # filling

    def _fill(self, job: Job, gone: Mask, staying: Mask) -> Fill:
        """Fill the place of what is gone in several ways; return the best, clean or not.

        All of it is done on a copy of at most `FILL_SIDE` pixels: networks fill at half of that, and what they make
        is enlarged in any case.
        """
        scale = min(1.0, FILL_SIDE / max(job.size_wh))
        if scale == 1.0:
            return self._best_fill(job, job.pixels, gone, staying)
        size = (max(1, round(job.size_wh[0] * scale)), max(1, round(job.size_wh[1] * scale)))
        small = np.asarray(_picture(job.pixels).resize(size, Image.Resampling.LANCZOS))
        best = self._best_fill(job, small, resized(gone, size), resized(staying, size))
        large = _picture(best.pixels).resize(job.size_wh, Image.Resampling.BICUBIC)
        hole = (resized(best.hole, job.size_wh) | gone) & ~staying
        return Fill(np.asarray(large), hole, best.evidence)

    def _best_fill(self, job: Job, pixels: Pixels, gone: Mask, staying: Mask) -> Fill:
        settings = self.settings
        names = dict.fromkeys(placed.name for placed in job.plan.erased)
        queries = [Query(name=name) for name in dict.fromkeys([*names, *self.vocabulary])]
        fills: list[tuple[Pixels, Mask]] = []
        best: Fill | None = None
        for number, shares in enumerate((settings.grow, settings.grow_more)):
            holes = holes_for(pixels, gone, staying, shares, with_shadow=number == 0)
            with self.meter.phase("fill"):
                filled = self._filled([_picture(pixels)] * len(holes), holes)
                fills += [(np.asarray(made.convert("RGB")), hole) for hole, made in zip(holes, filled, strict=True)]
                if number == 0:
                    fills += self._filled_widely(pixels, holes[min(1, len(shares) - 1)])
            with self.meter.phase("choose"):
                looked = Looked(self.detect, queries, pixels, gone)
                judged = judge_fills(fills, staying | gone, looked.seen)
                tried = min(judged, key=lambda fill: fill.evidence.badness)
                tried = self._with_shape(steadied(tried, fills), gone)
                if best is None or tried.evidence.badness < best.evidence.badness:
                    best = tried
            if job.progress:
                job.progress("fill", number + 1, 2)
            if not best.evidence.doubts or not settings.grow_more:
                break
        assert best is not None  # there is at least one share
        return best

    def _filled(self, pictures: Sequence[Image.Image], holes: Sequence[Mask]) -> list[Image.Image]:
        inpainter = self.inpainter()
        inpainter.evaluations()  # of an earlier call that failed
        made = inpainter.fill(pictures, holes)
        self.meter.spend(model_evaluations=inpainter.evaluations())
        return made

    def _with_shape(self, fill: Fill, gone: Mask) -> Fill:
        share, cost = still_shows(self.segmenter, fill.pixels, gone)
        self.cost += cost
        return replace(fill, evidence=replace(fill.evidence, shape=share))

    def _filled_widely(self, pixels: Pixels, hole: Mask) -> list[tuple[Pixels, Mask]]:
        """Fill a hole at half the size: the network sees twice as much around it, and draws fewer details."""
        picture = _picture(pixels)
        half = (max(1, picture.width // 2), max(1, picture.height // 2))
        share = np.asarray(_picture_of(hole).resize(half, Image.Resampling.BOX))
        if not share.any() or (share > 0).all():
            return []
        (made,) = self._filled([picture.resize(half, Image.Resampling.LANCZOS)], [share > 0])
        large = np.asarray(made.convert("RGB").resize(picture.size, Image.Resampling.BICUBIC))
        return [(np.where(hole[..., None], large, pixels), hole)]

    # objects

    def _layer(self, job: Job, touched: Touched, ground: Pixels, busy: Mask) -> Layer:
        """Return a touched object as it shall be seen, over the whole view."""
        placed, source = touched.placed, touched.source
        if source is None:
            return self._copied(job, touched, busy)
        mask = job.masks[source.id]
        pixels, change = job.pixels, read_change(_new_words(touched))
        if change is not None:
            colours, weight = recolour(pixels, mask, change, placed.name)
            if not touched.moved:
                return Layer(colours, weight)
            painted = pixels + weight[..., None] * (colours - pixels)
            pixels = np.clip(painted + 0.5, 0, 255).astype(np.uint8)
        layer = set_down(cut_out(pixels, mask), source.box, job.size_wh, placed.box, job.size_wh)
        layer = harmonised(layer, place_light(job.pixels, mask, busy), place_light(ground, layer.core, busy))
        shadow = find_shadow(job.pixels, mask, busy & ~mask)
        if not shadow.any():
            return layer
        shade = shade_of(job.pixels, ground, shadow)
        cut = _Shade(shade, shadow)
        return Layer(layer.colours, layer.alpha, cut.moved(source.box, placed.box, job.size_wh))

    def _copied(self, job: Job, touched: Touched, busy: Mask) -> Layer:
        """Return an object that is copied from this picture or another."""
        copied = touched.copied
        assert copied is not None  # checked before
        if copied.picture:
            if copied.picture not in job.references:
                raise BackendError(
                    f"there is no picture {copied.picture!r} to copy {touched.placed.name!r} from; given: "
                    f"{', '.join(map(repr, job.references)) or 'none'}"
                )
            image = job.references[copied.picture].convert("RGB")
            outline, cost = alone(
                self.segmenter, image, copied.box, self._others(image, touched.placed.name, copied.box)
            )
            self.cost += cost
            mask, pixels = outline.mask, np.asarray(image)
            self.said += [*doubtful({touched.placed.id: outline}), *frayed(pixels, {touched.placed.id: mask})]
        else:
            image, pixels = _picture(job.pixels), job.pixels
            mask = job.masks.get(copied.id, np.zeros(pixels.shape[:2], dtype=bool))
            if not mask.any():
                mask = trusted(self.segmenter.segment(image, [copied.box]).masks[0], copied.box)
        change = read_change(_new_words(touched))
        if change is not None:
            colours, weight = recolour(pixels, mask, change, touched.placed.name)
            pixels = np.clip(pixels + weight[..., None] * (colours - pixels) + 0.5, 0, 255).astype(np.uint8)
        layer = set_down(cut_out(pixels, mask), copied.box, image.size, touched.placed.box, job.size_wh)
        here = place_light(job.pixels, layer.core, busy)
        return harmonised(layer, place_light(np.asarray(image), mask, np.zeros_like(mask)), here)

    def _others(self, image: Image.Image, name: str, box: Box) -> list[Box]:
        """Return the boxes of smaller things in another picture that overlap a thing in it and are not worn by it."""
        seen = (
            self.detect(image, [Query(name=word) for word in self.vocabulary], None).detections
            if self.vocabulary
            else ()
        )
        thing = PlacedObject(id=f"{name} #0", name=name, box=box)
        things = [
            PlacedObject(id=f"{found.name} #{number}", name=found.name, box=found.box)
            for number, found in enumerate(seen, 1)
            if found.box.area < box.area and found.box.intersection(box) > 0 and found.box.iou(box) < ITSELF
        ]
        worn = worn_by(Layout(objects=(thing, *things)))
        return [other.box for other in things if worn.get(other.id) != thing.id]


class _Shade:
    """A shadow that goes along with its object."""

    def __init__(self, shade: Floats, shadow: Mask) -> None:
        self.shade, self.shadow = shade, shadow

    def moved(self, source: Box, target: Box, size_wh: tuple[int, int]) -> Floats:
        from tools.backend.editor.matting import Cut

        wide = dilate(self.shadow, 4)
        rows, columns = np.flatnonzero(wide.any(axis=1)), np.flatnonzero(wide.any(axis=0))
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        dark = 1 - self.shade[window]
        layer = set_down(Cut(*window, np.zeros((*dark.shape, 3), np.float32), dark), source, size_wh, target, size_wh)
        return 1 - layer.alpha


def _new_words(touched: Touched) -> tuple[str, ...]:
    """Return the attributes that an object shall have and does not have yet."""
    before = (
        touched.source.attributes if touched.source is not None else touched.copied.attributes if touched.copied else ()
    )
    wanted = touched.placed.attributes
    if {"black", "white"} <= set(wanted) and not {"black", "white"} <= set(before):
        return wanted  # one look, whichever of the two it has already
    return tuple(_relative(word, before) for word in wanted if word not in before)


def _relative(word: str, before: Sequence[str]) -> str:
    """Return "lighter" for "light brown" of what is brown: its own brown in another light, not a brown of the book."""
    shade, _, colour = word.rpartition(" ")
    comparative = {"dark": "darker", "light": "lighter", "pale": "paler", "bright": "brighter"}.get(shade)
    return comparative if comparative and colour in before else word


def _ids(objects: Sequence[PlacedObject]) -> set[str]:
    return {placed.id for placed in objects}


def _union(nothing: Mask, masks: object) -> Mask:
    result = nothing.copy()
    for mask in masks:  # type: ignore[attr-defined]
        result |= mask
    return result


def _picture_of(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.float32))


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels)
