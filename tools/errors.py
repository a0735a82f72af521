"""The two kinds of failure a tool may answer with; anything else is a bug and propagates."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import ToolException

Failure = Literal["final", "refused"]
"""What the artifact of a failed answer may say under "failure": no arguments can mend the call, or a person said no."""


class ToolError(ToolException):
    """A call that the model can mend: the message says what failed, which value, and what to try next."""


class FinalToolError(ToolError):
    """A call that no other arguments can mend: nothing that is asked for can be done."""
