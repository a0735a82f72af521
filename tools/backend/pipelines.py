"""Any diffusers pipeline, loaded safely and run in batches that fit."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from PIL import Image

from configs.settings import PipelineOptions
from tools.backend import checkpoints, outfit
from tools.backend.device_memory import Batcher
from tools.backend.hub import HALF
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from configs.settings import Part
    from tools.backend.protocol import Progress

MULTIPLE = 16  # of pixels: what every autoencoder and UNet of the supported families can halve evenly
BLACK = 3  # a picture with no value above this (of 255) is a failed one: half precision, or a safety checker
ATTEMPTS = 3
DENOISERS = ("unet", "transformer")
UNUSED = {"safety_checker", "feature_extractor", "image_encoder"}  # may lie in a checkpoint of a class without them
NEXT_SEED = 1_000_003  # far from the seeds of the other pictures of a call


class Pipeline:
    """A diffusers pipeline that makes pictures from seeds."""

    def __init__(self, pipe: Any, device: torch.device, name: str) -> None:
        self.pipe, self.device, self.name = pipe, device, name
        self.batcher = Batcher(device)
        self.keeps_its_place = False
        self.takes = inspect.signature(type(pipe).__call__).parameters
        self._evaluated = 0
        for part in DENOISERS:
            if (denoiser := getattr(pipe, part, None)) is not None:
                denoiser.register_forward_pre_hook(self._count, with_kwargs=True)

    def evaluations(self) -> int:
        """Return how many samples the denoiser was given since this was last asked."""
        evaluated, self._evaluated = self._evaluated, 0
        return evaluated

    def _count(self, module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._evaluated += len(next(iter((*given, *named.values()))))

    def guided(self, guidance: float, negative: str) -> dict[str, Any]:
        """Return guidance and negative prompt by the names that the pipeline has for them.

        Some that need no guidance take it as well, for models that are distilled with it; unset, it is not for these.
        Without guidance there is no negative prompt.
        """
        own = self.takes.get("guidance_scale")
        scale = "true_cfg_scale" if own is None or own.default is None else "guidance_scale"
        wanted = {scale: guidance} | ({"negative_prompt": negative} if guidance > 1 else {})
        return {name: value for name, value in wanted.items() if name in self.takes}

    @classmethod
    def load(cls, kind: Any, part: Part, shared: dict[str, Pipeline] | None = None) -> Pipeline:
        """Load a checkpoint with a pipeline's class, or with one of diffusers' ``AutoPipelineFor...`` classes.

        ``shared`` holds what was loaded before: a pipeline of another class on the same weights takes them from there.

        Raises:
            BackendError: it is unreadable or no pipeline of this kind.
        """
        key, shared = _weights_key(part), {} if shared is None else shared
        device = checkpoints.choose_device(part.device)
        options = part if isinstance(part, PipelineOptions) else PipelineOptions()
        if (there := shared.get(key)) is not None and hasattr(kind, "check_inputs"):  # not one that only chooses
            return cls._placed(_again(kind, there.pipe), options, device, part)
        folder = checkpoints.resolve(part)
        _refuse_code(folder)
        _check_parts(folder)
        dtype = checkpoints.choose_dtype(part.dtype, device, folder)
        halves = any(checkpoints.variant(below, dtype) for below in folder.iterdir() if below.is_dir())
        with checkpoints.reading(folder):
            pipe = kind.from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                variant=HALF if halves else None,
                **checkpoints.dtype_argument(dtype),
                **_own_parts(folder),
                **{"low_cpu_mem_usage": False}
                | outfit.loading(options, device, dtype, [one.name for one in folder.iterdir()]),
            )
        with checkpoints.quiet():
            outfit.fit(pipe, options)
        shared[key] = loaded = cls._placed(pipe, options, device, part)
        return loaded

    @classmethod
    def _placed(cls, pipe: Any, options: PipelineOptions, device: torch.device, part: Part) -> Self:
        pipe.set_progress_bar_config(disable=True)
        with checkpoints.quiet():
            loaded = cls(outfit.placed(pipe, options, device), device, part.path)
        loaded.keeps_its_place = outfit.keeps_its_place(options, device)
        return loaded

    @property
    def components(self) -> list[Any]:
        """The models in it that may be moved to another device."""
        if self.keeps_its_place:
            return []
        return [component for component in self.pipe.components.values() if isinstance(component, torch.nn.Module)]

    def __call__(
        self, seeds: Sequence[int], progress: Progress | None, phase: str, steps: int, **arguments: Any
    ) -> list[Image.Image]:
        """Return one RGB picture per seed.

        Values that are not finite give a black picture, for the caller to try again (`until_usable`).
        """

        def tell(pipe: Any, step: int, timestep: Any, state: dict[str, Any]) -> dict[str, Any]:
            if progress:
                progress(phase, step + 1, getattr(pipe, "num_timesteps", steps))
            return state

        def run(some: torch.Tensor) -> torch.Tensor:
            generators = [torch.Generator().manual_seed(seed) for seed in some.tolist()]
            made = self.pipe(
                num_images_per_prompt=len(generators),
                generator=generators,
                num_inference_steps=steps,
                output_type="np",
                callback_on_step_end=tell,
                **arguments,
            )
            return torch.from_numpy(np.asarray(made.images))

        with checkpoints.quiet():  # what matters of the pipelines' advice is said before
            values = self.batcher("pipeline", run, torch.tensor([seed % 2**63 for seed in seeds])).numpy()
        values = np.where(np.isfinite(values).all(axis=(1, 2, 3), keepdims=True), values, 0)
        return [Image.fromarray(array) for array in (values * 255).round().clip(0, 255).astype(np.uint8)]


def until_usable(
    make: Callable[[list[int]], list[Image.Image]], seeds: Sequence[int], name: str
) -> tuple[list[Image.Image], tuple[str, ...]]:
    """Call ``make`` with the seeds, and again with others for pictures that came out all black.

    Returns: one picture per seed, and a warning for every seed that was replaced.

    Raises:
        BackendError: a picture is still black after three tries.
    """
    done: dict[int, Image.Image] = {}
    trying = dict(enumerate(seeds))
    warnings: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        made = make(list(trying.values()))
        done |= {place: image for place, image in zip(trying, made, strict=True) if np.asarray(image).max() > BLACK}
        for place in [place for place in trying if place in done]:
            del trying[place]
        if not trying:
            return [done[place] for place in range(len(seeds))], tuple(warnings)
        if attempt < ATTEMPTS:
            warnings += [f"seed {seed} gave a black picture; took {seed + NEXT_SEED}" for seed in trying.values()]
            trying = {place: seed + NEXT_SEED for place, seed in trying.items()}
    raise BackendError(
        f"{name!r} gave only black pictures in {ATTEMPTS} tries, the last with seed {next(iter(trying.values()))}; "
        "try dtype float32, another prompt (a safety checker blackens pictures) or another checkpoint"
    )


def padded(image: Image.Image) -> Image.Image:
    """Return the picture with its edges repeated at the right and bottom, up to a size that models take."""
    right, below = -image.width % MULTIPLE, -image.height % MULTIPLE
    return Image.fromarray(np.pad(np.asarray(image), ((0, below), (0, right), (0, 0)), mode="edge"))


def padded_wh(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the smallest size that models take and that holds ``size_wh``."""
    width, height = (-(-side // MULTIPLE) * MULTIPLE for side in size_wh)
    return width, height


def _weights_key(part: Part) -> str:
    """Return what tells one set of loaded weights from another."""
    names = {"path", "revision", "device", "dtype", "offload", *PipelineOptions.model_fields}
    return part.model_dump_json(include=names)


def _again(kind: Any, pipe: Any) -> Any:
    """Return a pipeline of another class with the models of one that is loaded."""
    taken = inspect.signature(kind.__init__).parameters
    said = {name: value for name, value in pipe.config.items() if name in taken and not isinstance(value, tuple | list)}
    return kind(**said | {name: model for name, model in pipe.components.items() if name in taken})


def _own_parts(folder: Path) -> dict[str, Any]:
    """Return the parts of a checkpoint that are loaded here, as diffusers' own way needs more than is installed."""
    from tools.backend import qwen_processor

    try:
        kind = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).get("processor", [None, None])[1]
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return {}  # the loader says what is wrong
    return {"processor": qwen_processor.load_processor(folder / "processor")} if kind == qwen_processor.NAME else {}


def _check_parts(folder: Path) -> None:
    """Refuse a pipeline without a part that it lists: a tokenizer that is missing would be made up, without words."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        listed = [name for name, part in index.items() if isinstance(part, list) and part[1]]
    except (OSError, ValueError, LookupError, AttributeError):
        return  # the loader says what is wrong
    lacking = [name for name in listed if name not in UNUSED and not (folder / name).is_dir()]
    if lacking:
        raise BackendError(
            f"checkpoint {str(folder)!r} lacks its folder {lacking[0]!r}; is it complete? Fetch or copy it whole"
        )


def _refuse_code(folder: Path) -> None:
    code = sorted(file.name for file in folder.rglob("*.py"))
    if code:
        raise BackendError(
            f"checkpoint {str(folder)!r} brings code of its own ({', '.join(code[:3])}), which is never run; "
            "use a checkpoint of classes that diffusers has"
        )
