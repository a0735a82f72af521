"""The twelve turns of a scripted conversation, what each must come to, and where pictures are compared by hash.

Runs on any backend: the exact world in every test run, the embedded models in a slow one. What a turn
comes to is read from what the backend's detector sees and, in the exact world, from the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.session.session import Session
from agent.session.turn_result import TurnResult
from tests.world import scene
from tools.scene.layout import Layout, PlacedObject

START = scene(("red car", [0.06, 0.58, 0.3, 0.3]), ("brown dog", [0.64, 0.6, 0.28, 0.28]))


def one(layout: Layout, phrase: str) -> PlacedObject:
    """Return the only object of this phrase ("red cup"; all words must fit)."""
    *attributes, name = phrase.split()
    found = [placed for placed in layout.objects if placed.name == name and set(attributes) <= set(placed.attributes)]
    assert len(found) == 1, (phrase, layout)
    return found[0]


@dataclass
class Talk:
    """The conversation so far; ``pictures`` are the pictures' ids after each of its steps."""

    session: Session
    folder: Path
    pictures: list[str] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)

    def note(self, result: TurnResult) -> TurnResult:
        assert result.image is not None
        self.pictures.append(result.image.stem)
        self.layouts.append(result.layout)
        return result

    def agreed(self, text: str) -> Layout:
        result = self.note(self.session.send(text))
        assert (result.exit, result.agreed) == ("agreed", True), (text, result.detail, result.verdict)
        return result.layout


def add(talk: Talk) -> None:
    layout = talk.agreed("add a blue cup")
    assert one(layout, "blue cup").id == "cup #1"


def recolour_it(talk: Talk) -> None:
    layout = talk.agreed("make it green")
    assert one(layout, "green cup").id == "cup #1"


def move_it(talk: Talk) -> None:
    before = one(talk.layouts[-1], "cup")
    after = one(talk.agreed("move it to the top"), "cup")
    assert after.id == before.id
    assert after.box.center[1] < min(0.4, before.box.center[1])


def swap(talk: Talk) -> None:
    before = talk.layouts[-1]
    after = talk.agreed("swap the car and the dog")
    assert one(before, "car").box.center[0] < one(before, "dog").box.center[0]
    assert one(after, "dog").box.center[0] < one(after, "car").box.center[0]
    assert {one(after, "car").id, one(after, "dog").id} == {"car #1", "dog #1"}


def undo(talk: Talk) -> None:
    result = talk.note(talk.session.send("undo"))
    assert result.image is not None
    assert talk.pictures[-1] == talk.pictures[-3] != talk.pictures[-2]


def branch(talk: Talk) -> None:
    talk.note(talk.session.branch("pets"))
    assert talk.session.branch_name == "pets"
    assert talk.pictures[-1] == talk.pictures[-2]


def question(talk: Talk) -> None:
    result = talk.note(talk.session.send("how many dogs are there?"))
    assert result.exit == "answered"
    assert "one dog" in result.answer
    assert talk.pictures[-1] == talk.pictures[-2]


def replace(talk: Talk) -> None:
    layout = talk.agreed("replace the dog with a white cat")
    assert one(layout, "white cat").id == "cat #1"
    assert not [placed for placed in layout.objects if placed.name == "dog"]


def remove(talk: Talk) -> None:
    layout = talk.agreed("remove the car")
    assert sorted(placed.name for placed in layout.objects) == ["cat", "cup"]


def the_other_one(talk: Talk) -> None:
    layout = talk.agreed("add a red cup at the bottom left")
    new = one(layout, "red cup")
    after = talk.agreed("make the other cup yellow")
    assert one(after, "yellow cup").id == "cup #1" != new.id == one(after, "red cup").id


def retry(talk: Talk) -> None:
    result = talk.note(talk.session.retry())
    assert (result.exit, result.text) == ("agreed", "make the other cup yellow")
    assert one(result.layout, "yellow cup").id == "cup #1"
    tries = [moment for moment in talk.session.history() if moment.text == result.text]
    assert len(tries) == 2
    assert tries[0].parent == tries[1].parent


def save(talk: Talk) -> None:
    saved = talk.session.save(talk.folder / "saved.png")
    current = talk.session.show().image
    assert current is not None
    assert saved.read_bytes() == current.read_bytes()


TURNS: tuple[Callable[[Talk], None], ...] = (
    add, recolour_it, move_it, swap, undo, branch, question, replace, remove, the_other_one, retry, save,
)  # fmt: skip
