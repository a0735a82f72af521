"""The instruction grammar: "swap the cup and the bowl, then make it red" becomes operations on a layout.

An instruction is clauses parted by "and", "then", "," or "."; a clause without a verb repeats the one
before ("make the car blue and the dog red"). Clauses are done one after the other on a working copy; what
comes out is their net effect, at most one change of place and one of looks for each object.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline import amounts, destinations
from agent.offline.copies import Copies
from agent.offline.items import Item, Scene
from agent.offline.lexer import Impossible, phrases
from agent.offline.nouns import NounPhrase, is_adjective, read_noun_phrase
from agent.offline.other_pictures import check_names, unveiled, veiled
from agent.offline.placement import is_crowded
from agent.offline.selectors import read_selection, starts_selection
from agent.offline.surroundings import NO_NOUN
from agent.offline.verbs import BETWEEN, HINT, NOTHING_ELSE, POLITE, VERBS
from agent.offline.workbench import Memory
from tools.scene.errors import CannotParse
from tools.scene.lexicon import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.layout import Layout
    from tools.scene.operations import Operation

_FROM_PICTURE = phrases("from the picture|from the image|from the photo|from the scene|from it|from there|"
                        "in the picture|in the image|from this picture|from this image|completely|of the picture|"
                        "of the image|of the photo|of the scene|of it|of there")  # fmt: skip
_TO_PICTURE = phrases("to the picture|to the image|to the photo|to the scene|into the picture|into the image|"
                      "in the picture|in the image|into the scene|in the scene|somewhere|anywhere")  # fmt: skip
_BACK = phrases("back")
_WITH = phrases("with|by|for|against|into|to")
_COPYING = frozenset({"add", "put", "move", "duplicate"})  # "bring the dog from dog.jpg to the left" too
_ORDINALS = {"second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PLACES_OF = phrases("the positions of|the places of|the position of|the place of|the locations of|positions of|"
                     "places of|the place|the positions")  # fmt: skip
LEAST_SEEN = 0.035  # of the picture: a shift by less is none to the eye
_THEIR_PLACES = phrases("their places|their positions|their locations|places|positions")
_THEIR_COLOURS = phrases("their colors|their colours|colors|colours")
_SAME_SIZE = phrases("as big as|as large as|as small as|the same size as|the size of|as tall as|the size as")
_ANOTHER = phrases("one more|another")
_PLACES_BEGIN = phrases("on|in|at|to|next|above|below|under|over|beside|between|near|left|right|behind")
_SIZE_OF = phrases("the size of|size of|the scale of")
_COLOURS_OF = phrases("the color of|the colour of|the colors of|the colours of|color of|colour of|colors of|colours of")


def parse_instruction(text: str, layout: Layout, memory: Memory | None = None) -> tuple[Operation, ...]:
    """Read an instruction about a picture that holds ``layout``; its goal is ``apply(layout, operations)``.

    Raises:
        CannotParse: unknown words, an object or another picture that is not there or could be one of several, a
            place that does not exist, or nothing to change.
    """
    memory = memory or Memory()
    text = veiled(text, memory.others)
    check_names(text, memory.others)
    try:
        return _Instruction(text, layout, memory).read()
    except CannotParse as error:
        raise type(error)(unveiled(str(error), memory.others)) from None


class _Instruction(Copies):
    """Reads clause after clause; what they do is the workbench's."""

    def read(self) -> tuple[Operation, ...]:
        words = self.words
        while words.accept(POLITE):
            pass
        while not words.done:
            start = words.position
            self._read_clause()
            if words.position == start:
                words.fail(HINT)
            if words.done:
                break
            if not words.accept(BETWEEN):
                words.fail(HINT)
            while words.accept(POLITE) or words.accept(BETWEEN):
                pass
        operations = self._net()
        if not operations:
            words.refuse("the picture is like that already")
        return operations

    def _read_clause(self) -> None:
        words = self.words
        if words.accept(NOTHING_ELSE) or self._keep_as_it_is() or self._read_should():
            return
        start = words.position
        verb = words.take(VERBS)
        spoken = " ".join(token.word for token in words.tokens[start : words.position])
        if (
            verb is None
            and self.verb not in {"", "want", "should"}
            and (self.verb == "add" or starts_selection(words, self.scene))
        ):
            verb, spoken = self.verb, ""
        if verb == "add" and self._want(start, spoken):
            self.verb = "want"
            return
        if verb is None and self.verb == "want" and self._set_number(start):
            return
        if verb is None:
            words.fail(HINT)
        if (verb in _COPYING or spoken == "take") and self._add_from_other():
            self.verb = "add"
            return
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
        while self.words.word(at) not in {"", ",", ".", "?", "!", ";", "and", "then", "please", "again"}:
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
            compared = self._drop_comparative()
            phrase = self._new_object(start)
            self._check_count(phrase)
            words.take(_TO_PICTURE)
            side = self._side_of_other(phrase, compared) if compared else self._read_compared()
            place = destinations.read_place(words, self.scene)
            words.take(_TO_PICTURE)
            phrase = phrase if side is None else replace(phrase, sizes=())
            made += [self._put(phrase, place, side) for _ in range(phrase.count or 1)]
            self.scene.focus = made
            before = words.position
            if words.word() in {",", "and"}:
                while words.take_word(",", "and"):
                    pass
                if (
                    not words.sees(VERBS)
                    and not words.sees(NOTHING_ELSE)
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
        if self._sees_another():
            words.position += 2 if words.word() == "one" else 1
            words.take_word("one")
            last = self.scene.focus[-1:] or []
            if not last:
                words.fail("name what to add", here)
            return NounPhrase(last[0].name, last[0].attributes, 1, "another", False, here, words.position)
        self._drop_ordinal(here)
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
        if phrase.bound in {"at least", "at most"}:
            words.fail("give an exact number, such as 'three'", phrase.start, phrase.end)
        if phrase.name == NO_NOUN or not phrase.is_thing:
            words.fail("name an object to add, such as 'a red car'", phrase.start, phrase.end)
        self.scene.last_name = phrase.name
        return phrase

    def _sees_another(self) -> bool:
        """Whether "another one", "one more" stand for what was spoken of: at the end, or before a place."""
        words = self.words
        length = words.length(_ANOTHER)
        here = words.position
        words.position += length
        words.take_word("one")
        alone = words.done or words.sees(BETWEEN) or words.sees(_PLACES_BEGIN)
        words.position = here
        return length > 0 and alone

    def _drop_ordinal(self, here: int) -> None:
        """Read "a third cup" as a cup, where there are two."""
        words = self.words
        ordinal = _ORDINALS.get(words.word(1)) if words.word() in {"a", "another"} else None
        if ordinal is None:
            return
        words.tokens = [*words.tokens[: here + 1], *words.tokens[here + 2 :]]
        phrase = read_noun_phrase(words, self.scene.last_name)
        words.position = here
        there = len(self._alike(phrase)) if phrase is not None else 0
        if there != ordinal - 1:
            words.fail(f"there {'is' if there == 1 else 'are'} {there} of it now", here)

    # move

    def _move(self, start: int, spoken: str) -> None:
        """Try "the dog | on the left" first, then "the dog on the left | to the right"."""
        words, scene = self.words, self.scene
        here, focus, name = words.position, scene.focus, scene.last_name
        impossible: Impossible | None = None
        for places in (False, True):
            words.position, scene.focus, scene.last_name = here, focus, name
            before = [(item, item.box) for item in scene.items]
            try:
                words.take(_PLACES_OF)
                self._move_to(read_selection(words, scene, places=places), start, spoken)
                if words.done or words.sees(BETWEEN):
                    return
                words.fail(HINT)
            except CannotParse as error:
                impossible = impossible or (error if isinstance(error, Impossible) else None)
                if places:
                    raise impossible or error from None
                for item, box in before:
                    item.box = box

    def _move_to(self, chosen: Sequence[Item], start: int, spoken: str) -> None:
        words = self.words
        if (behind := destinations.read_depth_place(words, self.scene)) is not None:
            self._set_into(chosen, behind)
            self.scene.focus = list(chosen)
            return
        shift = destinations.read_shift(words, self.scene, chosen, spoken)
        if shift is not None:
            for item in chosen:
                moved = shift(item.box)
                if max(abs(one - other) for one, other in zip(moved, item.box, strict=True)) < LEAST_SEEN:
                    words.fail(f"{item.id!r} cannot go any further that way", start, words.position)
                there = self._shift(item, moved)
                if there is None:
                    words.refuse(f"something is in the way of {item.id!r}; move or remove that first")
                item.box = there
            self.scene.focus = list(chosen)
            return
        place = (
            destinations.read_nearest(words, chosen[0].box)
            or destinations.read_other_side(words, self.scene, chosen[0].box)
            or destinations.read_place(words, self.scene)
        )
        if place is None:
            words.fail("say where to, such as 'to the left', 'to the top right corner' or 'next to the car'",
                       start if words.done else words.position)  # fmt: skip
        self._set_into(chosen, place)
        self.scene.focus = list(chosen)

    # swap

    def _swap(self, start: int, spoken: str) -> None:
        words, scene = self.words, self.scene
        colours = words.accept(_COLOURS_OF)
        words.take(_PLACES_OF)
        words.take_word("places", "positions", "of")
        words.take_word("of", "between")
        own = words.accept(_THEIR_COLOURS)
        if own or words.accept(_THEIR_PLACES):
            both = scene.items if len(scene.items) == 2 else scene.focus
            self._exchange(both, start, colours=own)
            return
        if len(scene.items) == 2 and words.word(1) in {"", ",", ".", "and"} and words.take_word("them"):
            chosen = list(scene.items)  # whatever was spoken of last, there are no others
        else:
            chosen = read_selection(words, scene)
        after = words.position
        if len(chosen) == 1 and words.accept(_WITH) and self._become_copy(chosen):
            return
        words.position = after
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

    # replace and recolour

    def _replace(self, start: int, spoken: str) -> None:
        words = self.words
        chosen = read_selection(words, self.scene)
        if not words.accept(phrases("with|by|for")):
            words.fail("say what it is replaced with, such as 'with a cat'", start)
        if self._become_copy(chosen):
            return
        phrase = read_noun_phrase(words, chosen[0].name)
        if phrase is None or phrase.definite:
            words.fail("say what it is replaced with, such as 'with a cat'", start)
        self._become(chosen, phrase, start)

    # restore

    def _restore(self, start: int, spoken: str) -> None:
        words = self.words
        pictures = [*self.memory.seen_in, *[""] * len(self.memory.removed)]
        removed = Scene(
            [
                Item(gone.id, gone.name, gone.attributes, gone.box, model=gone if picture else None, picture=picture)
                for gone, picture in zip(self.memory.removed, pictures, strict=False)
            ]
        )
        if not removed.items:
            words.fail("nothing was removed before", start)
        removed.focus = removed.items[-1:]
        chosen = read_selection(words, removed)
        words.take(_BACK)
        for item in chosen:
            others = self.scene.boxes()
            if is_crowded(item.box, others):  # something else stands there by now
                item.box = self._free_place(item.id, (item.box.w, item.box.h), item.box.center)
            self.scene.items.append(item)
        self.scene.focus = list(chosen)

    # the end
