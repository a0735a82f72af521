"""Which presets this machine can run, and the best of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent.models.preset_choice import missing_libraries, missing_networks, missing_packages
from configs.settings import InstructSettings, PipelineOptions, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.settings import Settings

AUTO = "auto"
RANKING = ("qwen-edit-80gb", "klein-16gb", "zimage-16gb", "klein-8gb", "gligen-sd14", "gligen-sd14-8gb")
"""What draws anything and edits on a GPU, the best first; of no weights that forbid commercial use."""
SPARE = 0.92  # a card of 16 GB reports a little less


def lacking(settings: Settings, gpu_gb: float | None) -> tuple[str, ...]:
    """Return what keeps this machine from running a preset, in words; nothing where it can.

    ``gpu_gb``: memory of its GPU, None without one.
    """
    return tuple(_lacking(settings, gpu_gb))


def best_preset(gpu_gb: float | None) -> str | None:
    """Return the best preset that this machine can run on its GPU; None where only a processor's do."""
    able = (name for name in RANKING if not lacking(load_settings(name), gpu_gb))
    return next(able, None)


def _lacking(settings: Settings, gpu_gb: float | None) -> Iterator[str]:
    about = settings.about
    if about is not None and about.memory_gb is not None and (gpu_gb or 0) < SPARE * about.memory_gb:
        here = "none is here" if gpu_gb is None else f"this one has {gpu_gb:.0f}"
        yield f"a GPU with {about.memory_gb:.0f} GB ({here})"
    if missing := [package for package in _packages(settings) if find_spec(package) is None]:
        yield f"the packages of pip install 'sld-agent[engines]' ({', '.join(missing)})"
    kinds = {getattr(part, "kind", "") for part in (settings.generator, settings.editor)}
    if "openai" in kinds and settings.chat.api_key is None and settings.chat.base_url is None:
        yield "a key (OPENAI_API_KEY), or a server at chat.base_url"
    if libraries := missing_libraries(settings):
        yield f"pip install {' '.join(libraries)}"
    yield from missing_packages(settings)
    yield from missing_networks(settings)


def _packages(settings: Settings) -> list[str]:
    wanted = dict[str, None]()
    for part in (settings.generator, settings.editor):
        if isinstance(part, PipelineOptions):
            wanted |= dict.fromkeys(["accelerate"] if part.turns == "models" or part.quantize != "none" else [])
            wanted |= dict.fromkeys(["bitsandbytes"] if part.quantize != "none" else [])
            wanted |= dict.fromkeys(["peft"] if part.lora is not None else [])
        if isinstance(part, InstructSettings) and part.align:
            wanted |= {"cv2": None}
    return list(wanted)
