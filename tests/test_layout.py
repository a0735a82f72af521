"""The names that the project installs are this repository's own, and importing them does nothing."""

import ast
import importlib
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
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


def imported(file: Path) -> set[str]:
    """Return the top-level names that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain} | {
        node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module
    }


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}
    installed = packages_distributions()

    used = {name for package in NAMES for file in (ROOT / package).rglob("*.py") for name in imported(file)}
    foreign = used - set(NAMES) - sys.stdlib_module_names - {"mobile_sam"}  # brought to a process of its own
    homes = {name: {one.lower().replace("_", "-") for one in installed.get(name, [name])} for name in foreign}
    assert {name for name, distributions in homes.items() if not distributions & declared} == set()
