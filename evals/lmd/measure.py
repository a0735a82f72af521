"""One prompt: make its first picture, correct it, make its rival, and let every scorer look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agent.run.folder import RunError
from agent.trace.recorder import update_of
from evals.lmd.prompts import PROMPTS
from evals.lmd.scoring import count, is_right, queries, suppress
from graphs.correction import build_graph
from graphs.node_helpers import make_once
from tools.images import open_picture
from tools.scene.requirement import Requirement
from tools.scene.requirements import queries as queries_of
from tools.scene.requirements import requirements
from tools.scene.spec import SceneSpec
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from evals.iconworld import Detector
    from evals.lmd.prompts import LmdPrompt
    from tools.backend.protocol import Generated
    from tools.context import Context

SEEDS_PER_PROMPT = 1000  # noise seeds that one prompt may use


class Prompt(Protocol):
    """A prompt of any benchmark."""

    @property
    def number(self) -> int:
        """Its place in the list, from 0."""
        ...

    @property
    def task(self) -> str:
        """The part of the benchmark that it belongs to."""
        ...

    @property
    def text(self) -> str:
        """The prompt itself."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is measured, apart from models and settings."""

    out: Path
    seed: int = 0
    images: Path | None = None
    """Pictures to start from, as ``000/initial_image.*`` by the prompt's number; else they are generated."""
    layout: bool = False
    """Let the loop make the first picture itself, from a layout where its generator takes boxes (LMD+); else it gets
    one that was drawn from the words alone."""
    baselines: bool = True
    """Also make the best of N pictures with as many model evaluations as the correction took."""


@dataclass(frozen=True)
class Services:
    """The loop's services, and the detectors that score by name; they must not suppress boxes themselves."""

    context: Context
    scorers: Mapping[str, Detector]


def measure(prompt: LmdPrompt, plan: Plan, services: Services) -> dict[str, Any]:
    """Return everything about one prompt, as JSON types.

    - ``attempts``: one per judged picture: round, ``image``, ``kept`` (the best picture up to then), how the loop
      saw it, and what had been spent by then, the first picture included;
    - ``best_of_n``: the rival (None when it was not asked for);
    - ``scored``: for each picture that matters, by each scorer: ``right`` by the benchmark's rules, ``met`` if
      everything is so that the sentence demands (exact counts as well), and ``seen`` (phrase: count);
    - ``understood``: whether the parse demands what the benchmark demands; ``exit``: how the loop ended.
    """
    seed = (plan.seed * PROMPTS + prompt.number) * SEEDS_PER_PROMPT
    start = _start(prompt, plan, services.context, seed)
    attempts, result = correct(prompt.text, services.context, start, seed)
    rival = _best_of_n(prompt, plan, services.context, attempts, result, seed) if plan.baselines else None
    pictures = {attempt["kept"] for attempt in attempts} | {attempt["image"] for attempt in attempts}
    pictures |= {rival["image"]} if rival else set()
    demands = _demands(result["spec"])
    return head(prompt) | {
        "exit": result["exit"],
        "detail": result["detail"],
        "understood": demands is not None and set(demands) == set(requirements(prompt.truth)),
        "attempts": attempts,
        "best_of_n": rival,
        "scored": {image: _score(prompt, services, image) for image in sorted(pictures)},
        "seconds_by_phase": result["usage"]["seconds"],
    }


def head(prompt: Prompt) -> dict[str, Any]:
    """Return how a record begins."""
    return {"number": prompt.number, "task": prompt.task, "prompt": prompt.text}


def _start(prompt: LmdPrompt, plan: Plan, context: Context, seed: int) -> dict[str, Any]:
    """Return the first picture and what it took; no picture where the loop makes it."""
    if plan.images is not None:
        given = find_picture(plan.images, prompt)
        return {"image": context.images.save(open_picture(given)), "model_evaluations": 0, "seconds": 0.0}
    if plan.layout:
        return {"image": None, "model_evaluations": 0, "seconds": 0.0}
    return draw(prompt.text, context, seed)


def find_picture(folder: Path, prompt: Prompt) -> Path:
    """Return the picture of a prompt in a folder of SLD's layout.

    Raises:
        RunError: there is none.
    """
    found = sorted((folder / f"{prompt.number:03d}").glob("initial_image.*"))
    if not found:
        wanted = f"{prompt.number:03d}/initial_image.png"
        raise RunError(f"there is no {wanted!r} in {str(folder)!r} for prompt {prompt.number}: {prompt.text!r}")
    return found[0]


