"""Puts every case of the benchmark before a language model and keeps one record of each, going on where it stopped.

    OUT/run.json              what was measured with what
    OUT/prompts/07.json       a sentence: was it read rightly, at once or after repairs, and at what cost
    OUT/unseen/07.json        a sentence of those that nothing was mended on
    OUT/instructions/07.json  an instruction on a picture, done by the whole loop (its run folder is 07 beside it)
    OUT/faults/07.json        a picture with planted faults, corrected by the whole loop

Knows no models: they come with the services.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage

from agent.models.structured_output import read_answer
from agent.run.checkpoints import open_checkpoints
from agent.run.driver import Job, run_correction
from agent.run.folder import RunError, RunFolder
from agent.trace.events import read_trace
from evals.agent.gold import PromptCase, instruction_cases, prompt_cases
from evals.agent.scoring import does_right, reads_right
from evals.fault_cases import fault_cases
from graphs.correction import build_graph
from graphs.nodes.parse import Reply
from tools.context import Context
from tools.files import write_text
from tools.images import ImageStore
from tools.scene.spec import SceneSpec
from tools.scene.wishes import operations_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel
    from langchain_core.outputs import LLMResult

    from configs.settings import Settings
    from evals.agent.gold import InstructionCase
    from evals.fault_cases import FaultCase
    from tools.backend.protocol import Backend
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation

PARTS = ("prompts", "instructions", "faults")
SENTENCES = {"prompts": "prompts", "unseen": "prompts_unseen"}
"""The parts that are only read, and their files."""
FAULTS = 30
SEED = 7  # of the fault cases: others are used elsewhere


@dataclass(frozen=True)
class Services:
    """What the cases are put before."""

    settings: Settings
    chat: BaseChatModel
    backend: Backend | None
    """None serves the sentences alone, which are only read."""


class Listener(BaseCallbackHandler):
    """Keeps the first answer of a language model, as JSON text where it called a tool."""

    raise_error = True

    def __init__(self) -> None:
        self.first = ""

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Take one answer."""
        message = getattr(response.generations[0][0], "message", None)
        if isinstance(message, AIMessage) and not self.first:
            self.first = json.dumps(message.tool_calls[0]["args"]) if message.tool_calls else message.text


