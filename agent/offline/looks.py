"""What is to become of objects: "larger", "a deep red", "a bit darker", "a cat". Knows no places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline import amounts
from agent.offline.lexer import Phrases, meaning, phrases
from agent.offline.nouns import is_adjective, read_attributes, read_noun_phrase
from agent.offline.selectors import read_selection, starts_selection
from agent.offline.surroundings import NO_NOUN
from agent.offline.verbs import NOTHING_ELSE, VERBS
from agent.offline.workbench import BIG, Workbench
from tools.scene.lexicon import COLOURS, attribute, family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.items import Item
    from agent.offline.nouns import NounPhrase

_INTO = phrases("into|to|in|be|become|look|to be|to become|to look|being")
_BLACK_AND_WHITE = phrases("black and white")  # one look, not two wishes
_COLOUR_OF = phrases("the color of|the colour of|the colors of|the colours of|color of|colour of")
_COLOUR = phrases("'s color|'s colour|color|colour|in color|in colour")
_SWAP_PLACES = phrases("swap places|swap positions|trade places|switch places|change places|exchange places|"
                       "switch positions|trade positions|exchange positions")  # fmt: skip
_SIZE_OF = phrases("the size of|size of|the scale of")
_GONE = phrases("disappear|vanish|go away|gone|removed|deleted|be gone|be removed|taken away")
_SAME_SIZE = phrases("as big as|as large as|as small as|the same size as|the size of|as tall as|the size as")
_SAME_COLOUR = phrases("like|the same color as|the same colour as|of the same color as|of the same colour as|"
                       "the color of|the colour of|in the color of|in the colour of")  # fmt: skip
_SHADE_OF = phrases("a shade of|some shade of|a tone of|a kind of|a nice|a nice shade of|a beautiful|"
                    "a beautiful shade of|a different shade of|the colour|the color")  # fmt: skip
_SHADED: Phrases[str] = Phrases(
    meaning("darker|deeper|dimmer|less bright", "dark") | meaning("lighter|brighter|paler|fainter|less dark", "light")
)
_GRAYS = {("light", "black"): "gray", ("dark", "white"): "gray"}
_EXTREMES = {("dark", "black"), ("light", "white")}
_STRETCHED = {"tall": (1.0, 1.4), "high": (1.0, 1.4), "short": (1.0, 0.7), "wide": (1.4, 1.0), "narrow": (0.7, 1.0),
              "thin": (0.7, 1.0), "long": (1.4, 1.0)}  # fmt: skip
_COMPARED: Phrases[float] = Phrases(
    dict.fromkeys(("bigger than", "larger than"), 1.35)
    | dict.fromkeys(("smaller than",), 1 / 1.35)
    | dict.fromkeys(("as big as", "as large as", "the same size as", "of the same size as"), 1.0)
)
_COMPARATIVES = {"bigger": 1.35, "larger": 1.35, "smaller": 1 / 1.35, "tinier": 0.5}
_ENDS = frozenset({"", "and", ",", ".", "then", "please", "!", ";", "but", "?"})
_HINT = "say what it shall be, such as 'larger', 'red' or 'a cat'"


class Looks(Workbench):
    """Reads what objects shall be."""

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
        self._become_all(chosen, start)

    def _become_all(self, chosen: Sequence[Item], start: int) -> None:
        """Take "larger and red": one thing after another that shall become of them."""
        words = self.words
        self._complement(chosen, start)
        while words.word() == "and":
            before = words.position
            words.position += 1
            if words.sees(VERBS) or starts_selection(words, self.scene) or not self._sees_complement():
                words.position = before
                return
            self._complement(chosen, start)

    def _sees_complement(self) -> bool:
        here = self.words.position
        found = amounts.read_comparative(self.words) is not None
        self.words.position = here
        amounts.read_degree(self.words)
        found = found or self.words.sees(_SHADED)
        self.words.position = here
        return found or is_adjective(self.words.word()) or bool(self.words.sees(_INTO))

    def _complement(self, chosen: Sequence[Item], start: int) -> None:
        """Take what is made of them: larger, red, darker, a cat."""
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
        if words.accept(_SAME_COLOUR):
            self._same_colour(chosen, start)
            return
        if self._shade(chosen, start):
            return
        factors = amounts.read_comparative(words)
        if factors is not None:
            self._scale(chosen, factors, start)
            return
        words.take(_INTO)
        if self._shade(chosen, start):
            return
        if words.accept(_SHADE_OF) or (words.word() in COLOURS and words.word(1) in _ENDS):
            self._recolour(chosen, start)
            return
        self._become_something(chosen, start)

    def _become_something(self, chosen: Sequence[Item], start: int) -> None:
        """Take "red", "a deep red" or "a cat"."""
        words = self.words
        here = words.position
        attributes = read_attributes(words)
        if attributes and (words.done or not words.word()[0].isalpha() or words.word() in _ENDS
                           or words.sees(_COLOUR) or words.sees(NOTHING_ELSE)):  # fmt: skip
            words.position = here
            self._recolour(chosen, start)
            return
        words.position = here
        phrase = read_noun_phrase(words, chosen[0].name)
        if phrase is None or phrase.definite:
            words.fail(_HINT, start)
        bare = phrase.name in {"color", "colour", "shade", "tone"} or (family(phrase.name) == "colour" and phrase.count)
        if phrase.name == NO_NOUN or bare:  # "a deep red", "a red colour"
            words.position = here
            self._recolour(chosen, start)
            return
        if phrase.count is None and not phrase.plural:
            words.fail(_HINT, phrase.start, phrase.end)
        self._become(chosen, phrase, start)

    def _shade(self, chosen: Sequence[Item], start: int) -> bool:
        """Take "a bit darker", "a lighter brown": the colour it has, or the one that is said, in another shade."""
        words = self.words
        here = words.position
        amounts.read_degree(words) or words.take_word("a", "an")
        shade = words.take(_SHADED)
        if shade is None:
            words.position = here
            return False
        words.take(phrases("shade of|tone of"))
        named = attribute(words.word()) if family(words.word()) == "colour" else ""
        words.position += bool(named)
        words.take_word("color", "colour", "shade", "tone")
        for item in chosen:
            colours = [word for word in item.attributes if family(word) == "colour"]
            if not (named or colours):
                words.fail(
                    f"the colour of {item.id!r} is not known; say one, such as '{shade} red'", start, words.position
                )
            base = named or colours[0]
            opposite = {"dark": "light ", "light": "dark "}[shade]
            if (shade, base) in _EXTREMES:
                words.fail(f"{item.id!r} is {base} already", start, words.position)
            shaded = (
                base.removeprefix(opposite)
                if base.startswith(opposite)
                else f"{shade} {base.removeprefix(shade).strip()}"
            )
            new = _GRAYS.get((shade, base), shaded)
            item.attributes = self._restyled(item.attributes, (new,))
        self.scene.focus = list(chosen)
        return True

    def _recolour(self, chosen: Sequence[Item], start: int) -> None:
        words = self.words
        words.take_word("a", "an")
        attributes = ("black", "white") if words.accept(_BLACK_AND_WHITE) else read_attributes(words)
        if not attributes:
            words.fail("say which colour or other attribute, such as 'red'", start, words.position + 1)
        words.take(_COLOUR) or words.take_word("shade", "tone")
        sizes = [word for word in attributes if word in BIG]
        if sizes:
            self._scale(chosen, (BIG[sizes[0]], BIG[sizes[0]]), start)
            attributes = tuple(word for word in attributes if word not in BIG)
        for word in [word for word in attributes if word in _STRETCHED]:
            self._scale(chosen, _STRETCHED[word], start)
            attributes = tuple(own for own in attributes if own != word)
        for item in chosen:
            item.attributes = self._restyled(item.attributes, attributes)
        self.scene.focus = list(chosen)

    def _same_colour(self, chosen: Sequence[Item], start: int) -> None:
        """Take the colour of another object."""
        model = read_selection(self.words, self.scene)
        colours = [tuple(word for word in item.attributes if family(word) == "colour") for item in model]
        if len(model) != 1 or not colours[0]:
            self.words.fail("name one object of a known colour", start, self.words.position)
        for item in chosen:
            item.attributes = self._restyled(item.attributes, colours[0])
        self.scene.focus = list(chosen)

    def _same_size(self, chosen: Sequence[Item], start: int) -> None:
        model = read_selection(self.words, self.scene)
        if len(model) != 1:
            self.words.fail("name one object to compare with", start, self.words.position)
        self._take_size(chosen, model[0], start)

    # sizes of what is new

    def _drop_comparative(self) -> float | None:
        """Take the word out of "a smaller book", and return how much smaller; None where there is none."""
        words, here = self.words, self.words.position
        factor = _COMPARATIVES.get(words.word(1)) if words.word() in {"a", "another"} else None
        if factor is not None:
            words.tokens = [*words.tokens[: here + 1], *words.tokens[here + 2 :]]
        return factor

    def _side_of_other(self, phrase: NounPhrase, factor: float) -> float | None:
        """Return the side of "a smaller book": than the last one of its name, else than what was spoken of."""
        same = [item for item in self.scene.items if item.name == phrase.name]
        model = [*self.scene.focus, *same] if same else self.scene.focus
        return float(factor * model[-1].box.area ** 0.5) if model else None

    def _read_compared(self) -> float | None:
        """Take "that is bigger than the chair": the size, as the side of a square; None where nothing is said."""
        words = self.words
        here = words.position
        words.take(phrases("that is|which is|that are|which are"))
        factor = words.take(_COMPARED)
        if factor is None:
            words.position = here
            return None
        focus, name = self.scene.focus, self.scene.last_name
        (model, *_) = read_selection(words, self.scene, places=False)
        self.scene.focus, self.scene.last_name = focus, name
        return float(factor * model.box.area**0.5)
