"""What sentences mean. A spec is written shortly: objects; relations; "no" absent things; "@" background."""

import contextlib

import pytest

from agent.offline.sentences import parse_scene
from evals.lmd.prompts import lmd_prompts
from tools.scene.box import Box
from tools.scene.errors import CannotParse
from tools.scene.layout import Detection
from tools.scene.requirements import requirements
from tools.scene.spec import SceneSpec
from tools.scene.verdict import verdict


def short(spec: SceneSpec) -> str:
    parts = [", ".join(f"{one.count} {one.phrase}" for one in spec.objects)]
    parts += [f"{one.subject} {one.predicate} {one.object}".strip() for one in spec.relations]
    parts += [f"no {one}" for one in spec.absent]
    parts += [f"@ {spec.background}"] if spec.background else []
    return "; ".join(filter(None, parts))


UNDERSTOOD = {
    # numbers, plurals, lists
    "a dog": "1 dog",
    "cat": "1 cat",
    "red car": "1 red car",
    "two dogs": "2 dog",
    "3 cars": "3 car",
    "twenty-one cups": "21 cup",
    "a dozen eggs": "12 egg",
    "a pair of dogs": "2 dog",
    "a couple of cats": "2 cat",
    "three sheep in a field": "3 sheep; @ a field",
    "two mice next to a cheese": "2 mouse, 1 cheese; mouse next to cheese",
    "a person and two people": "3 person",
    "a dog and another dog": "2 dog",
    "dog, cat and car": "1 dog, 1 cat, 1 car",
    "a dog, a cat, and a bird": "1 dog, 1 cat, 1 bird",
    "three cats, two dogs and a car": "3 cat, 2 dog, 1 car",
    "a dog & a cat": "1 dog, 1 cat",
    "a dog; a cat": "1 dog, 1 cat",
    "a red car. a blue dog. two cats.": "1 red car, 1 blue dog, 2 cat",
    "a cup of coffee next to a laptop": "1 cup of coffee, 1 laptop; cup of coffee next to laptop",
    "a teddy bear next to a traffic light": "1 teddy bear, 1 traffic light; teddy bear next to traffic light",
    "exactly four chairs": "4 chair",
    # attributes
    "a red and white car": "1 red white car",
    "a red and a blue car": "1 red car, 1 blue car",
    "a red, a blue and a green car": "1 red car, 1 blue car, 1 green car",
    "three red, two blue and one green car": "3 red car, 2 blue car, 1 green car",
    "a red car and a blue one": "1 red car, 1 blue car",
    "an orange": "1 orange",
    "an orange cat and an orange": "1 orange cat, 1 orange",
    "a light blue bottle": "1 light blue bottle",
    "a grey cat": "1 gray cat",
    "a big red car and a small blue car": "1 large red car, 1 small blue car",
    "a car that is red": "1 red car",
    "the car is red": "1 red car",
    "a car painted blue": "1 blue car",
    "a dog which is brown and a cat which is black": "1 brown dog, 1 black cat",
    "two cats, one black and one white": "1 black cat, 1 white cat",
    "a striped cat sleeping on a red sofa": (
        "1 striped sleeping cat, 1 red sofa; striped sleeping cat on top of red sofa"
    ),
    # relations between objects
    "a dog on the left of a blue chair": "1 dog, 1 blue chair; dog left of blue chair",
    "a dog right of a cat": "1 dog, 1 cat; dog right of cat",
    "there is a cup to the right of a bowl": "1 cup, 1 bowl; cup right of bowl",
    "a book above a laptop": "1 book, 1 laptop; book above laptop",
    "a bowl directly above a cup": "1 bowl, 1 cup; bowl above cup",
    "a cup under a chair": "1 cup, 1 chair; cup below chair",
    "a book on top of a laptop": "1 book, 1 laptop; book on top of laptop",
    "a cup on a table": "1 cup, 1 table; cup on top of table",
    "a red cup next to a bowl": "1 red cup, 1 bowl; red cup next to bowl",
    "a book near the laptop": "1 book, 1 laptop; book near laptop",
    "a cat between a dog and a car": "1 cat, 1 dog, 1 car; cat between dog and car",
    "a dog between two cars": "1 dog, 2 car; dog between car and car",
    "a cat sitting on a chair": "1 cat, 1 chair; cat on top of chair",
    "a table with a red cup on it": "1 table, 1 red cup; red cup on top of table",
    "a white dog with a black cat to its left": "1 white dog, 1 black cat; black cat left of white dog",
    "a red bottle next to another red bottle": "2 red bottle; red bottle next to red bottle",
    "a dog and a cat. The dog is to the left of the cat.": "1 dog, 1 cat; dog left of cat",
    "a dog and a cat are next to a car": "1 dog, 1 cat, 1 car; dog next to car; cat next to car",
    "a dog to the left of a cat and above a car": "1 dog, 1 cat, 1 car; dog left of cat; dog above car",
    "a cat to the left of a dog, which is to the left of a car": (
        "1 cat, 1 dog, 1 car; cat left of dog; dog left of car"
    ),
    "to the left of the car is a dog": "1 car, 1 dog; dog left of car",
    "next to a bowl is a red cup": "1 bowl, 1 red cup; red cup next to bowl",
    "from left to right: a dog, a cat and a car": "1 dog, 1 cat, 1 car; dog left of cat; cat left of car",
    "two red cars and a dog on the left of a blue chair on a beach": (
        "2 red car, 1 dog, 1 blue chair; dog left of blue chair; @ a beach"
    ),
    # places in the picture
    "a dog on the left and a cat on the right": "1 dog, 1 cat; dog on the left; cat on the right",
    "a dog on the left and on the right a cat": "1 dog, 1 cat; dog on the left; cat on the right",
    "on the left, a dog; on the right, a cat": "1 dog, 1 cat; dog on the left; cat on the right",
    "the dog is on the left and the cat is on the right": "1 dog, 1 cat; dog on the left; cat on the right",
    "a dog on the left side of the image": "1 dog; dog on the left",
    "a dog at the top and a cat at the bottom": "1 dog, 1 cat; dog at the top; cat at the bottom",
    "a cat in the center of the image": "1 cat; cat in the middle",
    "in the middle there is a bowl": "1 bowl; bowl in the middle",
    "a dog in the top left corner": "1 dog; dog in the top left corner",
    "a white cup at the bottom left": "1 white cup; white cup in the bottom left corner",
    "a cat and a dog, both on the left": "1 cat, 1 dog; cat on the left; dog on the left",
    "two dogs, one on the left and the other on the right": "2 dog; dog on the left; dog on the right",
    "A DOG ON THE LEFT": "1 dog; dog on the left",
    # what is not there
    "there are no dogs": "no dog",
    "neither cats nor dogs": "no cat; no dog",
    "a dog without cats or birds": "1 dog; no cat; no bird",
    "no dogs, two cats": "2 cat; no dog",
    "without dogs, with two cats": "2 cat; no dog",
    "an apple, but no banana": "1 apple; no banana",
    "5 dogs, 0 cats": "5 dog; no cat",
    "a dog but no red cars": "1 dog; no red car",
    "there are no cats or dogs and there is one car": "1 car; no cat; no dog",
    "a scene that contains two dogs but does not contain cats": "2 dog; no cat; @ a scene",
    # background and style
    "a beach": "@ a beach",
    "a cat on a beach at sunset": "1 cat; @ a beach at sunset",
    "At night, two dogs on a beach": "2 dog; @ At night on a beach",
    "a beach with two dogs and no cats": "2 dog; no cat; @ a beach",
    "a watercolor painting of two cats on a beach at night": "2 cat; @ a watercolor painting of a beach at night",
    "a photo of a kitchen with three bottles but no cups": "3 bottle; no cup; @ a photo of a kitchen",
    "a car in front of a house": "1 car; @ in front of a house",
    "a dog with a plain white background": "1 dog; @ with a plain white background",
    "a photo of a dog, highly detailed, 4k": "1 dog; @ a photo, highly detailed, 4k",
    "a cat, watercolor": "1 cat; @ watercolor",
    "a cat in the style of Van Gogh": "1 cat; @ in the style of Van Gogh",
    "draw me a picture of a big dog in a park": "1 large dog; @ a picture of a park",
    "imagine a scene with exactly 4 bottles": "4 bottle; @ a scene",
    "a boat on a lake with mountains in the background": "1 boat; @ a lake with mountains in the background",
    "There are three cats and two dogs in the picture.": "3 cat, 2 dog",
}

