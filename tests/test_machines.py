"""Tests that compute, once more as on other machines: another processor's arithmetic, other threads and folders."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPUTING = ("iconworld", "tools/backend", "evals")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="torch has these kernels on x86 only")
@pytest.mark.parametrize(("kernels", "threads"), [("default", "2"), ("avx2", "1")])
def test_what_computes_passes_on_another_machine(kernels: str, threads: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    machine = {"ATEN_CPU_CAPABILITY": kernels, "OMP_NUM_THREADS": threads, "HOME": os.devnull}
    tests = [str(ROOT / "tests" / folder) for folder in COMPUTING]
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *settings, *tests],
        cwd=tmp_path,
        env=kept | machine,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5000:]
