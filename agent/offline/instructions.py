"""The instruction grammar: "swap the cup and the bowl, then make it red" becomes operations on a layout.

An instruction is clauses parted by "and", "then", "," or "."; a clause without a verb repeats the one
before ("make the car blue and the dog red"). Clauses are done one after the other on a working copy; what
comes out is their net effect, at most one change of place and one of looks for each object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline import amounts, destinations
from agent.offline.items import Item, Scene
from agent.offline.lexer import Phrases, meaning, phrases
from agent.offline.nouns import NounPhrase, is_adjective, read_attributes, read_noun_phrase
from agent.offline.placement import NoPlaceError, at, is_crowded
from agent.offline.selectors import read_selection, starts_selection
from agent.offline.workbench import BIG, Memory, Workbench
from tools.scene.errors import CannotParse
from tools.scene.lexicon import COLOURS, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.layout import Layout
    from tools.scene.operations import Operation

HINT = (
    "known actions: add, remove, move ('to the left', 'a bit up', 'next to the car', 'towards the dog'), swap, "
    "make larger or smaller ('by 20%', 'twice as big'), replace X with Y, make X red, turn X into Y, duplicate"
)
_VERBS = Phrases(
    meaning("remove|delete|erase|get rid of|take away|take out|eliminate|clear|clear away|wipe out|discard|"
                  "throw away|throw out|take|cut out|hide|drop", "remove")
    | meaning("add|insert|include|draw|create|generate|there should be|i need|give me|i want|i would like|"
                    "introduce|we need", "add")
    | meaning("put|place|set|position|drop in", "put")
    | meaning("move|shift|slide|push|drag|bring|relocate|nudge|pull|send|reposition|center|centre|raise|lower|"
                    "lift", "move")
    | meaning("swap|exchange|switch|interchange|trade", "swap")
    | meaning("resize|enlarge|shrink|grow|scale|scale up|scale down|double|halve|triple|expand|magnify|"
                    "increase|decrease|reduce|upscale|downscale", "resize")
    | meaning("replace|substitute", "replace")
    | meaning("make|turn|change|transform|convert|recolor|recolour|color|colour|paint|repaint|dye|tint|"
                    "restyle|render", "make")
    | meaning("duplicate|copy|clone|repeat|make a copy of|make another copy of|add a copy of|make copies of|"
                    "create a copy of|make a duplicate of", "duplicate")
    | meaning("put back|bring back|restore|re-add|readd", "restore")
)  # fmt: skip
_POLITE = phrases("please|can you|could you|would you|will you|i want you to|i would like you to|i want to|kindly|now|"
                  "also|then|next|first|finally|afterwards|after that|just|let us|you should|i need you to|"
                  "ok|okay|hey|and|,|.|;|!|so|but|instead")  # fmt: skip
_BETWEEN = phrases("and then|and also|and|then|,|;|.|!|after that|afterwards|but|please|too|as well|thanks|thank you|?")
_NOTHING_ELSE = phrases(
    "keep everything else|keep the rest|leave everything else|leave the rest|do not change anything else|"
    "do not touch anything else|keep everything else the same|keep the rest the same|keep everything else unchanged|"
    "keep everything else as it is|keep the rest as it is|leave everything else as it is|leave the rest as it is|"
    "keep the rest unchanged|leave everything else unchanged|leave the rest unchanged|nothing else|"
    "leave everything else alone|leave the rest alone|without changing anything else|"
    "leave everything else the same"
)
_FROM_PICTURE = phrases("from the picture|from the image|from the photo|from the scene|from it|from there|"
                        "in the picture|in the image|from this picture|from this image|completely")  # fmt: skip
_TO_PICTURE = phrases("to the picture|to the image|to the photo|to the scene|into the picture|into the image|"
                      "in the picture|in the image|into the scene|in the scene|somewhere|anywhere")  # fmt: skip
_BACK = phrases("back")
_WITH = phrases("with|by|for|against|into|to")
_INTO = phrases("into|to|in|be|become|look|to be|to become")
_COLOUR_OF = phrases("the color of|the colour of|the colors of|the colours of|color of|colour of")
_COLOUR = phrases("'s color|'s colour|color|colour")
_PLACES_OF = phrases("the positions of|the places of|the position of|the place of|the locations of|positions of|"
                     "places of|the place|the positions")  # fmt: skip
_SWAP_PLACES = phrases("swap places|swap positions|trade places|switch places|change places|exchange places|"
                       "switch positions|trade positions|exchange positions")  # fmt: skip
_SIZE_OF = phrases("the size of|size of|the scale of")
_GONE = phrases("disappear|vanish|go away|gone")
_SAME_SIZE = phrases("as big as|as large as|as small as|the same size as|the size of|as tall as|the size as")


def parse_instruction(text: str, layout: Layout, memory: Memory | None = None) -> tuple[Operation, ...]:
    """Read an instruction about a picture that holds ``layout``; its goal is ``apply(layout, operations)``.

    Raises:
        CannotParse: unknown words, an object that is not there or could be one of several, a place that
            does not exist, or nothing to change.
    """
    return _Instruction(text, layout, memory or Memory()).read()


class _Instruction(Workbench):
    """Reads clause after clause; what they do is the workbench's."""

    def read(self) -> tuple[Operation, ...]:
        words = self.words
        while words.accept(_POLITE):
            pass
        while not words.done:
            start = words.position
            self._read_clause()
            if words.position == start:
                words.fail(HINT)
            if words.done:
                break
            if not words.accept(_BETWEEN):
                words.fail(HINT)
            while words.accept(_POLITE) or words.accept(_BETWEEN):
                pass
        operations = self._net()
        if not operations:
            words.fail("the picture is like that already", 0)
        return operations

    def _read_clause(self) -> None:
        words = self.words
        if words.accept(_NOTHING_ELSE):
            return
        start = words.position
        verb = words.take(_VERBS)
        spoken = " ".join(token.word for token in words.tokens[start : words.position])
        if verb is None and self.verb and (self.verb == "add" or starts_selection(words, self.scene)):
            verb, spoken = self.verb, ""
        if verb is None:
            words.fail(HINT)
        if verb == "put":
            verb = self._which_put()
        if verb == "move" and spoken == "bring" and self._ends_in_back():
            verb = "restore"
        if verb in {"make", "add"} and number(words.word()) is not None and words.word(1) in {"copy", "copies"}:
            verb = "duplicate"
        actions = {
            "remove": self._remove,
            "add": self._add,
            "move": self._move,
            "swap": self._swap,
            "resize": self._resize,
            "replace": self._replace,
            "make": self._make,
            "duplicate": self._duplicate,
            "restore": self._restore,
        }
        actions[verb](start, spoken)
        self.verb = verb

    def _which_put(self) -> str:
        """Tell "put the dog back", "put the dog next to the car" and "put a dog next to the car" apart."""
        words = self.words
        if self._ends_in_back() or words.sees(_BACK):
            words.accept(_BACK)
            return "restore"
        there = starts_selection(words, self.scene) and words.word() not in {"a", "an", "another"}
        return "move" if there else "add"

    def _ends_in_back(self) -> bool:
        """Whether the clause is "put the dog back"."""
        at = 0
        while self.words.word(at) not in {"", ",", ".", "and", "then"}:
            at += 1
        return at > 1 and self.words.word(at - 1) == "back"

    # remove

    def _remove(self, start: int, spoken: str) -> None:
        chosen = read_selection(self.words, self.scene)
        if spoken == "take" and not (self.words.take_word("away", "out", "off") or self.words.sees(_FROM_PICTURE)):
            self.words.fail(HINT)
        self.words.take_word("away", "out")
        self.words.take(_FROM_PICTURE)
        self._forget(chosen)

    # add

    def _add(self, start: int, spoken: str) -> None:
        words = self.words
        words.take_word("in")
        made: list[Item] = []
        while True:
            phrase = self._new_object(start)
            self._check_count(phrase)
            words.take(_TO_PICTURE)
            place = destinations.read_place(words, self.scene)
            words.take(_TO_PICTURE)
            made += [self._put(phrase, place, start) for _ in range(phrase.count or 1)]
            self.scene.focus = made
            before = words.position
            if words.word() in {",", "and"}:
                while words.take_word(",", "and"):
                    pass
                if (
                    not words.sees(_VERBS)
                    and not words.sees(_NOTHING_ELSE)
                    and words.word() not in {"then", "also"}
                    and self._sees_new()
                ):
                    continue
            words.position = before
            return

    def _sees_new(self) -> bool:
        word = self.words.word()
        return (
            word in {"a", "an", "another", "one", "two", "three", "four", "five"}
            or word.isdigit()
            or is_adjective(word)
        )

    def _new_object(self, start: int) -> NounPhrase:
        words = self.words
        here = words.position
        if words.sees(Phrases({"one more": 1, "another": 1})) and words.word(1 if words.word() == "another" else 2) in {
            "one",
            "",
        }:
            words.position += 2 if words.word() == "one" else 1
            words.take_word("one")
            last = self.scene.focus[-1:] or []
            if not last:
                words.fail("name what to add", here)
            return NounPhrase(last[0].name, last[0].attributes, 1, "another", False, here, words.position)
        number_at = 1 if words.word(1) == "more" else 0
        if number_at:
            tokens = words.tokens
            words.tokens = [*tokens[: here + 1], *tokens[here + 2 :]]  # "two more dogs" adds two dogs
        phrase = read_noun_phrase(words, self.scene.last_name)
        if phrase is None:
            words.fail("name an object to add, such as 'a red car'", start)
        if phrase.definite and phrase.determiner != "the other":
            words.fail(f"{words.quote(phrase.start, phrase.end)!r} sounds as if it were there; say 'a {phrase.phrase}'",
                       start, phrase.end)  # fmt: skip
        if phrase.count is None and phrase.plural:
            words.fail("say how many, such as 'two'", phrase.start, phrase.end)
        self.scene.last_name = phrase.name
        return phrase

    # move

    def _move(self, start: int, spoken: str) -> None:
        """Try "the dog | on the left" first, then "the dog on the left | to the right"."""
        words, scene = self.words, self.scene
        here, focus, name = words.position, scene.focus, scene.last_name
        for places in (False, True):
            words.position, scene.focus, scene.last_name = here, focus, name
            before = [(item, item.box) for item in scene.items]
            try:
                words.take(_PLACES_OF)
                self._move_to(read_selection(words, scene, places=places), start, spoken)
                if words.done or words.sees(_BETWEEN):
                    return
                words.fail(HINT)
            except CannotParse:
                if places:
                    raise
                for item, box in before:
                    item.box = box

    def _move_to(self, chosen: Sequence[Item], start: int, spoken: str) -> None:
        words = self.words
        shift = destinations.read_shift(words, self.scene, chosen, spoken)
        if shift is not None:
            for item in chosen:
                moved = shift(item.box)
                if moved == item.box:
                    words.fail(f"{item.id!r} cannot go any further that way", start, words.position)
                item.box = moved
            self.scene.focus = list(chosen)
            return
        place = destinations.read_place(words, self.scene)
        if place is None:
            words.fail("say where to, such as 'to the left', 'to the top right corner' or 'next to the car'",
                       start if words.done else words.position)  # fmt: skip
        for item in chosen:
            others = self.scene.boxes(item)
            try:
                size = item.box.w, item.box.h
                item.box = place.box(size, item.box.center, others)
            except NoPlaceError:
                words.fail(f"there is no room for {item.id!r} at that place", start, words.position)
        self.scene.focus = list(chosen)

    # swap

    def _swap(self, start: int, spoken: str) -> None:
        words, scene = self.words, self.scene
        colours = words.accept(_COLOUR_OF)
        words.take(_PLACES_OF)
        words.take_word("of")
        chosen = read_selection(words, scene)
        if len(chosen) == 1 and words.take_word("for"):
            phrase = read_noun_phrase(words, scene.last_name)
            if phrase is None or phrase.definite:
                words.fail("say what it is swapped for, such as 'a cat'", start)
            self._become(chosen, phrase, start)
            return
        if len(chosen) == 1 and words.accept(_WITH):
            chosen = [*chosen, *read_selection(words, scene)]
        self._exchange(chosen, start, colours=colours)

    # resize

    def _resize(self, start: int, spoken: str) -> None:
        words = self.words
        words.take(_SIZE_OF)
        words.take_word("up", "down")
        chosen = read_selection(words, self.scene)
        if words.word() == "'s" and words.word(1) == "size":
            words.position += 2
        words.take(phrases("in size"))
        tail = words.word(-1)
        direction = words.take_word("up", "down")
        if words.accept(_SAME_SIZE):
            self._same_size(chosen, start)
            return
        factor = amounts.read_factor(words, spoken if direction != "down" else "shrink")
        if factor is None:
            words.fail(f"say how much, such as 'by 20%' or 'to half its size' (after {tail!r})", start, words.position)
        self._scale(chosen, (factor, factor), start)

    def _same_size(self, chosen: Sequence[Item], start: int) -> None:
        model = read_selection(self.words, self.scene)
        if len(model) != 1:
            self.words.fail("name one object to compare with", start, self.words.position)
        for item in chosen:
            item.box = at(item.box.center, (model[0].box.w, model[0].box.h))
        self.scene.focus = list(chosen)

    # replace and recolour

    def _replace(self, start: int, spoken: str) -> None:
        words = self.words
        chosen = read_selection(words, self.scene)
        if not words.accept(phrases("with|by|for")):
            words.fail("say what it is replaced with, such as 'with a cat'", start)
        phrase = read_noun_phrase(words, chosen[0].name)
        if phrase is None or phrase.definite:
            words.fail("say what it is replaced with, such as 'with a cat'", start)
        self._become(chosen, phrase, start)

    def _make(self, start: int, spoken: str) -> None:
        words, scene = self.words, self.scene
        if words.accept(_COLOUR_OF):
            chosen = read_selection(words, scene)
            words.take(_INTO)
            self._recolour(chosen, start)
            return
        words.take(_SIZE_OF)
        chosen = read_selection(words, scene)
        if words.word() == "'s":
            words.position += 1
            if words.word() in {"color", "colour"}:
                words.position += 1
                words.take(_INTO)
                self._recolour(chosen, start)
                return
            words.fail("only its colour can be changed this way", start, words.position + 1)
        if words.take_word("from"):
            read_attributes(words)
        self._complement(chosen, start)
        while words.word() == "and":
            before = words.position
            words.position += 1
            if words.sees(_VERBS) or starts_selection(words, scene) or not self._sees_complement():
                words.position = before
                return
            self._complement(chosen, start)

    def _sees_complement(self) -> bool:
        here = self.words.position
        found = amounts.read_comparative(self.words) is not None
        self.words.position = here
        return found or is_adjective(self.words.word()) or bool(self.words.sees(_INTO))

    def _complement(self, chosen: Sequence[Item], start: int) -> None:
        """Take what is made of them: larger, red, a cat."""
        words = self.words
        if words.accept(_SWAP_PLACES):
            self._exchange(chosen, start, colours=False)
            return
        if words.accept(_GONE):
            self._forget(chosen)
            return
        if words.accept(_SAME_SIZE):
            self._same_size(chosen, start)
            return
        factors = amounts.read_comparative(words)
        if factors is not None:
            self._scale(chosen, factors, start)
            return
        words.take(_INTO)
        if words.word() in COLOURS and words.word(1) in {"", "and", ",", ".", "then", "please", "!", ";"}:
            self._recolour(chosen, start)
            return
        here = words.position
        attributes = read_attributes(words)
        if attributes and (words.done or not words.word()[0].isalpha() or words.word() in {"and", "then", "please"}
                           or words.sees(_COLOUR) or words.sees(_NOTHING_ELSE)):  # fmt: skip
            words.position = here
            self._recolour(chosen, start)
            return
        words.position = here
        phrase = read_noun_phrase(words, chosen[0].name)
        if phrase is None or phrase.definite:
            words.fail("say what it shall be, such as 'larger', 'red' or 'a cat'", start)
        if phrase.count is None and not phrase.plural:
            words.fail("say what it shall be, such as 'larger', 'red' or 'a cat'", phrase.start, phrase.end)
        self._become(chosen, phrase, start)

    def _recolour(self, chosen: Sequence[Item], start: int) -> None:
        words = self.words
        words.take_word("a", "an")
        attributes = read_attributes(words)
        if not attributes:
            words.fail("say which colour or other attribute, such as 'red'", start, words.position + 1)
        words.take(_COLOUR)
        sizes = [word for word in attributes if word in BIG]
        if sizes:
            self._scale(chosen, (BIG[sizes[0]], BIG[sizes[0]]), start)
            attributes = tuple(word for word in attributes if word not in BIG)
        for item in chosen:
            item.attributes = self._restyled(item.attributes, attributes)
        self.scene.focus = list(chosen)

    # duplicate, restore

    def _duplicate(self, start: int, spoken: str) -> None:
        words = self.words
        times = 1
        if words.word(1) in {"copy", "copies"}:
            times = number(words.word()) or 1
            words.position += 2
            words.take_word("of")
        here, focus, name = words.position, self.scene.focus, self.scene.last_name
        chosen = read_selection(words, self.scene, places=False)
        place = None if words.done else destinations.read_place(words, self.scene, sides=True)
        if place is None and not words.done and not words.sees(_BETWEEN):
            words.position, self.scene.focus, self.scene.last_name = here, focus, name
            chosen = read_selection(words, self.scene)
            place = destinations.read_place(words, self.scene, sides=True)
        times = max(times, amounts.read_times(words))
        if times * len(chosen) > 20:
            words.fail("add at most 20 objects at once", start, words.position)
        copies = []
        for item in chosen:
            for _ in range(times):
                where = place or destinations.Place("next to", (item.box,))
                self.added += 1
                copies.append(self._insert(item.name, item.attributes, (item.box.w, item.box.h), where, start))
        self.scene.focus = copies

    def _restore(self, start: int, spoken: str) -> None:
        words = self.words
        removed = Scene([Item(one.id, one.name, one.attributes, one.box) for one in self.memory.removed])
        if not removed.items:
            words.fail("nothing was removed before", start)
        removed.focus = removed.items[-1:]
        chosen = read_selection(words, removed)
        words.take(_BACK)
        for item in chosen:
            others = self.scene.boxes()
            if is_crowded(item.box, others):  # something else stands there by now
                item.box = self._free_place((item.box.w, item.box.h), item.box.center, start)
            self.scene.items.append(item)
        self.scene.focus = list(chosen)

    # the end
