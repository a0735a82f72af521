"""What the words "it", "the left one", "made of", "a pair of", "each corner" and "non-red" mean, kind by kind."""

import pytest

from agent.offline.sentences import parse_scene
from tests.agent.readings import short

POINTING_BACK = {
    "a car. To its left is a dog and to its right is a cat.": "1 car, 1 dog, 1 cat; dog left of car; cat right of car",
    "a sofa, a cup on its left, a book on its right": "1 sofa, 1 cup, 1 book; cup left of sofa; book right of sofa",
    "a bed with a nightstand to its left, a lamp to its right and a painting above it": (
        "1 bed, 1 nightstand, 1 lamp, 1 painting; nightstand left of bed; lamp right of bed; painting above bed"
    ),
    "there is a bowl, and beside it is a spoon": "1 bowl, 1 spoon; spoon next to bowl",
    "a bottle. Above it is a cat.": "1 bottle, 1 cat; cat above bottle",
    "a dog. To its right there is a ball.": "1 dog, 1 ball; ball right of dog",
    "a table. On it is a cup.": "1 table, 1 cup; cup on top of table",
    "a dog. It has a ball on its left.": "1 dog, 1 ball; ball left of dog",
    "a car and a dog. The dog is left of it.": "1 car, 1 dog; dog left of car",
    "a dog. It is brown. It sits next to a car.": "1 brown dog, 1 car; brown dog next to car",
    "a cat; it is black": "1 black cat",
    "a cat. It is on a chair.": "1 cat, 1 chair; cat on top of chair",
    "a car. It is red and shiny.": "1 red shiny car",
    "two cups. They are red.": "2 red cup",
    "a cup and a bowl. They are blue.": "1 blue cup, 1 blue bowl",
    "a cup and a bowl. They are next to each other.": "1 cup, 1 bowl; cup next to bowl",
    "a red cup. A blue bowl. A dog between them.": "1 red cup, 1 blue bowl, 1 dog; dog between red cup and blue bowl",
}
PICKED_OUT = {
    "the left cup is red": "1! red cup, 1! cup; cup right of red cup",
    "the left cup is red and the right cup is blue": "1! red cup, 1! blue cup; red cup left of blue cup",
    "two cups; the left one is red and the right one is blue": "1! red cup, 1! blue cup; red cup left of blue cup",
    "three cars, the middle one yellow": "1! yellow car, 2 car; car left of yellow car x1; car right of yellow car x1",
    "two dogs, the larger one brown": "1! brown dog, 1! dog; brown dog bigger than dog",
    "two cats, the smaller one black": "1! black cat, 1! cat; black cat smaller than cat",
    "the biggest of three cups is red": "1! red cup, 2 cup; red cup bigger than cup",
    "three bottles where the leftmost is green": "1! green bottle, 2 bottle; bottle right of green bottle",
    "the top book is red and the bottom book is blue": "1! red book, 1! blue book; red book above blue book",
    "a stack of two books, the upper one red": "1! red book, 1! book; red book and book stacked; book below red book",
    "the second cup from the left is blue": "1+ blue cup, 1+ cup; cup left of blue cup",
    "three cups in a row, the first red, the second blue, the third green": (
        "1! red cup, 1! blue cup, 1! green cup; green cup and blue cup and red cup in a row; "
        "red cup left of blue cup; blue cup left of green cup"
    ),
    "four bowls in a row, the rightmost is yellow": (
        "1! yellow bowl, 3 bowl; yellow bowl and bowl in a row; bowl left of yellow bowl"
    ),
    "two cats, the first white and the second black": "1! white cat, 1! black cat",
    "the cup on the left is red, the cup on the right is green": (
        "1 red cup, 1 green cup; red cup on the left; green cup on the right"
    ),
}
MADE_OF = {
    "a vase made of glass": "1 glass vase",
    "a bowl, a cup and a plate, all made of glass": "1 glass bowl, 1 glass cup, 1 glass plate",
    "a table made of wood next to a chair made of metal": "1 wood table, 1 metal chair; wood table next to metal chair",
    "two cups made of glass": "2 glass cup",
    "two chairs and a table, all made of wood": "2 wood chair, 1 wood table",
    "a bowl carved from wood": "1 wood bowl",
    "a cup is made of metal": "1 metal cup",
    "a glass vase and a box made of wood": "1 glass vase, 1 wood box",
    "a cup and a bowl made of glass": "1 cup, 1 glass bowl",
    "a statue made of gold": "1 statue; ? a statue made of gold",
}
PAIRS = {
    "a pair of dogs": "2 dog",
    "a pair of blue chairs": "2 blue chair",
    "a pair of cats and a dog": "2 cat, 1 dog",
    "a pair of shoes, red and new": "2 red new shoe",
    "two pairs of shoes": "4 shoe",
    "a pair of glasses": "1! eyeglasses",
    "three pairs of jeans": "3 jeans",
    "two pairs of scissors": "2 scissors",
    "a red pair of scissors": "1 red scissors",
    "two scarves and a pair of pants": "2 scarf, 1! pants",
}
SHARED_OUT = {
    "a dog in each corner": (
        "4 dog; dog in the top left corner x1; dog in the top right corner x1; "
        "dog in the bottom left corner x1; dog in the bottom right corner x1"
    ),
    "a cup in every corner": (
        "4 cup; cup in the top left corner x1; cup in the top right corner x1; "
        "cup in the bottom left corner x1; cup in the bottom right corner x1"
    ),
    "a star in all four corners": (
        "4 star; star in the top left corner x1; star in the top right corner x1; "
        "star in the bottom left corner x1; star in the bottom right corner x1"
    ),
    "a red cup in each corner and a dog in the middle": (
        "4 red cup, 1 dog; red cup in the top left corner x1; red cup in the top right corner x1; "
        "red cup in the bottom left corner x1; red cup in the bottom right corner x1; dog in the middle"
    ),
    "a house with a tree on either side": "1 house, 2 tree; tree left of house x1; tree right of house x1",
    "four chairs, half of them red": "2 red chair, 2 not red chair",
    "six cups, half of them blue": "3 blue cup, 3 not blue cup",
    "five cups, half of them red": "5 cup; ? half of them red",
    "seven cups, only one of which is red": "1! red cup, 6 not red cup",
    "two balls, one of them red": "1! red ball, 1! not red ball",
    "a ball under the table and another on the table": "2 ball, 1 table; ball below table x1; ball on top of table x1",
    "two cups on the left and three on the right": "5 cup; cup on the left x2; cup on the right x3",
    "one cup on the left and one on the right": "2 cup; cup on the left x1; cup on the right x1",
    "a red cup at the top left, a blue one at the bottom right": (
        "1 red cup, 1 blue cup; red cup in the top left corner; blue cup in the bottom right corner"
    ),
}
ANYTHING_BUT = {
    "a non-red car": "1 not red car",
    "two non-blue cups": "2 not blue cup",
    "a non-black dog and a black cat": "1 not black dog, 1 black cat",
    "a non-wooden table": "1 not wooden table",
    "a chair that is anything but white": "1 not white chair",
    "a car that isn't red": "1 not red car",
    "a dog, not a brown one": "1 dog; no brown dog",
    "a cup which is neither red nor blue": "1 not red not blue cup",
    "a bowl that is never green": "1 not green bowl",
    "two cats that are not black": "2 not black cat",
}