def draw(text: str, context: Context, seed: int) -> dict[str, Any]:
    """Return a picture of a sentence, drawn from its words alone, and what it took."""

    def make() -> Generated:
        return context.backend.generate(text, seed=seed)

    made = make_once(context, "generate", [text, None, seed], make)
    return {
        "image": made.image,
        "model_evaluations": made.cost.model_evaluations,
        "seconds": round(sum(made.cost.seconds.values()), 3),
    }


def correct(
    text: str, context: Context, start: Mapping[str, Any], seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the loop on the first picture and return every judged picture and the result."""
    graph = build_graph(loop=context.settings.loop)
    request: Any = {"prompt": text, "image": start["image"], "seed": seed}
    attempts: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    done: list[str] = []
    for part in graph.stream(request, context=context, stream_mode=["updates"], version="v2"):
        updates: Any = part["data"]
        for node, written in updates.items():
            update = update_of(written)
            if node in {"edit", "generate"}:
                done = update.get("done", done)
            elif node == "judge":
                reported = sum(len(attempt["done"]) for attempt in attempts)
                attempts.append(_attempt(update, start, done[reported:]))
            elif node == "finish":
                result = update["result"]
    if not attempts:  # the sentence was not understood, so nobody looked
        start = start if start["image"] else draw(text, context, seed)
        nothing = {"round": 0, "image": start["image"], "kept": start["image"], "agreed": False, "changed": 0.0}
        attempts = [nothing | {"wrong": [], "done": []} | _spent(result["usage"], start)]
    return attempts, result


def _attempt(update: Mapping[str, Any], start: Mapping[str, Any], done: list[str]) -> dict[str, Any]:
    latest = update["latest"]
    return {
        "round": latest["round"],
        "image": latest["image"],
        "kept": update["best"]["image"],
        "agreed": latest["agreed"],
        "changed": round(update["best"]["changed"], 5),
        "wrong": [result["reason"] for result in latest["verdict"]["results"] if not result["passed"]],
        "done": list(done),
    } | _spent(update["usage"] | {"wall_seconds": update["elapsed"]}, start)


def _spent(usage: Mapping[str, Any], start: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model_evaluations": start["model_evaluations"] + usage["model_evaluations"],
        "seconds": round(start["seconds"] + usage["wall_seconds"], 3),
        "llm_calls": usage["llm_calls"],
        "tokens": usage["input_tokens"] + usage["output_tokens"],
    }


def _demands(spec: dict[str, Any] | None) -> tuple[Requirement, ...] | None:
    return None if spec is None else requirements(SceneSpec.model_validate(spec))


def _best_of_n(
    prompt: LmdPrompt,
    plan: Plan,
    context: Context,
    attempts: Sequence[Mapping[str, Any]],
    result: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Draw other pictures instead of correcting, until the loop's own verdict agrees or the budget is spent.

    The budget is what the correction spent on this prompt, rounded up to whole pictures, so the rival
    gets as much or a little more; it chooses as the loop does, by the most requirements met.
    """
    first, last = attempts[0], attempts[-1]
    price, budget = first["model_evaluations"], last["model_evaluations"] - first["model_evaluations"]
    rival = {"n": 1, "tried": 1, "image": first["image"], "model_evaluations": price, "seconds": first["seconds"]}
    demands = _demands(result["spec"])
    if plan.images is not None or not price or demands is None or first["agreed"]:
        return rival
    rival["n"] = 1 + math.ceil(budget / price)
    best = _passed(context, demands, first["image"])
    for number in range(1, rival["n"]):
        made = draw(prompt.text, context, seed + number)
        rival["tried"] += 1
        rival["model_evaluations"] += made["model_evaluations"]
        rival["seconds"] = round(rival["seconds"] + made["seconds"], 3)
        passed = _passed(context, demands, made["image"])
        if passed > best:
            best, rival["image"] = passed, made["image"]
        if best == len(demands):
            break
    return rival


def _passed(context: Context, demands: Sequence[Requirement], image: str) -> int:
    found = context.backend.detect(context.images.load(image), queries_of(demands))
    return verdict(demands, found.detections, found.doubtful).satisfied


def _score(prompt: LmdPrompt, services: Services, image: str) -> dict[str, Any]:
    picture = services.context.images.load(image)
    right, met, seen = {}, {}, {}
    asked, demands = queries(prompt), requirements(prompt.truth)
    demanded = queries_of(demands)
    for name, scorer in services.scorers.items():
        detections = scorer.detect(picture, asked).detections
        right[name] = is_right(prompt, detections)
        all_found = detections if set(asked) == set(demanded) else scorer.detect(picture, demanded).detections
        met[name] = verdict(demands, suppress(all_found)).agreed
        seen[name] = dict(count(detections))
    return {"right": right, "met": met, "seen": seen}
