"""The turns of a session as a compact tree for the terminal: a line each, set in only where branches part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.session.turn_result import Moment

HERE = "[bold green]>[/]"


def draw_history(moments: Sequence[Moment], *, verbose: bool = False) -> list[str]:
    """Return the lines, in rich's markup; ``verbose`` adds where each turn's small picture lies."""
    below: dict[int | None, list[Moment]] = {}
    for moment in moments:
        below.setdefault(moment.parent, []).append(moment)
    width = len(str(max(moment.turn for moment in moments)))

    def walk(moment: Moment, depth: int) -> Iterator[str]:
        mark = HERE if moment.current else " "
        yield f"{mark} {moment.turn:>{width}} {'│ ' * depth}{_label(moment, verbose=verbose)}"
        *sides, straight = below.get(moment.turn, [None])
        for side in sides:  # the first tries stand beside the line, which the last one goes on with
            if side is not None:
                yield from walk(side, depth + 1)
        if straight is not None:
            yield from walk(straight, depth)

    return [line for root in below[None] for line in walk(root, 0)]


def _label(moment: Moment, *, verbose: bool) -> str:
    text = escape(moment.text or "the beginning")
    ended = f" [dim]{escape(moment.exit.replace('_', ' '))}[/]" if moment.exit not in ("", "agreed") else ""
    where = f" [bold cyan]({escape(', '.join(moment.branches))})[/]" if moment.branches else ""
    small = f" [dim]{escape(str(moment.thumbnail))}[/]" if verbose and moment.thumbnail else ""
    return f"{text}{ended}{where}{small}"
