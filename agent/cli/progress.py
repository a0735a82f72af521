"""Live progress on standard error: rounds, the current node, diffusion steps.

On a terminal a line moves; elsewhere each finished node is one line.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agent.cli.console import SafeConsole

if TYPE_CHECKING:
    from types import TracebackType

DOING = {
    "look": "looking around",
    "parse": "reading the sentence",
    "generate": "making a picture",
    "judge": "looking at the picture",
    "think": "thinking",
    "act": "acting",
    "edit": "editing",
    "refine": "polishing",
    "approve": "waiting for approval",
    "finish": "finishing",
}


class LiveProgress:
    """A listener of `agent.run.driver.run_correction` that draws on a stream."""

    def __init__(self, stream: IO[str]) -> None:
        self._console = SafeConsole(stream)
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

    def node_started(self, name: str) -> None:
        """Show what is being done."""
        self._bars.reset(self._bar, description=f"round {self._round} · {DOING.get(name, name)}", total=None)

    def node_finished(self, name: str, update: dict[str, Any]) -> None:
        """Leave a line where something worth knowing came out."""
        if isinstance(update.get("rounds"), int):
            self._round = update["rounds"]
        done = update.get("done") or []
        told = tell(name, update | {"done": done[self._done :]})
        self._done = len(done) if "done" in update else self._done
        if told:
            self._console.print(f"round {self._round} · {told}", markup=False)

    def progressed(self, phase: str, done: int, total: int) -> None:
        """Move the bar."""
        self._bars.update(self._bar, description=f"round {self._round} · {phase}", completed=done, total=total or None)


def tell(name: str, update: dict[str, Any]) -> str:
    """Say in a few words what a node did; empty when there is nothing to say."""
    latest = update.get("latest")
    if isinstance(latest, dict):
        wrong = "; ".join(str(one["reason"]) for one in latest["verdict"]["results"] if not one["passed"])
        return f"{latest['passed']} of {latest['total']} requirements met" + (f": {wrong}" if wrong else "")
    if update.get("done"):
        return "; ".join(str(one) for one in update["done"])
    messages = [one for one in update.get("messages") or [] if isinstance(one, dict)]
    calls = [call["name"] for one in messages for call in one.get("tool_calls") or []]
    if calls:
        return f"calls {', '.join(calls)}"
    failures = [one["content"].split("\n")[0] for one in messages if one.get("failed")]
    return f"a tool refused: {'; '.join(failures)}" if failures else ""