REFUSED = {
    "": "no words",
    "!?": "no words",
    "a dog or a cat": "'or a cat'",
    "a dog a cat": "'a cat'",
    "a dog without a dog": "both demanded and excluded",
    "60 cups": "at most 50",
    "2.5 dogs": "whole number",
    "an orange and a red cup": "no fruit",
    "a red": "expected an object",
    "what is in the picture?": "'what is",
    "make the dog bigger": "'bigger'",
    "remove the dog": "'remove",
    "about two dogs": "exact number",
    "lorem ipsum dolor": "write 'a lorem ipsum dolor'",
    "a dog \U0001f436": "'\U0001f436'",
    "a dog and": "missing",
    "a dog, with": "missing",
    "to the left of": "expected an object",
    "a cat between a dog": "needs two objects",
    "without": "name what must not be there",
    "a dog " * 1000: "at most 2000",
}


@pytest.mark.parametrize("text", UNDERSTOOD, ids=str)
def test_a_sentence_is_understood(text: str) -> None:
    assert short(parse_scene(text)) == UNDERSTOOD[text]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40] or "empty")
def test_what_is_not_understood_is_refused_with_the_words(text: str) -> None:
    with pytest.raises(CannotParse) as refusal:
        parse_scene(text)
    assert REFUSED[text] in str(refusal.value)


