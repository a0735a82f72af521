"""Imports in the background: in order, under the lock, and never in anybody's way."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tools.backend.ahead import import_ahead

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return names of modules that were not imported before."""
    names = [f"ahead_sample_{letter}" for letter in "abc"]
    for name in names:
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return names


def test_all_are_imported(modules: list[str]) -> None:
    import_ahead(modules, threading.Lock()).join(10)
    assert all(name in sys.modules for name in modules)


def test_nothing_is_imported_while_the_lock_is_held(modules: list[str]) -> None:
    lock = threading.Lock()
    with lock:
        thread = import_ahead(modules, lock)
        thread.join(0.05)
        assert not any(name in sys.modules for name in modules)
    thread.join(10)
    assert modules[-1] in sys.modules


def test_what_cannot_be_imported_is_left_to_whoever_needs_it(modules: list[str]) -> None:
    import_ahead([modules[0], "no_such_module_anywhere", modules[1]], threading.Lock()).join(10)
    assert modules[0] in sys.modules
    assert modules[1] not in sys.modules
