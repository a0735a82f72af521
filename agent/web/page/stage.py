"""The picture of a conversation, large, with its tools above it and its film below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.web.page.dom import button, retext, tag
from agent.web.page.picture_view import PictureView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from nicegui.element import Element

    from agent.studio.views import SessionView, VerdictLine
    from agent.web.page.plan import Plan

Tool = Literal["pick", "box", "paint"]
TOOLS: tuple[tuple[Tool, str, str], ...] = (
    ("pick", "Pick an object (1)", "pick"),
    ("box", "Draw a box where it shall be (2)", "box"),
    ("paint", "Paint where it shall be (3)", "paint"),
)


@dataclass(frozen=True)
class Frame:
    """A picture of the film; ``words`` say what it came of."""

    picture: str
    words: str
    turn: int
    opens: bool = False
    """Whether a turn begins with it."""


@dataclass(frozen=True)
class Urls:
    """Where the pictures of a session are."""

    base: str

    def picture(self, image: str) -> str:
        """Return the address of a picture."""
        return f"{self.base}/pictures/{image}.png"

    def thumbnail(self, image: str) -> str:
        """Return the address of a small copy."""
        return f"{self.base}/thumbnails/{image}.png"

    def mask(self, image: str) -> str:
        """Return the address of an object's mask."""
        return f"{self.base}/masks/{image}.png"