@pytest.mark.parametrize("text", UNDERSTOOD, ids=str)
def test_a_spec_can_be_checked(text: str) -> None:
    spec = parse_scene(text)
    checked = [one for one in requirements(spec) if one.kind != "unchecked"]
    assert bool(checked) == bool(spec.objects or spec.absent)


def test_every_prompt_of_the_benchmark_is_parsed_right() -> None:
    wrong = []
    for prompt in lmd_prompts():
        spec, truth = parse_scene(prompt.text), prompt.truth
        named, meant = ({(one.phrase, one.count) for one in objects} for objects in (spec.objects, truth.objects))
        if (named, spec.relations, spec.absent, spec.unchecked) != (meant, truth.relations, truth.absent, ()):
            wrong.append((prompt.text, short(spec)))
        assert spec.background.lower() == "a realistic photo of a scene"
    assert not wrong


@pytest.mark.parametrize(
    "text", ["a dog\ufb01sh ", "a\u00a0dog", "a dog's", "((((", "<sentence>", "\u202e dog", "and and"]
)
def test_odd_characters_parse_or_are_refused(text: str) -> None:
    with contextlib.suppress(CannotParse):
        assert parse_scene(text) == parse_scene(text)


@pytest.mark.parametrize(
    ("dog_x", "cat_x", "agreed"),
    [(0.1, 0.7, True), (0.55, 0.8, False), (0.7, 0.1, False)],
    ids=["apart", "both on the right", "wrong"],
)
def test_two_sides_are_those_of_the_picture(dog_x: float, cat_x: float, agreed: bool) -> None:
    demands = requirements(parse_scene("a dog on the left and a cat on the right"))
    there = [Detection(name=name, box=Box(x, 0.4, 0.2, 0.2), score=0.9) for name, x in (("dog", dog_x), ("cat", cat_x))]
    assert verdict(demands, there).agreed is agreed
