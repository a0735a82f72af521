"""The scene grammar: a sentence becomes a `SceneSpec`, or is refused with the words that are not understood.

A sentence is an optional head ("a realistic photo of"), then items parted by "and", "," or "with": noun
phrases, places and times (the background), negations, and relations, which attach to the nearest noun
phrase on their left, or after "and" to the one that the relation before was about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.draft import HINT
from agent.offline.lexer import Phrases, phrases
from agent.offline.nouns import is_adjective, read_attributes
from agent.offline.surroundings import STOPS, Surroundings
from agent.offline.vocabulary import (
    AND,
    BACKGROUND,
    CLOSED,
    COPULA,
    HAS,
    IN_THE_PICTURE,
    ITS,
    OPENERS,
    PAINTED,
    PICTURE_SIDES,
    PLACES,
    STYLE_LINKS,
    STYLE_NOUNS,
    THERE_IS,
    TWO_SIDED,
    UNKNOWN_RELATIONS,
    WITHOUT,
)
from tools.scene.lexicon import is_attribute
from tools.scene.spec import Relation, SceneSpec

if TYPE_CHECKING:
    from tools.scene.spec import Predicate

_ONE_OF = Phrases({"one": 1, "the other": 1, "another": 1, "the other one": 1, "the first": 1, "the second": 1,
                   "two": 2, "the other two": 2, "three": 3, "the third": 1, "both": 2})  # fmt: skip
_PICTURES = frozenset({"scene", "photo", "photograph", "picture", "image", "view", "shot"})


def parse_scene(text: str) -> SceneSpec:
    """Read a sentence about a picture.

    Raises:
        CannotParse: words that the grammar does not know, vague amounts, or a contradiction.
    """
    return _Scene(text).read()


class _Scene(Surroundings):
    """Reads item after item; every ``_read_*`` takes words only when it understands them."""

    def read(self) -> SceneSpec:
        words = self.words
        while not words.done:
            self.subject, self.open = "", []
            self.mentioned.append("")  # a new sentence: nothing to the left to attach to
            self._read_head()
            self._read_items()
            while words.take_word(*STOPS):
                pass
        return self._spec()

    # the head: "a realistic photo of a scene with"

    def _read_head(self) -> None:
        words = self.words
        while words.accept(OPENERS):
            words.take_word(",", ":")
        while (end := self._head_end()) is not None:
            start = words.position
            words.position = end
            text = words.quote(start, end)
            if words.word(-1) != "image" or text.lower().split()[0] not in {"the", "this"}:
                self.style.append(text)
            if not (words.sees(WITHOUT) or words.accept(STYLE_LINKS)):
                words.take_word(",", ":")
                break

    def _head_end(self) -> int | None:
        """Return where the head at the position ends, if there is one."""
        words = self.words
        at = words.position
        for ahead in range(9):
            word = words.word(ahead)
            if word in STYLE_NOUNS and words.word(ahead + 1) not in STYLE_NOUNS:
                following = at + ahead + 1
                words.position, here = following, words.position
                sure = (
                    words.done
                    or words.word() in {",", ".", ":"}
                    or (words.sees(STYLE_LINKS) or words.sees(WITHOUT))
                    or (word in _PICTURES and self._sees_place())
                )  # fmt: skip
                words.position = here
                return following if sure else None
            if word == "," and ahead and is_adjective(words.word(ahead - 1), words.word(ahead + 1)):
                continue
            if not word[:1].isalnum() or (word in CLOSED and word not in {"a", "an", "the", "and", "this", "very"}):
                return None
        return None

    # items

    def _read_items(self) -> None:
        words = self.words
        while not words.done and words.word() not in STOPS:
            before = words.position
            if not self._read_item():
                self._refuse()
            if words.position == before:
                self._refuse()

    def _read_item(self) -> bool:
        """Take one item or connector; False where none is known."""
        words = self.words
        return (
            words.accept(IN_THE_PICTURE)
            or self._read_absent()
            or self._read_style()
            or self._read_row()
            or self._read_relation(joined=False)
            or self._read_background()
            or self._read_described()
            or self._read_joined()
            or self._read_object()
        )

    def _read_joined(self) -> bool:
        """Take a connector and what must follow it."""
        words = self.words
        joined = words.accept(AND)
        if words.accept(THERE_IS) or (words.sees(HAS) and self.mentioned[-1] == "" and words.accept(HAS)):
            if not joined:
                return self._read_object() or self._read_relation(joined=True) or self._read_absent()
        elif not joined:
            return False
        if words.done or words.word() in STOPS:
            words.fail("something is missing at the end", words.position - 1)
        return (
            self._read_absent()
            or self._read_style()
            or self._read_relation(joined=True)
            or self._read_background()
            or self._read_described()
            or self._read_object()
        )

    def _read_object(self) -> bool:
        words = self.words
        if words.sees(COPULA) and words.word() != "both" and self.mentioned[-1]:
            return False
        if (
            self.mentioned[-1]
            and words.word(-1) not in {"and", ",", "with", "plus", "has", "is", "are", "as", ":"}
            and words.tokens[words.position - 1].word not in CLOSED
        ):
            return False  # two noun phrases with nothing between them
        if self._read_split():
            return True
        phrase = self._noun_phrase()
        if phrase is None:
            return False
        if phrase.name in {"background", "backdrop"} or words.sees(BACKGROUND):
            words.take(BACKGROUND)
            self.background.append("with " + words.quote(phrase.start, words.position))
        elif (
            self._first()
            and phrase.name.split()[-1] in PLACES
            and (phrase.count or 1) == 1
            and not words.sees(TWO_SIDED)
        ):
            self.background.append(words.quote(phrase.start, phrase.end))
        else:
            self._demand(phrase)
        return True

    def _sees_split(self) -> bool:
        """Whether "one", "the other", ... stands alone, with no noun of its own."""
        words = self.words
        here = words.position
        if words.accept(_ONE_OF) is None:
            return False
        words.take(phrases("of them"))
        copula = words.take(COPULA)
        while is_adjective(words.word()):
            words.position += 1
        places = words.sees(PICTURE_SIDES) or words.sees(TWO_SIDED)
        alone = words.position > here + 1 and (words.done or words.word() in {",", "and", *STOPS})
        words.position = here
        return bool(copula or places or alone)

    def _read_split(self) -> bool:
        """Take "one on the left and the other on the right", "one red and one blue" after "two cars"."""
        words = self.words
        names = [key for key in self.counts if " ".join([*key[1], key[0]]) == self.mentioned[-1]]
        if not names or self.shared_noun or self.counts[names[0]] < 2 or not self._sees_split():
            return False
        start = words.position
        parts: list[tuple[int, tuple[str, ...]]] = []
        while (count := words.take(_ONE_OF)) is not None:
            parts.append((count, self._read_part(start)))
            before = words.position
            while words.take_word(",", "and"):
                pass
            if not words.sees(_ONE_OF):
                words.position = before
                break
        coloured = [part for part in parts if part[1]]
        if coloured and len(coloured) < len(parts):
            words.fail("say either the colours or the places of each", start, words.position)
        if coloured:
            self._part(names[0], coloured, start)
        return True

    def _read_part(self, start: int) -> tuple[str, ...]:
        """Take the attributes of one part, or its place (and return no attributes)."""
        words = self.words
        words.accept(phrases("of them"))
        words.accept(COPULA)
        found = read_attributes(words) if is_adjective(words.word()) else ()
        if not found and not self._read_relation(joined=False):
            words.fail(HINT, start)
        return found

    def _part(self, whole: tuple[str, tuple[str, ...]], parts: list[tuple[int, tuple[str, ...]]], start: int) -> None:
        """Put "one red and one blue" in the place of "two cars"."""
        if sum(count for count, _ in parts) != self.counts[whole]:
            self.words.fail(f"say it for all {self.counts[whole]}", start, self.words.position)
        del self.counts[whole]
        name, attributes = whole
        for count, found in parts:
            key = (name, tuple(dict.fromkeys([*found, *attributes])))
            self.counts[key] = self.counts.get(key, 0) + count
            self.mentioned.append(" ".join([*key[1], name]))

    # relations

    def _read_relation(self, *, joined: bool) -> bool:
        """Take [copula] place; after "and" it is about the subject of the relation before."""
        words = self.words
        start = words.position
        copula, everyone = self._read_copula()
        if copula.startswith(("that", "which")):
            joined = False  # a relative clause is about the noun before it
        if copula and self._sees_place():
            return self._read_background()
        if self._sees_place():
            words.position = start
            return False
        if words.length(TWO_SIDED) <= words.length(PICTURE_SIDES):
            sides = words.take(PICTURE_SIDES)
            if sides is not None:
                return self._place(sides, joined=joined, everyone=everyone)
        if self._read_own_side():
            return True
        predicate = words.take(TWO_SIDED)
        if predicate is None:
            words.position = start
            return False
        about, together = self._about(joined), [*self.open] if everyone else []
        object_ = self._read_object_of(predicate)
        self._relate(predicate, object_, about, start)
        if together:
            everyone_else = [Relation(subject=one, predicate=predicate, object=object_) for one in together]
            self.relations[-1:] = dict.fromkeys([*everyone_else, self.relations[-1]])
        self.open = []
        return True

    def _read_copula(self) -> tuple[str, bool]:
        """Take "is", "which are both", ...; return it and whether it speaks of all that was listed before."""
        words = self.words
        everyone = words.word() in {"both", "all"} or words.word(1) in {"both", "all"}
        copula = words.take(COPULA) or ""
        twice = bool(copula) and words.accept(COPULA)
        return copula, everyone or twice or copula.startswith("are")

    def _read_own_side(self) -> bool:
        """Take "to its left": "a dog with a cat to its left"."""
        names = [one for one in self.mentioned if one]
        predicate = self.words.take(ITS) if len(names) > 1 else None
        if predicate is None:
            return False
        self.relations.append(Relation(subject=names[-1], predicate=predicate, object=names[-2]))
        return True

    def _about(self, joined: bool) -> str:
        """Return the phrase that a relation here is about; "" when it is yet to come."""
        return (self.subject if joined else "") or self.mentioned[-1]

    def _place(self, sides: tuple[Predicate, ...], *, joined: bool, everyone: bool) -> bool:
        about = [self._about(joined)]
        start = self.words.position
        if joined or not about[0]:
            # "... and on the right a cat": the object follows
            self.words.take_word(",", ":")
            self.words.take(COPULA) or self.words.take(THERE_IS)
            following = self._noun_phrase()
            if following is not None:
                about = [self._demand(following)]
            else:
                self.words.position = start
        if not about[0]:
            self.words.fail("say what is there", start - 1)
        if everyone:
            about = list(dict.fromkeys([*self.open, *about]))
        self.open = []
        for one in about:
            for predicate in sides:
                self.relations.append(Relation(subject=one, predicate=predicate))
        self.subject = about[-1]
        return True

    def _read_object_of(self, predicate: Predicate) -> str:
        words = self.words
        names = [one for one in self.mentioned if one]
        if words.word() in {"it", "them", "him", "her"}:
            if len(names) < 2:
                words.fail("name the object instead", words.position, words.position + 1)
            words.position += 1
            return names[-2]
        start = words.position
        if predicate != "between" and words.word() in {"each", "one"} and words.word(1) in {"other", "another"}:
            words.fail("name both objects, such as 'a dog next to a cat'", start)
        first = self._noun_phrase()
        if first is None:
            words.fail("expected an object after the place", start - 1)
        if predicate != "between":
            return self._demand(first)
        if first.count == 2 or (first.plural and first.definite and first.count is None):
            one = self._demand(first)
            return f"{one} and {one}"
        one = self._demand(first)
        if not words.take_word("and"):
            words.fail("'between' needs two objects joined by 'and'", start)
        second = self._noun_phrase()
        if second is None:
            words.fail("'between' needs two objects joined by 'and'", start)
        return f"{one} and {self._demand(second)}"

    def _relate(self, predicate: Predicate, object_: str, about: str, start: int) -> None:
        words = self.words
        before = words.position
        if not about or (words.word() == "," and words.word(1) == "there") or words.sees(THERE_IS):
            # "next to a bowl is a red cup": what it is about follows
            words.take_word(",")
            words.take(THERE_IS) or words.accept(COPULA)
            following = self._noun_phrase()
            if following is not None:
                about = self._demand(following)
            elif not about:
                words.fail("say what is there", start, before)
            else:
                words.position = before
        self.relations.append(Relation(subject=about, predicate=predicate, object=object_))
        self.subject = about

    def _read_row(self) -> bool:
        """Take "from left to right:" and the list after it."""
        words = self.words
        start = words.position
        orders: dict[tuple[str, str], Predicate] = {
            ("left", "right"): "left of",
            ("right", "left"): "right of",
            ("top", "bottom"): "above",
            ("bottom", "top"): "below",
        }
        words.take_word("from")
        order = orders.get((words.word(), words.word(2)))
        if order is None or words.word(1) != "to":
            words.position = start
            return False
        words.position += 3
        words.take_word(":", ",")
        words.take(THERE_IS)
        self.row = []
        while True:
            phrase = self._noun_phrase()
            if phrase is None:
                break
            self._demand(phrase)
            if words.word() not in {",", "and", "then"}:
                break
            while words.take_word(",", "and", "then"):
                pass
        if len(self.row) < 2 or len(set(self.row)) < len(self.row):
            words.fail("a row needs two or more different objects", start)
        for left, right in zip(self.row, self.row[1:], strict=False):
            self.relations.append(Relation(subject=left, predicate=order, object=right))
        self.row = None
        return True

    # what is not there

    # background and style

    # attributes said afterwards: "a car that is red", "a car painted blue"

    def _read_described(self) -> bool:
        words = self.words
        start = words.position
        about = self.mentioned[-1]
        doing = words.word().endswith("ing") and is_attribute(words.word())
        if not about or not (doing or words.accept(COPULA) or words.sees(PAINTED)):
            words.position = start
            return False
        words.take(PAINTED)
        found: list[str] = []
        while is_adjective(words.word()) and words.word() not in CLOSED:
            here = words.position
            found += read_attributes(words)
            if words.position == here:
                break
            if words.word() == "and" and is_adjective(words.word(1)) and not words.word(2).isalpha():
                words.position += 1
        words.take_word("in") and words.take_word("color", "colour")
        if not found:
            words.position = start
            return False
        self._describe(about, tuple(found))
        return True

    # the end

    def _refuse(self) -> None:
        words = self.words
        here = words.position
        relation = words.take(UNKNOWN_RELATIONS)
        words.position = here
        words.fail(f"there is no place {relation!r}; {HINT}" if relation else HINT)