class Stage:
    """Draws where it is made; `show` brings it up to date. ``where`` is the box that a person drew, or None."""

    def __init__(
        self, urls: Urls, *, pick: Callable[[str], Any], drag: Callable[[int, list[float]], Any], say: Callable[[], Any]
    ) -> None:
        self.where: list[float] | None = None
        self._urls, self._pick, self._drag, self._say = urls, pick, drag, say
        self._view: SessionView | None = None
        self._picture: PictureView | None = None
        self._before: str | None = None
        self._live: str | None = None
        self._tools: dict[str, Element] = {}
        with tag("section", None, "stage", aria_label="Picture"):
            with tag("div", None, "toolbar", role="toolbar", aria_label="Tools of the picture"):
                for tool, words, icon in TOOLS:
                    self._tools[tool] = button(
                        "", lambda one=tool: self.use(one), "quiet square", icon, aria_label=words
                    )
                tag("span", None, "sep")
                self._boxes = button(
                    "", self.toggle_boxes, "quiet square", "layers", aria_label="Show what was found (o)"
                )
                self._slider = button(
                    "", self.toggle_slider, "quiet square", "compare", aria_label="Compare before and after (c)"
                )
                self._clear = button("Clear the place", self.clear_place, "quiet small", "close")
                tag("span", None, "grow")
                self._hint = tag("span", "", "soft ellipsis wide-only")
            self._canvas = tag("div", None, "canvas")
            self._strip = tag("div", None, "strip", role="group", aria_label="Film of rounds")
        self._clear.set_visibility(False)
        self._shows_boxes = True
        self._press(self._boxes, True)
        self._press(self._slider, False)
        self.use("pick")

    # -- what is shown ------------------------------------------------------------------------

    def show(self, view: SessionView, plan: Plan | None, frames: Sequence[Frame]) -> None:
        """Show a session as it stands."""
        if self._view is not None and view.picture != self._view.picture:
            self.clear_place()
            self._compare(None)
            self._unpick()
        self._view, self._live = view, None
        self._draw(plan)
        self._strip.clear()
        with self._strip:
            for at, frame in enumerate(frames if len(frames) > 1 else (), 1):
                self._frame(frame, now=at == len(frames) and frame.picture == view.picture)
        self._enable()

    def show_plan(self, plan: Plan | None) -> None:
        """Draw a plan again, after an operation was left out."""
        if self._picture:
            self._picture.plan(plan)

    def show_live(self, image: str) -> None:
        """Show a picture of the turn that is at work; what was found in the one before goes."""
        if self._picture and self._view and self._view.size_wh:
            self._live = image
            self._picture.show(self._urls.picture(image), self._view.size_wh, "The picture, while it is worked on")
            self._picture.objects(())
        elif self._view is not None:
            self._live = image
            self._draw(None)

    def light(self, line: VerdictLine | None) -> None:
        """Light what a line of the verdict is about."""
        if self._picture and self._view and not self._before:
            named = line.objects if line else ()
            self._picture.light(line, [self._urls.mask(one.mask) for one in self._view.layout if one.id in named])

    def _draw(self, plan: Plan | None) -> None:
        view = self._view
        image = self._live or (view.picture if view else None)
        if view is None or image is None:
            self._canvas.clear()
            self._picture = None
            with self._canvas, tag("div", None, "empty"):
                tag("h2", "The picture comes here" if view and view.work else "There is no picture")
                tag("p", "It is drawn from your sentence, looked at, and corrected until it shows what you said.")
            return
        size_wh = view.size_wh or (1, 1)
        if self._picture is None:
            self._canvas.clear()
            with self._canvas:
                self._picture = PictureView(self._urls.picture(image), size_wh, "The picture")
            self._picture.on_pick(self._picked)
            self._picture.on_plan(self._drag)
            self._picture.on_where(self._placed)
            self._picture.set(tool=self._tool, showObjects=self._shows_boxes)
        found = ", ".join(one.phrase for one in view.layout) or "nothing that is known"
        self._picture.show(self._urls.picture(image), size_wh, f"The picture. Found in it: {found}")
        self._picture.objects(() if self._live else [(one.id, one.phrase, one.box) for one in view.layout])
        self._picture.light(None)
        self._picture.plan(plan)

    def _frame(self, frame: Frame, *, now: bool) -> None:
        style = "frame gap" if frame.opens else "frame"
        item = tag("button", None, style, type="button", title=frame.words, aria_label=f"Compare with: {frame.words}")
        if now:
            item.props["aria-current"] = "true"
        with item:
            tag("img", None, "thumb", src=self._urls.thumbnail(frame.picture), alt="", loading="lazy")
            tag("span", "now" if now else f"turn {frame.turn}" if frame.turn else "first")
        item.on("click", lambda _: self._compare(None if now else frame.picture), args=[])

    # -- what is done with it -----------------------------------------------------------------

    def use(self, tool: Tool) -> None:
        """Take up a tool."""
        self._tool: Tool = tool
        for name, item in self._tools.items():
            self._press(item, name == tool)
        if self._picture:
            self._picture.set(tool=tool)
        self._unpick()
        self._tell()

    def toggle_boxes(self) -> None:
        """Show or hide what was found."""
        self._shows_boxes = not self._shows_boxes
        self._press(self._boxes, self._shows_boxes)
        if self._picture:
            self._picture.set(showObjects=self._shows_boxes)

    def toggle_slider(self) -> None:
        """Compare the picture with what it was before the last change, or stop that."""
        self._compare(None if self._before else self._earlier())

    def clear_place(self) -> None:
        """Forget the box that was drawn."""
        self.where = None
        if self._picture:
            self._picture.set(where=None)
        self._clear.set_visibility(False)

    def _compare(self, image: str | None) -> None:
        self._before = image
        self._press(self._slider, image is not None)
        if self._picture:
            self._picture.set(before=self._urls.picture(image) if image else "")

    def _earlier(self) -> str | None:
        """Return the picture before the current one."""
        if self._view is None:
            return None
        known = {one.turn: one for one in self._view.history}
        at = next((one for one in self._view.history if one.current), None)
        while at is not None and at.picture == self._view.picture:
            at = known.get(at.parent) if at.parent is not None else None
        return at.picture if at else None

    def _picked(self, object_id: str) -> None:
        if self._picture:
            self._picture.set(picked=object_id)
        self._pick(object_id)

    def _unpick(self) -> None:
        if self._picture:
            self._picture.set(picked="")

    def _placed(self, box: list[float], drawn: bool) -> None:
        self.where = box
        if self._picture:
            self._picture.set(where=box)
        self._clear.set_visibility(True)
        if drawn:
            self._say()

    def _tell(self) -> None:
        """Say what the tool in hand does."""
        pick = (
            "Click an object to name it" if self._view and self._view.layout else "What is in it is found as you talk"
        )
        verb = {"pick": "", "box": "Drag a box", "paint": "Paint a place"}[self._tool]
        retext(self._hint, f"{verb}: what you ask for next goes there" if verb else pick)

    def _enable(self) -> None:
        self._tell()
        self._slider.props.set_bool("disabled", self._earlier() is None)

    @staticmethod
    def _press(item: Element, pressed: bool) -> None:
        item.props["aria-pressed"] = "true" if pressed else "false"
