"""The names that the project installs are this repository's own, and importing them does nothing."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("agent", "configs", "evals", "graphs", "iconworld", "prompts", "sld", "tools")


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


@pytest.mark.parametrize("name", NAMES)
def test_every_package_ships_its_types(name: str) -> None:
    assert (ROOT / name / "py.typed").is_file()
