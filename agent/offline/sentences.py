"""The scene grammar: a sentence becomes a `SceneSpec`, or is refused with the words that are not understood.

A sentence is an optional head ("a realistic photo of"), then items parted by "and", "," or "with": noun
phrases, places and times (the background), negations, and relations, which attach to the nearest noun
phrase on their left, or after "and" to the one that the relation before was about. Every word is used, adds
nothing, is kept as unchecked, or is named in a refusal.

What this grammar does not know is read again with a tagger (`agent.offline.clauses`): its objects are
demanded, and what is said of them with other words is kept as unchecked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.clauses import Clauses
from agent.offline.draft import HINT
from agent.offline.imagined import is_only_spoken_of
from agent.offline.lexer import Cursor, Unclear, phrases
from agent.offline.speech import is_adjective
from agent.offline.surroundings import STOPS
from agent.offline.tagger import tagged
from agent.offline.typing_errors import corrected
from agent.offline.vocabulary import (
    AND,
    BACKGROUND,
    CLOSED,
    COPULA,
    EXCEPTED,
    FRAMES,
    HAS,
    IN_THE_PICTURE,
    ING_NOUNS,
    NOTHING,
    OPENERS,
    SKIES,
    STYLE_LINKS,
    STYLE_NOUNS,
    STYLE_PHRASES,
    THERE_IS,
    WITHOUT,
)
from tools.scene.errors import CannotParse
from tools.scene.lexicon import is_attribute
from tools.scene.scenery import PLACES
from tools.scene.spec import SceneSpec
from tools.scene.wordnet import is_person

if TYPE_CHECKING:
    from agent.offline.nouns import NounPhrase

_PLAIN = {"bigger": "large", "larger": "large", "smaller": "small", "tinier": "tiny"}
_COMPARATIVE = re.compile(rf"(?<=\b(?:a|1) )({'|'.join(_PLAIN)})\b(?= [a-z])")
"""What is larger than nothing that is said: "a bigger bottle beside a smaller cup"."""
_PICTURES = frozenset({"scene", "photo", "photograph", "picture", "image", "view", "shot"})
_THIS_IS = phrases("it is|this is|these are|they are|here is|here are|it was|that is")
_SAME_AS_LIST = ("along with", "together with", "as well as", "accompanied by")


def parse_scene(text: str) -> SceneSpec:
    """Read a sentence about a picture.

    Raises:
        CannotParse: words that neither the grammar nor the tagger can place, or a contradiction.
    """
    mended, notes = corrected(text)
    if " than " not in text:
        notes += tuple(f"reading {found[1]!r} as {_PLAIN[found[1]]!r}" for found in _COMPARATIVE.finditer(mended))
        mended = _COMPARATIVE.sub(lambda found: _PLAIN[found[1]], mended)
    spec = _read(mended)
    return spec.model_copy(update={"notes": (*notes, *spec.notes)}) if notes else spec


def _read(text: str) -> SceneSpec:
    try:
        return _Scene(Cursor(text)).read()
    except Unclear:
        raise
    except CannotParse as refusal:
        words = Cursor(text)
        words.tags = tagged(words)
        try:
            return _Scene(words).read()
        except Unclear:
            raise
        except CannotParse:
            raise refusal from None


class _Scene(Clauses):
    """Reads item after item; every ``_read_*`` takes words only when it understands them."""

    def read(self) -> SceneSpec:
        words = self.words
        if words.tags:
            self._check_open()
        while not words.done:
            self._begin_sentence()
            if not self._read_pronoun():
                self._read_head()
            self._read_items()
            while words.take_word(*STOPS):
                pass
        self._link_ordinals()
        spec = self._spec()
        if words.tags and not (spec.objects or spec.absent):
            words.fail(HINT, 0)
        return spec

    # the head: "a realistic photo of a scene with"

    def _read_head(self, *, linked: bool = False) -> None:
        """Take "a photo of"; with ``linked`` only where "of" or the like follows."""
        words = self.words
        while words.accept(OPENERS) or (self._first() and words.accept(_THIS_IS)):
            words.take_word(",", ":")
        while (end := self._head_end(linked=linked)) is not None:
            start = words.position
            words.position = end
            text = words.quote(start, end)
            if words.word(-1) != "image" or text.lower().split()[0] not in {"the", "this"}:
                (self.finish if linked else self.style).append(text)
            here = words.position
            if self._take_style_phrase():
                self.finish.append(words.quote(here, words.position))
            here = words.position
            if self._take_place() and words.sees(STYLE_LINKS):  # "a painting at the beach of a dog"
                self.background.append(words.quote(here, words.position))
            else:
                words.position = here
            if not (words.sees(WITHOUT) or words.accept(STYLE_LINKS)):
                words.take_word(",", ":")
                break

    def _head_end(self, *, linked: bool) -> int | None:
        """Return where the head at the position ends, if there is one."""
        words = self.words
        at = words.position
        for ahead in range(9):
            word = words.word(ahead)
            if word in FRAMES and words.word(ahead + 1) in {"of", "showing", "depicting"}:
                return at + ahead + 1
            if word in STYLE_NOUNS and words.word(ahead + 1) not in STYLE_NOUNS:
                following = at + ahead + 1
                words.position, here = following, words.position
                sure = words.sees(STYLE_LINKS) if linked else (
                    words.done
                    or words.word() in {",", ".", ":"}
                    or (words.sees(STYLE_LINKS) or words.sees(WITHOUT))
                    or (word in _PICTURES and self._sees_place())
                    or words.sees(STYLE_PHRASES)
                    or (self._take_place() and words.word() == "of")
                )  # fmt: skip
                words.position = here
                return following if sure else None
            if word == "," and ahead and is_adjective(words.word(ahead - 1), words.word(ahead + 1)):
                continue
            if word == "and" and not is_adjective(words.word(ahead + 1), "x"):
                return None
            if not word[:1].isalnum() or (word in CLOSED and word not in {"a", "an", "the", "and", "this", "very"}):
                return None
        return None

    # items

    def _read_items(self) -> None:
        words = self.words
        while not words.done and words.word() not in STOPS:
            before = words.position
            if words.tags:
                self._read_open_item()
            elif not self._read_item():
                self._refuse()
            if words.position == before:
                self._refuse()

    def _read_item(self) -> bool:
        """Take one item or connector; False where none is known."""
        words = self.words
        if words.sees(EXCEPTED):
            words.unclear("say what shall be there", words.position)
        return (
            words.accept(IN_THE_PICTURE)
            or self._read_ordinal()
            or self._read_numbers()
            or self._read_absent()
            or self._read_style()
            or self._read_row()
            or self._read_split()
            or self._read_described()
            or self._read_of_colour()
            or self._read_relation(joined=False)
            or self._read_background()
            or words.accept(NOTHING)
            or self._read_joined()
            or self._read_object()
        )

    def _read_joined(self) -> bool:
        """Take a connector and what must follow it."""
        words = self.words
        start = words.position
        joined = words.take(AND)
        here = words.position
        has = not joined and words.accept(HAS)
        if not has and words.accept(THERE_IS):
            joined = joined or "there is"
        if not joined and not has:
            return False
        if words.done or words.word() in STOPS:
            words.fail("something is missing at the end", words.position - 1)
        if not words.tags and self.open_from is not None and self._sees_doing():
            words.fail(HINT)
        owner = (
            self._about(joined=bool(has))
            if has or (joined and "with" in joined.split() and joined not in _SAME_AS_LIST)
            else None
        )
        if owner is not None:
            self.host = owner
        if joined and "and" in joined.split():
            self._read_head(linked=True)
        if joined and joined.split()[-1] in {"while", "whereas"}:
            self.open_from = None
        made = len(self.things), len(self.links)
        found = (
            words.accept(NOTHING)
            or self._read_ordinal()
            or self._read_numbers()
            or self._read_absent()
            or self._read_style()
            or self._read_rest()
            or self._read_elliptic()
            or self._read_relation(joined=True)
            or self._read_background()
            or self._read_described()
            or self._read_object(after=here)
        )
        if found and owner is not None and len(self.things) > made[0] and not self._sees_own():
            self._keep(owner.start, words.position)
            self.held = (owner, self.things[-1]) if is_person(owner.name) else None
        if not found:
            words.position = start
        return bool(found)

    def _sees_doing(self) -> bool:
        """Whether a second doing follows: "holding a pen and taking notes"."""
        word = self.words.word()
        return word.endswith("ing") and word not in ING_NOUNS and not is_attribute(word)

    def _read_object(self, after: int | None = None) -> bool:
        words = self.words
        if words.sees(COPULA) and words.word() not in {"both", "all"} and self.last:
            return False
        if (
            after is None
            and self.last
            and words.position
            and words.tokens[words.position - 1].word not in CLOSED | {":"}
        ):
            return False  # two noun phrases with nothing between them
        phrase = self._noun_phrase()
        if phrase is None:
            return False
        backdrop = phrase.name in {"background", "backdrop"}
        if words.sees(BACKGROUND) and (phrase.count or 0) >= 1 and phrase.is_thing and phrase.head not in PLACES:
            words.take(BACKGROUND)
            self._demand(phrase)
            self._keep(phrase.start, words.position)
        elif backdrop or words.sees(BACKGROUND):
            words.take(BACKGROUND)
            self.background.append("with " + words.quote(phrase.start, words.position))
        elif self._is_scenery(phrase.head) and (phrase.count or 1) == 1 and self._first():
            self.background.append(words.quote(phrase.start, phrase.end))
        else:
            self._check_name(phrase)
            self._demand_named(phrase)
            self._extend_clause(phrase.end)
        return True

    def _demand_named(self, phrase: NounPhrase) -> None:
        """Demand what a noun phrase names, unless it is only spoken of."""
        tagged_words = bool(self.words.tags)
        if self.open_from is not None and tagged_words:
            self._take_open(phrase)
        elif tagged_words and (self.words.word() == "'s" or is_only_spoken_of(self.words, phrase)):
            self.open_from, self.unseen_until = phrase.start, phrase.end
        elif phrase.is_thing and not (self.open_from is not None and phrase.head in PLACES - SKIES):
            self._demand(phrase)
        elif self.open_from is None:
            self.open_from = phrase.start

    def _is_scenery(self, head: str) -> bool:
        """Whether a place that begins a sentence is where all of it is: "a beach", "a kitchen with two cups"."""
        words = self.words
        if head not in PLACES or head in SKIES:
            return False
        alone = words.done or words.word() in {",", "with", "without", "where", "at", "in", "during", "under", *STOPS}
        return alone or words.sees(WITHOUT) or words.sees(HAS)

    # the end

    def _refuse(self) -> None:
        self.words.fail(HINT)
