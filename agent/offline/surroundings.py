"""What stands around the objects of a sentence: what must not be there, the background and the style."""

from __future__ import annotations

from dataclasses import replace

from agent.offline.draft import HINT, Draft
from agent.offline.lexer import phrases
from agent.offline.nouns import NounPhrase, read_noun_phrase
from agent.offline.vocabulary import (
    BACKGROUND,
    BUILDINGS,
    IN_THE_PICTURE,
    INDOORS,
    NOR,
    PICTURE_SIDES,
    PLACE_PREPOSITIONS,
    PLACES,
    POSITIVE,
    STYLE_PHRASES,
    STYLE_SUFFIXES,
    THERE_IS,
    TWO_SIDED,
    WITHOUT,
)
from tools.scene.errors import CannotParse
from tools.scene.lexicon import COLOURS, number, plural

STOPS = (".", ";", "!", "?")


class Surroundings(Draft):
    """Reads negations, places, times and styles."""

    def _noun_phrase(self) -> NounPhrase | None:
        names = [one for one in self.mentioned if one]
        last = names[-1].split()[-1] if names else ""
        start = self.words.position
        phrase = read_noun_phrase(self.words, last)
        if phrase is None or phrase.attributes or phrase.name not in COLOURS or phrase.count is None:
            return phrase
        # "a red and a blue car": the noun comes later
        end = self.words.position
        if self.words.take_word("and") or self.words.take_word(","):
            self.words.take_word("and")
            following = self._noun_phrase() if self._begins_noun() else None
            self.words.position = end
            if following is not None and set(following.attributes) & set(COLOURS):
                if phrase.name == "orange":
                    self.words.fail("say 'an orange one' or name the object, so that it is no fruit", start, end)
                self.shared_noun = True
                return replace(phrase, name=following.name, attributes=(phrase.name,))
        if phrase.name != "orange":
            self.words.fail("expected an object after the colour", start, end)
        return phrase

    def _begins_noun(self) -> bool:
        word = self.words.word()
        return word in {"a", "an", "one"} or number(word) is not None

    def _read_absent(self) -> bool:
        words = self.words
        start = words.position
        word = words.take(WITHOUT)
        if word is None:
            return False
        alone = word.split()[-1] in {"no", "zero"} and "with" not in word.split()
        self._deny(start)
        while True:
            before = words.position
            if words.accept(NOR):
                self._deny(start)
                continue
            if not words.sees(POSITIVE) and (words.take_word(",", "and")):
                words.take_word("and")
                here = words.position
                item = not (words.sees(PICTURE_SIDES) or words.sees(TWO_SIDED) or self._sees_place())
                phrase = self._noun_phrase() if item and not words.sees(WITHOUT) and not words.sees(THERE_IS) else None
                words.position = here
                if phrase is not None and phrase.count is None and not phrase.definite:
                    self._deny(start)
                    continue
                if phrase is not None and phrase.count == 1 and phrase.determiner in {"a", "an"} and not alone:
                    self._deny(start)
                    continue
                if phrase is not None and not alone and word not in {"neither"}:
                    words.fail("say 'but with' where the list of absent things ends", here, phrase.end)
            words.position = before
            break
        return True

    def _deny(self, start: int) -> None:
        words = self.words
        words.take_word("any", "a", "an", "the") or words.take_word("single")
        words.take_word("single")
        if words.word() in {"other", "others", "else"}:
            words.fail(HINT, start)
        phrase = self._noun_phrase()
        if phrase is None or phrase.name in {"object", "thing"}:
            words.fail("name what must not be there, such as 'without dogs'", start)
        if phrase.count not in {None, 0, 1}:
            words.fail("name what must not be there without a number, such as 'without dogs'", start, phrase.end)
        self.absent.append(phrase.phrase)

    def _sees_place(self) -> bool:
        words = self.words
        here = words.position
        found = self._take_place()
        words.position = here
        return found

    def _take_place(self) -> bool:
        """Take a preposition with a noun phrase that is a place or a time, not an object."""
        words = self.words
        start = words.position
        if words.sees(IN_THE_PICTURE) or words.sees(BACKGROUND) or words.sees(PICTURE_SIDES):
            return False
        preposition = words.take(PLACE_PREPOSITIONS)
        if preposition is None:
            words.position = start
            return False
        try:
            phrase = read_noun_phrase(words)
        except CannotParse:
            phrase = None
        if phrase is not None:
            head = phrase.name.split(" of ")[0].split()[-1]
            if head in PLACES or plural(head) in PLACES or (preposition in INDOORS and head in BUILDINGS):
                return True
        words.position = start
        return False

    def _read_background(self) -> bool:
        words = self.words
        start = words.position
        if self._take_place():
            self.background.append(words.quote(start, words.position))
            words.take_word(",") if self._first() and not words.done and not self.mentioned[-1] else None
            return True
        return False

    def _read_style(self) -> bool:
        words = self.words
        start = words.position
        words.take_word(",")
        begin = words.position
        if words.accept(STYLE_PHRASES):
            while not words.done and words.word() not in {",", *STOPS}:
                words.position += 1
            self.finish.append(words.quote(begin, words.position))
            return True
        if words.accept(phrases("in black and white")):
            self.finish.append(words.quote(begin, words.position))
            return True
        if words.word() == "in" and words.word(1) in STYLE_SUFFIXES:
            words.position += 1
        count = 0
        while words.word() in STYLE_SUFFIXES or (
            words.word() in {"and", "a", "an"} and words.word(1) in STYLE_SUFFIXES
        ):
            words.position += 1
            count += 1
        if count and (words.done or words.word() in {",", *STOPS}) and begin > 0:
            self.finish.append(words.quote(begin, words.position))
            return True
        words.position = start
        return False
