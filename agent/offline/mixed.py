"""Wishes for the whole picture among other wishes: "make the cat grey and crop to it", "brighter, then warmer".

What an instruction changes comes first, what is cut away last; wishes for light stand where they were said.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.instructions import parse_instruction
from agent.offline.whole_picture import is_whole_picture, of_the_picture, parse_whole_picture
from tools.scene.operations import AROUND, CUTTING, Add, Adjust, apply

if TYPE_CHECKING:
    from agent.offline.workbench import Memory
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation

_BETWEEN = re.compile(
    r"(?P<mark>\s*[,;.]\s*(?:and\s+|but\s+)?(?:then\s+|also\s+|finally\s+)?|"
    r"(?<!everything)\s+(?:and|but)\s+(?:then\s+|also\s+|finally\s+)?|\s+then\s+)(?=\S)",
    re.IGNORECASE,
)
_POLITELY = re.compile(r"\s*,\s*(?:please|thanks|thank you)[\s.!]*$", re.IGNORECASE)
_CUT = re.compile(r"\b(?:crop|trim|zoom|cut|isolate|extract)\b", re.IGNORECASE)
_ONE_WORD = (("black and white", "black-and-white"), ("black & white", "black-and-white"))


def parse_mixed(text: str, layout: Layout, memory: Memory) -> tuple[Operation, ...] | None:
    """Read an instruction with wishes for the whole picture in it; None when there are none, or nothing else.

    Raises:
        CannotParse: a part of it cannot be read.
    """
    pieces = _pieces(text)
    if not any(is_wish for is_wish, _ in pieces) or len(pieces) < 2:
        return None
    first = next((at for at, (is_wish, _) in enumerate(pieces) if not is_wish), len(pieces))
    before: list[Adjust] = []
    for _, said in pieces[:first]:
        before += _wishes(said, layout, memory)
        memory = replace(memory, recent=(before[-1].id,)) if before[-1].id else memory
    rest = " ".join(said for is_wish, said in pieces[first:] if not is_wish)
    done = parse_instruction(rest, layout, memory) if rest else ()
    after: list[Adjust] = []
    changed, shown = apply(layout, done), memory
    touched = [one.id for one in done if not isinstance(one, Add) and one.id in changed.ids]
    touched += [object_id for object_id in changed.ids if object_id not in layout.ids]
    if touched:
        shown = replace(memory, recent=tuple(dict.fromkeys(touched)))
    for is_wish, said in pieces[first:]:
        if is_wish:
            after += _wishes(said, changed, shown)
            shown = replace(shown, recent=(after[-1].id,)) if after[-1].id else shown
    early = [wish for wish in before if wish.wish not in AROUND]
    around = [wish for wish in before if wish.wish in AROUND]
    late = sorted((*around, *after), key=lambda wish: wish.wish in CUTTING)
    return (*early, *done, *late)


def _pieces(text: str) -> list[tuple[bool, str]]:
    """Return the parts of a text in order, wishes for the whole picture apart from what lies between them."""
    text = _POLITELY.sub("", text)
    for said, one in _ONE_WORD:
        text = re.sub(re.escape(said), one, text, flags=re.IGNORECASE)
    found: list[tuple[bool, str]] = []
    parts = _BETWEEN.split(text)
    for said, mark in zip(parts[::2], ["", *parts[1::2]], strict=True):
        bare = bool(found) and found[-1][0]  # "brighter" alone goes on with a wish, not with "make the cat red"
        if bare and _CUT.search(found[-1][1]):  # "crop to him and make it grey": what is left is the picture
            whole = of_the_picture(said)
            said = whole if is_whole_picture(whole) else said
        is_wish = is_whole_picture(said) and (bare or not found or len(said.split()) > 1)
        if not is_wish and found and not found[-1][0]:
            found[-1] = False, f"{found[-1][1]}{mark}{said}"
        else:
            found.append((is_wish, said))
    return found


def _wishes(said: str, layout: Layout, memory: Memory) -> tuple[Adjust, ...]:
    return parse_whole_picture(said, layout, memory) or ()
