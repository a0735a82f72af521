"""One checkable demand on a picture, and how it reads in plain words.

Knows what is demanded, not how it is checked: that is `tools.scene.checking`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tools.scene.box import Box
from tools.scene.layout import ObjectId
from tools.scene.lexicon import number_word, plural
from tools.scene.spec import GROUP_PREDICATES, PICTURE_PREDICATES, Frozen, Predicate, Query, Size

Kind = Literal[
    "count",
    "attribute",
    "every",
    "size",
    "relation",
    "number",
    "placed",
    "kept",
    "absent",
    "clean",
    "setting",
    "unchecked",
]
PICTURE_KINDS: frozenset[Kind] = frozenset({"clean", "setting", "unchecked"})
"""Demands that are not about objects: a detector is not asked for them, and a solver does not place them."""
RANKS: dict[Size | None, int] = {"tiny": -2, "small": -1, None: 0, "large": 1, "huge": 2}
ANYTHING = Query(name="anything")
LEFTOVER = Query(name="leftover")
"""What is found where an edit left something behind that is no object."""


class Requirement(Frozen):
    """One demand on a picture.

    - count: ``bound`` ``count`` objects of the name, whatever their attributes.
    - attribute: at least ``count`` of them have the attributes, and lack what they must not have ("at most" as the
      ``bound``: at most so many); with a ``box``, the one there has them. every: all of the name do.
    - size: the query's objects have its size, compared with the ``objects``, or else with the picture.
    - relation: ``count`` subjects stand in ``predicate`` to the ``objects`` (none: to the picture, or, for a
      group, to each other; then the group is the query's objects and those of ``objects``, so many as ``counts``).
    - number: there are more, fewer, ... of the query's objects than of the other's.
    - placed: the object is at ``box``, and more there than where it ``was``. kept: it is still there.
    - absent: nothing like it in the picture; with a ``box``, nothing like it there.
    - clean: where the turn's edits worked, nothing was left that is no object. An editor that fills such places says
      when it is not so.
    - setting: what the scene is set in is ``said``, the name of a backdrop; told from the pixels around the objects.
    - unchecked: ``said``, a part of the sentence that no detector can check.
    """

    kind: Kind
    query: Query = ANYTHING
    count: int = Field(default=1, ge=1, le=5000)
    bound: Literal["exactly", "at least", "at most"] = "exactly"
    predicate: Predicate | None = None
    factor: float | None = None
    objects: tuple[Query, ...] = Field(default=(), max_length=50)
    counts: tuple[int, ...] = Field(default=(), max_length=50, description="of a group or a size: how many of each")
    object_count: int = Field(default=1, ge=1, le=5000, description="how many things a directional relation must face")
    box: Box | None = None
    was: Box | None = Field(default=None, description="where a moved object stood before; a short way must be seen too")
    id: ObjectId | None = Field(default=None, description="of the layout's object that is meant")
    said: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> Requirement:
        if self.kind in {"placed", "kept"} and self.box is None:
            raise ValueError(f"a {self.kind!r} requirement needs a box")
        if self.kind in {"setting", "unchecked"} and not self.said:
            raise ValueError(f"a requirement of kind {self.kind!r} needs the words")
        if self.kind in {"relation", "number"}:
            if self.predicate is None:
                raise ValueError(f"a {self.kind!r} requirement needs a predicate")
            if self.predicate in GROUP_PREDICATES:
                if len(self.counts) != 1 + len(self.objects):
                    raise ValueError(f"{self.predicate!r} needs a count of each")
                return self
            expected = 0 if self.predicate in PICTURE_PREDICATES else 2 if self.predicate == "between" else 1
            if len(self.objects) != expected:
                raise ValueError(f"{self.predicate!r} takes {expected} objects, not {len(self.objects)}")
        return self

    @property
    def text(self) -> str:
        """The demand in plain words: "exactly two cars", "a cat left of a dog"."""
        phrase, place = self.query.phrase, "" if self.box is None else f" at {[round(v, 2) for v in self.box]}"
        match self.kind:
            case "count":
                return f"{self.bound} {counted(self.count, phrase)}"
            case "every":
                return f"all {plural(self.query.name)} {_looks(self.query)}"
            case "size":
                beside = " and ".join(f"the {query.phrase}" for query in self.objects)
                return f"{counted(self.count, phrase)} {f'beside {beside}' if beside else 'in the picture'}"
            case "relation":
                return self._related(phrase)
            case "number":
                return f"{self.predicate} {plural(self.objects[0].phrase)}: {plural(phrase)}"
        most = "at most " if self.bound == "at most" else ""
        plain = {
            "attribute": f"{phrase}{place}" if self.box else f"{most}{counted(self.count, phrase)}",
            "placed": f"{phrase}{place}",
            "kept": f"{phrase} still{place}",
            "absent": f"no {phrase}{place}",
            "clean": "nothing else there",
            "setting": f"{self.said} for the setting",
            "unchecked": f"{self.said!r}",
        }
        return plain[self.kind]

    def _related(self, phrase: str) -> str:
        if self.counts:  # a group
            members = zip((self.query, *self.objects), self.counts, strict=True)
            return f"{' and '.join(counted(count, member.phrase) for member, count in members)} {self.predicate}"
        others = " and ".join(query.phrase for query in self.objects)
        predicate: str = self.predicate or ""
        if predicate == "as big as" and self.factor not in {None, 1}:
            predicate = f"{self.factor:g} times as big as"
        return f"{counted(self.count, phrase)} {predicate} {others}".rstrip()


def counted(count: int, phrase: str) -> str:
    """Return "one red car", "two red cars", "no red car"."""
    if count == 0:
        return f"no {phrase}"
    return f"{number_word(count)} {phrase if count == 1 else plural(phrase)}"


def _looks(query: Query) -> str:
    return " and ".join([*query.attributes, *(f"not {word}" for word in query.lacks)])
