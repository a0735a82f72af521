"""Running a recorded run again from one of its steps, through the same queue and with the same models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from agent.run.consent import consented_settings
from agent.run.replay import replay
from agent.studio.models import new_chat
from agent.studio.queue import StudioError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.run.driver import RunResult
    from agent.run.folder import RunFolder
    from agent.run.stream import Listener
    from agent.studio.models import SharedModels
    from tools.stopping import Stop

# Whoever talks to a server may not say where its words are sent, with which key, or which files it reads.
OWNERS = ("base_url", "api_key", "headers", "provider", "path", "decoder", "revision", "kind", "storage")


class Replay(BaseModel):
    """What shall be run again: a session's or a run's name, the step to begin with, and what is to be different."""

    model_config = ConfigDict(frozen=True)

    of: str
    step: int
    overrides: dict[str, Any] = {}
    seed: int | None = None


def check_overrides(source: RunFolder, overrides: Mapping[str, Any]) -> None:
    """Say at once what cannot be set.

    Raises:
        StudioError: a setting is the server's own.
        RunError, SettingsError: they make no settings with the recorded ones.
    """
    for word in _words_of(overrides):
        if word in OWNERS:
            raise StudioError(f"{word!r} is for whoever starts the server to set: choose another setting", "mistake")
    consented_settings(source, source.read_record(), None, overrides)


def run_again(
    given: Replay, source: RunFolder, target: RunFolder, models: SharedModels, listen: Listener, stop: Stop
) -> RunResult:
    """Do it; what happens is told to ``listen``. ``stop`` ends it early, for good: a recorded run can be run anew."""
    return replay(
        source,
        target,
        make_backend=models.backend,
        make_chat=new_chat,  # its answers are the recorded ones: it must not be shared
        first_step=given.step,
        seed=given.seed,
        overrides=given.overrides,
        listener=listen,
        stop=stop,
    )


def _words_of(overrides: Mapping[str, Any]) -> Iterator[str]:
    """Yield every part of every name, also of names within values."""
    for name, value in overrides.items():
        yield from str(name).split(".")
        if isinstance(value, dict):
            yield from _words_of(value)
