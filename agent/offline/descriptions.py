"""What a sentence says of its objects after naming them: "a car that is red", "two cups, a red one and a blue one"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.draft import HINT, Link, Thing
from agent.offline.lexer import phrases
from agent.offline.nouns import DIMENSIONS, read_attributes
from agent.offline.positions import REGIONS, TWO_SIDED
from agent.offline.relations import Relations
from agent.offline.sharing import is_shared
from agent.offline.speech import is_adjective, is_noun
from agent.offline.surroundings import STOPS
from agent.offline.vocabulary import CLOSED, COPULA, PAINTED
from tools.scene.lexicon import SHADES, attribute, family, is_attribute, number
from tools.scene.spec import SIZES
from tools.scene.wordnet import can_be, is_mostly

if TYPE_CHECKING:
    from collections.abc import Sequence

_PART_OF = phrases("of them|of which|of these|of those|of the latter")
_COLOURED = phrases("in color|in colour|colored|coloured|in total")
_BOTH = phrases("both|all|each|both of them|all of them|each of them")
_NOT = phrases("not|never|anything but")
_MADE = phrases("made of|made out of|made from|all made of|both made of|built from|carved from|carved out of")
_BE = frozenset(["is", "are", "was", "were", "be", "being"])
_MANNERS = frozenset(
    "sat stood lay sit sits stand stands lie lies rest rests hang hangs hung rested appears appear".split()
)
_HUES = frozenset("color colour colors colours hue hues tone tones shade shades".split())
_PARTS = {"one": 1, "another": 1, "first": 1, "second": 1, "third": 1, "fourth": 1, "both": 2}


class Descriptions(Relations):
    """Reads attributes that stand behind their noun."""

    def _read_described(self) -> bool:
        """Take "is red", ", both brown", "painted blue", ", red and shiny", "that is not brown"."""
        words = self.words
        start = words.position
        if self.last is None:
            return False
        comma = words.take_word(",") != ""
        if self._read_made(comma=comma):
            return True
        relative = words.word() in {"that", "which"}
        both = words.accept(_BOTH)
        copula = words.take(COPULA) or ""
        both = words.accept(_BOTH) or both or copula.endswith(("both", "all")) or copula in {"both", "all"}
        if copula and not both and not relative and self.host not in {None, self.last}:
            words.position = start  # "a vase with a base was perfect": the vase or the base?
            return False
        if copula and not both and set(copula.split()) & _MANNERS and not set(copula.split()) & _BE:
            words.position = start  # "stood tall"
            return False
        painted = words.accept(PAINTED)
        doing = words.word().endswith("ing") and is_attribute(words.word()) and words.position == self.last.end
        if comma and not (both or copula) and any(self.last in link.objects for link in self.links):
            words.position = start  # "a cup on a table, red and shiny": the cup or the table?
            return False
        if not (comma or both or copula or painted or doing) or (
            comma and not (copula or both) and not self._sees_bare()
        ):
            words.position = start
            return False
        negated = bool(copula or relative) and words.accept(_NOT)
        neither = not negated and bool(copula) and words.take_word("neither") != ""
        found = self._read_bare()
        while neither and found and words.take_word("nor"):
            found = (*found, *self._read_bare())
        if not found or (neither and len(found) < 2):
            words.position = start
            return False
        negated = negated or neither
        words.take(_COLOURED)
        self._describe(self._described_things(copula, both=both), found, negated=negated, start=start)
        return True

    def _read_made(self, *, comma: bool) -> bool:
        """Take "made of glass", "all made of wood"."""
        words = self.words
        start = words.position
        copula = words.take(COPULA) or ""
        last = self.last
        everyone = words.word() in {"all", "both"} or copula.endswith(("both", "all", "are", "were"))
        if last is None or not words.accept(_MADE) or family(words.word()) != "material" or is_noun(words, 1):
            words.position = start
            return False
        words.position += 1
        material = words.word(-1)
        for thing in list(dict.fromkeys([*self.listed, last])) if comma or everyone else [last]:
            thing.describe((material,))
        return True

    def _described_things(self, copula: str, *, both: bool) -> list[Thing]:
        """Return what an attribute after the noun is of: the last thing, or all that were listed."""
        last = self.last
        assert last is not None
        plural_verb = copula.split(" ")[-1] in {"are", "were"} or copula.startswith(("are", "were"))
        together = both or (plural_verb and (not copula.startswith(("that", "which")) or last.count == 1))
        return list(dict.fromkeys([*self.listed, last])) if together else [last]

    def _sees_bare(self) -> bool:
        """Whether adjectives follow that belong to no noun of their own: ", red and shiny"."""
        here = self.words.position
        found = self._read_bare()
        self.words.position = here
        return bool(found)

    def _read_bare(self) -> tuple[str, ...]:
        """Take adjectives up to the end, a comma or "and" that begins something else; () where a noun follows."""
        words = self.words
        start = words.position
        found: list[str] = []
        while True:
            here = words.position
            shade = words.word() in SHADES and is_adjective(words.word(1))
            if words.word() in {"very", "really", "completely", "fully", "quite", "entirely"}:
                words.position += 1
            word = words.word()
            if not (shade or self._is_bare(word)) or (words.tags and not shade and not self._is_described_by_tag()):
                words.position = here
                break
            words.position += 2 if shade else 1
            found.append(words.quote(words.position - 2, words.position).lower() if shade else word)
            before = words.position
            if words.take_word(",", "and"):
                words.take_word("and")
                if not (self._is_bare(words.word()) or words.word() in SHADES) or is_noun(words, 1):
                    listed = words.word(-1) == "and" and words.tokens[start - 1].word == "," and start
                    if listed and self._is_bare(words.word()):
                        words.position = start  # "a sink, black and white tiles"
                        return ()
                    words.position = before
                    break
        if not found or (is_noun(words) and words.word() not in {"color", "colour"}) or words.word() in {"one", "ones"}:
            words.position = start
            return ()
        return tuple(dict.fromkeys(found))

    def _is_described_by_tag(self) -> bool:
        """Whether the tagger sees an adjective too, and no verb with an object: "is running a marathon"."""
        words = self.words
        if words.tag() == "VBG":
            following = words.tag(1)
            return is_attribute(words.word()) and following not in {"DT", "PRP$", "RP", "PRP"} and following[:2] != "NN"
        if words.tag() == "VBN" and not is_attribute(words.word()) and words.tag(1) in {"IN", "RP", "TO"}:
            return False  # "is lost in", "is covered with"
        return words.tag() in {"JJ", "VBN"} or family(words.word()) is not None

    def _is_bare(self, word: str) -> bool:
        if not word or word in CLOSED or number(word) is not None:
            return False
        done_to = word.endswith(("ing", "ed")) and not is_attribute(word) and not self.words.tags
        if done_to and self.words.word(1) in CLOSED - {"and", "but", "or"}:
            return False  # "is trying on shoes", "were covered with"
        return is_adjective(word) or (can_be(word, "a") and is_mostly(word, "a"))

    def _describe(self, things: Sequence[Thing], found: tuple[str, ...], *, negated: bool, start: int) -> None:
        words = self.words
        colours = [attribute(word) for word in found if family(word) == "colour"]
        mention = things[0]
        if negated:
            if any(word in SIZES or word in DIMENSIONS for word in found):
                words.fail("only attributes such as colours can be excluded", start, words.position)
            for thing in things:
                thing.lacks = (*thing.lacks, *(attribute(word) for word in found))
            return
        if len(things) == 1 and mention.bound == "at least" and len(colours) == len(found) and is_shared(colours, None):
            mention.each = tuple(colours)
            return
        if len(things) == 1 and 2 <= mention.count == len(colours) == len(found):
            said_in = words.tokens[start].word == "in"
            if mention.count == 2 and words.word(-2) == "and" and not said_in and "," not in words.quote(start):
                words.unclear("say 'one red and one blue' or 'each red and blue'", start, words.position)
            self._part(mention, [(1, (colour,)) for colour in colours], start)
            return
        if mention.count > 1 and len(colours) > 1 and words.tokens[start].word == "in":
            words.unclear("say how many are of each colour", start, words.position)
        self._say(things, found)

    def _say(self, things: Sequence[Thing], found: tuple[str, ...]) -> None:
        """Give things what was said of them: sizes, measures that nothing checks, and attributes."""
        for thing in things:
            thing.describe(tuple(attribute(word) for word in found if word not in SIZES and word not in DIMENSIONS))
            thing.size = next((SIZES[word] for word in found if word in SIZES), thing.size)
            self.said += [f"{word} {thing.name}" for word in found if word in DIMENSIONS]

    def _read_of_colour(self) -> bool:
        """Take "with a red color", "in red", "of blue colour"."""
        words = self.words
        start = words.position
        if self.last is None or not words.take_word("with", "in", "of", "that", "has"):
            return False
        words.take_word("has", "have")
        words.take_word("a", "an", "the")
        words.take_word("color", "colour")
        found = self._read_bare() or read_attributes(words)
        named = bool(words.take_word(*_HUES, "texture", "shape"))
        length = sum(len(word.split()) for word in found)
        if found and words.word(-1) in _HUES and not any(family(word) == "colour" for word in found):
            self._keep(self.last.start, words.position)  # "in different colors"
            return True
        told = words.tokens[start].word == "in" or words.word(-length - 1) == "in"
        ended = words.done or words.word() in {",", "and", *STOPS} or words.sees(REGIONS) or words.sees(TWO_SIDED)
        bare = told and ended
        if found and (named or (bare and all(family(word) == "colour" for word in found))) and not is_noun(words):
            self._describe([self.last], found, negated=False, start=start)
            return True
        words.position = start
        return False

    # parts of a number

    def _read_split(self) -> bool:
        """Take "one on the left and the other on the right", "a red one and a blue one", "two of which are green"."""
        words = self.words
        start = words.position
        whole = self.last
        if whole is None or whole.count < 2 or whole is self.unnamed:
            return False
        words.take_word(",", ":")
        words.take_word("with", "including")
        parts: list[tuple[int, tuple[str, ...]]] = []
        while (part := self._read_part(whole)) is not None:
            parts.append(part)
            before = words.position
            while words.take_word(",", "and", "while", "but"):
                pass
            if not self._sees_part():
                words.position = before
                break
        if not parts:
            words.position = start
            return False
        coloured = [part for part in parts if part[1]]
        if coloured and len(coloured) < len(parts):
            words.fail("say either the colours or the places of each", start, words.position)
        if coloured:
            self._part(whole, coloured, start)
        return True

    def _read_rest(self) -> bool:
        """Take "the other two are pink", and "two of them" of "every cup is red and there are two of them"."""
        words = self.words
        start = words.position
        like = self.subject or self.last
        if like is None:
            return False
        rest = words.take_word("the") and words.take_word("other", "remaining")
        count = number(words.word())
        words.position += 1
        found: tuple[str, ...] = ()
        if rest and count:
            words.take_word("ones")
            found = self._read_bare() if words.take(COPULA) else ()
        more = words.word() == "of" and words.word(1) in {"them", "these", "those"} and (like.every or like.count == 1)
        if count and not rest and more and words.word(-1) not in {"a", "an", "one"}:
            words.position += 2
            if not like.every:
                like.count, like.bound = count, "exactly"
                return True
        elif not found:
            words.position = start
            return False
        thing = Thing(like.name, tuple(map(attribute, found)), count or 1, "exactly", start=start, end=words.position)
        self.things.append(thing)
        self.mentioned.append(thing)
        self.listed = [thing]
        return True

    def _sees_part(self) -> bool:
        words = self.words
        here = words.position
        found = self._take_count() is not None
        words.position = here
        return found

    def _take_count(self) -> int | None:
        """Take "one", "the other", "two of them", and "a" before "red one"."""
        words = self.words
        start = words.position
        words.take_word("only", "just", "exactly")
        words.take_word("the")
        words.take_word("other") if words.word(1) in {"two", "three", "four"} else None
        if words.take_word("other"):
            words.take_word("one")
            count: int | None = 1
        elif words.word() in _PARTS:
            count = _PARTS[words.word()]
            words.position += 1
            words.take_word("one") if words.word(-1) != "one" else None
        elif words.word() not in {"a", "an"} and number(words.word()) is not None:
            count = number(words.word())
            words.position += 1
        else:
            words.position = start
            here = words.position
            words.take_word("a", "an", "the")
            described = words.position > here and bool(read_attributes(words)) and words.word() == "one"
            words.position = here
            return 1 if described else None
        words.take(_PART_OF)
        return count

    def _read_part(self, whole: Thing) -> tuple[int, tuple[str, ...]] | None:
        """Take one part with its attributes, or its place (linked at once; no attributes are returned)."""
        words = self.words
        start = words.position
        half = whole.count // 2 if words.word() == "half" and words.word(1) == "of" and not whole.count % 2 else None
        words.position += bool(half)
        count = half if half and words.take(_PART_OF) else self._take_count()
        if count is None or count > whole.count:
            words.position = start
            return None
        if words.take_word("a", "an", "the"):
            found = read_attributes(words)
            words.take_word("one")
            return count, found
        copula = words.take(COPULA)
        found = self._read_bare() if is_adjective(words.word()) else ()
        if found:
            return count, found
        if not (words.sees(REGIONS) or words.sees(TWO_SIDED)) or (number(words.word(-1)) is not None and not copula
                                                                    and words.word(-1) != "one"):  # fmt: skip
            words.position = start
            return None
        made = len(self.links)
        self.mentioned.append(whole)
        if not self._read_relation(joined=False):
            words.fail(HINT, start)
        for link in self.links[made:]:
            link.count = count
        return count, ()

    def _part(self, whole: Thing, parts: list[tuple[int, tuple[str, ...]]], start: int) -> None:
        """Put "one red and one blue" in the place of "two cars"; the rest of "two of which are red" lacks that."""
        left = whole.count - sum(count for count, _ in parts)
        if left and (len(parts) > 1 or left < 0 or len(parts[0][1]) != 1):
            self.words.fail(f"say it for all {whole.count}", start, self.words.position)
        at = self.things.index(whole)
        made = [replace(whole, count=count, bound="exactly") for count, _ in parts]
        for mention, (_, found) in zip(made, parts, strict=True):
            mention.attributes, described = (), mention.attributes
            self._say([mention], found)
            mention.describe(described)
        if left:
            made.append(replace(whole, count=left, bound="exactly", lacks=(*whole.lacks, *parts[0][1])))
        self.things[at : at + 1] = made
        links = []
        for link in self.links:
            if whole in link.subjects and len(link.subjects) == 1:
                links += [Link((mention,), link.predicate, link.objects, None, link.factor) for mention in made]
            else:
                links.append(link)
        self.links = links
        self.mentioned += made
        self.listed = [*(mention for mention in self.listed if mention is not whole), *made]
