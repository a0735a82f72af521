"""What a sentence has demanded so far: a `SceneSpec` in the making. Knows what was named, not the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.lexer import Cursor
from agent.offline.vocabulary import PLACE_PREPOSITIONS
from tools.scene.spec import SceneObject, SceneSpec

if TYPE_CHECKING:
    from agent.offline.nouns import NounPhrase
    from tools.scene.spec import Relation


HINT = (
    "a scene is made of objects with numbers and attributes ('two red cars'), places ('left of', 'right of', 'above', "
    "'below', 'on top of', 'next to', 'between', 'on the left', 'at the top', 'in the middle'), what must not be there "
    "('without dogs') and a background ('on a beach at night')"
)


class Draft:
    """The objects, relations, absent things and background of a sentence that is being read."""

    def __init__(self, text: str) -> None:
        self.words = Cursor(text)
        self.counts: dict[tuple[str, tuple[str, ...]], int] = {}
        self.relations: list[Relation] = []
        self.absent: list[str] = []
        self.style: list[str] = []
        self.background: list[str] = []
        self.finish: list[str] = []  # style words after the scene: "highly detailed"
        self.mentioned: list[str] = []  # phrases, in the order of the text
        self.open: list[str] = []  # objects named since the last relation: "a cat and a dog are ..." is about all
        self.shared_noun = False  # "a red and a blue car"
        self.subject = ""  # what a relation after "and" is about
        self.row: list[str] | None = None  # "from left to right: ..."

    def _first(self) -> bool:
        return not self.counts and not self.background

    def _demand(self, phrase: NounPhrase) -> str:
        """Add the object, or find the one that is meant; return its phrase."""
        known = self._known(phrase) if phrase.definite else None
        if known is None:
            count = phrase.count
            if count is None and not phrase.determiner and " " in phrase.name and " of " not in phrase.name:
                self.words.fail(f"write 'a {phrase.name}' or a number, if it is one object", phrase.start, phrase.end)
            if count is None and phrase.plural:
                self.words.fail("say how many, such as 'two'", phrase.start, phrase.end)
            if count == 0:
                self.absent.append(phrase.phrase)
                return phrase.phrase
            key = (phrase.name, phrase.attributes)
            self.counts[key] = self.counts.get(key, 0) + (1 if count is None else count)
            known = phrase.phrase
        self.mentioned.append(known)
        self.open.append(known)
        if self.row is not None:
            self.row.append(known)
        return known

    def _known(self, phrase: NounPhrase) -> str | None:
        """Return the phrase of the object mentioned before that a definite phrase means, if any."""
        fitting = [
            " ".join([*attributes, name])
            for name, attributes in self.counts
            if name == phrase.name and set(phrase.attributes) <= set(attributes)
        ]
        if len(fitting) > 1 and phrase.phrase not in fitting:
            self.words.fail(f"it can mean {' or '.join(fitting)}", phrase.start, phrase.end)
        return phrase.phrase if phrase.phrase in fitting else (fitting[0] if fitting else None)

    def _describe(self, about: str, found: tuple[str, ...]) -> None:
        for (name, attributes), count in list(self.counts.items()):
            if " ".join([*attributes, name]) == about:
                new = tuple(dict.fromkeys([*attributes, *found]))
                self.counts = {
                    (key if key != (name, attributes) else (name, new)): value for key, value in self.counts.items()
                }
                self.counts[(name, new)] = count
                phrase = " ".join([*new, name])
                self.mentioned = [phrase if one == about else one for one in self.mentioned]
                self.subject = phrase if self.subject == about else self.subject
                self.relations = [
                    relation.model_copy(
                        update={
                            "subject": phrase if relation.subject == about else relation.subject,
                            "object": " and ".join(
                                phrase if part == about else part for part in relation.object.split(" and ")
                            ),
                        }
                    )
                    for relation in self.relations
                ]

    def _spec(self) -> SceneSpec:
        for name, attributes in self.counts:
            phrase = " ".join([*attributes, name])
            if phrase in self.absent or name in self.absent:
                self.words.fail(f"{phrase!r} is both demanded and excluded; say which one you mean", 0)
        objects = tuple(
            SceneObject(name=name, attributes=attributes, count=count)
            for (name, attributes), count in self.counts.items()
            if count
        )
        if not (objects or self.absent or self.background or self.style):
            self.words.fail(HINT, 0)
        return SceneSpec(
            objects=objects,
            relations=tuple(dict.fromkeys(self.relations)),
            absent=tuple(dict.fromkeys(self.absent)),
            background=self._background_text(),
        )

    def _background_text(self) -> str:
        place = " ".join(self.background)
        first, _, rest = place.partition(" ")
        bare = rest if first.lower() in {"on", "in"} and not rest.startswith(("front of", "the middle")) else place
        style = " of ".join(self.style)
        if style and place:
            scene = (
                f"{style} {place}" if bare == place and self._begins_with_preposition(place) else f"{style} of {bare}"
            )
        else:
            scene = style or bare
        return ", ".join(filter(None, [scene, *self.finish]))

    @staticmethod
    def _begins_with_preposition(place: str) -> bool:
        return Cursor(place).sees(PLACE_PREPOSITIONS) or place.lower().startswith("with ")
