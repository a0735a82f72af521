"""One call for a program: a sentence in, a corrected picture and its run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.models.backend import make_backend
from agent.models.chat import make_chat_model
from agent.models.preset_choice import DEFAULT, choose_preset
from agent.report.render import write_report
from agent.run.driver import Job, RunResult, run_correction
from agent.run.folder import RunFolder, new_folder
from agent.run.sources import opened
from configs.settings import load_settings
from tools.images import open_picture

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from PIL.Image import Image

    from agent.run.sources import Given
    from tools.backend.protocol import Backend


def run(
    prompt: str = "",
    *,
    instruction: str = "",
    image: Image | str | Path | None = None,
    sources: Given = (),
    preset: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    backend: Backend | None = None,
    chat: BaseChatModel | None = None,
    **overrides: Any,
) -> RunResult:
    """Make a picture of ``prompt``, correct ``image`` until it shows it, or edit ``image`` as ``instruction`` says.

    Everything it did is in the run folder ``out`` (a new one under ``runs/`` if not given), with a report; a folder
    that holds the same job is gone on with, or only read if it is finished. Without ``preset``, a photograph gets the
    one for photographs. ``sources`` are other pictures to copy from, by name or as paths ("add the dog from dog.jpg").
    ``overrides`` are settings, with two underscores for a dot (``loop__rounds=5``). ``backend``
    and ``chat`` are made from the settings if not given; hand the same ones to many calls so that models are loaded
    once.

    Raises:
        ValueError: not exactly one of prompt and instruction, or an instruction without a picture.
        SettingsError, RunError, PictureError: a preset, folder or picture that cannot be used.
    """
    named = {key.replace("__", "."): value for key, value in overrides.items()}
    picture = open_picture(image) if isinstance(image, (str, Path)) else image
    preset = preset or (DEFAULT if backend else choose_preset(picture))
    settings = load_settings(preset, named)
    job = Job(
        prompt=prompt,
        instruction=instruction,
        image=picture,
        seed=seed,
        origin=Path(image).name if isinstance(image, (str, Path)) else "",
        sources=opened(sources),
    )
    folder = new_folder(prompt or instruction) if out is None else RunFolder(Path(out))
    result = run_correction(
        job,
        settings,
        folder,
        backend=backend or make_backend(settings),
        chat=chat or make_chat_model(settings.chat),
        preset=folder.preset_recorded(preset),
        overrides=named,
    )
    write_report(folder)
    return result
