"""The tree of turns as rows and lanes, the newest first, with the lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LANE, ROW = 16, 60  # pixels


@dataclass(frozen=True)
class Row:
    """A turn's place in the drawing: ``lane`` from 0 at the left, ``lines`` as SVG paths in a row of `ROW` pixels."""

    turn: int
    lane: int
    lines: tuple[str, ...]


def rows_of(parents: Mapping[int, int | None], line: Sequence[int] = ()) -> list[Row]:
    """Place turns, given with their parents; those of ``line`` (where the person is) stand in the leftmost lane."""
    lanes = _lanes(parents, frozenset(line))
    turns = sorted(parents, reverse=True)
    at = {turn: row for row, turn in enumerate(turns)}
    lines: dict[int, list[str]] = {turn: [] for turn in turns}
    for turn in turns:
        parent = parents[turn]
        if parent is None or parent not in at:
            continue
        here, there = _x(lanes[turn]), _x(lanes[parent])
        lines[turn].append(f"M{here} {ROW // 2}V{ROW}")
        for between in turns[at[turn] + 1 : at[parent]]:
            lines[between].append(f"M{here} 0V{ROW}")
        bend = f"M{here} 0C{here} {ROW // 3} {there} {ROW // 6} {there} {ROW // 2}"
        lines[parent].append(f"M{here} 0V{ROW // 2}" if here == there else bend)
    return [Row(turn, lanes[turn], tuple(lines[turn])) for turn in turns]


def width_of(rows: Sequence[Row]) -> int:
    """Return how wide the drawing is, in pixels."""
    return LANE * (1 + max((row.lane for row in rows), default=0)) + LANE // 2


def centre_of(row: Row) -> int:
    """Return the x of a turn's point."""
    return _x(row.lane)


def _lanes(parents: Mapping[int, int | None], line: frozenset[int]) -> dict[int, int]:
    """Let the first child go on in its parent's lane, and any other open one; the line goes before the rest."""
    lanes: dict[int, int] = {}
    heirs: dict[int, int] = {}
    for turn in sorted(parents, key=lambda one: (one not in line, one)):
        parent = parents[turn]
        if parent is not None:
            heirs.setdefault(parent, turn)
    for turn in sorted(parents):
        parent = parents[turn]
        if parent is not None and parent in lanes and heirs[parent] == turn:
            lanes[turn] = lanes[parent]
        else:
            lanes[turn] = max(lanes.values(), default=-1) + 1
    return lanes


def _x(lane: int) -> int:
    return LANE * lane + LANE * 3 // 4
