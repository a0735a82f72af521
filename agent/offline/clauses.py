"""Sentences that say more than the grammar knows: "the sushi rolled the rice", "a boy is kicking a ball".

The tagger says where noun phrases begin and end. What can be seen is demanded; the words around it are
kept as they stand, as a demand that nothing checks. Negations, choices and questions are never kept that way.
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.offline.draft import HINT
from agent.offline.imagined import is_only_spoken_of
from agent.offline.lexer import phrases
from agent.offline.ordinals import Ordinals
from agent.offline.positions import ITS, REGIONS, TWO_SIDED
from agent.offline.speech import describes, is_known_noun, is_noun
from agent.offline.surroundings import NO_NOUN, STOPS
from agent.offline.vocabulary import (
    CLOSED,
    COPULA,
    EACH_SIDE,
    ING_NOUNS,
    INSIDE,
    OPENERS,
    SKIES,
    UNKNOWN_RELATIONS,
)
from tools.scene.errors import CannotParse
from tools.scene.lexicon import family, number
from tools.scene.scenery import PLACES
from tools.scene.wordnet import can_be, is_group, is_listed, is_part_of_body, is_person, is_substance, is_word

if TYPE_CHECKING:
    from agent.offline.nouns import NounPhrase

_NEVER = frozenset(
    (
        "between not no never without neither nor none or unless except excluding instead nothing nobody hardly ? if "
        "than"
    ).split()
)
_ARTICLES = phrases("a|an|the|this|that|these|those|another|some|several|many|each|every|both|all|a few|his|her|their|"
                    "its|my|our|your|at least|exactly|more than|lots of|a lot of")  # fmt: skip
_BEFORE_PARTICIPLE = frozenset({"with", "near", "above", "beside", "against", "between"})
_PUNCTUATION = frozenset({",", "-", "'", '"', "'s", ":", "(", ")"})
_HEAPS = frozenset("pile heap bunch group cluster circle ring row line queue crowd pair".split())
"""How things stand, after "in": "in a pile"."""


class Clauses(Ordinals):
    """Reads item after item with the tagger's help."""

    def _begin_sentence(self) -> None:
        """A new sentence: nothing to the left to attach to."""
        self.subject, self.host, self.listed, self.open_from = None, None, [], None
        self.mentioned.append(None)

    def _sees_own(self) -> bool:
        return self.words.sees(ITS) or self.words.sees(EACH_SIDE)

    def _check_open(self) -> None:
        words = self.words
        if words.tags[0] in {"WP", "WRB", "WDT"}:
            words.fail("this is a question, not a scene", 0)
        if words.tags[0] == "VB" and not words.sees(OPENERS):
            words.fail(HINT, 0)
        for at, (token, tag) in enumerate(zip(words.tokens, words.tags, strict=True)):
            if tag == "JJR" and token.word not in {"more", "less", "fewer"}:
                words.fail(HINT, at, at + 1)

    def _check_name(self, phrase: NounPhrase) -> None:
        """Refuse what is no object's name: an idea, a place in a noun's place, two nouns without an article."""
        words = self.words
        if words.tags:
            if not is_listed(phrase.head) and not phrase.determiner and phrase.count is None:
                words.fail(f"write 'a {phrase.name}' or a number, if it is one object", phrase.start, phrase.end)
            return
        if any(can_be(word, "v") for word in phrase.name.split()[1:]) and not (phrase.determiner or phrase.count):
            words.fail(f"write 'a {phrase.name}' or a number, if it is one object", phrase.start, phrase.end)
        if not all(is_known_noun(word) or is_listed(word) for word in phrase.name.split()):
            words.fail(f"write 'a {phrase.name}' or a number, if it is one object", phrase.start, phrase.end)
        if not phrase.is_thing:
            words.fail(HINT, phrase.start, phrase.end)

    def _extend_clause(self, end: int) -> None:
        """An object that follows a kept clause belongs to its words: "rolled the rice and the fish"."""
        if self.open_from is not None:
            self._keep(self.open_from, end)

    def _read_open_item(self) -> None:
        """Take an item as the grammar reads it; where it cannot, the rest of the clause as it stands."""
        words = self.words
        before = self._snapshot()
        attached = self.open_from is not None and (
            any(words.sees(table) for table in (TWO_SIDED, REGIONS, INSIDE, UNKNOWN_RELATIONS, COPULA))
            or (words.word() in {"and", ","} and self._is_doing(1))
            or (words.word() == "," and words.tag(1) in {"JJ", "VBN", "RB"} and not self._describes_noun(1))
            or words.word(-1) == "'s"
            or self._sees_apposition()
        )
        attached |= self._goes_on_doing(1)
        try:
            if not attached and self._read_item():  # type: ignore[attr-defined]
                return
        except CannotParse:
            pass
        self._restore(before)
        if not self._read_clause():
            words.fail(HINT)

    def _is_doing(self, ahead: int) -> bool:
        """Whether a participle with an object follows: "and blowing bubbles"."""
        words = self.words
        ahead += words.tag(ahead) == "RB"
        word = words.word(ahead)
        return (
            words.tag(ahead) == "VBG"
            or self._goes_on_doing(ahead)
            or (word.endswith("ing") and word not in ING_NOUNS and not can_be(word, "n"))
        )

    def _describes_noun(self, ahead: int) -> bool:
        words = self.words
        while describes(words, ahead):
            ahead += 1
        return words.tag(ahead).startswith("NN")

    def _sees_apposition(self) -> bool:
        """Whether ", a creature of beauty" says something of what was named; no list goes on after it."""
        words = self.words
        if words.word() != "," or words.word(1) not in {"a", "an"}:
            return False
        rest = [token.word for token in words.tokens[words.position + 2 :]]
        return not any(one == "and" and other in {"a", "an", "the"} for one, other in pairwise(rest))

    def _read_clause(self) -> bool:
        """Skip to the next noun phrase and take it; keep all the words from the clause's subject on."""
        words = self.words
        start = words.position
        last = self.last
        begin = self._clause_start(start)
        while not (words.done or words.word() in STOPS or self._sees_phrase()):
            if not self._can_be_kept(words.word(), words.tag()):
                return False
            words.position += 1
        if words.position == start and last is not None and self.open_from is None and words.tag(-1)[:2] != "VB":
            return False
        if words.done or words.word() in STOPS:
            if words.tag(-1) in {"CC", "IN", "DT", ","}:
                return False
            self._open(begin)
            return words.position > start
        here = words.position
        try:
            phrase = self._noun_phrase()
        except CannotParse:
            phrase = None
        if phrase is None or phrase.name == NO_NOUN:
            words.position = here + 1
        elif not (
            is_word(phrase.head) or phrase.determiner or phrase.count or words.quote(here, here + 1)[:1].isupper()
        ):
            return False
        else:
            self._take_open(phrase)
        if words.word() == "'s":
            words.position += 1
        self._open(begin)
        return True

    @staticmethod
    def _can_be_kept(word: str, tag: str) -> bool:
        """Whether a word may stand in words that are kept: no negation, no question, nothing unheard of."""
        if word in _NEVER or not (word[0].isalnum() or word in _PUNCTUATION):
            return False
        if tag in {"WP", "WRB", "JJR"} and word != "who":
            return False
        return tag[:2] not in {"VB", "NN", "JJ", "RB"} or word in CLOSED or is_word(word) or not word.isalpha()

    def _clause_start(self, start: int) -> int:
        """Return where the subject of the clause begins: what is kept already, or all that was listed."""
        if self.open_from is not None:
            return self.open_from
        kept = [begin for begin, end in self.loose if end == start]
        return kept[0] if kept else self.listed[0].start if self.listed else self.last.start if self.last else start

    def _open(self, begin: int) -> None:
        self.open_from = begin
        self._keep(begin, self.words.position)

    def _take_open(self, phrase: NounPhrase) -> None:
        """Demand what the phrase names, if it can be seen as an object of its own."""
        words = self.words
        ahead = phrase.start - words.position - 1
        before, tag = (words.word(ahead), words.tag(ahead)) if phrase.start else ("", "")
        if self._goes_on_unseen(phrase, before) or is_only_spoken_of(words, phrase):
            self.unseen_until = phrase.end
            return
        if words.word() == "'s" or (not phrase.is_thing and not self._is_place(phrase.head, before)):
            return
        owned = is_part_of_body(phrase.head) or (phrase.determiner in {"its", "their"} and not is_person(phrase.head))
        preposition = tag in {"IN", "RP", "TO"}
        scenery = phrase.head in PLACES and phrase.head not in SKIES
        if scenery and not preposition:
            return  # "the farmer's market"
        bare = not phrase.determiner and phrase.count is None
        if owned or (preposition and is_substance(phrase.head) and not phrase.attributes):
            return
        if before == "in" and (bare or phrase.head in _HEAPS):  # "in circles"
            return
        if preposition and before not in {"with", "for", "of", "to", "from"} and self._is_place(phrase.head, before):
            self.background.append(f"{before} {words.quote(phrase.start, phrase.end)}")
            return
        if (
            " " not in phrase.name and family(phrase.name) == "colour" and phrase.name != "orange"
        ) or not phrase.is_thing:
            return  # "a silver and bright room"
        if scenery or (is_group(phrase.head) and not phrase.is_set):
            return
        if not is_listed(phrase.head) and bare:
            return
        self._demand(phrase)

    def _goes_on_unseen(self, phrase: NounPhrase, before: str) -> bool:
        """Whether "and" joins it to what is only spoken of: "the scent of yeast and flour"."""
        return before in {"and", ",", "or"} and self.unseen_until == phrase.start - 1

    def _goes_on_doing(self, ahead: int = 0) -> bool:
        """Whether a verb follows "and" as one did before: "are sitting around a fire and roasting marshmallows"."""
        words = self.words
        at = words.position + ahead
        begin = self.open_from if self.open_from is not None else 0
        word = words.word(ahead)
        return word.endswith("ing") and words.word(ahead - 1) == "and" and "VBG" in words.tags[begin : at - 1]

    def _sees_phrase(self) -> bool:
        words = self.words
        if self._goes_on_doing():
            return False
        if words.sees(_ARTICLES) and words.tag() not in {"WDT", "IN"}:
            return True
        if number(words.word()) is not None and words.tag() == "CD":
            return True
        if words.tag() in {"VBG", "VBN", "VBD"}:
            return describes(words) and words.word(-1) in _BEFORE_PARTICIPLE and words.tag(1).startswith("NN")
        return is_noun(words) or (words.tag() == "JJ" and describes(words))

    def _snapshot(self) -> dict[str, object]:
        kept: dict[str, object] = {
            name: list(value) if isinstance(value, list) else value for name, value in vars(self).items()
        }
        kept["position"] = self.words.position
        kept["looks"] = [(thing, copy(thing)) for thing in self.things]
        return kept

    def _restore(self, before: dict[str, object]) -> None:
        looks = before.pop("looks")
        self.words.position = before.pop("position")  # type: ignore[assignment]
        vars(self).update(before)
        for thing, was in looks:  # type: ignore[attr-defined]
            vars(thing).update(vars(was))
