"""Holds the conversation of `tests.agent.conversation` slowly, a step at a time, to be killed by a test.

One process loads the libraries and forks a child for each line "FOLDER". A child goes on where the last
one was killed: which step that is follows from the session alone, as it would for a person who looks.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.offline.planner import OfflinePlanner
from agent.session.session import Session
from tests.agent.conversation import START
from tests.world import World, draw, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.backend.protocol import Edited
    from tools.scene.operations import Operation

PAUSE = 0.02
SETTINGS = settings(
    detector={
        "vocabulary": ["car", "dog", "cup", "cat"],
        "attributes": ["red", "blue", "green", "yellow", "white", "brown"],
    }
)
TEXTS = (
    "add a blue cup", "make it green", "move it to the top", "swap the car and the dog",
    "how many dogs are there?", "replace the dog with a white cat", "remove the car",
    "add a red cup at the bottom left", "make the other cup yellow",
)  # fmt: skip


class Slow(World):
    """Takes its time, and notes each finished edit in a file."""

    def __init__(self, log: Path) -> None:
        super().__init__()
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


def steps(session: Session, folder: Path) -> list[tuple[Callable[[], bool], Callable[[], Any]]]:
    """Return the steps, each with how to tell that it is done already."""

    def texts() -> list[str]:
        return [moment.text for moment in session.history()]

    def send(text: str) -> tuple[Callable[[], bool], Callable[[], Any]]:
        return lambda: text in texts(), lambda: session.send(text)

    first, last = [send(text) for text in TEXTS[:4]], [send(text) for text in TEXTS[4:]]
    names = {"pets": lambda: {name for moment in session.history() for name in moment.branches} >= {"pets"}}
    undone = lambda: names["pets"]() or session.show().text == TEXTS[2]  # noqa: E731 - a table of steps
    return [
        *first,
        (undone, session.undo),
        (names["pets"], lambda: session.branch("pets")),
        *last,
        (lambda: texts().count(TEXTS[-1]) == 2, session.retry),
        ((folder / "saved.png").exists, lambda: session.save(folder / "saved.png")),
    ]


def talk(folder: Path) -> None:
    """Do every step that is not done yet."""
    path = folder / "session"
    begun = (path / "run.json").exists()
    with Session.open(
        path,
        image=None if begun else draw(START),
        settings=SETTINGS,
        backend=Slow(folder / "edits"),
        chat=OfflinePlanner(),
    ) as session:
        if session.unfinished:
            session.resume()
        for done, do in steps(session, folder):
            if not done():
                do()


def serve() -> None:
    """Fork a child for each line; print its id and, after another line, how it ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            talk(Path(line.rstrip("\n")))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the child's id stays its own, so that a late kill hits nothing else
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
