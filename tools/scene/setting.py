"""The setting of a scene: which of those that can be drawn and told a text names, and what else it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NO_SETTING = frozenset(
    "a an the of photo photograph picture image scene realistic view shot setting background".split()  # noqa: SIM905 - as text
)
"""Words of a background that say no more than that there is a picture."""
BETWEEN = frozenset("on in at by with near inside some".split())  # noqa: SIM905 - as text


def read_setting(background: str, known: Mapping[str, Collection[str]]) -> tuple[str | None, tuple[str, ...]]:
    """Return the one setting that a background names, and what it says besides.

    ``known`` has the words that mean each setting, by its name. Two settings in one text are the one
    that is both ("street at night"), if that is known; else the picture is none of them, and none is named.
    """
    spoken = re.findall(r"[a-z]+", background.lower())
    said = [name for name, words in known.items() if " " not in name and set(words) & set(spoken)]
    both = (name for name in known if len(said) > 1 and sorted(name.split(" at ")) == sorted(said))
    named = said[0] if len(said) == 1 else next(both, None)
    used = set(known[named]) | BETWEEN if named else set()
    rest = set(spoken) - NO_SETTING - used
    return named, (background,) if rest else ()
