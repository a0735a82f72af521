"""Writes report.html: the story of a run on one page that needs nothing else, not even JavaScript.

Made from run.json, trace.jsonl and images/ alone, at any moment, also of a run that is still going on
or was moved elsewhere. `tell_story` puts the events into rounds; the template draws them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from agent.runs import RunFolder, write_text
from agent.trace import effective, read_trace
from tools.images import ImageStore, PictureError
from tools.scene.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE_PNG = 96 * 1024  # bytes; larger pictures go in as WebP, so that 50 rounds stay a small page
VISIBLE = 6  # of 255: smaller differences are what decoding does to untouched pixels


@dataclass
class Step:
    """One finished node and the calls inside it."""

    node: str
    seconds: float | None
    calls: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)
    """What it did, in words."""
    error: str = ""


@dataclass
class Chapter:
    """A judged picture and what was then done about it; the first has no picture yet."""

    attempt: dict[str, Any] | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time spent in its nodes."""
        return sum(step.seconds or 0.0 for step in self.steps)


@dataclass(frozen=True)
class Picture:
    """A picture as the page holds it, once."""

    id: str
    data: str
    width: int
    height: int


def write_report(folder: RunFolder) -> None:
    """Write (or write again) the report of the run in ``folder``."""
    page = render_report(folder)
    # A model may answer with half a character (a lone surrogate), which no file can hold.
    write_text(folder.report_path, page.encode("utf-8", "replace").decode())


def render_report(folder: RunFolder) -> str:
    """Return the page.

    Raises:
        RunError: the folder holds no run.
        ValueError: its trace is of another version.
    """
    record, events = folder.read_record(), read_trace(folder.trace_path)
    chapters = tell_story(effective(events))
    store = ImageStore(folder.images_path)
    attempts = [chapter.attempt for chapter in chapters if chapter.attempt]
    result = record.get("result") or {}
    wanted = [record["input"].get("image"), *(one["image"] for one in attempts), result.get("image")]
    pictures = _embed(store, wanted)
    changes = [_changed(store, before, after) for before, after in pairwise(attempts)]
    environment = Environment(
        loader=PackageLoader("agent"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"hue": _hue, "pretty": _pretty, "duration": _duration}
    return environment.get_template("report.html.j2").render(
        record=record,
        title=record["input"]["prompt"] or record["input"]["instruction"],
        result=result,
        chapters=chapters,
        attempts=attempts,
        pictures=pictures,
        changes=dict(zip((one["image"] for one in attempts[1:]), changes, strict=False)),
        table=_requirement_table(attempts),
        lanes=_timeline(chapters),
        usage=_usage(result, events),
        spent=sum(chapter.seconds for chapter in chapters),
        resumed=any(event["event"] == "resume" for event in events),
    )


def tell_story(events: Sequence[dict[str, Any]]) -> list[Chapter]:
    """Put events into chapters: a new one begins with each picture that was judged."""
    chapters, calls, done = [Chapter()], dict[str, list[dict[str, Any]]](), 0
    for event in events:
        if event["event"] in ("llm", "tool"):
            calls.setdefault(event.get("task") or "", []).append(event)
        if event["event"] != "node":
            continue
        update = event.get("update") or {}
        step = Step(
            event["node"],
            event.get("seconds"),
            calls.pop(event.get("task") or "", []),
            _notes(event["node"], update, done),
            event.get("error", ""),
        )
        done = len(update.get("done", [])) if "done" in update else done
        if isinstance(update.get("latest"), dict):
            chapters.append(Chapter(attempt=update["latest"]))
        chapters[-1].steps.append(step)
    return chapters


def _notes(node: str, update: dict[str, Any], done: int) -> list[str]:
    if node == "parse" and isinstance(update.get("goal"), dict):
        return [Requirement.model_validate(one).text for one in update["goal"]["requirements"]]
    if node == "edit":
        refused = [one["content"] for one in update.get("messages", []) if one.get("failed")]
        return [*(update.get("done") or [])[done:], *refused]
    return [update["detail"]] if update.get("detail") else []


def _requirement_table(attempts: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Return, per requirement, its result in each round (None where it was not asked)."""
    rows: dict[str, list[dict[str, Any] | None]] = {}
    for column, attempt in enumerate(attempts):
        for one in attempt["verdict"].get("results", []):
            row = rows.setdefault(json.dumps(one.get("requirement"), sort_keys=True), [None] * len(attempts))
            row[column] = one
    return [(Requirement.model_validate_json(key).text, row) for key, row in rows.items()]


def _timeline(chapters: Sequence[Chapter]) -> list[dict[str, Any]]:
    total = sum(chapter.seconds for chapter in chapters) or 1.0
    return [
        {"node": step.node, "seconds": step.seconds, "share": 100 * step.seconds / total, "chapter": number}
        for number, chapter in enumerate(chapters)
        for step in chapter.steps
        if step.seconds
    ]


def _usage(result: dict[str, Any], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what the run took; language model figures are summed over every event, also repeated ones."""
    calls = [event for event in events if event["event"] == "llm"]
    flat = {key: value for key, value in (result.get("usage") or {}).items() if isinstance(value, (int, float))}
    return {
        **flat,
        "llm_calls": len(calls),
        "input_tokens": sum(event.get("input_tokens", 0) for event in calls),
        "output_tokens": sum(event.get("output_tokens", 0) for event in calls),
    }


def _embed(store: ImageStore, ids: Sequence[str | None]) -> dict[str, Picture]:
    pictures: dict[str, Picture] = {}
    for image_id in ids:
        if image_id is None or image_id in pictures:
            continue
        try:
            image = store.load(image_id)
        except PictureError:
            continue  # the page says that the picture is gone; the rest of the story is still worth telling
        data = store.path(image_id).read_bytes()
        kind = "png"
        if len(data) > LARGE_PNG:
            data, kind = _encoded(image, "WEBP", quality=90), "webp"
        pictures[image_id] = Picture(image_id, _data_uri(data, kind), image.width, image.height)
    return pictures


def _changed(store: ImageStore, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return a see-through picture of where two pictures differ; empty where it cannot be told."""
    try:
        old, new = store.load(before["image"]), store.load(after["image"])
    except PictureError:
        return ""
    if old.size != new.size:
        return ""
    difference = np.abs(np.asarray(old, np.int16) - np.asarray(new, np.int16)).max(axis=2) > VISIBLE
    mask = np.zeros((*difference.shape, 4), np.uint8)
    mask[difference] = (255, 0, 160, 110)
    return _data_uri(_encoded(Image.fromarray(mask, "RGBA").quantize(4), "PNG", optimize=True), "png")


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _hue(text: str) -> int:
    """Return a hue in degrees that is always the same for the same words."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) % 360


def _pretty(value: Any) -> str:
    """Return a value to be read by a person: YAML with short lists on one line, or the text itself."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if not isinstance(value, (dict, list)):
        return str(value)
    return str(yaml.safe_dump(value, default_flow_style=None, sort_keys=False, allow_unicode=True, width=110)).rstrip()


def _duration(seconds: float | None) -> Markup:
    if seconds is None:
        return Markup("time not known")
    if seconds < 1:
        return Markup("{} ms").format(round(seconds * 1000))
    return Markup("{} s").format(f"{seconds:.1f}" if seconds < 100 else round(seconds))
