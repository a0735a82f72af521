"""Two runs side by side: what they were given, where they part, and how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.trace.diff import compare
from agent.trace.events import read_trace
from agent.trace.wording import outcome, pretty
from agent.web.page.dom import link, tag
from agent.web.page.picture_view import PictureView
from agent.web.page.shell import chip, outcome_tone
from agent.web.page.spans import spans_of
from agent.web.page.verdict import lines_of, verdict_list
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.run.folder import RunFolder
    from agent.trace.diff import Comparison, Difference
    from agent.trace.timeline import Step
    from agent.web.page.inspect_step import Place


def compare_page(left: tuple[RunFolder, Place], right: tuple[RunFolder, Place]) -> None:
    """Draw two runs.

    Raises:
        RunError: one of them cannot be read.
    """
    (left_record, left_events), (right_record, right_events) = _read(left[0]), _read(right[0])
    found = compare((left_record, left_events), (right_record, right_events))
    with tag("div", None, "page-head"):
        tag("h1", "Two runs side by side")
        chip("they decided and drew the same" if found.same else f"same for {len(found.same_steps)} steps, then they part", "good" if found.same else "open")
    with tag("div", None, "compare"):
        _side(left_record, left_events, left[1], found, 0)
        _side(right_record, right_events, right[1], found, 1)
    _differences("What they were given", found.given)
    _differences("Where they part", found.details)
    _differences("How they ended", found.ends)


def _read(folder: RunFolder) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
    clean = Redactor(environment_secrets()).tree
    with folder.reading():
        return clean(folder.read_record()), clean(read_trace(folder.trace_path))


def _side(record: dict[str, Any], events: Sequence[dict[str, Any]], place: Place, found: Comparison, at: int) -> None:
    tops = [top for top in spans_of(events) if top.children]
    result = (tops[-1].outputs if tops else None) or record.get("result") or {}
    with tag("div"):
        with tag("div", None, "row wrap"):
            link(record["input"]["prompt"] or record["input"]["instruction"], place.link_to(""))
            chip(outcome(result), outcome_tone(result.get("exit", ""), bool(result.get("agreed"))))
        scene = tops[-1].scene if tops else None
        shown = place.picture(scene.image) if scene and scene.image else None
        if scene and shown:
            view = PictureView(shown[0], shown[1], "How it ended")
            view.objects(scene.boxes)
            verdict_list(lines_of(scene.results), view.light)
        else:
            tag("p", "There is no picture.", "soft")
        if found.parted:
            _parting(found.parted[at], place)


def _parting(step: Step | None, place: Place) -> None:
    with tag("div", None, "row"):
        tag("h2", "parts at")
        if step is None:
            tag("span", "has ended before", "soft")
        else:
            link(f"step {step.number or ''} · {step.node}", place.link_to(str(step.seq)), "chip accent")


def _differences(title: str, found: Sequence[Difference]) -> None:
    if not found:
        return
    with tag("section", None, "differences"):
        tag("h2", title)
        with tag("div", None, "scroll card", tabindex=0, role="region", aria_label=title), tag("table", None, "grid"):
            with tag("thead"), tag("tr"):
                for name in ("what", "left", "right"):
                    tag("th", name, scope="col")
            with tag("tbody"):
                for one in found:
                    with tag("tr"):
                        tag("th", one.where, "mono", scope="row")
                        for value in (one.left, one.right):
                            tag("td", pretty(value)[:2000], "mono")
