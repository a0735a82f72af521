"""What points back: "to its left", "it", "them", "on each side", "in each corner", "three on the right"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.draft import Thing
from agent.offline.lexer import phrases
from agent.offline.positions import ITS, REGIONS, TWO_SIDED
from agent.offline.surroundings import Surroundings
from agent.offline.vocabulary import COPULA, EACH_SIDE, EACH_SIDE_OF, HAS, THERE_IS
from tools.scene.lexicon import number

if TYPE_CHECKING:
    from tools.scene.spec import Predicate

_CORNERS: tuple[Predicate, ...] = (
    "in the top left corner",
    "in the top right corner",
    "in the bottom left corner",
    "in the bottom right corner",
)
_EACH_CORNER = phrases(
    "in each corner|in every corner|in all corners|in all four corners|in the four corners|in each of the corners|"
    "in each of the four corners|in each corner of the picture|in each corner of the image|in every corner of the image"
)
_THEY = frozenset({"it", "they", "he", "she"})


class References(Surroundings):
    """Reads words that mean something named before."""

    def _about(self, joined: bool) -> Thing | None:
        """Return what a relation here is about; None when it is yet to come."""
        return (self.subject if joined else None) or self.last

    def _named_before(self) -> list[Thing]:
        """Return what the sentence before this one named."""
        named = list(self.mentioned)
        while named and named[-1] is None:
            named.pop()
        begin = max((at + 1 for at, thing in enumerate(named) if thing is None), default=0)
        return list(dict.fromkeys(thing for thing in named[begin:] if thing is not None))

    def _read_pronoun(self) -> bool:
        """Take "it" or "they" at the beginning of a sentence, where only one thing can be meant."""
        words = self.words
        meant = self._named_before()
        if words.word() not in _THEY or not meant or self.last is not None:
            return False
        here = words.position
        words.position += 1
        if not (words.sees(COPULA) or words.sees(HAS)) or (len(meant) > 1 and words.word(-1) != "they"):
            words.position = here
            return False
        if words.word(-1) == "they" and len(meant) == 1 and meant[0].count == 1:
            words.position = here
            return False
        self.mentioned += meant
        self.listed = meant
        return True

    def _things_meant(self, start: int, *, between: bool) -> tuple[Thing, ...]:
        """Take "it" or "them" after a place: what was named before, other than what stands there."""
        words = self.words
        named = [thing for thing in self.mentioned if thing is not None]
        others = [thing for thing in dict.fromkeys(reversed(named)) if thing is not self.last]
        if words.word() == "them":
            several = [thing for thing in others if thing.count > 1]
            if between and several[:1] != others[:1]:
                several = []
            if not several and not (between and len(others) > 1):
                words.fail("name the objects instead", start, start + 1)
            words.position += 1
            return (several[0], several[0]) if several and between else tuple(several[:1] or others[1::-1])
        meant = self.host if self.host is not None and self.host is not self.last else next(iter(others), None)
        if meant is None or words.word() == "which":
            words.fail("name the object instead", start, start + 1)
        words.position += 1
        return (meant,)

    def _read_own_side(self, *, joined: bool) -> bool:
        """Take "to its left", "on it": "a dog with a cat to its left", "to its left is a cat"."""
        words = self.words
        start = words.position
        if not words.sees(ITS):
            return False
        named = list(dict.fromkeys(mention for mention in reversed(self.mentioned) if mention))
        predicate = words.take(ITS)
        assert predicate is not None
        if joined or self.last is None:
            before = self._named_before()
            host = (self.host or self.last) if self.last is not None else before[0] if len(before) == 1 else None
            words.take(COPULA) or words.take(THERE_IS)
            following = self._noun_phrase() if host is not None else None
            made = self._demand(following) if following is not None else None
            if host is not None and made is not None:
                self._link((made,), predicate, (host,))
                self.subject, self.host = made, host
                return True
        elif len(named) > 1:
            host = self.host if self.host is not None and self.host is not named[0] else named[1]
            self._link((named[0],), predicate, (host,))
            self.subject, self.host = named[0], host
            return True
        words.position = start
        return False

    def _read_each_side(self, *, joined: bool) -> bool:
        """Take "with a cup on each side": one half of the cups on either side of the host."""
        words = self.words
        start = words.position
        about = self._about(joined)
        if about is not None and words.accept(_EACH_CORNER):
            each = about.count // 4 if about.count >= 4 and about.count % 4 == 0 else about.count
            self._share(about, 4 * each)
            for corner in _CORNERS:
                self._link((about,), corner, count=each)
            return True
        host = self.host if self.host is not about else None
        if words.accept(EACH_SIDE_OF):
            following = self._noun_phrase()
            host = self._demand(following) if following is not None else None
        elif not words.accept(EACH_SIDE):
            return False
        if about is None or host is None:
            words.fail("say on each side of what", start, words.position)
        each = about.count
        self._share(about, 2 * each)
        for predicate in ("left of", "right of"):
            self._link((about,), predicate, (host,), count=each)
        return True

    @staticmethod
    def _share(about: Thing, count: int) -> None:
        about.count, about.bound = count, about.bound if about.bound == "at least" else "exactly"

    def _read_elliptic(self) -> bool:
        """Take "three" of "two cups on the left and three on the right": more of what was named last."""
        words = self.words
        start = words.position
        like = self.subject or self.last
        count = 1 if words.word() == "another" else number(words.word())
        if like is None or count is None or words.word() in {"a", "an", "both"}:
            return False
        words.position += 1
        words.take(COPULA)
        if not count or not (words.sees(REGIONS) or words.sees(TWO_SIDED) or words.sees(ITS)):
            words.position = start
            return False
        more = replace(like, count=count, bound="exactly", start=start, end=words.position)
        self.things.append(more)
        self.mentioned.append(more)
        self.listed = [more]
        return True
