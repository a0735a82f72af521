"""The door through which every reading of an instruction comes: mended, and what is still wrong with it in words.

The same for wishes as `tools.scene.reading.check` is for scenes; only what can mean one thing is changed.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

from tools.scene.lexicon import COLOURS, attribute, is_attribute, number
from tools.scene.operations import AROUND, Adjust, Remove, Restyle
from tools.scene.operations import Wish as Look
from tools.scene.places import PAIRS, WAYS
from tools.scene.reading.mentions import mentions
from tools.scene.reading.places import AS_PLACE
from tools.scene.reading.sentence import Sentence, plain, words_of
from tools.scene.relations import REGIONS
from tools.scene.spec import PICTURE_PREDICATES
from tools.scene.wishes import AddWish, MoveWish, ReplaceWish, Wish
from tools.scene.wordnet import is_thing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.scene.layout import Layout
    from tools.scene.reading.mentions import Mention

_ELSEWHERE = {
    *("same", "like", "match", "matching", "another", "back", "again", "undo", "too", "also", "old", "more"),
    *("copy", "duplicate", "clone", "double"),
}
"""Words that let looks come from elsewhere than the instruction."""
_PRONOUNS = {"it", "them", "they", "that", "this", "these", "those", "one", "ones", "both", "other", "others"}
_ANYTHING = _PRONOUNS | {
    *("all", "every", "everything", "each", "anything", "thing", "object", "animal", "rest", "else", "undo", "back"),
}
"""Words that may speak of objects without their names."""
_IN_PLACE = ("in its place", "in their place", "in its stead", "instead")
_PICTURE = frozenset(["picture", "image", "photo", "photograph", "scene", "everything", "whole"])
_CORNER = re.compile(r"\b(top|upper|bottom|lower)[ -](left|right)(?:-hand)?(?: hand)? corner")
_ROWS = {"upper": "top", "lower": "bottom"}
_MANY = re.compile(r"\bhow many ((?:[a-z-]+ )*?[a-z-]+) (?:are|is|do|can|does|have)\b")


def mended_wishes(text: str, wishes: Sequence[Wish], layout: Layout) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """Return wishes without what the instruction does not say, and notes of what was changed.

    Wishes that say no more than the instruction come back as they were.
    """
    sentence, notes = Sentence(text), list[str]()
    result: list[Wish] = list(dict.fromkeys(wishes))
    if len(result) < len(wishes):
        notes.append("the same was asked for more than once")
    result = _of_picture(sentence, result, layout, notes)
    result = _replaced(sentence, result, notes)
    result = _meant(sentence, result, layout, notes)
    result = [_looks_said(sentence, wish, result, layout, notes) for wish in result]
    placing = [wish for wish in result if isinstance(wish, AddWish | MoveWish)]
    result = [_put(sentence, wish, notes, alone=len(placing) == 1) for wish in result]
    return tuple(result), tuple(notes)


def wish_problems(text: str, wishes: Sequence[Wish], layout: Layout) -> tuple[str, ...]:
    """Return what (mended) wishes have wrong, each with what to do, for the model to mend."""
    sentence = Sentence(text)
    found = [*_strangers(sentence, wishes, layout), *_lost(sentence, wishes, layout)]
    if _PICTURE & sentence.known and not any(isinstance(wish, Adjust) for wish in wishes):
        found += [
            f'the instruction says {look!r} of the picture: that is {{"op": "adjust", "wish": "{look}", "id": null, '
            '"amount": 1}, and nothing else'
            for look in get_args(Look)
            if sentence.has(look)
        ]
    return tuple(found)


def answer_problems(text: str, answer: str, layout: Layout) -> tuple[str, ...]:
    """Return what an answer says that the layout does not: how many of something there are."""
    asked = _MANY.search(text.lower())
    if not asked:
        return ()
    sentence = Sentence(asked[1])
    name = sentence.plain[-1]
    looks = {attribute(word) for word in sentence.words[:-1] if is_attribute(word)}
    ids = [one.id for one in layout.objects if plain(one.name.split()[-1]) == name and looks <= set(one.attributes)]
    said = {number(word) for word in words_of(answer) if word not in {"a", "an"}} - {None}
    if not ids or not said or len(ids) in said:
        return ()
    return (f"the picture has {len(ids)} of what is asked for ({', '.join(map(repr, ids))}): say that number",)


def _of_picture(sentence: Sentence, wishes: list[Wish], layout: Layout, notes: list[str]) -> list[Wish]:
    """Return the look that an instruction names that speaks of the picture and of nothing in it."""
    looks = [look for look in get_args(Look) if look not in AROUND and sentence.has(look)]
    speaks = any(sentence.mentions(placed.name) for placed in layout.objects)
    asked = any(isinstance(wish, Adjust) for wish in wishes)
    if len(looks) != 1 or asked or speaks or not _PICTURE & sentence.known:
        return wishes
    notes.append(f"the instruction says {looks[0]!r} of the picture")
    return [Adjust(wish=looks[0])]


def _replaced(sentence: Sentence, wishes: list[Wish], notes: list[str]) -> list[Wish]:
    """Return "remove the chair and put a cat in its place" as a replacement."""
    removed = [wish for wish in wishes if isinstance(wish, Remove)]
    added = [wish for wish in wishes if isinstance(wish, AddWish)]
    if len(removed) != 1 or len(added) != 1 or len(wishes) != 2 or not sentence.has(*_IN_PLACE):
        return wishes
    notes.append("what is put in the place of something replaces it")
    return [ReplaceWish(id=removed[0].id, **added[0].model_dump(include={"name", "attributes", "source"}))]


def _spoken(sentence: Sentence, wishes: Sequence[Wish], layout: Layout) -> list[Mention]:
    moves = any(isinstance(wish, AddWish | MoveWish) for wish in wishes)
    return mentions(sentence, layout, sides=not moves)


def _meant(sentence: Sentence, wishes: list[Wish], layout: Layout, notes: list[str]) -> list[Wish]:
    """Return wishes that name the one object of its kind that is spoken of, not another of the kind."""
    named = _named(wishes)
    by_name: dict[str, list[Mention]] = {}
    for mention in _spoken(sentence, wishes, layout):
        by_name.setdefault(mention.name, []).append(mention)
    changed: dict[str, str] = {}
    for name, spoken in by_name.items():
        right = frozenset().union(*(mention.ids for mention in spoken))
        wrong = {one for one in named if one in layout.ids and layout[one].name == name} - right
        if len(right) == len(wrong) == 1 and not right & named and not _ANYTHING & sentence.known:
            changed[wrong.pop()] = min(right)
    if not changed:
        return wishes
    notes += [f"the instruction speaks of {new!r}, not of {old!r}" for old, new in changed.items()]
    return [_renamed(wish, changed) for wish in wishes]


def _renamed(wish: Wish, changed: dict[str, str]) -> Wish:
    given: dict[str, Any] = {
        key: changed.get(value, value) for key in ("id", "other") if isinstance(value := getattr(wish, key, None), str)
    }
    if of := getattr(wish, "of", ()):
        given["of"] = tuple(changed.get(one, one) for one in of)
    return wish.model_copy(update=given)


def _named(wishes: Iterable[Wish]) -> set[str]:
    """Return the ids that wishes speak of."""
    return {
        one
        for wish in wishes
        for one in (getattr(wish, "id", None), getattr(wish, "other", None), *getattr(wish, "of", ()))
        if one
    }


def _looks_said(sentence: Sentence, wish: Wish, wishes: Sequence[Wish], layout: Layout, notes: list[str]) -> Wish:
    """Return a wish without looks that nobody asked for: those of another object, or of an example."""
    if not isinstance(wish, AddWish | ReplaceWish | Restyle) or _ELSEWHERE & sentence.known:
        return wish
    own = layout[wish.id].attributes if isinstance(wish, Restyle) and wish.id in layout.ids else ()
    kept = tuple(look for look in wish.attributes if look in own or sentence.says(look))
    if kept == wish.attributes or (isinstance(wish, Restyle) and set(kept) <= set(own)):
        return wish
    used = {attribute(word) for one in wishes for look in getattr(one, "attributes", ()) for word in words_of(look)}
    used |= {attribute(look) for placed in layout.objects for look in placed.attributes}
    if any(is_attribute(word) and attribute(word) not in used for word in sentence.words):
        return wish  # what is said may be said in another word
    notes.append(
        f"the instruction does not say {', '.join(repr(look) for look in wish.attributes if look not in kept)}"
    )
    return wish.model_copy(update={"attributes": kept})


def _put(sentence: Sentence, wish: Wish, notes: list[str], *, alone: bool) -> Wish:
    """Return a wish whose place is one in the picture where it is of nothing."""
    if not isinstance(wish, AddWish | MoveWish):
        return wish
    own = getattr(wish, "id", None)
    corners = {f"in the {_ROWS.get(row, row)} {side} corner" for row, side in _CORNER.findall(" ".join(sentence.words))}
    place: Any = wish.place
    others = [one for one in wish.of if one != own]
    if alone and len(corners) == 1 and place not in corners:
        corner = corners.pop()
        is_there = wish.box is not None and not place and REGIONS[corner].holds(wish.box.center)
        place = place if is_there else corner
    elif place in PAIRS and not others:
        literal = [said for said in PICTURE_PREDICATES if sentence.has(said)]
        way = f"further {place.split()[0]}"
        if len(literal) == 1:
            place = literal[0]
        elif isinstance(wish, MoveWish) and way in WAYS:
            place = way
        else:
            place = AS_PLACE.get(place, place)
    if place == wish.place:
        return wish
    notes.append(f"the instruction says {place!r}" + (f", not {wish.place!r}" if wish.place else ""))
    return wish.model_copy(update={"place": place, "of": (), "box": None})


def _strangers(sentence: Sentence, wishes: Sequence[Wish], layout: Layout) -> list[str]:
    """Return the objects that wishes are about and the instruction does not speak of."""
    spoken = _spoken(sentence, wishes, layout)
    if not spoken or _ANYTHING & sentence.known:
        return []
    names = {plain(placed.name.split()[-1]) for placed in layout.objects}
    names |= {plain(wish.name.split()[-1]) for wish in wishes if isinstance(wish, AddWish | ReplaceWish)}
    if any(is_thing(word) and word not in names and word not in _PICTURE for word in sentence.plain):
        return []  # another word for it, perhaps
    right = frozenset().union(*(mention.ids for mention in spoken))
    subjects = {one for wish in wishes for one in (getattr(wish, "id", None), getattr(wish, "other", None)) if one}
    strange = sorted(one for one in subjects if one in layout.ids and one not in right)
    meant = ", ".join(map(repr, sorted(right)))
    return [f"the instruction does not speak of {one!r}, but of {meant}: use those ids" for one in strange]


def _lost(sentence: Sentence, wishes: Sequence[Wish], layout: Layout) -> list[str]:
    """Return the objects and colours that the instruction speaks of and no wish does."""
    spoken, found = _spoken(sentence, wishes, layout), list[str]()
    numbers = any(getattr(wish, "box", None) for wish in wishes)
    for first, second in pairwise(spoken):
        joined = sentence.words[first.words.stop : second.words.start] == ["and"]
        single = len(second.ids) == 1 and not second.is_plural
        if joined and single and not numbers and not second.ids & _named(wishes) and first.ids & _named(wishes):
            found.append(f"the instruction also speaks of {min(second.ids)!r}: add the operation for it")
    described = {at for mention in spoken for at in mention.words}
    said = {attribute(word) for wish in wishes for word in words_of(" ".join(_words(wish)))}
    lost = (
        word
        for at, word in enumerate(sentence.words)
        if word in COLOURS and at not in described and attribute(word) not in said and not sentence.has(f"not {word}")
        if sentence.plain[at + 1 : at + 2] != ["one"]  # "the red one" tells which
    )
    return found + [f"the instruction says {word!r}, and no operation does: put it into attributes" for word in lost]


def _words(wish: Wish) -> tuple[str, ...]:
    """Return what a wish says in words of its own."""
    return (*getattr(wish, "attributes", ()), getattr(wish, "name", ""), getattr(wish, "wish", ""))
