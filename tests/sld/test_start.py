"""What starting the program imports, by name: one import in a wrong place brings seconds of waiting back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sld
from tests.photo import needs_networks

ROOT = Path(sld.__file__).resolve().parents[1]
MODELS = ("torch", "transformers", "diffusers", "onnxruntime")
CLIENTS = ("openai", "langchain_openai", "httpx_aiohttp")
GRAPH = ("langgraph", "langchain_core")
HELPERS = ("numpy", "scipy", "ortools", "pandas", "spacy", "PIL", "yaml", "jinja2")

REPORT = """
import json, sys
sys.argv = ["sld", *sys.argv[1:]]
from sld.cli import main
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr)
"""


def loaded_by(*arguments: str, cwd: Path) -> set[str]:
    """Run the command in a process of its own and return which of the packages above it imported."""
    hidden = {"OPENAI_API_KEY", "OPENAI_BASE_URL"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden and not key.startswith("SLD_")}
    ended = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        cwd=cwd,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, names = json.loads(ended.stderr.splitlines()[-1])
    assert code in (0, None), ended.stderr
    return set(names) & {*MODELS, *CLIENTS, *GRAPH, *HELPERS}


@pytest.mark.parametrize("arguments", [("--help",), ("trace", "--help"), ("eval", "--help"), ("generate", "--help")])
def test_help_brings_nothing_but_the_commands_themselves(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments, cwd=tmp_path) == set()


def test_a_sentence_is_read_without_any_model_or_client(tmp_path: Path) -> None:
    assert not loaded_by("parse", "a red cup and two dogs", cwd=tmp_path) & {*MODELS, *CLIENTS, "spacy"}


def test_runs_are_listed_without_the_graph(tmp_path: Path) -> None:
    assert not loaded_by("trace", "list", cwd=tmp_path) & {*MODELS, *CLIENTS, *GRAPH}


def printed(code: str) -> str:
    """What a new Python prints that runs ``code``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout


def test_what_a_backend_can_do_is_known_before_any_library_of_models_is_there() -> None:
    code = (
        "import sys\n"
        "from configs.settings import load_settings\n"
        "from tools.backend.local import LocalBackend\n"
        "assert all(LocalBackend(load_settings(name, environment={})).capabilities.operations\n"
        "    for name in ('iconworld', 'photo'))\n"
        f"print([name for name in {MODELS} if name in sys.modules])"
    )
    assert printed(code) == "[]\n"


@needs_networks
def test_a_photograph_is_edited_without_torch() -> None:
    code = (
        "import sys\n"
        "from PIL import Image\n"
        "from configs.settings import load_settings\n"
        "from tools.backend.local import LocalBackend\n"
        "from tools.scene.box import Box\n"
        "from tools.scene.layout import Layout, PlacedObject\n"
        "from tools.scene.operations import Remove\n"
        "from tools.scene.spec import Query\n"
        "backend, image = LocalBackend(load_settings('photo', environment={})), Image.new('RGB', (96, 64), 'gray')\n"
        "cup = PlacedObject(id='cup #1', name='cup', box=Box(0.3, 0.3, 0.3, 0.3))\n"
        "backend.detect(image, [Query(name='cup')])\n"
        "backend.edit(image, [Remove(id='cup #1')], Layout(objects=(cup,)))\n"
        f"print([name for name in {MODELS[:3]} if name in sys.modules])"
    )
    assert printed(code) == "[]\n"
