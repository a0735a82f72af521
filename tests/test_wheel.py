"""The built wheel in an environment of its own, used from outside the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs.preset_files import preset_names
from sld.shadows import PACKAGES

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Installed:
    """A wheel and the environment that holds it; every command runs in ``place``, which knows no repository."""

    wheel: Path
    bin: Path
    place: Path

    def __call__(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.place,
            env=kept | {"HOME": str(self.place)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # What it depends on comes from here. A folder that a .pth file adds has its own .pth files ignored,
    # so that an editable install of the repository stays out.
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    (folder / "elsewhere").mkdir()
    return Installed(wheel, python.parent, folder / "elsewhere")


def test_every_file_of_the_packages_is_in_the_wheel(installed: Installed) -> None:
    here = {
        file.relative_to(ROOT).as_posix()
        for name in ("sld", *PACKAGES)
        for file in (ROOT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    there = zipfile.ZipFile(installed.wheel).namelist()
    assert here - set(there) == set()
    assert {name.split("/")[0] for name in there if ".dist-info/" not in name} == {"sld", *PACKAGES}


def test_import_sld_finds_the_installed_packages(installed: Installed) -> None:
    code = "import sld; print(sld.__file__); print(sld.run.__module__, sld.load_settings().editor.path)"
    ended = installed("python", "-c", code)
    assert ended.returncode == 0, ended.stderr
    where, what = ended.stdout.splitlines()
    assert Path(where).is_relative_to(installed.bin.parent)
    assert what == "sld.programs package:iconworld/weights/generator"


def test_the_command_says_its_version_and_its_presets(installed: Installed) -> None:
    assert installed("sld", "--version").stdout.startswith("sld ")
    assert all(name in installed("sld", "presets").stdout for name in preset_names())


def test_a_picture_is_generated_with_a_report(installed: Installed) -> None:
    ended = installed("sld", "generate", "a red car", "--rounds", "0", "--json", "--out", "run")
    assert ended.returncode in (0, 3), ended.stderr  # agreed, or not: that is the model's affair
    result = json.loads(ended.stdout)
    assert (installed.place / result["image"]).is_file()
    assert (installed.place / "run" / "report.html").is_file()


def test_prompts_and_templates_are_found(installed: Installed) -> None:
    code = "import prompts, evals.lmd.report; from importlib import resources; print(prompts.render('reminder'))"
    ended = installed("python", "-c", code)
    assert ended.returncode == 0, ended.stderr


def test_the_console_script_says_one_sentence_about_a_shadow(installed: Installed) -> None:
    (installed.place / "other" / "tools").mkdir(parents=True)
    (installed.place / "other" / "tools" / "__init__.py").touch()
    ended = installed("sld", "--version", PYTHONPATH=str(installed.place / "other"))
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert repr(str(installed.place / "other" / "tools")) in line
