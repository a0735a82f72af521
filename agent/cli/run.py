"""What the commands do, once their arguments are read: one run, parsing, what a preset finds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agent.cli.console import hide, is_text, lines_of_input, output_console, print_notes, write, write_json
from agent.cli.options import ExitCode, Options, fail
from agent.cli.progress import LiveProgress
from agent.models.backend import make_backend
from agent.models.chat import ChatModelError, make_chat_model, provider
from agent.models.preset_choice import DEFAULT, NOTICE, choose_preset
from agent.run.consent import consented_settings
from agent.run.driver import Job, RunResult, job_of, run_correction
from agent.run.folder import RunError, RunFolder, abandoned_on_error, new_folder
from agent.run.sources import files_named, opened
from agent.trace.wording import mark, money, unchecked_clause
from configs.settings import Settings, load_settings
from graphs.correction import build_graph
from tools.context import Context
from tools.images import ImageStore, open_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel
    from PIL.Image import Image

    from tools.backend.protocol import Backend

MARK_STYLES = {True: "green", False: "red", None: "yellow"}
OFFLINE_NOTICE = (
    "Using the offline planner (no key and no endpoint is set): it reads plain sentences only. "
    "For a language model set OPENAI_API_KEY or --set chat.base_url=URL."
)


def run_one(
    options: Options,
    *,
    prompt: str | None = None,
    instruction: str | None = None,
    image: Path | None = None,
    sources: Sequence[Path] = (),
) -> int:
    """Run one job, tell the user how it ended and return the exit code.

    Pictures that the instruction names are taken along like ``sources``.
    """
    folder = _folder(options, prompt or instruction)
    if folder is not None and folder.started:
        job, settings, preset, overrides = _recorded(options, folder, prompt, instruction, image)
    else:
        if not (prompt or "").strip() and not (instruction or "").strip():
            fail("there is nothing to do: the prompt is empty")
        if not is_text((prompt or "") + (instruction or "")):
            fail("the prompt is not valid UTF-8 text")
        picture = None if image is None else open_picture(image)
        job = Job(
            prompt=prompt or "",
            instruction=instruction or "",
            image=picture,
            seed=options.seed or 0,
            origin=image.name if image else "",
            sources=opened([*sources, *_named(instruction, image, sources)]),
        )
        preset = options.preset or announce_preset(picture, as_json=options.as_json)
        overrides, settings = options.overrides(), options.load(preset)
    chat = announce_chat(settings, as_json=options.as_json)
    backend = make_backend(settings)
    folder = folder or new_folder(prompt or instruction or "run")
    write(f"run folder: {folder.path} (if it is stopped: --resume {folder.path})", sys.stderr)
    with LiveProgress(sys.stderr) as progress:
        result = run_correction(
            job,
            settings,
            folder,
            backend=backend,
            chat=chat,
            preset=folder.preset_recorded(preset),
            overrides=overrides,
            listener=progress,
        )
    return _close(result, folder, options)


def _named(instruction: str | None, image: Path | None, sources: Sequence[Path]) -> list[Path]:
    known = [path.name for path in sources]
    return files_named(instruction, image.parent, known) if instruction and image is not None else []


def replay_run(run: Path, step: int | None, options: Options) -> int:
    """Run a recorded run again from a step on, tell the user how it ended and return the exit code."""
    from agent.run.replay import replay

    source, overrides = RunFolder(run), options.overrides()
    seed = overrides.pop("seed", None)
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**63):
        fail(f"--set seed={seed}: a seed is a whole number from 0 on")
    asked = source.read_record()["input"]
    title = asked["prompt"] or asked["instruction"]
    target = RunFolder(options.out) if options.out else new_folder(f"again {title}", run.resolve().parent)
    write(f"run folder: {target.path} (if it is stopped: --resume {target.path})", sys.stderr)
    with abandoned_on_error(target), LiveProgress(sys.stderr) as progress:
        result = replay(
            source,
            target,
            make_backend=make_backend,
            make_chat=lambda settings: announce_chat(settings, as_json=options.as_json),
            first_step=step,
            seed=seed,
            overrides=overrides,
            allowed_host=options.allow_endpoint,
            listener=progress,
        )
    code = _close(result, target, options)
    if not options.as_json:
        console = output_console()
        console.print(f"compare: sld trace diff {run} {target.path}", markup=False)
    return code


def _close(result: RunResult, folder: RunFolder, options: Options) -> int:
    """Write the report, tell the user how the run ended and return the exit code."""
    from agent.report.render import write_report  # needs templates, and nothing before the end

    write_report(folder)
    if options.as_json:
        write_json(result.to_json())
    else:
        show_result(result, folder)
    return exit_code(result)


def exit_code(result: RunResult) -> ExitCode:
    """Return 0 for agreement, 1 where the language model failed, 2 for a text that cannot be read, 3 for other ends."""
    if result.exit == "parse_failed":
        return ExitCode.MISTAKE
    if result.exit == "model_failed":
        return ExitCode.FAILURE
    return ExitCode.AGREED if result.agreed or result.exit == "answered" else ExitCode.NOT_AGREED


def announce_preset(picture: Image | None, *, as_json: bool = False) -> str:
    """Return the preset that fits the picture; when it is not the built-in one, say so in the first line of output."""
    preset = choose_preset(picture)
    if preset != DEFAULT:
        stream = sys.stderr if as_json else sys.stdout
        stream.write(NOTICE + "\n")
        stream.flush()
    return preset


def announce_chat(settings: Settings, *, as_json: bool = False) -> BaseChatModel:
    """Make the chat model; when it is the offline planner, say so in the first line of output."""
    try:
        chat = make_chat_model(settings.chat)
    except ChatModelError as error:
        fail(str(error))  # nothing was sent yet: what is missing is a setting
    if provider(settings.chat) == "offline":
        write(OFFLINE_NOTICE, sys.stderr if as_json else sys.stdout)
    return chat


def show_result(result: RunResult, folder: RunFolder) -> None:
    """Print how a run ended, for a person."""
    console = output_console()
    print_notes(console, result.notes)
    rounds = f"{result.rounds} round{'' if result.rounds == 1 else 's'}"
    if result.exit == "answered":
        console.print(result.detail, markup=False)
    elif result.agreed:
        console.print(f"[bold green]agreed[/] after {rounds}{unchecked_clause(result.verdict)}")
    else:
        console.print(f"[bold yellow]not agreed[/] after {rounds} ({result.exit.replace('_', ' ')})")
        console.print(result.detail, markup=False)
    if result.fallbacks:
        console.print(f"(the solver planned {result.fallbacks} of the edits: the language model was at a loss)")
    for outcome in result.verdict.get("results", []):
        console.print(f"  {mark(outcome['passed'])} ", end="", style=MARK_STYLES[outcome["passed"]])
        console.print(str(outcome.get("reason") or outcome.get("requirement")), markup=False)
    if cost := money(result.usage.get("cost")):
        console.print(f"cost:    {cost} for the language model", markup=False)
    if result.image is not None:
        console.print(f"picture: {result.image}", markup=False)
    console.print(f"report:  {folder.report_path}", markup=False)


def parse_prompts(options: Options, prompt: str | None) -> int:
    """Print the spec of one prompt, or of each line of standard input.

    A prompt that is refused gives ``{"error": ...}`` in its place, so that lines keep their partners.
    """
    settings = options.load()
    # The loop's own way of reading a sentence, repairs included, stopped before anything looks at a picture:
    # neither a backend nor a place for pictures is needed.
    context = Context(cast("Backend", None), announce_chat(settings, as_json=True), ImageStore(Path()), settings)
    graph, failed = build_graph(None, settings.loop), [False]

    def read(text: str) -> dict[str, Any]:
        state = graph.invoke({"prompt": text}, context=context, interrupt_before=["generate", "judge", "finish"])
        spec = state["goal"].spec
        failed[0] |= state["exit"] == "model_failed"
        return spec.model_dump(mode="json") if spec else {"error": state["detail"]}

    def parse(text: str) -> bool:
        answer = read(text) if is_text(text) else {"error": "the line is not valid UTF-8 text"}
        if "error" in answer:
            write(f"sld: {answer['error']}", sys.stderr)
        write_json(answer, ascii_only=False)
        return "error" not in answer

    lines = lines_of_input() if prompt is None else (prompt,)
    outcomes = [parse(line) for line in lines if line.strip() or prompt is not None]
    return ExitCode.AGREED if all(outcomes) else ExitCode.FAILURE if failed[0] else ExitCode.MISTAKE


def show_preset(name: str) -> None:
    """Print what a preset's detector is asked for, one noun a line."""
    write("\n".join(load_settings(name).detector.vocabulary))


