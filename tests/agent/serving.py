"""A real ``sld serve`` in a process of its own, to be measured and killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.killing import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Process:
    """A server, where it is, and how to ask it something."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """Kill it at once, as the system would when memory runs out."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Process]:
    """Start ``sld serve`` on a free port in a folder, until the end of the block."""
    command = [sys.executable, "-m", "sld", "serve", "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"(http://127\.0\.0\.1:\d+)/api", line):
                    break
            else:
                raise AssertionError("the server did not start")
            with httpx.Client(base_url=found[1], timeout=300) as client:
                yield Process(process, client)
        finally:
            process.terminate()
            process.wait()
