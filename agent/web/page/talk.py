"""Talk: one conversation about one picture. It follows the studio's events, so that every tab shows the same."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from agent.trace.events import read_trace
from agent.trace.timeline import turns_of
from agent.web.page.conversation import Actions, Conversation
from agent.web.page.dom import button, link, retext, tag
from agent.web.page.errors import SAID, notify, saying
from agent.web.page.history import draw_tree, line_of
from agent.web.page.keys import bind_keys
from agent.web.page.plan import Plan, fitting, naming
from agent.web.page.samples import suggestions
from agent.web.page.sheet import sheet
from agent.web.page.shell import ENTER
from agent.web.page.stage import Frame, Stage, Urls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.run.folder import RunFolder
    from agent.studio.studio import Studio
    from agent.studio.views import SessionView, StudioEvent, Turn
    from tools.scene.operations import Operation

ANEW = frozenset({"waiting", "ended", "failed", "cancelled", "changed", "missed", "queued", "began"})
"""Events after which the view is another one."""
SUBMIT = "(event) => { event.preventDefault(); emit(event.target.elements.text.value); }"
INSERT = """(() => {
  const box = getHtmlElement(%d), text = %s, begin = box.selectionStart, before = box.value.slice(0, begin);
  box.setRangeText((before && !before.endsWith(" ") ? " " : "") + text + " ", begin, box.selectionEnd, "end");
  box.focus();
})()"""
FILL = "(() => { const box = getHtmlElement(%d); box.value = %s; box.focus(); })()"
LOOK = 3.0  # s between looks at what others do
LONGEST_TITLE = 80


class Talk:
    """The page of one session."""

    def __init__(self, studio: Studio, name: str, view: SessionView, frames: Sequence[Frame]) -> None:
        self._studio, self._name, self._view, self._frames = studio, name, view, frames
        self._plan: Plan | None = None
        self._given: list[Operation] = []  # what the plan was before anybody touched it
        self._placing: tuple[list[float], bool] | None = None  # a drawn box, and whether approval was on before it
        self._verbs, self._drawing = asyncio.Lock(), asyncio.Lock()

    # -- drawing ------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the page and follow what happens."""
        urls = Urls(f"/api/sessions/{self._name}")
        with tag("div", None, "talk") as self._root:
            self._draw_topbar()
            self._stage = Stage(urls, pick=self._pick, drag=self._drag, say=lambda: self._focus())
            with tag("section", None, "side", aria_label="Talk"):
                self._talk = Conversation(
                    lambda turn: f"/inspect/{self._name}?turn={turn}",
                    Actions(
                        accept=self._accept,
                        reject=lambda: self._reject(""),
                        leave_out=self._leave_out,
                        resume=lambda: self._do(self._studio.resume),
                        drop=lambda: self._do(self._studio.drop),
                        retry=lambda: self._do(self._studio.retry),
                        light=self._stage.light,
                    ),
                )
                self._draw_composer()
            self._sheets = tag("div")
        bind_keys(self._keys())
        self._show(self._studio.events.after(self._name, 0))
        task = background_tasks.create(self._follow(self._view.event), name=f"follow {self._name}")
        ui.context.client.on_delete(task.cancel)
        ui.timer(LOOK, self._look)

    def _draw_topbar(self) -> None:
        with tag("header", None, "topbar"):
            self._title = tag("h1", "", "ellipsis")
            self._branch = tag("span", "", "chip wide-only")
            tag("span", None, "grow")
            self._undo = button(
                "", lambda: self._do(self._studio.undo), "quiet square", "undo", aria_label="Undo (Ctrl+Z)"
            )
            self._redo = button(
                "", lambda: self._do(self._studio.redo), "quiet square", "redo", aria_label="Redo (Ctrl+Shift+Z)"
            )
            self._retry = button(
                "",
                lambda: self._do(self._studio.retry),
                "quiet square",
                "retry",
                aria_label="Do the last turn once more (r)",
            )
            button("", self._open_tree, "quiet square", "tree", aria_label="Tree of turns and branches (t)")
            tag("span", None, "sep")
            self._download = link(
                "",
                f"/api/sessions/{self._name}/picture.png",
                "btn quiet square",
                "download",
                aria_label="Download the picture",
                title="Download the picture",
                download=f"{self._name}.png",
            )
            link(
                "",
                f"/inspect/{self._name}",
                "btn quiet square",
                "inspect",
                aria_label="Inspect how it was made",
                title="Inspect how it was made",
            )

    def _draw_composer(self) -> None:
        with tag("form", None, "composer") as form:
            self._suggest = tag("div", None, "suggest")
            with tag("div", None, "box"):
                self._text = tag(
                    "textarea",
                    None,
                    "",
                    name="text",
                    rows=1,
                    aria_label="What shall be different",
                    autocomplete="off",
                    maxlength=10_000,
                )
                self._text.on("keydown", js_handler=ENTER)
                with tag("span", None, "row"):
                    self._stop = button("Stop", lambda: self._do(self._studio.cancel), "small danger", "stop")
                    self._send = button("", None, "primary square", "send", aria_label="Send", type="submit")
            with tag("div", None, "row"):
                with tag("label", None, "switch"):
                    self._asks = tag("input", type="checkbox")
                    self._asks.on(
                        "change",
                        lambda event: self._ask_first(bool(event.args)),
                        js_handler="(e) => emit(e.target.checked)",
                    )
                    tag("span", "Ask me before each edit")
                tag("span", None, "grow")
                with tag("span", None, "soft wide-only"):
                    tag("kbd", "?")
                    tag("span", " keys")
        form.on("submit", lambda event: self._submit(str(event.args)), js_handler=SUBMIT)

    def _show(self, past: Sequence[StudioEvent] = ()) -> None:
        """Bring everything up to date with the view."""
        view = self._view
        if view.proposal is None or self._plan is None or list(view.proposal.operations) != self._given:
            self._given = list(view.proposal.operations) if view.proposal else []
            self._plan = Plan(list(self._given), view.layout) if view.proposal else None
        title = next(
            (message.text for message in view.messages if message.who == "you"), view.origin or "A new picture"
        )
        retext(self._title, title[:LONGEST_TITLE])
        retext(self._branch, view.branch)
        self._branch.set_visibility(len(view.branches) > 1)
        for item, usable in (
            (self._undo, view.can_undo),
            (self._redo, view.can_redo),
            (
                self._retry,
                len(view.history) > 1 and not view.work and view.unfinished is None and view.proposal is None,
            ),
        ):
            item.props.set_bool("disabled", not usable)
        self._download.set_visibility(view.picture is not None)
        self._stop.set_visibility(view.work is not None)
        self._stop.props.set_bool("disabled", view.work is not None and view.work.doing == "stopping")
        self._send.set_visibility(view.work is None)
        self._asks.props["checked"] = view.approve and self._placing is None
        self._text.props["placeholder"] = self._placeholder()
        self._stage.show(view, self._plan, self._frames)
        self._talk.show(view, self._plan, self._of_this_turn(past) if view.work else ())
        self._draw_suggestions()

    def _draw_suggestions(self) -> None:
        view, free = self._view, self._view.work is None and self._view.proposal is None
        self._suggest.clear()
        with self._suggest:
            for words in suggestions(view.layout, view.preset) if free and not view.messages and view.picture else ():
                button(words, lambda one=words: self._fill(one), "small")

    def _placeholder(self) -> str:
        view = self._view
        if view.work is not None:
            return "Working…"
        if view.proposal is not None:
            return "Or say what else you want"
        return "Add, remove, move, recolour, ask…" if view.picture else "Describe a picture…"

    @staticmethod
    def _of_this_turn(past: Sequence[StudioEvent]) -> list[StudioEvent]:
        begun = [at for at, event in enumerate(past) if event.kind in ("queued", "began")]
        return list(past[begun[-1] :]) if begun else []

    # -- following ----------------------------------------------------------------------------

    async def _follow(self, after: int) -> None:
        async for event in self._studio.events.follow(self._name, after):
            if event.id <= self._view.event and event.kind in ANEW:
                continue  # the view has it already
            with self._root:
                await self._take(event)

    async def _look(self) -> None:
        """Show what a terminal, or another server, has done to the session: no event tells of it."""
        with suppress(*SAID):
            view = await asyncio.to_thread(self._studio.view, self._name)
            if view.work is None and view.model_copy(update={"event": self._view.event}) != self._view:
                await self._refresh()

    async def _take(self, event: StudioEvent) -> None:
        if event.kind in ANEW and not (event.kind == "changed" and event.data.get("verb") == "delete"):
            await self._refresh()
            if event.kind == "failed":
                notify(str(event.data["reason"]), wrong=True)
            if event.kind == "waiting" and self._placing:
                await self._place()
            elif event.kind in ("ended", "failed", "cancelled") and self._placing:
                await self._placed()
        else:
            self._talk.take(event)
            if event.kind == "picture":
                self._stage.show_live(str(event.data["picture"]))
            self._talk.scroll()

    async def _refresh(self) -> None:
        async with self._drawing:  # an older view must not come after a newer one
            before = self._view.history
            self._view = await asyncio.to_thread(self._studio.view, self._name)
            if self._view.history != before:  # a trace may be long
                self._frames = await asyncio.to_thread(frames_of, self._studio.folder(self._name), self._view)
            self._show(self._studio.events.after(self._name, 0) if self._view.work else ())

    # -- verbs --------------------------------------------------------------------------------

    async def _do(self, verb: Callable[..., Any], *given: Any) -> bool:
        """Do something in the studio, and say what it says where it cannot be done."""
        async with self._verbs:  # in the order in which they were asked for: the next one needs the session free
            with self._root, saying():  # the button that was pressed may be gone by then
                await asyncio.to_thread(verb, self._name, *given)
                return True
        return False

    async def _submit(self, text: str) -> None:
        if not text.strip() or self._view.work is not None:
            return
        if self._view.proposal is not None:
            done = await self._reject(text)
        elif self._stage.where is not None:
            done = await self._send_there(text, self._stage.where)
        else:
            done = await self._do(self._studio.send, text)
        if done:
            self._fill("")

    async def _reject(self, reason: str) -> bool:
        return await self._do(self._studio.reject, reason)

    async def _accept(self) -> None:
        if self._plan is None or self._view.proposal is None:
            return
        changed = self._plan.operations if self._plan.changed else None
        await self._do(self._studio.accept, changed, self._view.proposal.id)

    async def _send_there(self, text: str, where: list[float]) -> bool:
        """Let a turn stop before its edit, so that the box that was drawn can be put into the plan."""
        before = self._view.approve
        if not before and not await self._do(self._studio.set_approve, True):
            return False
        self._placing = (where, before)
        return await self._do(self._studio.send, text)

    async def _place(self) -> None:
        """Put the drawn box into the plan; accept it, unless the person wants to be asked anyway."""
        assert self._placing is not None
        (box, asks), plan = self._placing, self._plan
        await self._placed()
        if plan is None:
            return
        with saying():
            plan.place_at(box)
            self._stage.show_plan(plan)
            if not asks:
                await self._accept()

    async def _placed(self) -> None:
        if self._placing and not self._placing[1]:
            await self._do(self._studio.set_approve, False)
        self._placing = None
        self._stage.clear_place()

    async def _ask_first(self, wanted: bool) -> None:
        self._asks.props["checked"] = wanted
        if not await self._do(self._studio.set_approve, wanted):
            self._asks.props["checked"] = self._view.approve

    def _leave_out(self, number: int) -> None:
        if self._plan is not None:
            self._plan.leave_out(number)
            self._stage.show_plan(self._plan)
            self._talk.show(self._view, self._plan, ())

    def _drag(self, number: int, box: list[float]) -> None:
        if self._plan is not None:
            with saying():
                self._plan.move(number, fitting(box))

    # -- the text field -----------------------------------------------------------------------

    def _pick(self, object_id: str) -> None:
        self._root.client.run_javascript(INSERT % (self._text.id, json.dumps(naming(object_id, self._view.layout))))

    def _fill(self, text: str) -> None:
        self._root.client.run_javascript(FILL % (self._text.id, json.dumps(text)))

    def _focus(self) -> None:
        self._root.client.run_javascript(f"getHtmlElement({self._text.id}).focus()")

    # -- the tree -----------------------------------------------------------------------------

    def _open_tree(self) -> None:
        urls = Urls(f"/api/sessions/{self._name}")

        async def go(turn: Turn) -> None:
            close()
            await self._go(turn)

        with self._sheets, sheet("Every turn, every branch") as close:
            tag("p", "Go back to any of them: what came later stays.", "soft")
            draw_tree(self._view.history, lambda one: urls.thumbnail(one.picture) if one.picture else "", go)

    async def _go(self, turn: Turn) -> None:
        """Go to where a branch stands, or begin one there."""
        if turn.current:
            return
        if turn.branches:
            await self._do(self._studio.switch, turn.branches[0])
        else:
            await self._do(self._studio.branch, free_name(turn.turn, self._view.branches), turn.turn)

    def _keys(self) -> dict[str, tuple[str, Callable[[], Any]]]:
        return {
            "mod+z": ("undo", lambda: self._do(self._studio.undo)),
            "mod+shift+z": ("redo", lambda: self._do(self._studio.redo)),
            "r": ("do the last turn once more", lambda: self._do(self._studio.retry)),
            "t": ("tree of turns and branches", self._open_tree),
            "1": ("pick an object", lambda: self._stage.use("pick")),
            "2": ("draw a box", lambda: self._stage.use("box")),
            "3": ("paint a place", lambda: self._stage.use("paint")),
            "o": ("show or hide what was found", self._stage.toggle_boxes),
            "c": ("compare before and after", self._stage.toggle_slider),
            "y": ("do what is planned", self._accept),
            "n": ("do not do it", lambda: self._reject("")),
            "s": ("stop", lambda: self._do(self._studio.cancel)),
            "/": ("to the text field", self._focus),
        }


def frames_of(folder: RunFolder, view: SessionView) -> list[Frame]:
    """Return the pictures of the turns that led here, every round of them, each picture once in a row."""
    known = {turn.number: turn for turn in turns_of(read_trace(folder.trace)) if turn.rounds}
    moments = {one.turn: one for one in view.history}
    frames: list[Frame] = []
    for number in line_of(view.history):
        moment, opens = moments[number], True
        attempts = known[number].attempts if number in known else []
        rounds = [(one["image"], f"{one['passed']} of {one['total']} met") for one in attempts]
        for picture, words in [*rounds, (moment.picture, "as it ended")]:
            if picture and (not frames or frames[-1].picture != picture):
                told = f"{moment.text or 'the beginning'}: {words}" if number else "the beginning"
                frames.append(Frame(picture, told, number, opens and bool(frames)))
                opens = False
    return frames


def free_name(turn: int, taken: Sequence[str]) -> str:
    """Return a name for a branch after a turn that no other has."""
    names = (f"after-{turn}" if at == 1 else f"after-{turn}-{at}" for at in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
