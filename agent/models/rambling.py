"""Answers that say the same again and again, as those of small models do: noticed while they come, and read so far."""

from __future__ import annotations

from typing import Any

REPEATED = 400  # characters, at the end of an answer, that say one thing three times or more
LONGEST_PERIOD = 600  # characters of that thing
TIMES = 3
ENDLESS, ENDLESS_TIMES = 1500, 10  # ... that are so many that nobody waits for the end
CLOSING = {"{": "}", "[": "]"}


def rambles(text: str, *, least: int = REPEATED, times: int = TIMES) -> bool:
    """Return whether the last ``least`` characters only say the same ``times``: more room would not end it."""
    for period in range(1, LONGEST_PERIOD):
        end = text[-max(least, times * period) :]
        if len(end) >= max(least, times * period) and end[period:] == end[:-period]:
            return True
    return False


def is_endless(text: str) -> bool:
    """Return whether an answer that still comes has said the same so often that nobody waits for its end."""
    return rambles(text, least=ENDLESS, times=ENDLESS_TIMES)


def completed(text: str) -> str:
    """Return a JSON text that broke off, without what is not whole at its end, and with its brackets closed.

    What is no beginning of JSON comes back as it is.
    """
    opened: list[Any] = []
    quoted = escaped = False
    whole, left = 0, ""
    for at, letter in enumerate(text):
        if quoted:
            quoted, escaped = escaped or letter != '"', not escaped and letter == "\\"
        elif letter == '"':
            quoted = True
        elif letter in CLOSING:
            opened.append(CLOSING[letter])
        elif letter in CLOSING.values():
            if not opened or opened.pop() != letter:
                return text
            whole, left = at + 1, "".join(reversed(opened))
    return text[:whole] + left if opened and left else text


def unrepeated(value: Any) -> Any:
    """Return a JSON value whose lists have each object once; numbers and texts may be there again."""
    if isinstance(value, dict):
        return {key: unrepeated(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for item in map(unrepeated, value):
        if not isinstance(item, dict) or item not in kept:
            kept.append(item)
    return kept
