"""What a reading leaves over of a sentence is found, whoever read it."""

import pytest

from tools.scene.spec import Relation, SceneObject, SceneSpec
from tools.scene.spec_check import overlooked, with_all_words

CUP = SceneObject(name="cup")
DOG = SceneObject(name="dog")
ALIKE = Relation(subject="cup", predicate="as big as", object="dog")
RED = SceneObject(name="cup", attributes=("red",))


@pytest.mark.parametrize(
    ("sentence", "spec", "missing"),
    [
        ("a red cup", SceneSpec(objects=(CUP,)), ("red",)),
        ("a red cup", SceneSpec(objects=(RED,)), ()),
        ("a cup and a dog", SceneSpec(objects=(CUP,)), ("dog",)),
        ("three cups", SceneSpec(objects=(CUP,)), ("three",)),
        ("three cups", SceneSpec(objects=(SceneObject(name="cup", count=3),)), ()),
        ("a grey cup", SceneSpec(objects=(SceneObject(name="cup", attributes=("gray",)),)), ()),
        ("a big cup", SceneSpec(objects=(SceneObject(name="cup", size="large"),)), ()),
        ("two people on a beach", SceneSpec(objects=(SceneObject(name="person", count=2),), background="a beach"), ()),
        ("a cup without dogs", SceneSpec(objects=(CUP,), absent=("dog",)), ()),
        ("a cup holding flowers", SceneSpec(objects=(CUP,), unchecked=("holding flowers",)), ()),
        ("a photo of a cup on the left side", SceneSpec(objects=(CUP,)), ()),
        ("more than two cups", SceneSpec(objects=(SceneObject(name="cup", count=3, bound="at least"),)), ()),
        ("fewer than four cups", SceneSpec(objects=(SceneObject(name="cup", count=3, bound="at most"),)), ()),
        ("more than two cups", SceneSpec(objects=(SceneObject(name="cup", count=5, bound="at least"),)), ("two",)),
        ("a cup as large as a dog", SceneSpec(objects=(CUP, DOG), relations=(ALIKE,)), ()),
        ("a cup and a large dog", SceneSpec(objects=(CUP, DOG)), ("large",)),
        ("a cup in a wooden box", SceneSpec(objects=(CUP,)), ("wooden", "box")),
    ],
)
def test_words_left_over(sentence: str, spec: SceneSpec, missing: tuple[str, ...]) -> None:
    assert overlooked(sentence, spec) == missing
    assert with_all_words(sentence, spec).unchecked == (*spec.unchecked, *missing)
