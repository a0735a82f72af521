"""First pictures: from a grounded checkpoint, any text-to-image checkpoint, a web service, or a file."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from PIL.Image import Resampling

from tools.backend import checkpoints
from tools.backend.backdrop import named_backdrop, painted
from tools.backend.named_pipelines import NamedPipeline
from tools.backend.pipelines import padded_wh, until_usable
from tools.backend.protocol import BackendError, Cost, Generated
from tools.backend.text import negative_prompt, vocabulary_warning
from tools.images import PictureError, open_picture
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from PIL.Image import Image

    from configs.settings import BackdropSettings, ChatSettings, GeneratorSettings, GroundedPart
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.images_api import ImagesApi
    from tools.backend.pipelines import Pipeline
    from tools.backend.protocol import Progress
    from tools.scene.layout import Layout

BEGUN = 0.07  # share of the schedule that is left out where a picture begins at a backdrop
SMALLEST = 0.15  # longest side that a thing is shrunk to for the sake of larger ones, as a share of the picture
SLACK = 1.25  # times the known side: so long a picture is still drawn well
LONGEST = 1.8  # longer over shorter side
NO_BOXES = "this generator cannot be told where things belong; the layout was not used"


class Generator(Protocol):
    """Makes pictures of one size."""

    def generate(
        self, prompt: str, layout: Layout | None, seeds: list[int], size_wh: tuple[int, int], progress: Progress | None
    ) -> Generated:
        """Return one picture per seed."""
        ...


def load_generator(
    ours: GeneratorSettings,
    chat: ChatSettings,
    backdrops: Mapping[str, BackdropSettings],
    load_grounded: Callable[[GroundedPart], GroundedDiffusion],
    shared: dict[str, Pipeline] | None = None,
) -> Generator:
    """Return the generator of a preset; ``load_grounded`` gives a model that the editor may share.

    One behind the protocol of OpenAI's Images API takes its address and key from ``chat``. One that denoises itself
    begins at those ``backdrops`` that a layout names.
    """
    if ours.kind == "file":
        return FileGenerator(ours.path)
    if ours.kind == "openai":
        from tools.backend.images_api import ImagesApi  # brings a client's library, which few presets need

        return ApiGenerator(ImagesApi(ours.path, chat))
    if checkpoints.is_grounded(ours):
        return GroundedGenerator(load_grounded(ours), ours, backdrops)
    return PipelineGenerator(DrawingPipeline.from_settings(ours, shared), ours)


class DrawingPipeline(NamedPipeline):
    """A pipeline that makes a picture from words alone."""

    section = "generator"
    purpose = "text-to-image pipeline"
    example = "ZImagePipeline"
    needed = ("prompt", "width", "height")
    refused = ("mask_image", "strength")

    def __init__(self, pipe: Any, device: torch.device, name: str) -> None:
        super().__init__(pipe, device, name)
        config = getattr(getattr(pipe, "unet", None), "config", None)
        if config is not None and config.in_channels != config.out_channels:
            raise BackendError(
                f"checkpoint {name!r} is made to fill or to change pictures, as its UNet takes {config.in_channels} "
                "channels: name it as editor.path, and a text-to-image checkpoint as generator.path"
            )

    @classmethod
    def chosen(cls, diffusers: Any) -> Any:
        """Return the class of diffusers that chooses one for a checkpoint."""
        return diffusers.AutoPipelineForText2Image


def drawable(size_wh: tuple[int, int], side: int | None) -> tuple[int, int]:
    """Return the size to draw a picture at for a model that was trained on pictures of about ``side``.

    Raises:
        BackendError: the picture is so long that what is drawn would not be a picture any more.
    """
    if side is None or max(size_wh) <= SLACK * side:
        return size_wh
    shorter, longer = sorted(size_wh)
    if longer > LONGEST * shorter:
        raise BackendError(
            f"cannot draw a picture of {size_wh[0]}x{size_wh[1]} pixels: the model draws pictures up to {LONGEST:g} "
            "times as long as high; change generator.width and generator.height"
        )
    scale = min(1.0, side / math.sqrt(longer * shorter))
    return round(size_wh[0] * scale), round(size_wh[1] * scale)


def zoom_for(boxes: Sequence[Box], known_share: float | None) -> float:
    """Return how much farther away things have to be so that the largest is one that the model knows; at least 1.

    No thing becomes smaller by it than `SMALLEST`.
    """
    sides = [max(box.w, box.h) for box in boxes]
    if known_share is None or not sides:
        return 1.0
    return max(1.0, min(max(sides) / known_share, min(sides) / SMALLEST))


def shrunk(box: Box, zoom: float) -> Box:
    """Return a box as it lies in a picture that shows ``zoom`` times as much, all around."""
    x, y = (0.5 + (start - 0.5) / zoom for start in box[:2])
    return Box(x, y, box.w / zoom, box.h / zoom)


def middle_of(image: Image, zoom: float) -> Image:
    """Return the middle of a picture that shows ``zoom`` times as much, at the picture's own size."""
    if zoom == 1:
        return image
    dx, dy = (side * (1 - 1 / zoom) / 2 for side in image.size)
    return image.resize(image.size, Resampling.LANCZOS, box=(dx, dy, image.width - dx, image.height - dy))


def enlarged(made: Generated, drawn_wh: tuple[int, int], size_wh: tuple[int, int]) -> Generated:
    """Return pictures at the size that was asked for, and say so."""
    note = "drawn at {}x{} pixels, as large as the model knows, and enlarged".format(*drawn_wh)
    images = tuple(image.resize(size_wh, Resampling.LANCZOS) for image in made.images)
    return replace(made, images=images, warnings=(*made.warnings, note))


