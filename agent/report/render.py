"""Writes report.html: the story of a run or a session on one page that needs nothing else, not even JavaScript.

Made from run.json, trace.jsonl and images/ alone, at any moment, also of a run that is still going on
or was moved elsewhere. The template draws what `agent.trace.timeline` tells.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agent.report.overlays import changed_overlay, embed, loader, masks_overlay, region_overlay
from agent.run.folder import RunFolder
from agent.trace.events import read_trace
from agent.trace.timeline import Round, Turn, requirement_table, turns_of
from agent.trace.wording import counted, duration, mark, money, outcome, pretty, standing, visible, without_boxes
from tools.files import write_text
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.report.overlays import Loader

COUNTERS = {
    "model_evaluations": "model evaluations",
    "encoder_passes": "encoder passes",
    "decoder_passes": "decoder passes",
    "detector_passes": "detector passes",
    "segmenter_passes": "segmenter passes",
}


@dataclass(frozen=True)
class Chapter:
    """A round as the page shows it; ``changed``, ``region`` and ``masks`` are pictures to lay over its own."""

    number: int
    round: Round
    changed: str = ""
    region: str = ""
    masks: str = ""


def write_report(folder: RunFolder) -> None:
    """Write (or write again) the report of the run in ``folder``."""
    with folder.reading():
        page = render_report(folder)
    write_text(folder.report_path, page)


def render_report(folder: RunFolder) -> str:
    """Return the page.

    Raises:
        RunError: the folder holds no run.
        ValueError: its trace is of another version.
    """
    clean = Redactor(environment_secrets()).tree
    record, events = clean(folder.read_record()), clean(read_trace(folder.trace))
    script = (files("agent.report") / "templates" / "report.js").read_text(encoding="utf-8")
    turns, load = turns_of(events), loader(folder.images)
    chapters = _chapters(turns, load)
    film = [chapter for part in chapters for chapter in part if chapter.round.attempt]
    result = record.get("result") or {}
    shown = [record["input"].get("image"), *(frame.round.attempt["image"] for frame in film if frame.round.attempt)]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            record=record,
            title=_title(record, turns),
            result=result,
            model=_models(events),
            parts=list(zip(turns, chapters, strict=True)),
            film=film,
            pictures=embed(load, [*shown, result.get("image")]),
            lanes=_timeline(chapters),
            shares=_shares(turns),
            usage=_usage(turns, events, result),
            spent=sum(turn.seconds for turn in turns),
            resumed=any(event["event"] == "resume" for event in events) and "replay" not in record,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters |= {"hue": _hue, "pretty": pretty, "duration": duration, "outcome": outcome}
    environment.filters |= {"in_words": without_boxes, "mark": mark, "standing": standing, "by_standing": _by_standing}
    environment.globals |= {"counted": counted, "requirement_table": requirement_table}
    return environment


def _by_standing(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results with what is wrong first, then what is not checked."""
    return sorted(results, key=lambda result: ("fail", "open", "pass").index(standing(result["passed"])))


def _title(record: dict[str, Any], turns: Sequence[Turn]) -> str:
    if "session" in record:
        return next((turn.text for turn in turns if turn.rounds), "A conversation")
    return str(record["input"]["prompt"] or record["input"]["instruction"])


def _chapters(turns: Sequence[Turn], load: Loader) -> list[list[Chapter]]:
    """Number the rounds of all turns, and compare each picture with the one before it in the same turn."""
    number, result = 0, list[list[Chapter]]()
    for turn in turns:
        part, before = list[Chapter](), None
        for round_ in turn.rounds:
            if not round_.steps:
                continue
            number += 1
            image = round_.attempt["image"] if round_.attempt else None
            changed = changed_overlay(load, before, image) if before and image and image != before else ""
            masks = masks_overlay(load, round_.masks, [_hue(object_id) for object_id in round_.masked])
            part.append(Chapter(number, round_, changed, region_overlay(load, round_.region), masks))
            before = image or before
        result.append(part)
    return result


def _timeline(chapters: Sequence[Sequence[Chapter]]) -> list[dict[str, Any]]:
    """Return each step with its share of the whole time, in percent."""
    steps = [(chapter, step) for part in chapters for chapter in part for step in chapter.round.steps if step.seconds]
    total = sum(step.seconds or 0.0 for _, step in steps) or 1.0
    return [{"chapter": chapter, "step": step, "share": 100 * (step.seconds or 0.0) / total} for chapter, step in steps]


def _shares(turns: Sequence[Turn]) -> list[tuple[str, float]]:
    """Return the time in each kind of node, the longest first."""
    spent = Counter[str]()
    for turn in turns:
        for step in turn.steps:
            spent[step.node] += step.seconds or 0.0  # type: ignore[assignment]  # a Counter of seconds
    return [(node, seconds) for node, seconds in spent.most_common() if seconds]


def _models(events: Sequence[dict[str, Any]]) -> str:
    """Return the names of the language models that were asked."""
    return ", ".join(dict.fromkeys(str(event["model"]) for event in events if event.get("model")))


def _usage(turns: Sequence[Turn], events: Sequence[dict[str, Any]], result: dict[str, Any]) -> dict[str, int | str]:
    """Return what it took in all; language model figures are summed over every event, also repeated ones."""
    calls = [event for event in events if event["event"] == "llm"]
    totals = Counter[str]()
    for turn in turns:
        last: dict[str, int] = next(
            (step.update["usage"] for step in reversed(turn.steps) if "usage" in step.update), {}
        )
        totals.update({name: last.get(key, 0) for key, name in COUNTERS.items()})
    return {
        **totals,
        "model calls": len(calls),
        "tokens in": sum(event.get("input_tokens", 0) for event in calls),
        "tokens out": sum(event.get("output_tokens", 0) for event in calls),
        "cost": money((result.get("usage") or {}).get("cost")),
    }


def _hue(text: str) -> int:
    """Return a hue in degrees that is always the same for the same words."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) % 360
