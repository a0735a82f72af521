"""Runs a batch, a generation or a conversation slowly from the command line, to be killed by a test.

One process loads the libraries and forks a child for each line "FOLDER<tab>ARGUMENT<tab>ARGUMENT...".
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from agent.cli import batch, chat
from agent.cli import run as commands
from agent.cli.app import app
from configs.settings import Settings
from tests.agent.jobs import START
from tests.agent.killable import Slow


class Patient(Slow):
    """Serves items with thresholds of their own too."""

    def with_settings(self, settings: Settings) -> Patient:
        return self


def work(folder: Path, arguments: list[str]) -> int:
    """Do what the command line says in ``folder``, with what a person would type in ``typed.txt``."""
    os.chdir(folder)
    for module in (commands, batch, chat):
        module.make_backend = lambda settings: Patient(Path("edits.txt").absolute(), START)  # type: ignore[attr-defined]
    batch.choose_preset = lambda picture: "iconworld"  # these pictures are of neither kind
    typed = Path("typed.txt")
    with Path("said.txt").open("w") as said, redirect_stdout(said), redirect_stderr(said):
        if typed.exists():
            sys.stdin = typed.open()
        return int(app(arguments, standalone_mode=False) or 0)


def serve() -> None:
    """Fork a child for each line; print its id and, after another line, how it ended."""
    for line in sys.stdin:
        folder, *arguments = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            os._exit(work(Path(folder), arguments))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the child's id stays its own, so that a late kill hits nothing else
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