def _folder(options: Options, title: str | None) -> RunFolder | None:
    """Return the folder that the user names; None when a new one is to be made."""
    if options.resume is not None:
        folder = RunFolder(options.resume)
        killed_early = options.resume.is_dir() and title  # after its folder was made, before anything was written
        if not folder.started and not killed_early:
            fail(f"there is no run in {str(options.resume)!r} to resume; `sld trace list` shows runs")
        return folder
    if options.out is None:
        return None
    folder = RunFolder(options.out)
    if folder.started:
        fail(f"{str(options.out)!r} holds a run already: choose another --out, or --resume {options.out}")
    if options.out.exists() and not options.out.is_dir():
        fail(f"--out {str(options.out)!r} is a file: name a folder for the run")
    return folder


def _recorded(
    options: Options, folder: RunFolder, prompt: str | None, instruction: str | None, image: Path | None
) -> tuple[Job, Settings, str, dict[str, Any]]:
    """Return the job of an earlier run, checked against what this command says."""
    record = folder.read_record()
    given, store = record["input"], folder.images
    if image is not None and store.save(open_picture(image)) != given["image"]:
        raise RunError(f"{str(folder.path)!r} was begun with another picture than {str(image)!r}")
    for name, value in (("prompt", prompt), ("instruction", instruction), ("seed", options.seed)):
        if value is not None and (value.strip() if isinstance(value, str) else value) != given[name]:
            raise RunError(f"{str(folder.path)!r} was begun with {name} {given[name]!r}, not {value!r}")
    settings, preset, overrides = consented_settings(
        folder, record, options.preset, options.overrides(), options.allow_endpoint
    )
    return job_of(given, folder, record.get("origin", "")), hide(settings), preset, overrides
