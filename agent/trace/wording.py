"""Values in words, for the terminal and for the report."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

# U+2400 on are the pictures of control characters. C1 controls are escape sequences in one character; marks of
# direction make a text look like another.
SYMBOLS = (
    {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
    | {0x7F: 0x2421}
    | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
    | {code: f"\\u{code:04x}" for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
)


_BOX = r"\[(-?[\d.]+), (-?[\d.]+), (-?[\d.]+), (-?[\d.]+)\]"
_MOVED = re.compile(rf" from {_BOX} to {_BOX}")
_SAID_TWICE = re.compile(rf", at {_BOX} \(x, y, width, height\)")
_AT = re.compile(rf"\b(at|to|in) {_BOX}")
_POINT = re.compile(r"\bat \((-?\d\.\d+), (-?\d\.\d+)\)")


class _Readable(yaml.SafeDumper):
    """YAML with texts of many lines as they are, indented."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Readable.add_representer(str, _Readable.represent_str)


def pretty(value: Any) -> str:
    """Return a value to be read by a person: YAML with short lists on one line, or the text itself."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if not isinstance(value, (dict, list)):
        return str(value)
    text = yaml.dump(value, Dumper=_Readable, default_flow_style=None, sort_keys=False, allow_unicode=True, width=110)
    return str(text).rstrip()


def visible(text: str) -> str:
    """Return a text as it can be shown: what a terminal would obey, or a reader would not see, as a symbol.

    Line ends and tabs stay; half a character (a lone surrogate) becomes the replacement character.
    """
    return text.translate(SYMBOLS)


def money(cost: float | None) -> str:
    """Return US dollars, with as many digits as matter; "" where the cost is nothing or not known."""
    if not cost:
        return ""
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.2g}" if cost >= 1e-4 else "less than $0.0001"


def duration(seconds: float | None) -> str:
    """Return a time as a person would say it."""
    if seconds is None:
        return "time not known"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def outcome(result: dict[str, Any]) -> str:
    """Return how a turn ended, and how much of what was asked nothing could check."""
    if not result:
        return "not finished"
    if not result["agreed"]:
        return str(result["exit"]).replace("_", " ")
    return f"agreed{unchecked_clause(result.get('verdict') or {})}"


def unchecked_clause(verdict: dict[str, Any]) -> str:
    """Return ", 1 not checked" for a verdict with such a requirement; empty for one without."""
    number = sum(result["passed"] is None for result in verdict.get("results", []))
    return f", {number} not checked" if number else ""


def without_boxes(text: str) -> str:
    """Return a text in which places are words ("at the lower left") instead of a box's four numbers."""

    def moved(found: re.Match[str]) -> str:
        old, new = ([float(value) for value in found.groups()[start : start + 4]] for start in (0, 4))
        stays = max(abs(a - b) for a, b in zip(_centre(old), _centre(new), strict=True)) < 0.05
        larger = new[2] * new[3] > old[2] * old[3]
        return f" {'to a larger' if larger else 'to a smaller'} size" if stays else f" to the {_place(new)}"

    def at(found: re.Match[str]) -> str:
        place = _place([float(value) for value in found.groups()[1:]])
        return f"{'in' if place == 'middle' and found[1] == 'at' else found[1]} the {place}"

    def point(found: re.Match[str]) -> str:
        place = _place([float(found[1]), float(found[2]), 0, 0])
        return f"{'in' if place == 'middle' else 'at'} the {place}"

    return _POINT.sub(point, _AT.sub(at, _MOVED.sub(moved, _SAID_TWICE.sub("", text))))


def _centre(box: list[float]) -> tuple[float, float]:
    x, y, width, height = box
    return x + width / 2, y + height / 2


def _place(box: list[float]) -> str:
    """Return the ninth of the picture that a box's middle is in."""
    x, y = _centre(box)
    across = "left" if x < 0.36 else "right" if x > 0.64 else ""
    down = "upper" if y < 0.36 else "lower" if y > 0.64 else ""
    if across and down:
        return f"{down} {across}"
    return across or {"upper": "top", "lower": "bottom"}.get(down, "middle")


def mark(passed: bool | None) -> str:
    """Return the sign of a requirement's result: met, not met, or not checked."""
    return "?" if passed is None else "✓" if passed else "✗"


def standing(passed: bool | None) -> str:
    """Return the word for a requirement's result that styles go by."""
    return "open" if passed is None else "pass" if passed else "fail"


def counted(number: int, word: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"
