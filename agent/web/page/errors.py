"""What a studio cannot do, said on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from agent.run.folder import RunError
from agent.session.turn_result import SessionError
from agent.studio.queue import StudioError
from agent.trace.wording import visible
from configs.errors import SettingsError
from tools.backend.protocol import BackendError
from tools.images import PictureError

if TYPE_CHECKING:
    from types import TracebackType

SAID = (StudioError, SessionError, RunError, SettingsError, PictureError, BackendError, ValueError)
"""Errors whose message is for the person."""


class saying:
    """A block whose errors are said on the page; others go on."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, SAID):
            return False
        notify(str(error), wrong=True)
        return True


def notify(text: str, *, wrong: bool = False) -> None:
    """Show a message for a while, a problem until it is closed; a text is shown as it stands."""
    if wrong:
        close = [{"label": "Close", "color": "white"}]
        ui.notify(visible(text), type="negative", position="bottom", timeout=0, multi_line=True, actions=close)
    else:
        ui.notify(visible(text), position="bottom", timeout=6000)
