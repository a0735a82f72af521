"""``import sld``: light, complete, and plain about folders that stand in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import sld
from agent.run.driver import Job, RunResult
from agent.session.session import Session
from configs.settings import load_settings
from tools.backend.protocol import Backend

ROOT = Path(sld.__file__).resolve().parents[1]
HEAVY = ("torch", "langchain_core", "langgraph", "pydantic", "numpy", "PIL", "typer")


def python(*arguments: str, cwd: Path, paths: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in (*paths, ROOT))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_importing_it_loads_nothing_heavy(tmp_path: Path) -> None:
    code = f"import sys, sld; print([name for name in {HEAVY} if name in sys.modules])"
    assert python("-c", code, cwd=tmp_path).stdout == "[]\n"


def test_the_command_line_starts_without_torch(tmp_path: Path) -> None:
    code = "import sys, sld.cli, graphs, tools, tools.scene; sys.exit('torch' in sys.modules)"
    assert python("-c", code, cwd=tmp_path).returncode == 0


def test_its_names_are_the_packages_own() -> None:
    assert (sld.Job, sld.RunResult, sld.Session) == (Job, RunResult, Session)
    assert (sld.Backend, sld.load_settings) == (Backend, load_settings)
    assert sld.__version__ == version("sld-agent")


def test_every_promised_name_is_there() -> None:
    assert set(sld.__all__) == set(dir(sld))
    assert all(getattr(sld, name) is not None for name in sld.__all__)


def test_a_name_it_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(AttributeError, match=r"'Sesion'.*Session"):
        _ = sld.Sesion


def test_the_version_is_an_option(tmp_path: Path) -> None:
    assert python("-m", "sld", "--version", cwd=tmp_path).stdout == f"sld {version('sld-agent')}\n"


def shadow(folder: Path, name: str) -> Path:
    """Put another project's package (or, with a suffix, a module) of that name into ``folder``."""
    place = folder / name
    if place.suffix:
        place.write_text("")
    else:
        place.mkdir()
        (place / "__init__.py").write_text("")
    return place


@pytest.mark.parametrize("name", ["tools", "agent", "configs", "evals", "graphs.py"])
def test_importing_it_beside_a_folder_that_shadows_names_that_folder(tmp_path: Path, name: str) -> None:
    place = shadow(tmp_path, name)
    (tmp_path / "script.py").write_text("import sld\n")

    ended = python("script.py", cwd=tmp_path)

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("ImportError: the package ")
    assert repr(str(place)) in last


def test_a_package_that_was_imported_before_shadows_too(tmp_path: Path) -> None:
    place = shadow(tmp_path, "tools")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tools; sys.path.pop(0); import sld"
    assert repr(str(place)) in python("-c", code, cwd=ROOT).stderr.splitlines()[-1]


def test_a_folder_without_code_shadows_nothing(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    ended = python("-c", "import sld; print(sld.Job.__module__)", cwd=tmp_path)
    assert ended.stdout == "agent.run.driver\n", ended.stderr


@pytest.mark.parametrize("way", ["console script", "module"])
def test_the_command_beside_a_folder_that_shadows_says_one_sentence(tmp_path: Path, way: str) -> None:
    place = shadow(tmp_path, "tools")
    if way == "console script":  # what an installer writes
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "sld").write_text("import sys\nfrom sld.cli import main\nsys.exit(main())\n")
        ended = python("bin/sld", "--version", cwd=tmp_path, paths=(tmp_path,))
    else:
        ended = python("-m", "sld", "--version", cwd=tmp_path)

    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("sld: the package 'tools' would come from ")
    assert repr(str(place)) in line
