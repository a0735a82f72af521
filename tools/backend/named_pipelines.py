"""Pipelines of diffusers by the name of their class: checked before they are loaded, counted while they run."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from PIL.Image import Resampling

from tools.backend import checkpoints
from tools.backend.pipelines import DENOISERS, UNUSED, Pipeline
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from PIL.Image import Image

    from configs.settings import GeneratorSettings, PipelinePart
    from tools.backend.protocol import Progress

LEAST_SIDE = 64  # pixels


class NamedPipeline(Pipeline):
    """A pipeline of a class that settings name, or that diffusers chooses."""

    section: ClassVar[str] = "editor"
    """Of the settings, where its class is named."""
    purpose: ClassVar[str]
    """What it is, in words: "inpainting pipeline"."""
    example: ClassVar[str]
    """A class that is one."""
    needed: ClassVar[tuple[str, ...]]
    """What a call of it must take, the most telling first."""
    refused: ClassVar[tuple[str, ...]] = ()
    """What a call of it must not take: it would not do without."""

    def __init__(self, pipe: Any, device: torch.device, name: str) -> None:
        super().__init__(pipe, device, name)
        self._refuse(type(pipe))

    @classmethod
    def from_settings(
        cls, settings: PipelinePart | GeneratorSettings, shared: dict[str, Pipeline] | None = None
    ) -> Self:
        """Load the checkpoint with the class that the settings name, or with the one that is chosen for it.

        Raises:
            BackendError: no such class, or the checkpoint is unreadable or made for another one.
        """
        with checkpoints.quiet():  # slow to import, and needed by few presets
            import diffusers

        if settings.pipeline is None:
            kind = cls.chosen(diffusers)
        else:
            kind = getattr(diffusers, settings.pipeline, None)
            if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
                raise BackendError(
                    f"{cls.section}.pipeline: diffusers {diffusers.__version__} has no pipeline {settings.pipeline!r}; "
                    f"name one such as {cls.example}, or none to have it chosen"
                )
            cls._refuse(kind)
            refuse_other(checkpoints.resolve(settings), kind, cls.section)
        loaded = cls.load(kind, settings, shared)
        assert isinstance(loaded, cls)
        return loaded

    @classmethod
    def chosen(cls, diffusers: Any) -> Any:
        """Return the class of diffusers that chooses one for a checkpoint."""
        return diffusers.DiffusionPipeline

    @classmethod
    def _refuse(cls, kind: type) -> None:
        """Refuse a class that cannot be used as one of these."""
        taken = inspect.signature(kind.__call__).parameters
        common = ("num_images_per_prompt", "num_inference_steps", "generator", "callback_on_step_end")
        if strange := [argument for argument in cls.refused if argument in taken]:
            raise BackendError(
                f"{cls.section}.pipeline: {kind.__name__} is no {cls.purpose}, as it wants a {_called(strange[0])}; "
                f"name one such as {cls.example}"
            )
        if missing := [argument for argument in (*cls.needed, *common) if argument not in taken]:
            raise BackendError(
                f"{cls.section}.pipeline: {kind.__name__} is no {cls.purpose}, as it takes no {_called(missing[0])}; "
                f"name one such as {cls.example}"
            )

    def edited(
        self, seeds: Sequence[int], progress: Progress | None, phase: str, steps: int, image: Image, **wanted: Any
    ) -> list[Image]:
        """Return one RGB picture per seed, of the size of ``image``.

        The pipeline is given what it takes of the arguments; ``guidance`` and ``negative`` by its names for them.
        """
        size_wh = image.size
        if min(size_wh) < LEAST_SIDE:  # some refuse these
            scale = -(-LEAST_SIDE // min(size_wh))
            image = image.resize((size_wh[0] * scale, size_wh[1] * scale), Resampling.BICUBIC)
            if "mask_image" in wanted:
                wanted["mask_image"] = wanted["mask_image"].resize(image.size, Resampling.NEAREST)
        width, height = image.size
        wanted |= self.guided(wanted.pop("guidance"), wanted.pop("negative"))
        # where a pipeline would choose a size of its own: the picture's is the one that fits it
        sizes = {"width": width, "height": height, "max_area": width * height, "_auto_resize": False}
        taken = {name: value for name, value in ({"image": image} | sizes | wanted).items() if name in self.takes}
        # one by one: some draw at random while they encode the picture, and do that once for all seeds
        made = [one for seed in seeds for one in self([seed], progress, phase, steps, **taken)]
        return [one if one.size == size_wh else one.resize(size_wh, Resampling.LANCZOS) for one in made]


def _called(argument: str) -> str:
    return {"mask_image": "mask", "image": "picture", "strength": "picture to begin with"}.get(argument, repr(argument))


def refuse_other(folder: Path, kind: Any, section: str) -> None:
    """Refuse a checkpoint whose parts are not those of the pipeline: some classes would load it and fail later.

    Raises:
        BackendError: it is none of that class, or no pipeline at all.
    """
    file = folder / "model_index.json"
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
        listed = {name: part[1] for name, part in index.items() if isinstance(part, list)}
    except FileNotFoundError:
        raise BackendError(
            f"checkpoint {str(folder)!r} is no pipeline: it has no model_index.json; name a folder of a whole pipeline"
        ) from None
    except (OSError, ValueError, LookupError, AttributeError) as error:
        raise checkpoints.unreadable(folder, error) from error
    taken = inspect.signature(kind.__init__).parameters
    needed = {name for name, part in taken.items() if name != "self" and part.default is part.empty} - UNUSED
    strange = [name for name, part in listed.items() if part and name not in taken and name not in UNUSED]
    lacking = sorted(needed - listed.keys())  # what it does without is listed as null
    foreign = [
        name
        for name in DENOISERS
        if listed.get(name) and listed[name] not in str(getattr(taken.get(name), "annotation", ""))
    ]
    if strange or lacking or foreign:
        raise BackendError(
            f"checkpoint {str(folder)!r} was saved by {index.get('_class_name', 'another pipeline')!r} and is none of "
            f"{kind.__name__} (see its {(strange + lacking + foreign)[0]!r}); "
            f"set {section}.pipeline to a class made for it, or to none"
        )
