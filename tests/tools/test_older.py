from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agent.run.checkpoints import StrictSerializer
from agent.trace.events import VERSION, read_trace
from graphs.state import Usage
from tools.backend.protocol import Cost
from tools.images import ImageStore
from tools.older import renamed
from tools.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path


def test_names_change_however_deep_they_lie() -> None:
    old = {"usage": {"unet_evaluations": 3}, "list": [{"unet_evaluations": 1}, "unet_evaluations"]}
    assert renamed(old) == {"usage": {"model_evaluations": 3}, "list": [{"model_evaluations": 1}, "unet_evaluations"]}


def test_an_older_trace_is_read(tmp_path: Path) -> None:
    line = {"v": VERSION, "seq": 1, "event": "step", "update": {"usage": {"unet_evaluations": 12}}}
    (tmp_path / "trace.jsonl").write_text(json.dumps(line) + "\n")
    (event,) = read_trace(tmp_path / "trace.jsonl")
    assert event["update"]["usage"] == {"model_evaluations": 12}


def test_a_drawing_that_was_kept_is_found_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.remember("key", {"image": "1", "cost": {"unet_evaluations": 8, "seconds": {}}})
    record = store.recall("key")
    assert record is not None
    assert Cost(**record["cost"]).model_evaluations == 8


def test_an_older_checkpoint_keeps_what_was_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    serializer = StrictSerializer(Redactor(()))
    with monkeypatch.context() as before:
        before.setattr(Usage, "model_dump", lambda *_, **__: {"unet_evaluations": 7, "cost": 0.5})
        written = serializer.dumps_typed(Usage())
    assert serializer.loads_typed(written) == Usage(model_evaluations=7, cost=0.5)
