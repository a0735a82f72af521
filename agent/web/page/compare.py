"""Two runs side by side: what they were given, where they part, and how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from agent.trace.diff import compare
from agent.trace.wording import outcome, pretty
from agent.web.page.dom import link, tag
from agent.web.page.gallery import draw_tile
from agent.web.page.picture_view import PictureView
from agent.web.page.shell import chip, empty, outcome_tone
from agent.web.page.verdict import lines_of, verdict_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.studio.views import Summary
    from agent.trace.diff import Comparison, Difference
    from agent.trace.timeline import Step
    from agent.web.page.inspect import Trace
    from agent.web.page.inspect_step import Place


def compare_page(left: tuple[Trace, Place], right: tuple[Trace, Place]) -> None:
    """Draw two runs."""
    one, other = left[0], right[0]
    found = compare((one.record, one.events), (other.record, other.events))
    words = "they decided and drew the same" if found.same else f"the same for {len(found.same_steps)} steps"
    with tag("div", None, "page-head"):
        tag("h1", "Two runs side by side")
        chip(words, "good" if found.same else "open")
    with tag("div", None, "compare"):
        _side(*left, found, 0)
        _side(*right, found, 1)
    _differences("What they were given", found.given)
    _differences("Where they part", found.details)
    _differences("How they ended", found.ends)


def choose_page(title: str, words: str, summaries: Sequence[Summary], left: str | None = None) -> None:
    """Let a person choose a run: to be looked at, or (``left`` is "" or the first) to be compared."""
    with tag("div", None, "page-head"):
        tag("h1", title)
        tag("span", words, "soft")
    if not summaries:
        empty(
            "inspect",
            "Nothing to look at yet",
            "Begin a conversation, or make a run with `sld generate`: its trace is here at once.",
        )
        return
    with tag("div", None, "tiles"):
        for summary in summaries:
            if summary.name != left:
                draw_tile(summary, to=_address(summary.name, left))


def _address(name: str, left: str | None) -> str:
    if left is None:
        return f"/inspect/{quote(name)}"
    return f"/compare?left={quote(left)}&right={quote(name)}" if left else f"/compare?left={quote(name)}"


def _side(trace: Trace, place: Place, found: Comparison, at: int) -> None:
    tops = [top for top in trace.spans if top.children]
    result = (tops[-1].outputs if tops else None) or trace.record.get("result") or {}
    with tag("div"):
        with tag("div", None, "row wrap"):
            link(trace.title, place.link_to(""), "title")
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
