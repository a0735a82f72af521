"""What holds for every test: loopback only, no model hub, any order, and nothing of the person who runs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

# Threads that spin while they wait take the cores from other workers: a test of milliseconds then takes minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is loaded

OTHERS = ("OPENAI_", "LANGSMITH_", "LANGCHAIN_", "OTEL_", "SLD_")
TERMINALS = ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith(OTHERS) and name != "SLD_WEIGHTS") or name in TERMINALS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,::1,localhost")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """After a failure, say how to have the same order again (`pytest -q` leaves out the header that says it)."""
    seed = getattr(config.option, "randomly_seed", None)
    if exitstatus and isinstance(seed, int):
        terminalreporter.write_line(f"the same order again: --randomly-seed={seed}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run one real Postgres for all tests that ask for it."""
    with postgres.serving() as address:
        yield address


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """Make an empty database."""
    with postgres.database(postgres_server) as url:
        yield url
