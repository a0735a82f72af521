"""Questions about the picture and the conversation, answered from the given facts: layout, turns, what was removed.

"What do you see?", "how many red cups are there?", "where is the dog?", "why did you move it?". What
the facts do not say is not answered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.offline.items import Item, Scene
from agent.offline.lexer import Cursor, joined
from agent.offline.ranking import SORT
from agent.offline.selectors import read_selection
from tools.scene.errors import CannotParse
from tools.scene.lexicon import COLOURS, NUMBERS, family, implies, number_word, parse_phrase, plural, singular
from tools.scene.relations import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.offline.workbench import Memory
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.spec import Predicate

HINT = (
    "known questions: what do you see, how many cups are there, is there a dog, where is the cup, what colour is the "
    "cup, what is left of the cup, what did you change, why did you move the cup, what is wrong"
)
_QUESTION = re.compile(
    r"(?:what|where|why|which|who|how many|how much|how (?:big|large|tall|wide)|is|are|was|were|do you|does|did|has|"
    r"have you|describe|list)\b"
)
_POLITE = re.compile(r"^(?:please|ok|okay|and|so|hey|now|can you tell me|could you tell me|tell me|say)[,\s]+")
_LEFT_OUT = re.compile(
    r"\s*(?:in|on) (?:the|this) (?:picture|image|photo|scene)|\s*(?:right )?now$|\s*please$|\s*there$"
)
_VERBS: dict[str, str] = {
    "move": "moved", "shift": "moved", "swap": "moved", "resize": "moved", "enlarge": "moved", "shrink": "moved",
    "remove": "removed", "delete": "removed", "erase": "removed", "take away": "removed",
    "add": "added", "put": "added", "draw": "added", "replace": "replaced",
    "make": "made", "paint": "made", "color": "made", "colour": "made", "recolor": "made", "recolour": "made",
    "change": "", "edit": "", "touch": "", "do": "",
}  # fmt: skip
_RELATIONS: dict[str, Predicate] = {
    "left of": "left of", "to the left of": "left of", "on the left of": "left of",
    "right of": "right of", "to the right of": "right of", "on the right of": "right of",
    "above": "above", "over": "above", "below": "below", "under": "below", "beneath": "below",
    "next to": "next to", "beside": "next to", "near": "next to", "on top of": "on top of", "on": "on top of",
}  # fmt: skip
_MOST = {"bigger": "largest", "larger": "largest", "smaller": "smallest", "taller": "tallest", "shorter": "shortest",
         "wider": "widest", "narrower": "narrowest"}  # fmt: skip
_POINTING = frozenset({"that", "this", "it", "so"})
_ANYTHING = frozenset({"thing", "object", "item"})


def is_question(text: str) -> bool:
    """Whether a text asks for an answer rather than for a change."""
    return _QUESTION.match(_bare(text)) is not None


@dataclass
class Facts:
    """What may be said: the layout, the turns (newest last, as the prompt gives them) and the planner's memory."""

    layout: Layout
    memory: Memory
    turns: Sequence[dict[str, Any]] = field(default_factory=list)

    def answer(self, text: str) -> str:
        """Answer a question in one or two sentences.

        Raises:
            CannotParse: it is not one of the known questions, or speaks of something that is not there.
        """
        asked = _LEFT_OUT.sub("", _LEFT_OUT.sub("", _bare(text)))
        for pattern, reply in _FORMS:
            found = re.fullmatch(pattern, asked)
            if found:
                try:
                    return reply(self, *found.groups())
                except CannotParse:
                    raise
                except ValueError as error:  # a phrase without words
                    raise CannotParse(f"did not understand the question {text!r}: {error}") from None
        raise CannotParse(f"did not understand the question {text!r}; {HINT}")

    # what is there

    def _everything(self) -> str:
        if not self.layout.objects:
            return "I see nothing that I know."
        return f"I see {joined((f'{_named(item)} {_where(item)}' for item in self.layout.objects), 'and')}."

    def _how_many(self, phrase: str) -> str:
        found = self._of_kind(phrase)
        name = parse_phrase(phrase).phrase
        count = number_word(len(found)) if found else "no"
        listed = f": {joined((_named(item) for item in found), 'and')}" if found else ""
        many = singular(name) if len(found) == 1 else plural(singular(name))
        return f"There {'is' if len(found) == 1 else 'are'} {count} {many}{listed}."

    def _whether(self, phrase: str) -> str:
        found = self._of_kind(phrase)
        if not found:
            return f"No, I see no {parse_phrase(phrase).phrase}."
        return f"Yes: {joined((f'{_named(item)} {_where(item)}' for item in found), 'and')}."

    def _where(self, phrase: str) -> str:
        gone = self._gone(phrase)
        found = self._meant(phrase, or_nothing=bool(gone))
        if not found:
            return f"{_named(gone[-1])} was taken away; it was {_where(gone[-1])}."
        lines = [
            f"{_named(item)} is {_where(item)}, at {[round(value, 2) for value in item.box]} (x, y, width, height)"
            for item in found
        ]
        return f"{joined(lines, 'and')}."

    def _looks(self, phrase: str) -> str:
        lines = [
            f"{item.id!r} is {joined(item.attributes, 'and')}"
            if item.attributes
            else f"of {item.id!r} I know nothing but what it is"
            for item in self._meant(phrase)
        ]
        return f"{joined(lines, 'and')}."

    def _whether_so(self, phrase: str, look: str) -> str:
        found = self._meant(phrase)
        has = [item for item in found if any(implies(own, look) for own in item.attributes)]
        return f"{'Yes' if len(has) == len(found) else 'No'}: {self._looks(phrase)}"

    def _size(self, phrase: str) -> str:
        lines = [
            f"{item.id!r} takes {item.box.w:.0%} of the width and {item.box.h:.0%} of the height"
            for item in self._meant(phrase)
        ]
        return f"{joined(lines, 'and')}."

    def _whether_larger(self, phrase: str, how: str, other: str) -> str:
        first, second = self._meant(phrase)[0], self._meant(other)[0]
        key, reverse = SORT[_MOST[how]]
        sizes = [key(Item(thing.id, thing.name, (), thing.box, thing)) for thing in (first, second)]
        so = sizes[0] > 1.03 * sizes[1] if reverse else 1.03 * sizes[0] < sizes[1]
        return f"{'Yes' if so else 'No'}: {first.id!r} is {sizes[0] / sizes[1]:.2f} times {second.id!r}."

    def _which(self, kind: str, most: str) -> str:
        items = [Item(thing.id, thing.name, thing.attributes, thing.box, thing) for thing in self.layout.objects]
        several = kind in {"one", "of them", "object", "thing"}
        words = Cursor(f"the {most} {'object' if several else singular(kind)}")
        (chosen, *_) = read_selection(words, Scene(items))
        return f"{_named(self.layout[chosen.id])}."

    def _related(self, words: str, phrase: str) -> str:
        base = self._meant(phrase)
        predicate = _RELATIONS[words]
        found = [
            item
            for item in self.layout.objects
            if item not in base and all(holds(predicate, item.box, other.box) for other in base)
        ]
        listed = joined((_named(item) for item in found), "and") if found else "Nothing that I see"
        return (
            f"{listed} {'are' if len(found) > 1 else 'is'} {words} {joined((repr(item.id) for item in base), 'and')}."
        )

    # what was done

    def _why(self, before: str, verb: str, after: str) -> str:
        phrase, done = (after or before).strip(), _VERBS[verb]
        some = re.match(r"(?:a|an|any|some|the other|another) ", phrase) is not None
        there = (
            self._of_kind(phrase.partition(" ")[2]) if some else self._meant(phrase, or_nothing=True) if phrase else []
        )
        names = {item.id for item in [*there, *self._gone(phrase)]} if phrase else set()
        phrase = "" if phrase in _POINTING and not names else phrase
        kind = singular(phrase.split()[-1]) if phrase else ""
        for turn in reversed(self.turns):
            for line in reversed(turn.get("done", [])):
                about = re.split(r", (?:behind|in front of) '", line)[0]
                concerned = any(f"'{id_}'" in about for id_ in names) or (kind and f"'{kind} #" in about and not names)
                if (concerned or not phrase) and line.startswith(done):
                    return f"I {line}, because {_reason(turn)}."
        others = [
            line
            for turn in self.turns
            for line in turn.get("done", [])
            if any(f"'{id_}'" in line for id_ in names) or (kind and f"'{kind} #" in line)
        ]
        what = f"{done or 'changed'} {phrase}".strip()
        if others:
            return f"I have not {what}, as far as this conversation goes; I {joined(others, 'and')}."
        return f"I have not {what}, as far as this conversation goes."

    def _why_so(self, phrase: str) -> str:
        if not self._gone(phrase):
            self._meant(phrase)  # of what is not there nothing is known
        return self._why(phrase, "change", "")

    def _last_change(self) -> str:
        for turn in reversed(self.turns):
            if turn.get("done"):
                return f"I {joined(turn['done'], 'and')}, because {_reason(turn)}."
        return "I have changed nothing yet."

    def _wrong(self) -> str:
        for turn in reversed(self.turns):
            if turn.get("answer"):
                continue
            wrong = turn.get("still_wrong", [])
            if wrong:
                return f"After {turn['instruction']!r} the detector still says: {'; '.join(wrong)}."
            if turn.get("exit") == "agreed":
                return f"Nothing: the detector agrees with {turn['instruction']!r}."
            return f"{turn['instruction']!r} was not carried out ({turn.get('exit', 'unknown')})."
        return "Nothing was asked for yet."

    # which objects

    def _of_kind(self, phrase: str) -> list[PlacedObject]:
        query = parse_phrase(phrase)
        name = singular(query.name)
        return [
            item
            for item in self.layout.objects
            if name in {item.name, *(_ANYTHING & {name})}
            and all(any(implies(has, word) for has in item.attributes) for word in query.attributes)
        ]

    def _meant(self, phrase: str, *, or_nothing: bool = False) -> list[PlacedObject]:
        """Return what "the left dog", "it" or "dogs" means; of several that could be meant, all."""
        items = [Item(thing.id, thing.name, thing.attributes, thing.box, thing) for thing in self.layout.objects]
        focus = [item for recent in self.memory.recent for item in items if item.id == recent]
        words = Cursor(phrase)
        try:
            chosen = read_selection(words, Scene(items, focus, focus[-1].name if focus else ""))
            if words.done:
                return [self.layout[item.id] for item in chosen]
        except CannotParse:
            alike = self._of_kind(re.sub(r"^(?:the|a|an|my|all(?: the)?|this|that)\s+", "", phrase))
            if alike:
                return alike
            if not or_nothing:
                raise
        if or_nothing:
            return []
        raise CannotParse(f"did not understand {phrase!r} in the question; {HINT}")

    def _gone(self, phrase: str) -> list[PlacedObject]:
        query = parse_phrase(re.sub(r"^(?:the|a|an|my)\s+", "", phrase))
        return [
            item
            for item in self.memory.removed
            if item.name == singular(query.name)
            and all(family(word) is None or word in item.attributes for word in query.attributes)
        ]