FAR_ENDS = {
    "a chair at the very top": "1 chair; chair in the top third",
    "a purple car at the far left": "1 purple car; purple car in the left third",
    "a dog on the far right side": "1 dog; dog in the right third",
    "a cup at the extreme bottom": "1 cup; cup in the bottom third",
    "a cat at the top": "1 cat; cat at the top",
    "a cat exactly in the center": "1 cat; cat in the middle",
    "a bowl right in the middle": "1 bowl; bowl in the middle",
    "a book leaning to the left of a dog": "1 book, 1 dog; book left of dog",
    "a dog crouching next to a cat": "1 dog, 1 cat; dog next to cat",
}

NOT_THERE = {
    "A man is holding a telescope and searching for planets.": (
        "1 man, 1 telescope; ? A man is holding a telescope and searching for planets"
    ),
    "A child is playing with a toy plane and pretending to be a pilot.": (
        "1 child, 1 toy plane; ? A child is playing with a toy plane and pretending to be a pilot"
    ),
    "A woman is chopping fruit for a salad.": "1 woman, 1+ fruit; ? A woman is chopping fruit for a salad",
    "A bee flies from flower to flower.": "1 bee; ? A bee flies from flower to flower",
    "A person is looking at a map of the solar system and studying the planets.": (
        "1 person, 1 map, 2+ planet; ? A person is looking at a map of the solar system and studying the planets"
    ),
    "A group of friends are sitting around a campfire and roasting marshmallows.": (
        "2+ friend, 2+ marshmallow; ? A group of friends are sitting around a campfire and roasting marshmallows"
    ),
}

KINDS = (POINTING_BACK, PICKED_OUT, MADE_OF, PAIRS, SHARED_OUT, ANYTHING_BUT, FAR_ENDS, NOT_THERE)


@pytest.mark.parametrize(
    ("text", "meaning"), [(text, meaning) for kind in KINDS for text, meaning in kind.items()], ids=str
)
def test_a_sentence_means(text: str, meaning: str) -> None:
    assert short(parse_scene(text)) == meaning
