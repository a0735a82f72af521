"""What pydantic finds wrong with a value, in words: for a person, or for a model that shall mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST = 10  # problems told: nobody reads more


class SettingsError(ValueError):
    """A preset or a setting that cannot be used; the message says which and what to change."""


def in_words(
    errors: Iterable[Mapping[str, Any]], *, whole: str = "the value", separator: str = "; ", show_input: bool = False
) -> str:
    """Return each problem with its place, such as ``box.w: Input should be a valid number``.

    ``errors`` are those of ``ValidationError.errors()``; ``whole`` names the value itself. ``show_input`` adds
    what was given instead: not where it may be a secret.
    """
    problems = [
        f"{'.'.join(map(str, error['loc'])) or whole}: {error['msg']}"
        + (f", not {repr(error['input'])[:120]}" if show_input else "")
        for error in errors
    ]
    more = [f"(and {len(problems) - MOST} more)"] if len(problems) > MOST else []
    return separator.join([*problems[:MOST], *more])
