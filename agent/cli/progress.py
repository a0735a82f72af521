"""Live progress on standard error: rounds, the current node, diffusion steps.

On a terminal a line moves; elsewhere each finished node is one line.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agent.cli.console import SafeConsole
from agent.trace.doing import DOING, describe
from agent.trace.wording import without_boxes

if TYPE_CHECKING:
    from types import TracebackType

    from agent.run.stream import Event


class LiveProgress:
    """A listener of `agent.run.driver.run_correction` that draws on a stream, with ``boxes`` as numbers or in words."""

    def __init__(self, stream: IO[str], *, boxes: bool = True) -> None:
        self._console, self._boxes = SafeConsole(stream), boxes
        self._round, self._done = 0, 0
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._bar = self._bars.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        """Move the bar, or leave a line where something worth knowing came out."""
        match event.kind:
            case "started":
                doing = f"round {self._round} · {DOING.get(event.name, event.name)}"
                self._bars.reset(self._bar, description=doing, total=None)
            case "finished":
                self._finished(event.update)
            case "progress":
                phase, total = f"round {self._round} · {event.name}", event.total or None
                self._bars.update(self._bar, description=phase, completed=event.done, total=total)

    def _finished(self, update: dict[str, Any]) -> None:
        if isinstance(update.get("rounds"), int):
            self._round = update["rounds"]
        done = update.get("done") or []
        line = describe(update | {"done": done[self._done :]})
        self._done = len(done) if "done" in update else self._done
        if line:
            line = line if self._boxes else without_boxes(line)
            self._console.print(f"round {self._round} · {line}", markup=False)
