"""``sld doctor``: what is installed, which models and language model would be used, what to do about each problem."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.cli.console import output_console, write_json
from agent.cli.options import ExitCode, Options
from agent.models.chat import OPENAI_URL, ChatModelError, make_chat_model, provider, readable_url
from configs.settings import FilePart, GeneratorSettings, Part, SegmenterSettings
from tools.backend.checkpoints import check_files, find_folder
from tools.backend.installed import TORCHVISION_ADVICE, torchvision_problem
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.settings import BackendSettings, ChatSettings, Settings

PATIENCE = 60.0  # seconds that a person waits for a first word
MODELS = ("torch", "diffusers", "transformers")
LIBRARIES = ("langgraph", "langchain-openai")
WORKER_SECONDS = 10.0  # that a worker has to answer


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``advice`` says what to do where it is not ok."""

    what: str
    status: Literal["ok", "warning", "problem"]
    found: str
    advice: str = ""


def examine(options: Options) -> int:
    """Print the findings; the code is 0 unless something would keep a run from working.

    An endpoint is asked for one token, so that a model that it does not serve is noticed.
    """
    settings = options.load()
    findings = [*_program(settings), *_models(settings), *_language_model(settings)]
    if options.as_json:
        write_json([asdict(finding) for finding in findings])
    else:
        console = output_console()
        marks = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}
        for finding in findings:
            console.print(f"{marks[finding.status]} ", end="")
            console.print(
                f"{finding.what}: {finding.found}" + (f"\n    {finding.advice}" if finding.advice else ""), markup=False
            )
    return ExitCode.FAILURE if any(finding.status == "problem" for finding in findings) else ExitCode.AGREED


def _program(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    for name in LIBRARIES if settings.backend else (*MODELS, *LIBRARIES):
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "problem", "not installed", f"pip install {name}, or run `make test` once")

    if problem := torchvision_problem():
        yield Finding("torchvision", "problem", f"it cannot be imported ({problem})", TORCHVISION_ADVICE)


def _models(settings: Settings) -> Iterator[Finding]:
    if settings.backend is not None:
        yield _worker(settings, settings.backend)
        return
    if find_spec("torch"):
        from tools.backend.checkpoints import choose_device

        yield Finding("device", "ok", str(choose_device("auto")))
    parts: dict[str, object] = {
        "detector": settings.detector,
        "segmenter": settings.segmenter,
        "generator": settings.generator,
        "editor": settings.editor,
        "inpainter": settings.inpainter,
        "refiner": settings.refiner,
    }
    for name, part in parts.items():
        if isinstance(part, Part):  # an engine without a checkpoint has nothing to look for
            yield _weights(name, part)


def _worker(settings: Settings, backend: BackendSettings) -> Finding:
    from tools.backend.protocol import BackendError, BackendUnavailable
    from tools.backend.remote.client import RemoteBackend

    impatient = backend.model_copy(update={"patience": 0.0, "seconds": WORKER_SECONDS})
    worker = RemoteBackend(settings.model_copy(update={"backend": impatient}))
    try:
        able = ", ".join(sorted(worker.capabilities.operations))
    except (BackendError, BackendUnavailable) as error:
        return Finding("models", "problem", "the worker does not serve this preset", str(error))
    return Finding("models", "ok", f"a worker at {worker.place}, which can {able}")


def _weights(name: str, part: Part) -> Finding:
    if isinstance(part, FilePart):
        return _file(name, part)
    if isinstance(part, SegmenterSettings) and part.kind == "segment-anything":
        return _pth(name, part)
    if isinstance(part, GeneratorSettings) and part.kind == "openai":
        return Finding(name, "ok", f"the model {part.path} of a server", "it is asked at chat.base_url, or OpenAI")
    if isinstance(part, GeneratorSettings) and part.kind == "file":
        there = Path(part.path).expanduser().is_file()
        return Finding(name, "ok" if there else "problem", f"{part.path}{'' if there else ' is missing'}")
    try:
        folder = find_folder(part)
        if folder is None:
            pin = f" at {part.revision[:12]}" if part.revision else ""
            advice = "it is downloaded at first use, unless it is cached"
            return Finding(name, "warning", f"hub id {part.path}{pin}", advice)
        check_files(folder)
    except BackendError as error:
        advice = str(error)
        if part.path.startswith("package:"):
            advice = "these weights ship with the project: clone it whole, or make them with `make train`"
        return Finding(name, "problem", f"{part.path} cannot be loaded", advice)
    return Finding(name, "ok", part.path)


def _pth(name: str, part: Part) -> Finding:
    if not Path(part.path).expanduser().is_file():
        return Finding(name, "problem", f"{part.path} is missing", "kind 'segment-anything' needs one of Meta's .pth")
    if find_spec("segment_anything") is None:
        return Finding(name, "problem", "segment-anything is not installed", "pip install sld-agent[sam]")
    return Finding(name, "ok", part.path)


def _file(name: str, part: FilePart) -> Finding:
    from tools.backend.network_files import file_of

    try:
        return Finding(name, "ok", str(file_of(part.path)))
    except BackendError as error:
        return Finding(name, "problem", f"{part.path} is missing", str(error))


def _language_model(settings: Settings) -> Iterator[Finding]:
    chat = settings.chat
    if provider(chat) == "offline":
        advice = "it reads plain sentences; for a language model set OPENAI_API_KEY or --set chat.base_url=URL"
        yield Finding("language model", "ok", "the offline planner", advice)
        return
    url = readable_url(chat.base_url or OPENAI_URL) if provider(chat) == "openai" else provider(chat)
    place = f"{chat.model} at {url}"
    try:
        method = _greet(chat)
    except ChatModelError as error:
        yield Finding("language model", "problem", f"{place}: {error}", "check chat.base_url, chat.model and the key")
    else:
        yield Finding("language model", "ok", f"{place} answers (structured output: {method})")


def _greet(chat: ChatSettings) -> str:
    """Ask the model for a word, and return how its answers get their form.

    Raises:
        ChatModelError: it cannot be asked, or gives none.
    """
    model = make_chat_model(chat.model_copy(update={"attempts": 1, "timeout": min(chat.timeout, PATIENCE)}))
    model.invoke("Say hello.", max_tokens=1)
    return model.chosen_method() if hasattr(model, "chosen_method") else "function_calling"
