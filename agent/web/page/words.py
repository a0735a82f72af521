"""What a studio says in numbers, said in words: whoever looks at the picture sees where a thing is."""

from __future__ import annotations

import re

_BOX = r"\[-?[\d.]+(?:, -?[\d.]+){3}\]"
_CHANGES = (
    (re.compile(rf" from {_BOX} to {_BOX}"), ""),
    (re.compile(rf"^(added|moved|replaced|placed)(.*?) (?:at|to|in) {_BOX}", re.DOTALL), r"\1\2"),
    (re.compile(rf" still at {_BOX}"), " still in its place"),
    (re.compile(rf" (?:at|in) {_BOX}"), " in its place"),
)


def without_boxes(text: str) -> str:
    """Return a line of a verdict or of what was done without the numbers of its boxes."""
    for pattern, words in _CHANGES:
        text = pattern.sub(words, text)
    return text
