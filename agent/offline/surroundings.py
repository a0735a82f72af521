"""What stands around the objects of a sentence: what must not be there, the background and the style."""

from __future__ import annotations

from dataclasses import replace

from agent.offline.draft import HINT, Draft
from agent.offline.lexer import phrases
from agent.offline.nouns import NounPhrase, read_noun_phrase
from agent.offline.positions import REGIONS, TWO_SIDED
from agent.offline.sharing import shared_looks
from agent.offline.speech import is_stuff
from agent.offline.vocabulary import (
    BACKGROUND,
    BUILDINGS,
    IN_THE_PICTURE,
    INDOORS,
    NOR,
    PLACE_PREPOSITIONS,
    POSITIVE,
    SKIES,
    STYLE_PHRASES,
    STYLE_SUFFIXES,
    THERE_IS,
    WITHOUT,
)
from tools.scene.errors import CannotParse
from tools.scene.lexicon import attribute, family, is_attribute, number, plural
from tools.scene.scenery import PLACES
from tools.scene.spec import SIZES

STOPS = (".", ";", "!", "?")
NO_NOUN = "?"  # the name of "a red" in "a red and a blue car", until the noun comes
_BESIDE = frozenset(["near", "next to", "beside", "by", "above", "below", "over", "behind", "close to"])
_OTHERS = phrases("other object|other objects|other thing|other things|anything else|others|other items")
_ONLY = phrases("just|only|but only|but just|only just|instead just|but|instead|instead only")


class Surroundings(Draft):
    """Reads negations, places, times and styles."""

    def _noun_phrase(self) -> NounPhrase | None:
        last = next((thing.name for thing in reversed(self.things) if thing is self.last), "") or (
            self.things[-1].name if self.things else ""
        )
        start = self.words.position
        phrase = read_noun_phrase(self.words, last)
        if phrase is None or not self._lacks_noun(phrase):
            return phrase
        # "a red and a blue car": the noun comes later
        end = self.words.position
        if self.words.take_word("and") or self.words.take_word(","):
            self.words.take_word("and")
            following = self._noun_phrase() if self._begins_noun() else None
            self.words.position = end
            if following is not None and (following.attributes or following.size_word or following.dimensions):
                if phrase.name == "orange":
                    self.words.unclear("say 'an orange one' or name the object, so that it is no fruit", start, end)
                described = phrase.attributes if phrase.name == NO_NOUN else (*phrase.attributes, phrase.name)
                return replace(phrase, name=following.name, attributes=described, shared=True)
        if phrase.name != "orange":
            self.words.fail("expected an object after it", start, end)
        return phrase

    def _lacks_noun(self, phrase: NounPhrase) -> bool:
        """Whether only adjectives were named: "a red", "a small"."""
        if phrase.name == NO_NOUN:
            return True
        bare = phrase.count is not None and not phrase.attributes and not phrase.size_word and not phrase.dimensions
        return bare and family(phrase.name) == "colour"

    def _begins_noun(self) -> bool:
        word = self.words.word()
        return word in {"a", "an", "one"} or number(word) is not None

    # what is not there

    def _read_absent(self) -> bool:
        words = self.words
        start = words.position
        word = words.take(WITHOUT)
        if word is None:
            return False
        if word == "no" and words.word() in {"more", "fewer", "less"} and words.word(1) == "than":
            words.position = start
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
                if words.accept(_ONLY):  # "no cars, just bicycles"
                    return True
                here = words.position
                item = not (words.sees(REGIONS) or words.sees(TWO_SIDED) or self._sees_place())
                phrase = self._noun_phrase() if item and not words.sees(WITHOUT) and not words.sees(THERE_IS) else None
                words.position = here
                plain = phrase is not None and phrase.bound not in {"exactly", "at least", "at most"}
                if phrase is not None and phrase.count is None and not phrase.definite and plain:
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
        if words.accept(_OTHERS):
            return  # nothing else is drawn anyway
        if words.word() in {"other", "others", "else", "more", "less", "fewer"}:
            words.fail(HINT, start)
        phrase = self._noun_phrase()
        if phrase is None or phrase.name in {"object", "thing"}:
            words.fail("name what must not be there, such as 'without dogs'", start)
        if phrase.count not in {None, 0, 1} or phrase.bound in {"at least", "at most"}:
            words.fail("name what must not be there without a number, such as 'without dogs'", start, phrase.end)
        if not (phrase.is_thing or phrase.head in PLACES):
            words.fail(HINT, start, phrase.end)
        if phrase.dimensions or phrase.size_word:
            words.fail("only attributes such as colours can be excluded", start, phrase.end)
        described = self._read_denied_look() if words.word(-1) == phrase.head or phrase.plural else ()
        apart = shared_looks(phrase)  # "no red and blue cars"
        kept = tuple(word for word in (*phrase.attributes, *described) if word not in apart)
        for look in apart or ("",):
            self.absent.append(replace(phrase, attributes=(*([look] if look else []), *kept)).phrase)

    def _read_denied_look(self) -> tuple[str, ...]:
        """Take "is red" of "no cup is red", and nothing else."""
        words = self.words
        start = words.position
        if words.take_word("is", "are", "was", "were"):
            found = tuple(attribute(word) for word in (words.word(),) if is_attribute(word) and word not in SIZES)
            words.position += 1
            if found and (words.done or words.word() in {",", "and", "but", *STOPS}):
                return found
        words.position = start
        return ()

    # background

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
        if words.sees(IN_THE_PICTURE) or words.sees(BACKGROUND) or words.sees(REGIONS):
            return False
        preposition = words.take(PLACE_PREPOSITIONS)
        if preposition is None:
            words.position = start
            return False
        try:
            phrase = read_noun_phrase(words)
        except CannotParse:
            phrase = None
        if phrase is not None and self._is_place(phrase.head, preposition):
            self._take_rest_of_place()
            return True
        words.position = start
        return False

    def _take_rest_of_place(self) -> None:
        """Take "of snow" after "a field" and the like."""
        if self.words.word() == "of" and (is_stuff(self.words.word(1)) or self.words.word(1) in PLACES):
            self.words.position += 2

    @staticmethod
    def _is_place(head: str, preposition: str) -> bool:
        if head in SKIES and preposition in _BESIDE:
            return False
        if head == "sun":
            return preposition == "in"
        return head in PLACES or plural(head) in PLACES or (preposition in INDOORS and head in BUILDINGS)

    def _read_background(self) -> bool:
        words = self.words
        start = words.position
        if self._take_place():
            self.background.append(words.quote(start, words.position))
            words.take_word(",") if self._first() and not words.done and not self.last else None
            return True
        return False

    def _take_style_phrase(self) -> bool:
        """Take "in the style of Van Gogh", up to what ends it: a comma, or "of a dog"."""
        words = self.words
        if not words.accept(STYLE_PHRASES):
            return False
        begin = words.position
        while not words.done and words.word() not in {",", *STOPS}:
            begins = words.word(1) in {"a", "an", "two", "three"} or number(words.word(1)) is not None
            if words.position > begin and words.word() in {"of", "with", "and", "showing"} and begins:
                break
            words.position += 1
        return True

    def _read_style(self) -> bool:
        words = self.words
        start = words.position
        parted = words.take_word(",") != "" or self.open_from is None
        begin = words.position
        if self._take_style_phrase():
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
        listed = words.word() == "," and words.word(1) == "and"  # "an egg, a painting, and a goldfish"
        if count and parted and (words.done or words.word() in {",", *STOPS}) and begin > 0 and not listed:
            self.finish.append(words.quote(begin, words.position))
            return True
        words.position = start
        return False