def run_agent(
    services: Services,
    out: Path,
    *,
    identity: Mapping[str, Any],
    parts: Sequence[str] = PARTS,
    limit: int | None = None,
    seed: int = SEED,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Put the first ``limit`` cases of each part before the model, and return the records by part.

    What has a record already is not done again. ``identity`` (JSON types) says what is measured;
    ``seed`` chooses the planted faults.

    Raises:
        RunError: the folder holds records of another identity.
    """
    _check_identity(out, identity)
    records: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        cases = list(_cases(part, seed))[:limit]
        for done, (number, measure) in enumerate(cases, 1):
            path = out / part / f"{number:02d}.json"
            if not path.exists():
                record = {"number": number, **measure(services, out / part / f"{number:02d}")}
                write_text(path, json.dumps(record, indent=1) + "\n")
            records.setdefault(part, []).append(json.loads(path.read_text(encoding="utf-8")))
            if progress:
                progress(part, done, len(cases))
    return records


def _cases(part: str, seed: int) -> Iterator[tuple[int, Callable[[Services, Path], dict[str, Any]]]]:
    match part:
        case "prompts" | "unseen":
            for prompt in prompt_cases(SENTENCES[part]):
                yield prompt.number, partial(read_prompt, prompt)
        case "instructions":
            for instruction in instruction_cases():
                yield instruction.number, partial(follow_instruction, instruction)
        case _:
            for number, fault in enumerate(fault_cases(seed, FAULTS), 1):
                yield number, partial(mend_faults, fault)


def read_prompt(case: PromptCase, services: Services, folder: Path | None = None) -> dict[str, Any]:
    """Let a sentence be read as the loop reads it, repairs included; no picture is made, and no ``folder``."""
    listener, started = Listener(), time.monotonic()
    context = Context(cast("Backend", None), services.chat, cast("ImageStore", None), services.settings)
    state = build_graph(None, services.settings.loop).invoke(
        {"prompt": case.text},
        {"callbacks": [listener]},
        context=context,
        interrupt_before=["generate", "judge", "finish"],
    )
    spec, first = state["goal"].spec, _parsed(listener.first, SceneSpec)
    return {
        "text": case.text,
        "right": spec is not None and reads_right(spec, case),
        "first_right": first is not None and reads_right(first, case),
        "spec": spec and spec.model_dump(mode="json", exclude_defaults=True),
        "exit": "read" if spec is not None else state["exit"],
        "detail": state["detail"],
        "seconds": round(time.monotonic() - started, 2),
        **_tokens(state["usage"].model_dump()),
    }


def follow_instruction(case: InstructionCase, services: Services, folder: Path) -> dict[str, Any]:
    """Let an instruction be done by the whole loop."""
    job = Job(instruction=case.text, image=case.image)
    record, state = _run(job, services, folder)
    seen = state.get("before") or case.layout
    operations = renamed(state["goal"].operations if state else (), seen, case.layout)
    answer = record["detail"] if record["exit"] == "answered" else ""
    first = _parsed(record.pop("first"), Reply)
    return record | {
        "right": does_right(operations, answer, case),
        "first_right": first is not None and does_right(*_said(first, seen, case.layout), case),
        "question": bool(case.answer),
        "operations": [operation.model_dump(mode="json") for operation in operations],
    }


def mend_faults(case: FaultCase, services: Services, folder: Path) -> dict[str, Any]:
    """Let a picture be corrected by the whole loop."""
    gold = PromptCase(case.number, case.prompt, ((case.spec, ()),))
    record, state = _run(Job(prompt=case.prompt, image=case.image), services, folder)
    spec = state["goal"].spec if state else None
    first = _parsed(record.pop("first"), SceneSpec)
    return record | {
        "right": spec is not None and reads_right(spec, gold),
        "first_right": first is not None and reads_right(first, gold),
        "question": False,
        "faults": list(case.faults),
    }


def _run(job: Job, services: Services, path: Path) -> tuple[dict[str, Any], Any]:
    """Run a job in its folder; return what it took, and the state that it ended in ({} for a failure)."""
    assert services.backend is not None
    folder = RunFolder(path)
    try:
        result = run_correction(job, services.settings, folder, backend=services.backend, chat=services.chat)
    except Exception as error:  # noqa: BLE001 - one run's failure is a figure, and must not lose the others
        return _failed(job, error), {}
    with open_checkpoints(folder) as saver:
        state = build_graph(saver).get_state({"configurable": {"thread_id": "run"}}).values
    events = [event for event in read_trace(folder.trace_path) if not event.get("interrupted")]
    return {
        "text": job.prompt or job.instruction,
        "agreed": result.agreed,
        "alone": result.agreed and not result.fallbacks,
        "exit": result.exit,
        "detail": result.detail,
        "rounds": result.rounds,
        "fallbacks": result.fallbacks,
        "refused": sum(message.type == "tool" and message.status == "error" for message in state["messages"]),
        "seconds": round(result.usage["wall_seconds"], 2),
        "first": _first_answer(events),
        **_tokens(result.usage),
    }, state


def _said(reply: Reply, seen: Layout, true: Layout) -> tuple[tuple[Operation, ...], str]:
    """Return the operations and the answer of a reply; nothing where its places cannot be had."""
    try:
        return renamed(operations_of(reply.operations, seen), seen, true), reply.answer
    except (KeyError, ValueError):
        return (), ""


def renamed(operations: Sequence[Operation], seen: Layout, true: Layout) -> tuple[Operation, ...]:
    """Return operations with the ids that the things have in the ``true`` layout: a detector numbers as it finds."""
    names = {
        placed.id: max(true.objects, key=lambda other, placed=placed: placed.box.iou(other.box)).id  # type: ignore[misc]
        for placed in seen.objects
    }
    return tuple(
        operation.model_copy(update={"id": names.get(old, old)})
        if (old := getattr(operation, "id", None))
        else operation
        for operation in operations
    )


def _failed(job: Job, error: Exception) -> dict[str, Any]:
    nothing = {"calls": 0, "tokens": 0, "cached": 0, "rounds": 0, "fallbacks": 0, "refused": 0, "seconds": 0.0}
    said = {"exit": "failed", "detail": f"{type(error).__name__}: {error}", "first": ""}
    return {"text": job.prompt or job.instruction, "agreed": False, "alone": False, **said, **nothing}


def _first_answer(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the first answer of a run's language model as JSON text."""
    answer = next((event["answer"] for event in events if event["event"] == "llm" and "answer" in event), None)
    if not isinstance(answer, dict):
        return ""
    calls = answer.get("tool_calls") or ()
    return json.dumps(calls[0]["args"]) if calls else str(answer["content"])


def _parsed(text: str, schema: type[SceneSpec | Reply]) -> Any:
    """Return what an answer says; None where it is not to be used as it is."""
    try:
        return read_answer(AIMessage(text), schema)
    except ValueError:  # pydantic's errors are ValueErrors
        return None


def _tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    return {
        "calls": usage["llm_calls"],
        "tokens": usage["input_tokens"] + usage["output_tokens"],
        "cached": usage["cached_tokens"],
    }


def _check_identity(out: Path, identity: Mapping[str, Any]) -> None:
    path, given = out / "run.json", json.loads(json.dumps(identity))
    if not path.exists():
        write_text(path, json.dumps(given, indent=1) + "\n")
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    if differing := [key for key in {**given, **known} if given.get(key) != known.get(key)]:
        raise RunError(f"{str(out)!r} holds figures of another {', '.join(differing)}: choose another --out")
