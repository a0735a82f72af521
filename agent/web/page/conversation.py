"""What was said: a column of messages, the last of them with its verdict, its plan or its live steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.trace.wording import without_boxes
from agent.web.page.dom import button, link, tag
from agent.web.page.live import LiveSteps
from agent.web.page.shell import chip
from agent.web.page.verdict import verdict_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from agent.studio.views import Message, SessionView, StudioEvent
    from agent.web.page.plan import Plan

TONES = {
    "agreed": ("agreed", "good"),
    "answered": ("", ""),
    "not agreed": ("not agreed", "bad"),
    "failed": ("failed", "bad"),
    "stopped": ("stopped", "open"),
    "waiting": ("your turn", "accent"),
    "queued": ("queued", ""),
    "running": ("working", "accent"),
}
FOCUS = "document.activeElement === document.body && getHtmlElement(%d)?.focus({preventScroll: true})"
BOTTOM = "(() => { const one = getHtmlElement(%d); if (one) one.scrollTop = one.scrollHeight; })()"


class Actions:
    """What can be done from a message; made by whoever draws the page."""

    def __init__(self, **verbs: Callable[..., Any]) -> None:
        self.accept, self.reject, self.leave_out = verbs["accept"], verbs["reject"], verbs["leave_out"]
        self.resume, self.drop, self.retry, self.light = verbs["resume"], verbs["drop"], verbs["retry"], verbs["light"]


class Conversation:
    """Draws where it is made; `show` brings it up to date."""

    def __init__(self, inspect: Callable[[int], str], actions: Actions) -> None:
        self._inspect, self._do = inspect, actions
        self._steps: LiveSteps | None = None
        self._column = tag("div", None, "says", role="log", aria_label="Conversation", tabindex=0)

    def show(self, view: SessionView, plan: Plan | None, past: Sequence[StudioEvent]) -> None:
        """Draw the messages. ``past``: the events so far of the turn that is at work."""
        self._steps = None
        self._column.clear()
        with self._column:
            for at, message in enumerate(view.messages):
                self._message(message, view, plan, is_last=at == len(view.messages) - 1)
            if not view.messages:
                self._hello()
            if self._steps is not None:
                for event in past:
                    self.take(event)
        self.scroll()

    def take(self, event: StudioEvent) -> None:
        """Add what happens to the live steps."""
        if self._steps is not None:
            self._steps.take(event)

    def scroll(self) -> None:
        """Show the last message."""
        self._column.client.run_javascript(BOTTOM % self._column.id)

    def _hello(self) -> None:
        with tag("div", None, "agent"):
            tag("p", "What shall be different?")
            tag("p", "Say it in a sentence: add, remove, move, recolour, swap. Or ask what is in the picture.", "note")

    def _message(self, message: Message, view: SessionView, plan: Plan | None, *, is_last: bool) -> None:
        if message.who == "you":
            tag("p", message.text, "you")
            return
        with tag("div", None, "agent"):
            working = message.state in ("queued", "running")
            if working:
                self._steps = LiveSteps()
                return
            self._outcome(message, view if is_last else None)
            if plan is not None and is_last:
                self._plan(plan, view.proposal.problem if view.proposal else "")
                return
            self._words(message)
            if is_last and view.verdict and message.state in ("agreed", "not agreed"):
                verdict_list(view.verdict, self._do.light)
            if is_last:
                self._offers(message, view)

    def _outcome(self, message: Message, view: SessionView | None) -> None:
        words, tone = TONES.get(message.state, (message.state, ""))
        if words:
            with tag("div", None, "row"):
                chip(words, tone)
                if view and view.verdict and message.state in ("agreed", "not agreed"):
                    met = sum(line.state == "pass" for line in view.verdict)
                    tag("span", f"{met} of {len(view.verdict)} met", "note")
                tag("span", None, "grow")
                link("Inspect", self._inspect(message.turn), "soft how", aria_label=f"Inspect turn {message.turn}")

    def _words(self, message: Message) -> None:
        for note in message.notes:
            tag("p", f"({note})", "note")
        if message.done and message.state in ("agreed", "not agreed"):
            with tag("ul"):
                for line in message.done:
                    tag("li", without_boxes(line), "done")
        if message.text and message.text not in ("; ".join(message.done), message.state):
            tag("p", without_boxes(message.text), "error" if message.state == "failed" else "")

    def _offers(self, message: Message, view: SessionView) -> None:
        """Draw what can be done about a turn that did not end well."""
        if view.unfinished is not None:
            with tag("div", None, "row wrap"):
                button("Go on with it", self._do.resume, "primary small")
                button("Give it up", self._do.drop, "small")
        elif message.state in ("stopped", "failed", "not agreed"):
            with tag("div", None, "row wrap"):
                button("Try again", self._do.retry, "small", "retry")

    def _plan(self, plan: Plan, problem: str) -> None:
        with tag("section", None, "plan", aria_label="Plan"):
            tag("h3", "May I do this?")
            tag("p", "Drag or resize the boxes on the picture first, if you like.", "note")
            if problem:
                tag("p", problem, "error")
            with tag("ol"):
                for number, words in enumerate(plan.words, 1):
                    with tag("li"):
                        tag("span", str(number), "number")
                        tag("span", words)
                        if len(plan.words) > 1:
                            button(
                                "",
                                lambda n=number: self._do.leave_out(n),
                                "quiet square small",
                                "close",
                                aria_label=f"Leave out {number}: {words}",
                            )
            with tag("div", None, "row wrap"):
                accept = button("Do it", self._do.accept, "primary", "check")
                button("No", self._do.reject, "")
                tag("span", "or say what else", "note")
        accept.client.run_javascript(FOCUS % accept.id)
