"""What a sentence has demanded so far: a `SceneSpec` in the making. Knows what was named, not the grammar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.offline.lexer import Cursor
from agent.offline.positions import REGIONS
from agent.offline.sharing import share_out, shared_looks
from agent.offline.speech import is_stuff
from agent.offline.vocabulary import MORE_ATTRIBUTES, PLACE_PREPOSITIONS
from tools.scene.lexicon import COLOURS, attribute, is_attribute
from tools.scene.spec import GROUP_PREDICATES, PICTURE_PREDICATES, Query, Relation, SceneObject, SceneSpec
from tools.scene.wordnet import is_doubtful, is_word

if TYPE_CHECKING:
    from agent.offline.nouns import NounPhrase
    from tools.scene.spec import Bound, Predicate, Size, SizePredicate


HINT = (
    "a scene is made of objects with numbers and attributes ('two red cars'), places ('left of', 'right of', 'above', "
    "'below', 'on top of', 'next to', 'between', 'on the left', 'at the top', 'in the middle'), what must not be there "
    "('without dogs') and a background ('on a beach at night')"
)


_ONE_IN_PLURAL = frozenset({"water", "sky", "sand", "snow", "heaven"})  # "the waters of the lake"


@dataclass(eq=False)
class Thing:
    """Objects of one kind as the sentence names them, and the words that do (``start`` to ``end``)."""

    name: str
    attributes: tuple[str, ...]
    count: int
    bound: Bound = "a"
    lacks: tuple[str, ...] = ()
    size: Size | None = None
    every: bool = False
    start: int = 0
    end: int = 0
    each: tuple[str, ...] = ()  # looks of which each has one: "red and blue cars"

    @property
    def query(self) -> Query:
        return Query(name=self.name, attributes=self.attributes, lacks=self.lacks, size=self.size)

    @property
    def phrase(self) -> str:
        return self.query.phrase

    def describe(self, found: tuple[str, ...]) -> None:
        """Add attributes said afterwards."""
        self.attributes = tuple(dict.fromkeys([*self.attributes, *found]))


@dataclass(eq=False)
class Link:
    """A relation between things that may still be described further."""

    subjects: tuple[Thing, ...]
    predicate: Predicate
    objects: tuple[Thing, ...] = ()
    count: int | None = None
    factor: float | None = None


@dataclass(eq=False)
class Several:
    """Things of one name that are told apart by places and sizes: those named, and the ``rest``."""

    name: str
    number: int
    open: bool  # there may be more
    rest: Thing
    along: str = ""  # "across" or "down"
    parts: dict[int, Thing] = field(default_factory=dict)  # by the place in the row, from 1
    sized: dict[SizePredicate, Thing] = field(default_factory=dict)


@dataclass
class Draft:
    """The objects, relations, absent things and background of a sentence that is being read."""

    words: Cursor
    things: list[Thing] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    background: list[str] = field(default_factory=list)
    finish: list[str] = field(default_factory=list)  # style words after the scene: "highly detailed"
    mentioned: list[Thing | None] = field(default_factory=list)  # in the order of the text; None: a new sentence
    listed: list[Thing] = field(default_factory=list)  # named since the last relation: "a cat and a dog are ..."
    subject: Thing | None = None  # what a relation after "and" is about
    host: Thing | None = None  # what "its" and "it" mean: the table of "a table with a cup on it"
    unnamed: Thing | None = None  # "a red" of "a red and a blue car"
    held: tuple[Thing, Thing] | None = None  # who holds what: "a cat wearing a hat sits on ..." is about the cat
    severals: list[Several] = field(default_factory=list)
    row: list[Thing] | None = None  # "from left to right: ..."
    open_from: int | None = None  # where a clause begins whose words are kept as they stand
    unseen_until: int = -1  # where what was only spoken of ends: "the scent of yeast and flour"
    loose: list[tuple[int, int]] = field(default_factory=list)  # spans of words that nothing checks
    said: list[str] = field(default_factory=list)  # unchecked demands in words of their own: "tall vase"
    notes: list[str] = field(default_factory=list)

    @property
    def last(self) -> Thing | None:
        """What was named last in this sentence."""
        return self.mentioned[-1] if self.mentioned else None

    def _first(self) -> bool:
        return not self.things and not self.background

    def _demand(self, phrase: NounPhrase) -> Thing | None:
        """Add the object, or find the one that is meant; None for "zero dogs"."""
        known = self._known(phrase) if phrase.definite or phrase.every else None
        if known is not None and self._is_elsewhere(known):
            known = None
        if known is None:
            if phrase.count == 0:
                self.absent.append(phrase.phrase)
                return None
            known = self._new(phrase)
            self.things.append(known)
        known.start, known.end = phrase.start, phrase.end
        self.mentioned.append(known)
        self.listed.append(known)
        if self.row is not None:
            self.row.append(known)
        self.unnamed = known if phrase.shared else None
        if phrase.group:
            self.links.append(Link((known,), phrase.group))
        return known

    def _is_elsewhere(self, known: Thing) -> bool:
        """Whether "the cup on the right" follows, and the cup that is known is on the left."""
        sides = REGIONS.at(self.words.tokens, self.words.position)
        has_place = any(link.subjects == (known,) and link.predicate in PICTURE_PREDICATES for link in self.links)
        same = sides is not None and any(
            link.subjects == (known,) and link.predicate in sides[0] for link in self.links
        )
        return sides is not None and has_place and not same

    def _new(self, phrase: NounPhrase) -> Thing:
        count, bound = phrase.count, phrase.bound
        if count is None and phrase.every:
            count, bound = 1, "at least"
        elif count is None and phrase.plural:
            count, bound = (1 if phrase.head in _ONE_IN_PLURAL else 2), "at least"
        elif phrase.determiner not in {"a", "an"} and count in {None, 1} and bound == "a" and is_stuff(phrase.name):
            count, bound = 1, "at least"
        if is_doubtful(phrase.head) and phrase.name not in COLOURS and phrase.name.isascii():
            self.notes.append(f"taking {phrase.name!r} for an object")
        self.notes += [f"taking {word!r} for an attribute" for word in phrase.attributes if not _is_known(word)]
        if phrase.dimensions:
            self.said.append(" ".join([*phrase.dimensions, phrase.name]))
        lacks = tuple(word for word in phrase.attributes if word.startswith("non-"))
        attributes = tuple(word for word in phrase.attributes if word not in lacks)
        lacks = tuple(attribute(word.removeprefix("non-")) for word in lacks)
        each = shared_looks(phrase)
        attributes = tuple(word for word in attributes if word not in each)
        size = None if set(each) & set(phrase.sizes) else phrase.size
        return Thing(phrase.name, attributes, count or 1, bound, lacks, size, phrase.every, each=each)

    def _known(self, phrase: NounPhrase) -> Thing | None:
        """Return the thing mentioned before that a definite phrase means, if any."""
        fitting = [
            thing
            for thing in self.things
            if thing.name == phrase.name
            and set(phrase.attributes) <= set(thing.attributes)
            and phrase.size in {None, thing.size}
        ]
        exact = [thing for thing in fitting if thing.phrase == phrase.phrase]
        if len({thing.phrase for thing in fitting}) > 1 and not exact:
            names = " or ".join(dict.fromkeys(thing.phrase for thing in fitting))
            self.words.unclear(f"it can mean {names}", phrase.start, phrase.end)
        found = exact or fitting
        return found[-1] if found else None

    def _link(
        self,
        subjects: tuple[Thing, ...],
        predicate: Predicate,
        objects: tuple[Thing, ...] = (),
        *,
        count: int | None = None,
        factor: float | None = None,
    ) -> None:
        self.links.append(Link(subjects, predicate, objects, count, factor))

    def _keep(self, start: int, end: int) -> None:
        """Keep the words from ``start`` to ``end`` as a demand that nothing checks."""
        self.loose.append((start, end))

    # the spec

    def _spec(self) -> SceneSpec:
        self.things, self.links = share_out(self.things, self.links)
        objects = self._objects()
        self._keep_every()
        for wanted in objects:
            if wanted.phrase in self.absent or wanted.name in self.absent:
                self.words.unclear(f"{wanted.phrase!r} is both demanded and excluded; say which one you mean", 0)
        if not (objects or self.absent or self.background or self.style):
            self.words.fail(HINT, 0)
        return SceneSpec(
            objects=objects,
            relations=tuple(dict.fromkeys(self._relation(link) for link in self.links)),
            absent=tuple(dict.fromkeys(self.absent)),
            background=self._background_text(),
            unchecked=tuple(dict.fromkeys([*self._loose_texts(), *self.said])),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _keep_every(self) -> None:
        """Keep "every chair has a cat on it": that one chair has one is checked, that all have is not."""
        for link in self.links:
            for thing in link.subjects + link.objects:
                if thing.every:
                    parts = [" and ".join(one.phrase for one in side) for side in (link.subjects, link.objects)]
                    text = f"{parts[0]} {link.predicate} {parts[1]}".strip()
                    self.said.append(text.replace(thing.phrase, f"every {thing.phrase}", 1))

    def _objects(self) -> tuple[SceneObject, ...]:
        """Return the things, alike ones added up: "a dog and another dog" are two dogs."""
        alike: dict[tuple[Query, bool], list[Thing]] = {}
        for thing in self.things:
            alike.setdefault((thing.query, thing.every), []).append(thing)
        return tuple(
            SceneObject(
                **query.model_dump(),
                count=sum(thing.count for thing in found),
                bound=_bound(found),
                every=every and bool(query.attributes or query.lacks),
            )
            for (query, every), found in alike.items()
        )

    def _relation(self, link: Link) -> Relation:
        subject = link.subjects[0]
        total = sum(thing.count for thing in self.things if thing.query == subject.query)
        facing_itself = any(mention.query == subject.query for mention in link.objects)
        several = link.predicate in GROUP_PREDICATES
        count = link.count or (subject.count if total != subject.count and not facing_itself and not several else None)
        return Relation(
            subject=" and ".join(dict.fromkeys(thing.phrase for thing in link.subjects)),
            predicate=link.predicate,
            object=" and ".join(thing.phrase for thing in link.objects),
            count=None if count == total else count,
            factor=link.factor,
        )

    def _loose_texts(self) -> list[str]:
        spans: list[tuple[int, int]] = []
        for start, end in sorted(self.loose):
            if spans and start <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        texts = [self.words.quote(start, end).strip(" ,.;!") for start, end in spans]
        return [text[:300] for text in texts if text]

    def _background_text(self) -> str:
        place = " ".join(self.background)
        first, _, rest = place.partition(" ")
        bare = rest if first.lower() in {"on", "in"} and not rest.startswith(("front of", "the middle")) else place
        style = " of ".join(dict.fromkeys(self.style))
        if style and place:
            scene = (
                f"{style} {place}" if bare == place and self._begins_with_preposition(place) else f"{style} of {bare}"
            )
        else:
            scene = style or bare
        return ", ".join(filter(None, [scene, *self.finish]))[:400]

    @staticmethod
    def _begins_with_preposition(place: str) -> bool:
        return Cursor(place).sees(PLACE_PREPOSITIONS) or place.lower().startswith("with ")


def _is_known(attribute: str) -> bool:
    known = is_attribute(attribute) or is_word(attribute) or attribute in MORE_ATTRIBUTES
    return known or not attribute.isascii() or not attribute.isalpha()


def _bound(things: list[Thing]) -> Bound:
    bounds = {thing.bound for thing in things}
    if len(things) == 1:
        return things[0].bound
    if "at least" in bounds:
        return "at least"
    return "at most" if bounds == {"at most"} else "exactly"
