"""Runs the job of `tests.agent.jobs` slowly, and notes each finished edit in a file: to be killed by a test.

One process loads the libraries and forks a child for each run, so that thirty kills take seconds.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from tests.agent.jobs import FIRST, SECOND, SPEC, run
from tests.scripted import ScriptedChat
from tests.world import World
from tools.backend.protocol import Edited
from tools.scene.layout import Layout
from tools.scene.operations import Operation

PAUSE = 0.04


class Slow(World):
    """Takes its time, so that a kill finds it at work."""

    def __init__(self, log: Path, start: Layout | None = None) -> None:
        super().__init__(start)
        self.log = log

    def detect(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(PAUSE)
        return super().detect(*args, **kwargs)

    def edit(self, image: Any, operations: Sequence[Operation], *args: Any, **kwargs: Any) -> Edited:
        time.sleep(PAUSE)
        edited = super().edit(image, operations, *args, **kwargs)
        with self.log.open("a") as file:
            file.write(operations[0].op + "\n")
        return edited


def decide(messages: list[BaseMessage]) -> AIMessage:
    """Plan by what was said so far, so that a process that starts in the middle says the same."""
    time.sleep(PAUSE)
    return SECOND if any(message.type == "ai" for message in messages) else FIRST


class Talker(ScriptedChat):
    """Answers by what it is asked, not by how often."""

    def with_structured_output(self, *args: Any, **kwargs: Any) -> Any:
        self.script, self.position = [SPEC], 0
        return super().with_structured_output(*args, **kwargs)

    def bind_tools(self, *args: Any, **kwargs: Any) -> Any:
        self.script, self.position = [decide], 0
        return super().bind_tools(*args, **kwargs)


def serve() -> None:
    """Fork a child for each line "RUN_FOLDER<tab>EDITS_FILE"; print its id and, after another line, how it ended."""
    for line in sys.stdin:
        folder, log = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            result = run(Path(folder), chat=Talker(), world=Slow(Path(log)))
            os._exit(0 if result.agreed and result.rounds == 2 else 1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the child's id stays its own, so that a late kill hits nothing else
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
