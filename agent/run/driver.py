"""Runs one job through the graph, into a run folder: the one way in for CLI, batches and evaluations.

    settings = load_settings()
    result = run_correction(Job(prompt="two red cars", image=picture), settings, RunFolder(Path("runs/mine")))

Knows nothing of terminals; a listener is told what happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agent.models.eyes import make_eyes
from agent.run.checkpoints import finished_tasks, open_checkpoints
from agent.run.folder import RunError, RunFolder, find_runs, new_folder
from agent.run.redaction import hiding, recordable, shown_settings
from agent.run.stream import Listener, stream_events
from agent.trace.events import TraceWriter, now, plain
from agent.trace.notebook import picture_png, result_html
from agent.trace.otel import follower
from agent.trace.recorder import Recorder
from graphs.correction import build_graph
from tools.context import Context
from tools.files import copy_file
from tools.scene.layout import Layout
from tools.scene.spec import SceneSpec
from tools.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph
    from PIL.Image import Image

    from configs.settings import Settings
    from graphs.state import Result
    from tools.backend.protocol import Backend
    from tools.images import ImageStore

__all__ = [
    "Job",
    "Listener",
    "RunError",
    "RunFolder",
    "RunResult",
    "find_runs",
    "new_folder",
    "run_correction",
]


@dataclass(frozen=True)
class Job:
    """What is asked for: a sentence (``prompt``) or an ``instruction``, exactly one of them."""

    prompt: str = ""
    instruction: str = ""
    image: Image | None = None
    """The picture to start from, RGB; without one, the prompt is generated first."""
    spec: SceneSpec | None = None
    """A parse that is used as it is, instead of asking the language model."""
    places: bool = False
    """The given parse says nothing of places: those of the prompt are still read, and required."""
    target: Layout | None = None
    """A target layout that is used as it is."""
    seed: int = 0
    origin: str = ""
    """The picture's file name, for the reader of the report."""
    sources: Mapping[str, Image] = field(default_factory=dict)
    """Other pictures that objects may be copied from, by the names that the instruction calls them."""

    def __post_init__(self) -> None:
        if bool(self.prompt.strip()) == bool(self.instruction.strip()):
            raise ValueError("a job has a prompt or an instruction, exactly one, and it must not be empty")
        if self.instruction and self.image is None:
            raise ValueError("an instruction needs a picture to edit")


@dataclass(frozen=True)
class RunResult:
    """How a run ended. ``verdict`` and ``usage`` are JSON types."""

    agreed: bool
    exit: str
    detail: str
    rounds: int
    image: Path | None
    """``final.png`` in the run folder; None when there never was a picture."""
    run: Path
    verdict: dict[str, Any]
    usage: dict[str, Any]
    fallbacks: int = 0
    """Edits that the solver planned, because the language model was at a loss."""
    notes: tuple[str, ...] = ()
    """What was taken for granted in reading the text."""

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "agreed": self.agreed,
            "exit": self.exit,
            "detail": self.detail,
            "rounds": self.rounds,
            "fallbacks": self.fallbacks,
            "notes": list(self.notes),
            "image": None if self.image is None else str(self.image),
            "run": str(self.run),
            "verdict": self.verdict,
            "unchecked": [result["reason"] for result in self.verdict.get("results", []) if result["passed"] is None],
            "usage": self.usage,
        }

    def _repr_png_(self) -> bytes | None:
        return picture_png(self.image)

    def _repr_html_(self) -> str:
        ended = {"agreed": self.agreed, "exit": self.exit, "verdict": self.verdict}
        lines = (*self.notes, self.detail, str(self.run))
        return result_html("run", self.image, ended=ended, lines=lines, verdict=self.verdict, usage=self.usage)