def _either(table: Mapping[str, Any]) -> str:
    return "|".join(sorted(table, key=len, reverse=True))


_FORMS: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"(?:what|which (?:objects|things)) (?:do|can) you see", Facts._everything),
    (r"what(?: all)? is(?: there)?|what(?: objects| things)? are(?: there)?", Facts._everything),
    (r"describe(?: it| what you see)?|list(?: the| all| all the)? (?:objects|things)", Facts._everything),
    (r"what (?:does it|do you) show|what is it", Facts._everything),
    (r"how many (.+?)(?: are| is| do you see| can you see)?(?: visible| left| remaining)?", Facts._how_many),
    (r"(?:is|are)(?: there)? (?:a|an|any|some)(?: other)? (.+)", Facts._whether),
    (r"do you see (?:a|an|any|some)(?: other)? (.+)", Facts._whether),
    (r"where (?:is|are|was|were) (.+)", Facts._where),
    (r"(?:what|which) colou?rs? (?:is|are|has|have|does) (.+?)(?: have)?", Facts._looks),
    (r"what does (.+) look like", Facts._looks),
    (rf"(?:is|are) (the .+?|it|they) ((?:dark |light )?(?:{'|'.join(COLOURS)}))", Facts._whether_so),
    (r"how (?:big|large|tall|wide) (?:is|are) (.+)", Facts._size),
    (rf"(?:is|are) (the .+?|it) ({_either(_MOST)}) than (the .+)", Facts._whether_larger),
    (r"which (.+?) (?:is|are) (?:the )?(bigger|biggest|larger|largest|smaller|smallest|taller|tallest|wider|widest)",
     Facts._which),
    (rf"(?:what|which (?:objects?|things?)) (?:is|are|stands?|lies?) ({_either(_RELATIONS)}) (.+)", Facts._related),
    (rf"why (?:is|are) there (?:only |just |still )?(?:no|an?|another|{_either(NUMBERS)}) (.+)", Facts._why_so),
    (
        rf"why (?:did you|have you|was|were|is|are|has|have) ?(.*?)(?: been)? ?\b({_either(_VERBS)})[ed]*\b ?(.*)",
        Facts._why,
    ),
    (rf"why (?:is|are) (.+?)(?: (?:{'|'.join(COLOURS)}|here|like (?:that|this)|so [a-z]+))?", Facts._why_so),
    (r"what (?:did|have) you (?:just )?(?:do|done|change|changed|edit|edited)(?: last)?", Facts._last_change),
    (r"what (?:has |was )?(?:done|changed)(?: last)?", Facts._last_change),
    (r"(?:what is|what was) (?:still )?(?:wrong|missing|the matter)", Facts._wrong),
    (r"is (?:it|everything|that|this) (?:right|correct|fine|done|ok|okay)|did (?:it|that|this) work", Facts._wrong),
)  # fmt: skip


def _bare(text: str) -> str:
    bare = (
        re.sub(r"\s+", " ", text.strip().lower().rstrip("?!. "))
        .replace("what's", "what is")
        .replace("where's", "where is")
        .replace("whats ", "what is ")
        .replace("wheres ", "where is ")
    )
    while (shorter := _POLITE.sub("", bare)) != bare:
        bare = shorter
    return bare


def _reason(turn: dict[str, Any]) -> str:
    asked = f"you asked for {turn['instruction']!r}"
    wrong = turn.get("was_wrong", [])
    return f"{asked} and the detector said: {'; '.join(wrong)}" if wrong else asked


def _named(item: PlacedObject) -> str:
    return f"{item.id!r} ({item.phrase})" if item.attributes else repr(item.id)


def _where(item: PlacedObject) -> str:
    x, y = item.box.center
    across = "on the left" if x < 0.4 else "on the right" if x > 0.6 else "in the middle"
    down = "at the top" if y < 0.35 else "at the bottom" if y > 0.65 else ""
    return f"{across} {down}".strip()
