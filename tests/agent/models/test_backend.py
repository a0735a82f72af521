"""What is missing on a machine is said before anything is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agent.models.backend import make_backend
from configs.errors import SettingsError
from configs.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("hidden", ["onnxruntime", "ai_edge_litert"])
@pytest.mark.parametrize("weights_too", [False, True])
def test_the_preset_for_photographs_names_the_extra_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str, weights_too: bool
) -> None:
    for file in () if weights_too else _names():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setenv("SLD_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(SettingsError) as raised:
        make_backend(load_settings("photo", environment={}))
    assert "pip install 'sld-agent[photo]'" in str(raised.value)
    assert ("sld weights get photo" in str(raised.value)) == weights_too


def test_a_preset_without_such_files_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    make_backend(load_settings("iconworld", environment={}))


@pytest.mark.parametrize("hidden", ["torch", "diffusers", "transformers"])
def test_photographs_need_no_library_of_models_that_draw(tmp_path: Path, hidden: str) -> None:
    for file in _names():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    code = (
        f"import sys; sys.modules[{hidden!r}] = None\n"
        "from agent.models.backend import make_backend\n"
        "from configs.settings import load_settings\n"
        "make_backend(load_settings('photo', environment={}))\n"
        "print('made')\n"
    )
    environment = {**os.environ, "SLD_WEIGHTS": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "made\n", done.stderr


def _names() -> list[str]:
    settings = load_settings("photo", environment={})
    parts = (settings.detector, settings.segmenter, settings.inpainter)
    paths = [getattr(part, key) for part in parts for key in ("path", "decoder") if hasattr(part, key)]
    return [path.removeprefix("weights:") for path in paths]
