"""The names that the project installs are this repository's own, and importing them does nothing."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("agent", "configs", "evals", "graphs", "iconworld", "prompts", "tools")


@pytest.mark.parametrize("name", NAMES)
def test_a_top_level_name_resolves_to_this_repository(name: str) -> None:
    found = importlib.import_module(name).__file__

    assert found is not None, f"{name} is a namespace package: it needs an __init__.py"
    assert Path(found).resolve() == ROOT / name / "__init__.py"


def test_every_folder_of_code_is_a_package() -> None:
    folders = {file.parent for name in NAMES for file in (ROOT / name).rglob("*.py")}

    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys, agent.cli.app, graphs, tools, tools.scene; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
