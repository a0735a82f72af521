"""What the page about the server tells to type works as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.served import served
from tests.agent.web.test_api import png
from tests.killing import ROOT
from tests.world import World, scene, truth
from tools.images import open_picture

PAGE = (ROOT / "docs" / "http.md").read_text()
ADDRESS = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_commands_for_curl(tmp_path: Path) -> None:
    (tmp_path / "desk.png").write_bytes(png())
    with served(tmp_path / "sessions") as server:
        for block in blocks("sh"):
            script = "set -eu\n" + block.replace(ADDRESS, server.url)
            done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
            assert '"error":{' not in done.stdout
            assert "event: ended" in done.stdout
    assert "blue cup" in [placed.phrase for placed in truth(open_picture(tmp_path / "result.png")).objects]


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_programs(tmp_path: Path, number: int) -> None:
    (tmp_path / "desk.png").write_bytes(png())
    world = World(scene(("red car", [0.1, 0.5, 0.3, 0.3])))
    with served(tmp_path / "sessions", world) as server:
        program = blocks("python")[number].replace(ADDRESS, server.url)
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    assert "True" in done.stdout or '"agreed": true' in done.stdout
