"""Which objects of a picture an instruction means: "the left dog", "all red cars", "the other one", "it"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.offline.items import Item, Scene, names_of
from agent.offline.lexer import Phrases, phrases, word_set
from agent.offline.nouns import is_adjective
from agent.offline.positions import PICTURE_SIDES, TWO_SIDED
from agent.offline.ranking import EXTREMES, ORDINALS, SORT, ranked, read_extremes
from agent.offline.vocabulary import CLOSED
from agent.offline.wearing import by_wearing, read_possession, worn_by_whom
from tools.scene.lexicon import SHADES, attribute, family, implies, number, plural
from tools.scene.relations import holds

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor
    from tools.scene.spec import Predicate


OUTSTANDING = 6.0  # times the area of the second largest
_IT = phrases("it|him|that one|this one|that|this|the same one|that object|this object")
_THEM = phrases("them|both of them|all of them|these|those|they|them all|them both|those two|these two|the two of them")
_TWO = phrases("the two")
_EVERYTHING = phrases("everything|all objects|all the objects|every object|all things|all of the objects|"
                      "each object|everything in the picture|everything in the image|all")  # fmt: skip
_REST = phrases("everything else|the others|the other ones|all the others|all others|the rest|all other objects|"
                "all the other objects|the other objects")  # fmt: skip
_ENDS = frozenset({"", ",", ".", "and", "then", "please", "around"})
_AFTER_BOTH = frozenset(["", ",", ".", "with", "by", "to", "into", "in", "should", "must", "a", "on", "up", "down"])
"""What shows that no noun belongs to "both": "replace both with cars"."""
_EXCEPT = phrases("except|except for|but not|apart from|other than|but|excluding|besides")
_ALL = phrases("all the|all of the|all|every|each|each of the|every one of the|every single|all these|all those|any")
_BOTH = phrases("both|both the|both of the|the both")
_THE = phrases("the|that|this|these|those|my|its|your|our|his|their")
_SOME = phrases("one of the|a|an|one|any one of the|any of the|some")
_ONE_OF_THEM = phrases("one of them|one of these|one of those|one of the two")
_THINGS = word_set("object objects thing things item items")
_ONES = word_set("one ones")
_THAT_IS = phrases("that is|that are|which is|which are|that stands|that sits|standing|sitting|located|placed")


def read_selection(words: Cursor, scene: Scene, *, places: bool = True) -> list[Item]:
    """Take words that mean objects, "A, B and C" included, and return the objects (at least one).

    With ``places`` off, "the dog on the left" ends before "on": what follows says where to.

    Raises:
        CannotParse: nothing there is meant, or more than one thing could be.
    """
    chosen = _read_one(words, scene, places=places)
    while words.word() in {",", "and"}:
        before = words.position
        words.position += 1
        words.take_word("and")
        if not starts_selection(words, scene):
            words.position = before
            break
        chosen += [item for item in _read_one(words, scene, places=places) if item not in chosen]
    scene.focus = chosen
    return chosen


def starts_selection(words: Cursor, scene: Scene) -> bool:
    """Return whether the next words speak of an object rather than of a new action."""
    if words.sees(_ONE_OF_THEM) or words.sees(_IT) or words.sees(_THEM) or words.sees(_EVERYTHING) or words.sees(_REST):
        return True
    return (words.sees(_THE) or words.sees(_ALL) or words.sees(_BOTH)) or _name_length(words, scene) > 0


def sides_length(words: Cursor, scene: Scene, table: Phrases[tuple[Predicate, ...]] = PICTURE_SIDES) -> int:
    """Return how many words "on the left" takes here; 0 for "on the left dog", which names an object."""
    length = words.length(table)
    here = words.position
    words.position += length
    named = _name_length(words, scene) > 0 or words.word() in _THINGS | _ONES
    words.position = here
    return 0 if named else length


def _read_one(words: Cursor, scene: Scene, *, places: bool) -> list[Item]:
    start = words.position
    if words.accept(_REST):
        rest = [item for item in scene.items if item not in scene.focus]
        if not scene.focus or not rest:
            words.fail("say what the others are", start, words.position)
        return rest
    if words.accept(_ONE_OF_THEM):
        several = [item for item in scene.focus if item in scene.items] or scene.items
        return sorted(several, key=lambda item: item.box.area)[:1]
    if words.length(_THEM) >= words.length(_IT) and (
        words.accept(_THEM) or (words.word(2) in _ENDS and words.accept(_TWO))
    ):
        if len(scene.focus) < 2 and len(scene.items) == 2:
            return list(scene.items)  # there are no others that several could be
        return _without_exceptions(words, scene, _spoken_of(words, scene, start), start)
    if words.word() == "both" and words.word(1) in _AFTER_BOTH and words.take_word("both"):
        return list(scene.items) if len(scene.items) == 2 else _spoken_of(words, scene, start)[-2:]
    if words.sees(_IT) and not _continues(words, scene, words.length(_IT)):
        someone = words.word() == "him"
        words.take(_IT)
        meant = _spoken_of(words, scene, start)[-1]
        return [worn_by_whom(meant, scene) if someone else meant]
    if words.sees(_EVERYTHING) and not _continues(words, scene, words.length(_EVERYTHING)):
        words.take(_EVERYTHING)
        return _without_exceptions(words, scene, list(scene.items), start)
    return _read_described(words, scene, start, places=places)


def _continues(words: Cursor, scene: Scene, length: int) -> bool:
    """Whether "that", "all", ... only begin a longer description: "that dog", "all red cars"."""
    if words.word(length - 1) not in {"that", "this", "these", "those", "all"}:
        return False
    here = words.position
    words.position += length
    while words.word() in {"the", "of"} or words.sees(EXTREMES) or is_adjective(words.word()) or number(words.word()):
        if _name_length(words, scene):
            break
        words.position += 1
    known = _name_length(words, scene) > 0 or words.word() in _THINGS | _ONES
    words.position = here
    return known


def _spoken_of(words: Cursor, scene: Scene, start: int) -> list[Item]:
    meant = [item for item in scene.focus if item in scene.items] or (scene.items if len(scene.items) == 1 else [])
    if not meant:
        words.fail(f"nothing was spoken of before; name the object: {names_of(scene.items)}", start, words.position)
    return meant


@dataclass
class _Description:
    """The words that say which: "the second largest red dog" is ordinal 1, extremes ["largest"], red, dog."""

    start: int
    everything: bool  # "all"
    some: bool = False  # "a", "one of the": any of them will do
    other: bool = False
    count: int | None = None
    ordinal: int | None = None
    extremes: list[str] = field(default_factory=list)
    attributes: tuple[str, ...] = ()
    name: str = ""
    many: bool = False
    number: str = ""  # of an id: the 2 of "dog #2"

    @property
    def label(self) -> str:
        named = f"{self.name} #{self.number}" if self.number else self.name
        return " ".join([*self.attributes, named or "object"])


def _read_described(words: Cursor, scene: Scene, start: int, *, places: bool) -> list[Item]:
    description = _read_description(words, scene, start)
    found = _matching(words, scene, description)
    if description.name:
        scene.last_name = description.name
    if description.other and scene.focus:
        found = [item for item in found if item not in scene.focus]
    elif description.other and len(found) > 1:
        words.fail(f"say which one: {names_of(found)}", start, words.position)
    found = read_possession(words, scene, by_wearing(words, scene, found))
    if places:
        found = _filtered(words, scene, found, many=description.many or description.everything)
    if description.ordinal is not None or description.extremes:
        return ranked(
            words, found, description.ordinal, description.extremes, description.count or 1, start, scene.notes
        )
    return _counted(words, scene, found, description)


def _read_description(words: Cursor, scene: Scene, start: int) -> _Description:
    description = _Description(start, everything=words.accept(_ALL))
    if not description.everything and words.accept(_BOTH):
        description.everything, description.count = True, 2
    description.some = not description.everything and words.accept(_SOME)
    if description.some and words.word(-1) == "the":
        description.count = 1  # "one of the dogs"
    if not description.some:
        words.accept(_THE)
    description.other = bool(words.take_word("other"))
    description.count = description.count or _read_number(words)
    if description.count is not None and words.take_word("of"):
        description.some = True
        words.accept(_THE)
    description.ordinal = words.take(ORDINALS)
    description.extremes = read_extremes(words)
    description.count = description.count or _read_number(words)
    description.attributes = _read_attributes(words, scene)
    description.extremes += read_extremes(words)
    description.name, description.many = _read_name(words, scene, start)
    if words.take_word("#"):
        description.number = words.word()
        words.position += 1
    return description


def _matching(words: Cursor, scene: Scene, description: _Description) -> list[Item]:
    """Return what has the name and the attributes, first as the picture shows it, then as it was made."""
    found = [item for item in scene.items if description.name in {"", item.seen.name}]
    found = found or [item for item in scene.items if description.name == item.name]
    if description.number:
        found = [item for item in found if item.id == f"{description.name} #{description.number}"]
    found = _with_attributes(found, description.attributes) or _newest(found, description.attributes)
    if not found:
        words.fail(
            f"there is no {description.label!r} here; there is: {names_of(scene.items)}",
            description.start,
            words.position,
        )
    return found


def _counted(words: Cursor, scene: Scene, found: list[Item], description: _Description) -> list[Item]:
    """Return all, as many as said, or the only one."""
    if description.everything or description.many or description.count:
        if description.count is None or len(found) == description.count:
            return _without_exceptions(words, scene, found, description.start)
        if description.some and len(found) > description.count:
            return sorted(found, key=lambda item: item.box.area)[: description.count]
        words.fail(
            f"there are {len(found)}, not {description.count}: {names_of(found)}", description.start, words.position
        )
    if not found:
        words.fail(
            f"there is no such {description.label!r}; there is: {names_of(scene.items)}",
            description.start,
            words.position,
        )
    if len(found) > 1 and not description.some and (largest := _outstanding(found)) is not None:
        return [largest]
    if len(found) > 1 and not description.some:
        which = "('the left one', 'the largest one', 'all')"
        words.fail(
            f"say which {description.label!r} is meant: {names_of(found)} {which}", description.start, words.position
        )
    return sorted(found, key=lambda item: item.box.area)[:1]


def _outstanding(found: list[Item]) -> Item | None:
    """Return the one that anybody means who sees the picture: by far larger than every other. None where none is."""
    first, second, *_ = sorted(found, key=lambda item: -item.seen.box.area)
    return first if first.seen.box.area > OUTSTANDING * second.seen.box.area else None


def _read_number(words: Cursor) -> int | None:
    value = number(words.word()) if words.word() not in {"a", "an", "single", "both"} else None
    if value is not None and words.word() != "one":  # "one" stands for a noun here
        words.position += 1
        return value
    if words.word() == "one" and words.word(1) == "of":
        words.position += 1
    return value


def _read_attributes(words: Cursor, scene: Scene) -> tuple[str, ...]:
    found: list[str] = []
    while True:
        word, following = words.word(), words.word(1)
        if _name_length(words, scene) and not (
            is_adjective(word) and following[:1].isalpha() and _named(following, scene)
        ):
            break
        if word in SHADES and is_adjective(following):
            found.append(attribute(f"{word} {following}"))
            words.position += 2
        elif is_adjective(word, following) and following not in {"", ",", "."}:
            found.append(attribute(word))
            words.position += 1
        elif word == "and" and found and is_adjective(following) and words.word(2) not in CLOSED:
            words.position += 1
        else:
            break
    return tuple(found)


def _named(word: str, scene: Scene) -> bool:
    return word in _ONES | _THINGS or any(word in {name.split()[0], plural(name).split()[0]} for name in scene.names)


def _name_length(words: Cursor, scene: Scene) -> int:
    best = 0
    for name in scene.names:
        for form in (name, plural(name)):
            parts = form.split()
            if [words.word(at) for at in range(len(parts))] == parts:
                best = max(best, len(parts))
    return best


def _read_name(words: Cursor, scene: Scene, start: int) -> tuple[str, bool]:
    """Take the noun; return ("" for any object) and whether it is in plural."""
    length = _name_length(words, scene)
    if length:
        text = " ".join(words.word(at) for at in range(length))
        words.position += length
        if text in scene.names:
            return text, False
        return next(name for name in scene.names if text == plural(name)), True
    word = words.word()
    if word in _THINGS | _ONES:
        words.position += 1
        name = scene.last_name if word in _ONES else ""
        if sum(name == item.seen.name for item in scene.items) < 2:
            name = ""  # "the smallest one" of all, where there is but one dog
        return name, word.endswith("s")
    known = names_of(scene.items)
    if word[:1].isalpha() and word not in CLOSED:
        words.fail(f"there is no {word!r} here; there is: {known}", start, words.position + 1)
    return words.fail(f"name an object; there is: {known}", start, words.position + 1)


def _with_attributes(found: list[Item], attributes: tuple[str, ...]) -> list[Item]:
    """Keep what has the attributes; where nothing has, the only one of which nothing else is known."""
    for fitting in (
        [item for item in found if all(any(implies(own, word) for own in item.seen.attributes) for word in attributes)],
        [item for item in found if all(any(implies(own, word) for own in item.attributes) for word in attributes)],
    ):
        if fitting or not attributes:
            return fitting
    kinds = {family(word) for word in attributes}
    unknown = [item for item in found if not any(family(own) in kinds for own in item.attributes)]
    return unknown if len(found) == 1 and len(unknown) == 1 else []


def _newest(found: list[Item], attributes: tuple[str, ...]) -> list[Item]:
    """Return the one that came last for "the new cup", those before it for "the old cup", all that remain."""
    if attributes == ("remaining",):
        return found
    if attributes not in {("new",), ("old",)} or len(found) < 2:
        return []
    order = sorted(found, key=lambda item: int(item.id.rpartition("#")[2]) if "#" in item.id else len(found))
    return order[-1:] if attributes == ("new",) else order[:-1]


def _filtered(words: Cursor, scene: Scene, found: list[Item], *, many: bool) -> list[Item]:
    """Take "on the left", "next to the car", ... and keep what is there."""
    start = words.position
    if words.word() == "by" and (words.word(1)[:1].isdigit() or words.word(1) in {"half", "a", "two", "three", "one"}):
        return found  # an amount
    that_is = words.accept(_THAT_IS)
    if words.length(TWO_SIDED) > sides_length(words, scene):
        predicate = words.take(TWO_SIDED)
        assert predicate is not None
        return _related(words, scene, found, predicate, start)
    sides = words.take(PICTURE_SIDES)
    if sides is None:
        if that_is:
            words.fail("say where, such as 'that is on the left'", start)
        return found
    there = [item for item in found if all(holds(side, item.seen.box) for side in sides)]
    if many or len(there) == 1 or len(found) == 1:
        kept = there if there else (found if len(found) == 1 else [])
    elif len(sides) == 1 and sides[0] != "in the middle":
        key, reverse = SORT[sides[0].split()[-1]]
        kept = sorted(found, key=key, reverse=reverse)[:1]
    else:
        kept = there
    if not kept:
        words.fail(f"nothing of it is there: {names_of(found)}", start, words.position)
    return kept


def _related(words: Cursor, scene: Scene, found: list[Item], predicate: Predicate, start: int) -> list[Item]:
    focus, name = scene.focus, scene.last_name
    first = _read_one(words, scene, places=False)
    refs = [first]
    if predicate == "between" and len(first) == 1:
        if not words.take_word("and"):
            words.fail("'between' needs two objects joined by 'and'", start)
        refs.append(_read_one(words, scene, places=False))
    elif predicate == "between":
        refs = [first[:1], first[1:2]]
    scene.focus, scene.last_name = focus, name
    if any(len(ref) != 1 for ref in refs):
        words.fail("name one object there", start, words.position)
    boxes = [ref[0].seen.box for ref in refs]
    kept = [item for item in found if item.seen.box not in boxes and holds(predicate, item.seen.box, *boxes)]
    if not kept:
        words.fail(f"nothing of it is there: {names_of(found)}", start, words.position)
    return kept


def _without_exceptions(words: Cursor, scene: Scene, found: list[Item], start: int) -> list[Item]:
    if not words.accept(_EXCEPT):
        return found
    spared = _read_one(words, scene, places=True)
    while words.word() in {"and", ","} and words.word(1) in {"the", "that"}:
        words.position += 1
        spared += _read_one(words, scene, places=True)
    rest = [item for item in found if item not in spared]
    if not rest:
        words.fail("nothing is left", start, words.position)
    return rest
