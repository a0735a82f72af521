"""What every command shares: its options as one value, and how failures become messages and exit codes.

Every start of the program imports this, so it brings nothing that only a running command needs.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from configs.settings import Settings

NAMED_WRONGLY = (  # a path that the user can put right; anything else is the machine's trouble
    errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENAMETOOLONG, errno.EINVAL,
)  # fmt: skip


Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Work on this Ray cluster: ray://HOST:10001, HOST:6379, auto (a running one, else this machine) or local.",
    ),
]
Gpus = Annotated[float, typer.Option(min=0, help="--ray: GPUs that one item or replica takes; 0.5 lets two share one.")]
ReplicaNumber = Annotated[
    str, typer.Option("--replicas", metavar="N|LEAST:MOST", help="--ray: as many, or what the queue asks for.")
]


class ExitCode(IntEnum):
    """What a command tells its caller."""

    AGREED = 0
    FAILURE = 1
    MISTAKE = 2
    NOT_AGREED = 3
    STOPPED = 130


class Mode(StrEnum):
    """What the prompts of a batch are (the names are SLD's)."""

    SELF_CORRECTION = "self_correction"
    IMAGE_EDITING = "image_editing"


class UserMistake(Exception):
    """Something that the user can put right; the message says what and how."""


@dataclass(frozen=True)
class Options:
    """The common options as they were given: None is "not given"."""

    preset: str | None = None
    rounds: int | None = None
    seed: int | None = None
    out: Path | None = None
    as_json: bool = False
    settings: list[str] | None = None
    resume: Path | None = None
    allow_endpoint: str | None = None

    def __post_init__(self) -> None:
        if self.preset == "auto":  # from here on it is the preset that it stands for
            from agent.cli.presets import resolve_auto

            object.__setattr__(self, "preset", resolve_auto())

    def overrides(self) -> dict[str, Any]:
        """Return ``--set`` and ``--rounds`` as dotted names and values.

        Raises:
            UserMistake: a ``--set`` is not KEY=VALUE with a YAML value.
        """
        import yaml

        from agent.run.redaction import is_secret

        result: dict[str, Any] = {}
        for given in self.settings or []:
            key, equals, value = given.partition("=")
            if not equals or not key.strip():
                fail(f"--set {key.strip()!r} is not KEY=VALUE, such as --set editor.steps=20")
            try:
                result[key.strip()] = yaml.safe_load(value)
            except yaml.YAMLError:
                shown = "***" if is_secret(key.strip()) else repr(value)
                fail(f"--set {key.strip()}: {shown} is not a value; put text with special characters in quotes")
        if self.rounds is not None:
            result["loop.rounds"] = self.rounds
        return result

    def load(self, preset: str = "", below: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings that these options make; ``preset``, or the built-in one, where they name none.

        ``below`` are settings that the options' own go before.
        """
        from agent.cli.console import hide
        from agent.models.preset_choice import DEFAULT
        from configs.settings import load_settings

        return hide(load_settings(self.preset or preset or DEFAULT, {**(below or {}), **self.overrides()}))


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster to work on, and the share of a GPU that one item takes."""

    address: str
    gpus: float = 0


def fail(message: str) -> NoReturn:
    """Refuse what the user asked."""
    raise UserMistake(message)


@contextmanager
def reporting(as_json: bool = False) -> Iterator[None]:
    """Turn every exception into one clear message on standard error and an exit code.

    ``SLD_DEBUG=1`` lets them through with their stack trace.
    """
    from agent.cli.console import forget

    forget()
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        _leave("stopped; --resume with the run folder goes on from here", ExitCode.STOPPED, as_json)
    except BrokenPipeError:
        # The reader of our output went away (`sld ... | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.FAILURE) from None
    except Exception as error:  # the last line of defence: a message, never a stack trace
        if os.environ.get("SLD_DEBUG") == "1":
            raise
        if isinstance(error, _mistakes()):
            _leave(str(error), ExitCode.MISTAKE, as_json)
        if isinstance(error, OSError) and error.strerror:
            place = f"{str(error.filename)!r}: " if error.filename else ""
            code = ExitCode.MISTAKE if error.errno in NAMED_WRONGLY else ExitCode.FAILURE
            _leave(f"{place}{error.strerror}", code, as_json)
        known = isinstance(error, _failures())
        hint = "" if known else "; SLD_DEBUG=1 shows where"
        _leave(f"{error if known else f'{type(error).__name__}: {error}'}{hint}", ExitCode.FAILURE, as_json)


def in_words(error: Exception) -> str:
    """Return an error that ends less than the command as a person should read it."""
    if isinstance(error, (*_mistakes(), *_failures())):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{str(error.filename)!r}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {str(error)[:500]}"


def _mistakes() -> tuple[type[Exception], ...]:
    from agent.run.folder import RunError
    from agent.session.turn_result import SessionError
    from configs.errors import SettingsError
    from graphs.nodes.begin import RequestError
    from tools.images import PictureError
    from tools.weights.places import UnknownWeights

    return UserMistake, SettingsError, RunError, SessionError, RequestError, PictureError, UnknownWeights


def _failures() -> tuple[type[Exception], ...]:
    """Return the failures whose message already says all that a user needs."""
    from agent.models.chat import ChatModelError
    from tools.backend.protocol import BackendError, BackendUnavailable
    from tools.weights.places import WeightsError

    return BackendError, BackendUnavailable, ChatModelError, WeightsError


def _leave(message: str, code: ExitCode, as_json: bool) -> NoReturn:
    from agent.cli.console import write, write_json

    write(f"sld: {message}", sys.stderr)
    if as_json:
        write_json({"error": message, "exit": code.name.lower()})
    raise typer.Exit(code) from None
