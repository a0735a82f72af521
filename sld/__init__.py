"""The public face: what a program needs to make, correct and talk about pictures.

    import sld

    result = sld.run("a red car and two cups")
    print(result.agreed, result.image)

Importing it loads nothing heavy: each name is fetched when it is first used.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sld.shadows import find_shadow

if TYPE_CHECKING:
    from agent.models.backend import make_backend
    from agent.run.driver import Job, RunResult
    from agent.session.session import Session
    from agent.session.turn_result import TurnResult
    from configs.settings import Settings, load_settings
    from sld.programs import run
    from tools.backend.protocol import Backend

__all__ = [
    "Backend",
    "Job",
    "RunResult",
    "Session",
    "Settings",
    "TurnResult",
    "__version__",
    "load_settings",
    "make_backend",
    "run",
]

_HOMES = {
    "Backend": "tools.backend.protocol",
    "Job": "agent.run.driver",
    "RunResult": "agent.run.driver",
    "Session": "agent.session.session",
    "Settings": "configs.settings",
    "TurnResult": "agent.session.turn_result",
    "load_settings": "configs.settings",
    "make_backend": "agent.models.backend",
    "run": "sld.programs",
}

if shadow := find_shadow():
    if Path(sys.argv[0]).stem in ("sld", "-m"):  # the command: a person gets the sentence, without a stack trace
        raise SystemExit(f"sld: {shadow}")
    raise ImportError(shadow, name="sld")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("sld-agent")
    if name not in _HOMES:
        raise AttributeError(f"module 'sld' has no attribute {name!r}: it offers {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
