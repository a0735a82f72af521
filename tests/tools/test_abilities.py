from __future__ import annotations

import pytest

from agent.offline.sentences import parse_scene
from tests.world import scene
from tools.abilities import describe, refusal, scene_refusal, with_kinds, with_settings
from tools.backend.protocol import Capabilities
from tools.scene.box import Box
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle

ALL = frozenset({"add", "remove", "move", "restyle", "replace"})
PHOTO = Capabilities(ALL, draws=frozenset(), attributes=frozenset({"red", "dark red"}))
ICONS = Capabilities(ALL, draws=frozenset({"cat", "dog"}))
BOX = Box(0.5, 0.5, 0.2, 0.2)
ROOM = scene(("wooden chair", [0.1, 0.1, 0.2, 0.2]))


@pytest.mark.parametrize(
    ("able", "operation", "said"),
    [
        (
            PHOTO,
            Add(name="dog", box=BOX),
            "this preset cannot draw a new dog: it can copy one that is in the picture or",
        ),
        (PHOTO, Replace(id="chair #1", name="dog"), "this preset cannot draw a new dog"),
        (PHOTO, Restyle(id="chair #1", attributes=("golden",)), "this preset cannot make 'chair #1' 'golden'"),
        (ICONS, Add(name="horse", box=BOX), "this preset cannot draw a new horse: it draws cat and dog"),
        (Capabilities(frozenset({"move"})), Remove(id="chair #1"), "this preset cannot remove: it can move"),
    ],
)
def test_what_cannot_be_done_is_said(able: Capabilities, operation: Operation, said: str) -> None:
    refused = refusal(able, ROOM, [operation])
    assert refused is not None
    assert refused.startswith(said)


@pytest.mark.parametrize(
    ("able", "operation"),
    [
        (PHOTO, Add(name="chair", box=BOX)),
        (PHOTO, Restyle(id="chair #1", attributes=("wooden", "red"))),
        (PHOTO, Move(id="chair #1", box=BOX)),
        (ICONS, Add(name="cat", box=BOX)),
        (Capabilities(ALL), Add(name="unicorn", box=BOX)),
    ],
)
def test_what_can_is_not(able: Capabilities, operation: Operation) -> None:
    assert refusal(able, ROOM, [operation]) is None


def test_a_language_model_is_told_only_what_there_is_to_say() -> None:
    assert describe(Capabilities(ALL)) == ""
    assert "Nothing can be drawn anew" in describe(PHOTO)
    assert describe(ICONS) == "New objects can only be cat or dog."


@pytest.mark.parametrize("surface", ["desk", "wooden table", "shelf"])
def test_what_carries_all_and_cannot_be_drawn_is_the_setting(surface: str) -> None:
    spec = with_settings(ICONS, parse_scene(f"a cat and two dogs on a {surface}"))
    assert [one.phrase for one in spec.objects] == ["cat", "dog"]
    assert (spec.relations, spec.background) == ((), f"on a {surface}")


@pytest.mark.parametrize(
    "sentence",
    ["a cat next to a desk", "a cat under a table", "two tables with a cat", "a cat on a horse", "a cat and a desk"],
)
def test_other_things_that_cannot_be_drawn_stay_refused(sentence: str) -> None:
    assert scene_refusal(ICONS, with_settings(ICONS, parse_scene(sentence)))


def test_a_surface_that_can_be_drawn_is_demanded() -> None:
    spec = parse_scene("a cat on a table")
    assert with_settings(Capabilities(ALL), spec) == spec


@pytest.mark.parametrize(
    ("sentence", "phrases", "unchecked"),
    [
        ("a bowl of soup for a brown hunting dog", None, None),
        ("two guard dogs to the left of a cat", ["dog", "cat"], ("guard dog",)),
        ("a hot dog and a cat", None, None),
    ],
)
def test_what_is_a_kind_of_what_can_be_drawn_is_drawn_as_that(
    sentence: str, phrases: list[str] | None, unchecked: tuple[str, ...] | None
) -> None:
    read = parse_scene(sentence)
    spec = with_kinds(ICONS, read)
    if phrases is None:
        assert scene_refusal(ICONS, spec)
        return
    assert [one.phrase for one in spec.objects] == phrases
    assert spec.unchecked == unchecked
    assert (spec.relations[0].subject, spec.relations[0].object) == ("dog", "cat")


def test_a_cup_of_tea_is_a_cup() -> None:
    spec = with_kinds(Capabilities(ALL, draws=frozenset({"cup", "book"})), parse_scene("a red cup of tea on a book"))
    assert [one.phrase for one in spec.objects] == ["red cup", "book"]
    assert (spec.relations[0].subject, spec.unchecked) == ("red cup", ("cup of tea",))
