"""The objects of a picture while an instruction about them is worked out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.offline.lexer import joined
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.scene.box import Box
    from tools.scene.layout import PlacedObject
    from tools.scene.operations import Depth


@dataclass
class Item:
    """An object while an instruction is worked out.

    ``original`` is what the picture holds of it, ``model`` what the picture, or the other or earlier one named by
    ``picture``, holds of another that it is a copy of, ``depth`` what it is before or behind from now on.
    """

    id: str
    name: str
    attributes: tuple[str, ...]
    box: Box
    original: PlacedObject | None = None
    model: PlacedObject | None = None
    picture: str = ""
    depth: Depth | None = None

    @property
    def phrase(self) -> str:
        """What it is called: "red car"."""
        return Query(name=self.name, attributes=self.attributes).phrase

    @property
    def seen(self) -> PlacedObject | Item:
        """The object as the picture shows it: "the left dog" is the one that is left now, whatever moves."""
        return self.original or self


@dataclass
class Scene:
    """The objects as they stand, and what was spoken of: the newest last; ``notes``: what is to be said about it."""

    items: list[Item]
    focus: list[Item] = field(default_factory=list)
    last_name: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Every noun that means something here."""
        return list(dict.fromkeys(name for item in self.items for name in (item.seen.name, item.name)))

    def boxes(self, *but: Item) -> list[Box]:
        """Return where everything is, except the given items."""
        return [item.box for item in self.items if item not in but]


def names_of(items: Iterable[Item]) -> str:
    """Return "dog #1 (brown dog) and cup #1"."""
    return joined((f"{item.id} ({item.phrase})" if item.attributes else item.id for item in items), "and") or "nothing"