class GroundedGenerator:
    """A GLIGEN checkpoint: every object of the layout is put into its box."""

    def __init__(
        self, model: GroundedDiffusion, settings: GeneratorSettings, backdrops: Mapping[str, BackdropSettings]
    ) -> None:
        self.model, self.settings, self.backdrops = model, settings, backdrops

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return self.model.components

    def generate(
        self, prompt: str, layout: Layout | None, seeds: list[int], size_wh: tuple[int, int], progress: Progress | None
    ) -> Generated:
        """Return one picture per seed, all in one batch.

        Where the layout is set in a known backdrop, the first noise is that of the backdrop: at the highest noise level
        of common schedules a picture's large colours still show (arXiv 2305.08891), and from noise without any a
        model draws middling ones, whatever the words say. What is larger than anything that the model knows is drawn
        from farther away, and the middle of that picture enlarged.
        """
        model, settings = self.model, self.settings
        model.collect()
        model.warn(vocabulary_warning(model.tokenizer, prompt))
        unwanted = negative_prompt(settings.negative_prompt, layout.absent if layout else ())
        text, negative = model.text_embeddings([prompt]), model.text_embeddings([unwanted])
        zoom = zoom_for([item.box for item in layout.objects] if layout else [], settings.known_share)
        placed = [(item.phrase, shrunk(item.box, zoom)) for item in layout.objects] if layout else []
        # A checkpoint that has boxes to the last step was never trained without its grounding layers: where
        # no box is given, it still gets the empty tokens that it knows.
        grounded = bool(placed) or settings.grounding_ratio == 1

        backdrop = named_backdrop(layout.background if layout else "", self.backdrops)
        start = 0 if backdrop is None else round(BEGUN * settings.steps)

        def make(some: list[int]) -> list[Image]:
            noises = model.noises(some, size_wh)
            latents = next(noises)
            if backdrop is not None:
                plain = model.encode_image([painted(backdrop, size_wh)])
                latents = model.noised(plain.expand_as(latents), latents, settings.steps, start)
            latents = model.denoise(
                latents,
                text,
                steps=settings.steps,
                start=start,
                grounding=model.grounding([placed] * len(some), size_wh) if grounded else None,
                grounding_ratio=settings.grounding_ratio,
                negative=negative,
                guidance=settings.guidance,
                eta=settings.eta,
                fresh=noises,
                progress=progress,
                phase="generate",
            )
            return [middle_of(image, zoom) for image in model.decode(latents, size_wh)]

        images, warnings = until_usable(make, seeds, model.name)
        cost, more = model.collect()
        return Generated(tuple(images), (*more, *warnings), cost)


class PipelineGenerator:
    """Any text-to-image checkpoint that diffusers knows."""

    def __init__(self, pipeline: Pipeline, settings: GeneratorSettings) -> None:
        self.pipeline, self.settings = pipeline, settings

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return self.pipeline.components

    def generate(
        self, prompt: str, layout: Layout | None, seeds: list[int], size_wh: tuple[int, int], progress: Progress | None
    ) -> Generated:
        """Return one picture per seed; a layout is not used, which is said in a warning."""
        start, settings = time.perf_counter(), self.settings
        width, height = padded_wh(size_wh)
        unwanted = negative_prompt(settings.negative_prompt, layout.absent if layout else ())
        runs = 0
        self.pipeline.evaluations()  # of an earlier call that failed
        # Qwen's have no guidance without a negative prompt; elsewhere an empty one is none
        guided = self.pipeline.guided(settings.guidance, unwanted or " ")

        def make(some: list[int]) -> list[Image]:
            nonlocal runs
            runs += len(some)
            made = self.pipeline(
                some,
                progress,
                "generate",
                settings.steps,
                prompt=prompt,
                width=width,
                height=height,
                **guided,
            )
            return [image.crop((0, 0, *size_wh)) for image in made]

        images, warnings = until_usable(make, seeds, self.pipeline.name)
        cost = Cost(
            model_evaluations=self.pipeline.evaluations(),
            decoder_passes=runs,
            seconds={"generate": time.perf_counter() - start},
        )
        return Generated(tuple(images), ((NO_BOXES,) if layout and layout.objects else ()) + warnings, cost)


class ApiGenerator:
    """A server with the OpenAI Images protocol."""

    def __init__(self, api: ImagesApi) -> None:
        self.api = api

    def generate(
        self, prompt: str, layout: Layout | None, seeds: list[int], size_wh: tuple[int, int], progress: Progress | None
    ) -> Generated:
        """Return as many pictures as seeds; the service takes neither seeds nor a layout."""
        start = time.perf_counter()
        images = []
        for number in range(1, len(seeds) + 1):
            images.append(self.api.generate(prompt, size_wh))
            if progress:
                progress("generate", number, len(seeds))
        warnings = ["the image service takes no seed: the same call gives another picture"]
        if layout and layout.objects:
            warnings.append(NO_BOXES)
        return Generated(tuple(images), tuple(warnings), Cost(seconds={"generate": time.perf_counter() - start}))


class FileGenerator:
    """A picture that is already there, such as one made by a closed service."""

    def __init__(self, path: str) -> None:
        self.path = path

    def generate(
        self, prompt: str, layout: Layout | None, seeds: list[int], size_wh: tuple[int, int], progress: Progress | None
    ) -> Generated:
        """Return the picture as it is, once per seed."""
        try:
            image = open_picture(self.path)
        except PictureError as error:
            raise BackendError(f"generator.path: {error}") from None
        return Generated((image,) * len(seeds))
