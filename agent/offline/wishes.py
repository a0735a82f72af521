"""Wishes: what should be rather than what to do. "There should be two cups", "the dog should be bigger"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline import destinations
from agent.offline.lexer import phrases
from agent.offline.looks import Looks
from agent.offline.nouns import read_noun_phrase
from agent.offline.selectors import read_selection, starts_selection
from agent.offline.verbs import BETWEEN, VERBS
from tools.scene.errors import CannotParse
from tools.scene.lexicon import implies, singular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.items import Item
    from agent.offline.nouns import NounPhrase

_SHOULD = phrases("should be|must be|needs to be|has to be|ought to be|shall be|should become|should look|is to be|"
                  "need to be|have to be|should all be|should both be|could be|should stand|should sit|should go|"
                  "should move|should get|should turn|should have been|would be better|would look better|"
                  "should be made|should be painted|should be moved|should be a bit|should")  # fmt: skip
_TO_BE = phrases("to be|to become|to look|to stand|to sit|to go|to move|to get|to turn|to be moved|to be painted")
_WANTED = frozenset(
    "there should be|there must be|i want|i need|we need|i would like|i want to see|there should only be".split("|")
)
_KEEP = phrases("keep|leave|do not change|do not touch|do not move|preserve")
_KEPT = phrases("unchanged|as it is|as they are|as is|the same|alone|where it is|where they are|in place|untouched|"
                "intact|like it is|exactly as it is|the way it is|there|as before")  # fmt: skip


class Wishes(Looks):
    """Reads clauses without an action of their own."""

    def _keep_as_it_is(self) -> bool:
        """Take "keep the dog unchanged", "do not change the cup": nothing to do."""
        words = self.words
        start = words.position
        if not words.accept(_KEEP) or not starts_selection(words, self.scene):
            words.position = start
            return False
        focus, here = self.scene.focus, words.position
        try:
            read_selection(words, self.scene)
        except CannotParse:  # whichever of several is meant, it stays
            words.position = here
            if read_noun_phrase(words) is None:
                raise
        words.take(_KEPT)
        self.scene.focus = focus
        return True

    def _read_should(self) -> bool:
        """Take "the dog should be bigger", "the cup must be on the left"."""
        words, scene = self.words, self.scene
        start, focus, name = words.position, scene.focus, scene.last_name
        asked = words.take_word("could", "can") != ""  # "could the cup be bigger?"
        if not starts_selection(words, scene):
            words.position = start
            return False
        try:
            chosen = read_selection(words, scene)
            there = words.accept(_SHOULD) or (asked and words.take_word("be", "become") != "")
        except CannotParse:
            if asked or self._sees_should():
                raise
            there = False
        if not there:
            words.position, scene.focus, scene.last_name = start, focus, name
            if self.verb != "should" or words.sees(VERBS):
                return False
            chosen = read_selection(words, scene, places=False)  # "the cat should be black and the laptop white"
        self._fulfil(chosen, start)
        self.verb = "should"
        return True

    def _sees_should(self) -> bool:
        """Whether "should be" follows in this clause."""
        ahead = 0
        while self.words.word(ahead) not in {"", ".", ",", ";"}:
            if self.words.word(ahead) in {"should", "must"}:
                return True
            ahead += 1
        return False

    def _want(self, start: int, spoken: str) -> bool:
        """Take "I want the dog to be black" and "I want two cups"; False where something is to be added."""
        words = self.words
        here = words.position
        if spoken not in _WANTED:
            return False
        sure = words.word() in {"the", "it", "both", "all", "them", "this", "that", "everything"}
        if sure and starts_selection(words, self.scene):
            before, focus = words.position, self.scene.focus
            try:
                chosen = read_selection(words, self.scene, places=False)
                whole = words.sees(_TO_BE) or destinations.sees_place(words, self.scene)
            except CannotParse:
                whole = False
            if not whole:  # "the dog on the left" is the object, and no place to go
                words.position, self.scene.focus = before, focus
                chosen = read_selection(words, self.scene)
            words.accept(_TO_BE)
            self._fulfil(chosen, start)
            return True
        if words.take_word("no"):
            phrase = read_noun_phrase(words)
            if phrase is None:
                words.fail("say of what there should be none", start)
            self._forget(self._alike(phrase))
            return True
        if self._set_number(start):
            return True
        words.position = here
        return False

    def _fulfil(self, chosen: Sequence[Item], start: int) -> None:
        """Take what should be of them: a place, or looks and sizes."""
        words = self.words
        words.take(_TO_BE)
        here = words.position
        shift = destinations.read_shift(words, self.scene, chosen, "move") if self._goes_somewhere() else None
        if shift is not None:
            for item in chosen:
                item.box = shift(item.box)
            self.scene.focus = list(chosen)
            return
        words.position = here
        place = destinations.read_place(words, self.scene)
        if place is None:
            words.position = here
            self._become_all(chosen, start)
            return
        self._set_into(chosen, place)
        self.scene.focus = list(chosen)

    def _goes_somewhere(self) -> bool:
        """Whether "further left", "higher", "a bit to the right" follow."""
        words = self.words
        here = words.position
        try:
            found = destinations.read_shift(words, self.scene, (), "move") is not None
        except CannotParse:
            found = False
        found = found and (words.done or words.sees(BETWEEN))
        words.position = here
        return found

    # numbers

    def _set_number(self, start: int) -> bool:
        """Take "two cups", "only one dog": as many as that there shall be. False for "another cup", "a cat"."""
        words = self.words
        if words.word(1) == "more" or words.word() in {"another", "more"}:
            return False
        phrase = read_noun_phrase(words, self.scene.last_name)
        if phrase is None or phrase.definite or phrase.count is None or phrase.bound in {"at least", "at most"}:
            return False
        there = self._alike(phrase)
        ended = words.done or words.sees(BETWEEN)
        if not there or not ended or (phrase.bound == "a" and phrase.count == 1 and not phrase.plural):
            return False
        wanted = phrase.count
        if wanted < len(there):
            self._forget(there[wanted:])
        elif wanted > len(there):
            self._check_count(phrase)
            self.scene.focus = [self._put(phrase, None) for _ in range(wanted - len(there))]
        return True

    def _alike(self, phrase: NounPhrase) -> list[Item]:
        """Return the objects that a phrase fits, in their order."""
        return [
            item
            for item in self.scene.items
            if singular(phrase.name) in {item.name, item.seen.name}
            and all(any(implies(own, word) for own in item.attributes) for word in phrase.attributes)
        ]
