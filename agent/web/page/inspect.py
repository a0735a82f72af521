"""Inspect: a run's trace as a tree with time bars beside what was read, said and drawn at each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nicegui import ui

from agent.trace.events import read_trace
from agent.trace.wording import duration, outcome
from agent.web.page.dom import button, draw_icon, link, retext, tag
from agent.web.page.inspect_step import Place, show_span
from agent.web.page.shell import chip, empty, outcome_tone
from agent.web.page.spans import span_total, spans_of
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from nicegui.element import Element

    from agent.run.folder import RunFolder
    from agent.web.page.spans import Span

MANY_TURNS = 1  # more than these, and only one of them is open at first
WAIT = 0.25  # s without a key, then a search begins
INTO_VIEW = "innerWidth > 860 || getHtmlElement(%d).scrollIntoView({behavior: 'smooth'})"  # below the tree on a phone
ARROWS = """(event) => {
  const rows = [...event.currentTarget.querySelectorAll(".span")], at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); rows[to]?.focus(); }
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    emit([document.activeElement.dataset.span, event.key === "ArrowRight"]);
  }
}"""


@dataclass
class Chosen:
    """What of the tree is open, chosen and searched for."""

    span: str = ""
    query: str = ""
    only_failures: bool = False
    open: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Trace:
    """What is on disk of a run, without secrets."""

    record: dict[str, Any]
    events: list[dict[str, Any]]
    spans: list[Span]

    @property
    def title(self) -> str:
        """What was asked."""
        given = self.record["input"]
        if "session" in self.record:
            return next((span.name for span in self.spans if span.children), "A conversation")
        return str(given["prompt"] or given["instruction"])


def trace_of(folder: RunFolder) -> Trace:
    """Read the trace of a run.

    Raises:
        RunError: there is none, or it is damaged.
    """
    clean = Redactor(environment_secrets()).tree
    with folder.reading():
        record, events = clean(folder.read_record()), clean(read_trace(folder.trace))
        return Trace(record, events, spans_of(events))


class Inspector:
    """One run on one page. ``place`` says where its pictures are and what can be done from a step.

    ``step`` or ``turn`` is what is shown first.
    """

    def __init__(self, trace: Trace, place: Place, step: str = "", turn: int | None = None) -> None:
        self._place = place
        self._load(trace)
        named = next((span.id for span in self._spans if turn is not None and span.step == turn and span.children), "")
        self._chosen = Chosen(step or named)
        self._rows: dict[str, Element] = {}
        self._begin()

    def _load(self, trace: Trace) -> None:
        self._trace, self._record, self._spans = trace, trace.record, trace.spans
        self._total = span_total(self._spans) or 1.0
        self._by_id = {span.id: span for top in self._spans for span in top.walk()}
        self._above = {child.id: span.id for span in self._by_id.values() for child in span.children}
        self._failures = [
            span
            for span in self._by_id.values()
            if span.failed and not any(child.failed for child in span.walk() if child is not span)
        ]

    def update(self, trace: Trace) -> None:
        """Show what has been done since; what is open and chosen stays."""
        known = set(self._by_id)
        self._load(trace)
        for top in self._spans:  # what is being done is open
            self._chosen.open |= {span.id for span in top.walk() if span.children and span.id not in known}
        self._draw_head()
        self._draw_tree()
        self._show()

    def _begin(self) -> None:
        """Open what a reader wants to see first: the step that the link names, a failure, or the end."""
        shown = self._by_id.get(self._chosen.span) or next(iter(self._failures), None)
        last = next((top for top in reversed(self._spans) if top.children), None)
        shown = shown or last
        self._chosen.span = shown.id if shown else ""
        open_turns = self._spans if len(self._spans) <= MANY_TURNS else [top for top in (last,) if top]
        for top in open_turns:
            self._chosen.open |= {span.id for span in top.walk() if span.children}
        self._open_to(self._chosen.span)

    def draw(self) -> None:
        """Draw the page."""
        with tag("div", None, "inspect"):
            with tag("header"):
                self._summary = tag("div")
                self._tools()
                self._failed = tag("div")
            self._tree = tag("div", None, "spans", role="tree", aria_label="Trace", tabindex=0)
            self._tree.on("keydown", lambda event: self._fold(*event.args), js_handler=ARROWS)
            self._detail = tag("section", None, "detail", aria_label="Step", tabindex=0)
        self._draw_head()
        self._draw_tree()
        self._show()

    def _draw_head(self) -> None:
        self._summary.clear()
        self._failed.clear()
        with self._summary:
            self._head()
        with self._failed:
            self._failed_strip()

    def _head(self) -> None:
        result, title = self._record.get("result") or {}, self._trace.title
        with tag("div", None, "row wrap"):
            tag("h1", title, "ellipsis", title=title)
            chip(
                outcome(result) if result else self._record["status"],
                outcome_tone(result.get("exit", ""), bool(result.get("agreed"))),
            )
            chip(self._record["preset"])
            chip(duration(sum(span.seconds or 0.0 for span in self._spans)))
            tag("span", None, "grow")
            for words, to, icon in self._place.links:
                link(words, to, "btn small", icon)

    def _tools(self) -> None:
        with tag("div", None, "row wrap"):
            with tag("div", None, "with-icon grow"):
                draw_icon("search")
                search = tag(
                    "input",
                    None,
                    "field",
                    type="search",
                    placeholder="Search prompts, answers, arguments, boxes…",
                    aria_label="Search in the trace",
                )
                search.on(
                    "input",
                    lambda event: self._search(event.args),
                    js_handler="(e) => emit(e.target.value)",
                    throttle=WAIT,
                    leading_events=False,
                )
            self._count = tag("span", "", "soft", role="status")
            with tag("label", None, "switch"):
                box = tag("input", type="checkbox", checked=self._chosen.only_failures)
                box.on(
                    "change",
                    lambda event: self._only_failures(bool(event.args)),
                    js_handler="(e) => emit(e.target.checked)",
                )
                tag("span", "Only failures")

    def _failed_strip(self) -> None:
        if self._failures:
            with tag("div", None, "strip-failures", aria_label="Failures", role="group"):
                for span in self._failures[:8]:
                    text = f"{span.name if span.kind != 'turn' else 'ended'}: {span.note}"
                    button(text[:90], lambda one=span.id: self.choose(one), "small danger", "warn")

    # -- the tree -----------------------------------------------------------------------------

    def _draw_tree(self) -> None:
        hits = self._hits()
        self._tree.clear()
        self._rows = {}
        with self._tree:
            for top in self._spans:
                self._draw_rows(top, hits)
            if not self._rows:
                empty(
                    "search",
                    "Nothing here",
                    "No step matches. Search looks at prompts, answers, arguments and what was drawn.",
                )

    def _draw_rows(self, span: Span, hits: set[str] | None) -> None:
        wanted = hits is None or any(one.id in hits for one in span.walk())
        if not wanted or (self._chosen.only_failures and not any(one.failed for one in span.walk())):
            return
        is_open = span.id in self._chosen.open
        self._rows[span.id] = row = _row(
            span, self._scale(span), is_open, span.id == self._chosen.span, bool(hits) and span.id in (hits or ())
        )
        row.on("click", lambda _, one=span: self._click(one), args=[])
        row.on("keydown.enter", lambda _, one=span: self._click(one), args=[])
        if is_open:
            for child in span.children:
                self._draw_rows(child, hits)

    def _scale(self, span: Span) -> tuple[float, float]:
        """Return the second where the bar of a span begins and how many there are: a turn's own, below a turn."""
        name = span.id
        while name in self._above:
            name = self._above[name]
        top = self._by_id[name]
        return (top.start or 0.0, top.seconds or 1.0) if span.depth and len(self._spans) > 1 else (0.0, self._total)

    def _hits(self) -> set[str] | None:
        query = self._chosen.query.casefold().strip()
        if not query:
            retext(self._count, "")
            return None
        hits = {span.id for span in self._by_id.values() if span.kind != "round" and query in span.text.casefold()}
        retext(self._count, f"{len(hits)} found")
        for hit in hits:
            self._open_to(hit)
        return hits

    def _search(self, query: str) -> None:
        self._chosen.query = query
        hits = self._hits()
        self._draw_tree()
        if hits:
            self.choose(next(one for one in self._by_id if one in hits))
        else:
            self._show()

    def _only_failures(self, wanted: bool) -> None:
        self._chosen.only_failures = wanted
        if wanted:
            for span in self._failures:
                self._open_to(span.id)
        self._draw_tree()

    def _click(self, span: Span) -> None:
        if span.id == self._chosen.span and span.children:
            self._fold(span.id, span.id not in self._chosen.open)
        else:
            self.choose(span.id)

    def _fold(self, name: str | None, is_open: bool) -> None:
        if name in self._by_id and (name in self._chosen.open) != is_open:
            self._chosen.open ^= {name}
            self._draw_tree()

    def _open_to(self, name: str) -> None:
        while name in self._above:
            name = self._above[name]
            self._chosen.open.add(name)

    def choose(self, name: str) -> None:
        """Show a step beside the tree, and name it in the address."""
        if old := self._rows.get(self._chosen.span):
            old.props["aria-selected"] = "false"
        self._chosen.span = name
        self._open_to(name)
        if name in self._rows:
            self._rows[name].props["aria-selected"] = "true"
        else:
            self._draw_tree()
        ui.navigate.history.replace(self._place.link_to(name))
        self._show()
        self._detail.client.run_javascript(INTO_VIEW % self._detail.id)

    def _show(self) -> None:
        self._detail.clear()
        span = self._by_id.get(self._chosen.span)
        with self._detail:
            if span is None:
                empty("inspect", "Nothing was done yet", "Steps appear here as soon as the run has begun.")
            else:
                show_span(span, self._record, self._place, self._chosen.query)


def _row(span: Span, scale: tuple[float, float], is_open: bool, is_chosen: bool, is_hit: bool) -> Element:
    style = f"span {span.kind}{' failed' if span.failed else ''}{' hit' if is_hit else ''}"
    row = tag("div", None, style, role="treeitem", tabindex=0, aria_level=span.depth + 1, data_span=span.id)
    row.style(f"--depth: {span.depth}")
    row.props["aria-selected"] = "true" if is_chosen else "false"
    if span.children:
        row.props["aria-expanded"] = "true" if is_open else "false"
    with row:
        tag("span", "▶" if span.children else "", "fold", aria_hidden="true")
        with tag("span", None, "what"):
            if span.kind not in ("turn", "round"):
                tag("i", None, f"dot {span.kind}")
            tag("span", span.name, "name ellipsis")
            tag("span", span.note, "note ellipsis")
        with tag("span", None, "time", aria_hidden="true"):
            if span.start is not None:
                begin, total = scale
                bar = tag("i")
                left, width = 100 * (span.start - begin) / total, 100 * (span.seconds or 0) / total
                bar.style(f"left: {min(left, 99):.2f}%; width: {width:.2f}%")
        tag("span", "" if span.seconds is None else duration(span.seconds), "took")
    return row
