"""Where things are and how they compare: the relations of a sentence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.offline.draft import HINT, Thing
from agent.offline.imagined import is_only_spoken_of
from agent.offline.nouns import read_noun_phrase
from agent.offline.positions import REGIONS, TWO_SIDED
from agent.offline.references import References
from agent.offline.speech import is_noun
from agent.offline.surroundings import NO_NOUN, STOPS
from agent.offline.vocabulary import (
    ARRANGED,
    CLOTHES,
    COMPARED,
    COPULA,
    FOREGROUND,
    GROUPED,
    INSIDE,
    NUMBERED,
    OWNED,
    THERE_IS,
    TIMES,
    TOGETHER,
    UNKNOWN_RELATIONS,
    UPRIGHT,
)
from tools.scene.errors import CannotParse
from tools.scene.lexicon import SURFACES, singular
from tools.scene.scenery import PLACES
from tools.scene.wordnet import is_part_of_body

if TYPE_CHECKING:
    from agent.offline.nouns import NounPhrase
    from tools.scene.spec import Predicate

_TOWARDS_SEVERAL = frozenset({"next to", "near", "left of", "right of", "above", "below"})
_HUNG = frozenset("hung hang hangs hanging mounted stuck".split())
_ORDERS: dict[tuple[str, str], Predicate] = {
    ("left", "right"): "left of",
    ("right", "left"): "right of",
    ("top", "bottom"): "above",
    ("bottom", "top"): "below",
}


def _carries_all(predicate: Predicate, objects: tuple[Thing, ...]) -> bool:
    """Whether a list of things before "on a desk" is meant to be on it, all of it."""
    return predicate == "on top of" and objects[0].name.split()[-1] in SURFACES


class Relations(References):
    """Every ``_read_*`` takes words only when it understands them."""

    def _read_relation(self, *, joined: bool) -> bool:
        """Take [copula] place; after "and" it is about the subject of the relation before."""
        words = self.words
        start = words.position
        copula, everyone = self._read_copula()
        self._let_go(copula)
        if copula.startswith(("that", "which")):
            joined = False  # a relative clause is about the noun before it
        if copula and self._sees_place():
            return self._read_background()
        if self._sees_place() or (self.open_from is not None and not copula):
            words.position = start
            return False
        if (
            self._read_each_side(joined=joined)
            or self._read_together(everyone=everyone)
            or self._read_own_side(joined=joined)
            or self._read_region(joined=joined, everyone=everyone)
            or self._read_pair(start, joined=joined, everyone=everyone)
            or self._read_compared(start, joined=joined)
            or self._read_unchecked_relation(joined=joined)
        ):
            return True
        words.position = start
        return False

    def _read_copula(self) -> tuple[str, bool]:
        """Take "is", "which are both", ...; return it and whether it speaks of all that was listed before."""
        words = self.words
        everyone = words.word() in {"both", "all"} or words.word(1) in {"both", "all"}
        copula = words.take(COPULA) or ""
        twice = bool(copula) and words.accept(COPULA)
        plural_verb = copula.split(" ")[0] in {"are", "were", "sit", "stand", "lie", "rest", "hang"}
        single = self.last is not None and self.last.count == 1 and len(self.listed) > 1
        unclear = copula in {"sat", "stood", "lay", "rested", "hung"} and single
        return copula, everyone or twice or plural_verb or unclear

    def _let_go(self, copula: str) -> None:
        """After "a cat wearing a hat", "sits" is about the cat: it becomes what was named last."""
        worn = self.last is not None and any(self.last.name.endswith((one, singular(one))) for one in CLOTHES)
        held = self.held is not None and (self.last is self.held[1] or worn)
        if self.held is not None and held and copula and not copula.startswith(("that", "which")):
            watched = self.words.tokens[self.held[1].start - 1].word in {"at", "watching"}
            if watched and copula.endswith(("ing", "ed")) and " " not in copula:
                return  # "looking at a bird perched on a branch"
            self.mentioned.append(self.held[0])
            self.listed = [self.held[0]]
            self.held, self.open_from = None, None

    def _everyone(self) -> list[Thing]:
        return list(dict.fromkeys(self.listed))

    # places in the picture

    def _read_region(self, *, joined: bool, everyone: bool) -> bool:
        words = self.words
        if words.length(TWO_SIDED) > words.length(REGIONS):
            return False
        if words.sees(FOREGROUND) and words.length(FOREGROUND) >= words.length(REGIONS) and words.word(2) != "of":
            start = words.position
            words.take(FOREGROUND)
            about = self._about(joined)
            self._keep(about.start if about else start, words.position)
            return True
        here = words.position
        sides = words.take(REGIONS)
        if sides is not None and words.word() == "of":
            words.position = here
            return self._read_corner_of(sides, joined=joined)
        return sides is not None and self._place(sides, joined=joined, everyone=everyone)

    def _read_corner_of(self, sides: tuple[Predicate, ...], *, joined: bool) -> bool:
        """Take "to the upper left of a bowl": left of it and above it."""
        words = self.words
        start = words.position
        about = self._about(joined)
        words.take(REGIONS)
        words.position += 1
        following = self._noun_phrase() if about is not None and sides[0].startswith("in the") else None
        if about is None or following is None or not following.is_thing:
            words.position = start
            return False
        if not sides[0].endswith("corner"):
            if sides[0] != "in the middle" or following.head not in PLACES:
                words.position = start
                return False
            self.background.append(words.quote(following.start, following.end))  # it is where all of this is
            self._link((about,), sides[0])
            return True
        other = self._demand(following)
        corner = sides[0].split()
        if other is not None:
            self._link((about,), "left of" if "left" in corner else "right of", (other,))
            self._link((about,), "above" if "top" in corner else "below", (other,))
        self.subject = about
        return True

    def _place(self, sides: tuple[Predicate, ...], *, joined: bool, everyone: bool) -> bool:
        words = self.words
        about = self._about(joined)
        start = words.position
        if joined or about is None:
            # "... and on the right a cat": the object follows
            words.take_word(",", ":")
            words.take(COPULA) or words.take(THERE_IS)
            following = self._noun_phrase()
            if following is not None:
                about = self._demand(following)
            else:
                words.position = start
        if about is None:
            words.fail("say what is there", start - 1)
        meant = list(dict.fromkeys([*self._everyone(), about])) if everyone else [about]
        self.listed = []
        for mention in meant:
            for predicate in sides:
                self._link((mention,), predicate)
        self.subject = meant[-1]
        return True

    # places towards each other

    def _read_pair(self, start: int, *, joined: bool, everyone: bool) -> bool:
        words = self.words
        here = words.position
        table = INSIDE if words.length(INSIDE) > words.length(TWO_SIDED) else TWO_SIDED
        predicate = words.take(table)
        if predicate is None or (predicate == "inside" and is_noun(words) and not words.word().endswith("s")):
            words.position = here  # "in flight"
            return False
        about, listed = self._about(joined), self._everyone() if everyone else []
        begins = words.position
        objects = self._read_objects_of(predicate)
        more = self._read_more_objects(predicate) if here > start and len(objects) == 1 else ()
        if not objects:
            words.position = here
            return False
        if here == start and not joined and (predicate == "inside" or _carries_all(predicate, objects)):
            listed = self._in_one_list(begins)
        about = self._following_subject(about, start)
        self.listed = []
        upright = predicate == "on top of" and objects[0].name.split()[-1] in UPRIGHT  # "a clock on a wall"
        hung = upright or (words.tokens[here - 1].word in _HUNG and words.tokens[here].word == "on")
        if hung or (predicate == "inside" and objects[0].name.endswith(tuple(CLOTHES))):
            self._keep((listed[0] if listed else about).start, objects[0].end)
            self.subject = about
            self.held = None if hung else (about, objects[0])  # "a man in a jacket standing ..."
            return True
        for mention in dict.fromkeys([*(thing for thing in listed if thing not in objects), about]):
            for towards in (objects, *((other,) for other in more)):
                self._link((mention,), predicate, towards)
        self.subject = about
        return True

    def _read_more_objects(self, predicate: Predicate) -> tuple[Thing, ...]:
        """Take "and the pear" of "the apple sat next to the peach and the pear", where the sentence ends with it."""
        words = self.words
        start = words.position
        more: list[NounPhrase] = []
        while predicate in _TOWARDS_SEVERAL and words.word() in {"and", ","}:
            words.take_word(",")
            words.take_word("and")
            try:
                phrase = read_noun_phrase(words)
            except CannotParse:
                phrase = None
            if phrase is None or not phrase.is_thing or phrase.name == NO_NOUN:
                break
            more.append(phrase)
        if not more or not (words.done or words.word() in STOPS):
            words.position = start
            return ()
        return tuple(found for phrase in more if (found := self._demand(phrase)) is not None)

    def _in_one_list(self, begins: int) -> list[Thing]:
        """Return what was listed right before a place: "two pears and three apples in a bowl" are all in it."""
        together: list[Thing] = []
        for one in reversed([thing for thing in self.listed if thing.end <= begins]):
            between = self.words.tokens[one.end : together[-1].start] if together else []
            if any(token.word not in {"and", ","} for token in between):
                break
            together.append(one)
        return together[::-1]

    def _following_subject(self, about: Thing | None, start: int) -> Thing:
        """Take what "next to a bowl is a red cup" is about; ``about`` where nothing follows."""
        words = self.words
        before = words.position
        if about is None or (words.word() == "," and words.word(1) == "there") or words.sees(THERE_IS):
            words.take_word(",")
            words.take(THERE_IS) or words.accept(COPULA)
            following = self._noun_phrase()
            found = self._demand(following) if following is not None else None
            if found is not None:
                return found
            if about is None:
                words.fail("say what is there", start, before)
            words.position = before
        return about

    def _read_objects_of(self, predicate: Predicate) -> tuple[Thing, ...]:
        words = self.words
        start = words.position
        if words.word() in {"it", "them", "him", "her", "which"}:
            return self._things_meant(start, between=predicate == "between")
        if predicate != "between" and words.word() in {"each", "one"} and words.word(1) in {"other", "another"}:
            words.fail("name both objects, such as 'a dog next to a cat'", start)
        first = self._noun_phrase()
        if first is None:
            words.fail("expected an object after the place", start - 1)
        own_part = first.determiner in OWNED and is_part_of_body(first.head)
        if not first.is_thing or words.word() == "'s" or own_part:  # "on its owner's lap", "on its hind legs"
            words.fail(HINT, start - 1, words.position)
        if predicate != "between":
            one = self._demand(first)
            return (one,) if one else ()
        if first.count == 2 or (first.plural and first.count is None):
            one = self._demand(first)
            return (one, one) if one else ()
        one = self._demand(first)
        second = self._noun_phrase() if words.take_word("and") else None
        other = self._demand(second) if second is not None else None
        if one is None or other is None:
            words.fail("'between' needs two objects joined by 'and'", start)
        return one, other

    def _read_together(self, *, everyone: bool) -> bool:
        """Take "in a row", "stacked", "of the same size", "next to each other"."""
        words = self.words
        if self.last is not None and self.last.count > 1 and words.accept(ARRANGED):
            self._keep((self.listed[0] if everyone and self.listed else self.last).start, words.position)
            return True
        if words.length(COMPARED) > words.length(GROUPED):
            return False  # "the same size as a cat"
        group = words.take(GROUPED)
        sides = words.word() == "side"
        beside = group is None and words.accept(TOGETHER)
        if group is None and not beside:
            return False
        listed = self._everyone() or ([self.last] if self.last else [])
        listed = listed if everyone or len(listed) > 1 else listed[-1:]
        several = len(listed) > 1 or (listed and (listed[0].count > 1))
        if not several:
            words.fail("say of which objects", words.position - 1)
        self.listed = []
        if beside and len(listed) == 2 and all(mention.count == 1 for mention in listed):
            self._link((listed[0],), "next to", (listed[1],))
        elif beside and len(listed) == 1 and not (sides and listed[0].count > 2):
            self._link((listed[0],), "next to", (listed[0],))
        else:
            self._link(tuple(listed), group or "in a row")
        return True

    # sizes and numbers

    def _read_compared(self, start: int, *, joined: bool) -> bool:
        words = self.words
        found = words.take(COMPARED)
        if found is None:
            return False
        predicate, factor = found
        about = self._about(joined)
        objects = self._read_objects_of(predicate)
        if about is None or not objects:
            words.fail("say what is compared", start, words.position)
        self._link((about,), predicate, objects, factor=factor)
        self.subject, self.listed = about, []
        return True

    def _read_numbers(self) -> bool:
        """Take "more dogs than cats", "as many dogs as cats"."""
        words = self.words
        start = words.position
        times = words.accept(TIMES) and words.word() == "as" and words.word(1) == "many"
        found = words.take(NUMBERED)
        if found is None:
            words.position = start
            return False
        predicate, link = found
        if times:  # "twice as many" is at least more
            predicate = "more than"
        first = self._noun_phrase()
        second = self._noun_phrase() if first is not None and words.take_word(link) else None
        if first is None or second is None:
            words.position = start
            return False
        pair = [self._demand(phrase) for phrase in (first, second)]
        if pair[0] is None or pair[1] is None:
            words.fail(HINT, start, words.position)
        for mention, phrase in zip(pair, (first, second), strict=True):
            if mention is not None and phrase.count is None and not phrase.definite:
                mention.count, mention.bound = 1, "at least"
        self._link((pair[0],), predicate, (pair[1],))
        if times:
            self._keep(start, words.position)
        return True

    # what nothing checks

    def _read_unchecked_relation(self, *, joined: bool) -> bool:
        """Take "behind a car", "holding a ball": the object is demanded, the place or doing is kept as it stands."""
        words = self.words
        start = words.position
        about = self._about(joined)
        relation = words.take(UNKNOWN_RELATIONS) if about is not None else None
        if about is None or relation is None:
            return False
        following = self._noun_phrase() if words.word() not in {"it", "them", "each"} else None
        if (
            following is None
            or words.word() == "'s"
            or not following.is_thing
            or (following.plural and following.name.endswith("ing"))
        ):
            words.position = start
            return False
        end = words.position
        if relation == "wearing" and following.name == "glass":
            following = replace(following, name="eyeglasses")
        unseen = bool(words.tags) and is_only_spoken_of(words, following)
        if not (unseen or following.determiner in {"its", "his", "her", "their"} or is_part_of_body(following.head)):
            made = self._demand(following)  # not "its tail", "holding hands"
            self.held = (about, made) if made is not None and relation.split()[0].endswith("ing") else None
        self._keep(about.start, end)
        self.subject = about
        if relation.split()[0].endswith("ing") or relation == "from":
            self.open_from = about.start  # "riding a horse on ...": what follows may be of either
        return True

    def _read_row(self) -> bool:
        """Take "from left to right:" and the list after it."""
        words = self.words
        start = words.position
        words.take_word("from")
        order = _ORDERS.get((words.word(), words.word(2)))
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
        row, self.row = self.row, None
        if len(row) < 2 or len({entry.phrase for entry in row}) < len(row):
            words.fail("a row needs two or more different objects", start)
        for left, right in pairwise(row):
            self._link((left,), order, (right,))
        return True
