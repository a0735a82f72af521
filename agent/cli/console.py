"""Everything that is shown goes through here: without secrets, and without anything that a terminal would obey.

Names, answers and errors come from models and servers; an escape sequence in one could rewrite the screen.
"""

from __future__ import annotations

import json
import re
import sys
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from agent.run.redaction import secrets_of
from agent.trace.wording import visible
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import ConsoleOptions, RenderableType

    from configs.settings import Settings

_SECRETS: ContextVar[tuple[str, ...]] = ContextVar("secrets of this command's settings", default=())

WIDE = 200  # columns where nobody looks: lines are not broken for a pipe
UNWRITABLE = re.compile("[\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def forget() -> None:
    """Begin a command: nothing is known of its settings."""
    _SECRETS.set(())


def hide(settings: Settings) -> Settings:
    """Let nothing show what is secret in these settings, from here to the command's end; return them."""
    _SECRETS.set((*_SECRETS.get(), *secrets_of(settings)))
    return settings


def redactor() -> Redactor:
    """Return what cleans a text before it is shown."""
    return Redactor((*_SECRETS.get(), *environment_secrets()))


class SafeConsole(Console):
    """A rich console whose texts are cleaned; its own colours and movements are not texts."""

    def __init__(self, stream: IO[str] | None = None, width: int | None = None) -> None:
        stream = sys.stdout if stream is None else stream
        super().__init__(file=stream, soft_wrap=True, highlight=False, width=width)
        self._redactor = redactor()

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, then clean what comes out."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(self._redactor.text(segment.text)))


def output_console() -> Console:
    """Return a console for standard output, wide where it is not a terminal."""
    return SafeConsole(sys.stdout, None if sys.stdout.isatty() else WIDE)


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what was taken for granted in reading: "(taking 'lumen' for an object)"."""
    for note in notes:
        console.print(f"({note})", markup=False, highlight=False)


def write(text: str, stream: IO[str] | None = None) -> None:
    """Write a text and a line's end, to standard output if no stream is named."""
    stream = sys.stdout if stream is None else stream
    stream.write(visible(redactor().text(text)) + "\n")
    stream.flush()


def lines_of_input() -> Iterator[str]:
    """Yield the lines of standard input; bytes that are no UTF-8 arrive as lone surrogates, to be refused by line."""
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="surrogateescape")
    yield from sys.stdin


def is_text(text: str) -> bool:
    """Whether a text came from whole characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def write_json(value: Any, *, ascii_only: bool = True) -> None:
    """Write a value as one line of JSON to standard output."""
    text = json.dumps(redactor().tree(value), ensure_ascii=ascii_only)
    sys.stdout.write(UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
    sys.stdout.flush()