def run_correction(
    job: Job,
    settings: Settings,
    folder: RunFolder,
    *,
    backend: Backend,
    chat: BaseChatModel,
    preset: str = "",
    overrides: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Run ``job`` in ``folder``, or go on with it where it was stopped, and return how it ended.

    A folder that holds the same job is resumed: finished nodes are not repeated, and a finished run
    is only read. ``preset`` and ``overrides`` are written down for whoever resumes it. ``stop`` ends it early, from
    another thread: it raises `tools.stopping.Stopped`, and the folder can be resumed.

    Raises:
        RunError: the folder is in use or holds another job.
    """
    with folder.locked():
        folder = hiding(folder, settings)
        store = folder.images
        record = _open_record(job, settings, folder, store, preset, overrides or {})
        if record["status"] == "finished":
            return read_result(folder)
        trace = TraceWriter(folder.trace, folder.redactor, also=follower(folder.path.name))
        context = Context(backend, chat, store, settings, make_eyes(settings), stop or Stop())
        with open_checkpoints(folder) as saver:
            graph = build_graph(saver, settings.loop)
            try:
                outcome = _stream(graph, record, context, trace, listener)
            except BaseException as error:
                reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                trace.write("end", error=reason)
                if isinstance(error, Exception):
                    folder.write_record({**record, "status": "failed", "error": trace.clean(reason)})
                raise
        if outcome.get("image"):
            copy_file(store.path(outcome["image"]), folder.final_path)
        trace.write("end", result=outcome)
        folder.write_record({**record, "status": "finished", "finished": now(), "result": plain(outcome)})
        return read_result(folder)


def job_of(given: Mapping[str, Any], folder: RunFolder, origin: str) -> Job:
    """Return the job that a record's ``input`` describes; its picture lies in ``folder``.

    Raises:
        RunError: it describes none.
        PictureError: its picture is gone.
    """
    store = folder.images
    try:
        return Job(
            prompt=given["prompt"],
            instruction=given["instruction"],
            image=None if given["image"] is None else store.load(given["image"]),
            spec=None if given["spec"] is None else SceneSpec.model_validate(given["spec"]),
            places=given.get("places", False),
            target=None if given["target"] is None else Layout.model_validate(given["target"]),
            seed=given["seed"],
            origin=origin,
            sources={name: store.load(picture) for name, picture in given.get("sources", {}).items()},
        )
    except ValidationError as error:
        raise RunError(f"{str(folder.record_path)!r} holds input that is not valid: {error}") from None


def read_result(folder: RunFolder) -> RunResult:
    """Return how the finished run in ``folder`` ended.

    Raises:
        RunError: it is no run, or not finished.
    """
    record = folder.read_record()
    outcome = record.get("result")
    if outcome is None:
        raise RunError(f"{str(folder.path)!r} is not finished (it is {record.get('status')!r}): go on with --resume")
    return RunResult(
        agreed=bool(outcome["agreed"]),
        exit=outcome["exit"],
        detail=outcome.get("detail", ""),
        rounds=outcome["rounds"],
        image=folder.final_path if folder.final_path.is_file() else None,
        run=folder.path,
        verdict=outcome.get("verdict") or {},
        usage=outcome.get("usage") or {},
        fallbacks=outcome.get("fallbacks", 0),
        notes=tuple(outcome.get("notes", ())),
    )


def _open_record(
    job: Job, settings: Settings, folder: RunFolder, store: ImageStore, preset: str, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    image = None if job.image is None else store.save(job.image)
    inputs = folder.redactor.tree(
        {
            "prompt": job.prompt.strip(),
            "instruction": job.instruction.strip(),
            "image": image,
            "spec": None if job.spec is None else job.spec.model_dump(mode="json"),
            "target": None if job.target is None else job.target.model_dump(mode="json"),
            "seed": job.seed,
            **({"places": True} if job.places else {}),
            **({"sources": {name: store.save(other) for name, other in job.sources.items()}} if job.sources else {}),
        }
    )
    if folder.started:
        record = folder.read_record()
        if record["input"] != inputs:
            differing = ", ".join(key for key, value in inputs.items() if record["input"].get(key) != value)
            raise RunError(
                f"{str(folder.path)!r} holds a run with another {differing}: give the same input to resume it, "
                "or choose another --out"
            )
        return record
    record = {
        "status": "running",
        "started": now(),
        "program": metadata.version("sld-agent"),
        "origin": job.origin,
        "input": inputs,
        "preset": preset,
        "overrides": recordable(overrides),
        "settings": shown_settings(settings),
    }
    folder.write_record(record)
    return record


def _stream(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    record: dict[str, Any],
    context: Context,
    trace: TraceWriter,
    listener: Listener | None,
) -> dict[str, Any]:
    config: RunnableConfig = {"configurable": {"thread_id": "run"}}
    state = graph.get_state(config)
    resumed = bool(state.created_at)
    if resumed:
        trace.reconcile(finished_tasks(graph, config))
        trace.write("resume")
    else:
        trace.reconcile({})
        trace.write("start", input=record["input"])
    given = {key: value for key, value in record["input"].items() if value not in (None, "")}
    step = (state.metadata or {}).get("step", -1)
    for event in stream_events(graph, None if resumed else given, config, context, Recorder(trace), step):
        if listener is not None:
            listener(event)
    result: Result = graph.get_state(config).values["result"]
    return result.model_dump(mode="json")
