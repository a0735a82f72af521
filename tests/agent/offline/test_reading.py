"""Kinds of sentences and what they mean, written shortly (see `tests.agent.readings`); each kind has at least ten."""

import pytest

from agent.offline.sentences import parse_scene
from tests.agent.readings import short
from tools.scene.errors import CannotParse

POSSESSIVE_SIDES = {
    "a chair with a cup on its left and a bowl on its right": (
        "1 chair, 1 cup, 1 bowl; cup left of chair; bowl right of chair"
    ),
    "a dog with a cat on its right": "1 dog, 1 cat; cat right of dog",
    "a car with a bottle on its right and a book on its left": (
        "1 car, 1 bottle, 1 book; bottle right of car; book left of car"
    ),
    "a laptop with a cup to its left and a book to its right": (
        "1 laptop, 1 cup, 1 book; cup left of laptop; book right of laptop"
    ),
    "a bowl with a red cup on its left side and a blue cup on its right side": (
        "1 bowl, 1 red cup, 1 blue cup; red cup left of bowl; blue cup right of bowl"
    ),
    "a table with a lamp next to it": "1 table, 1 lamp; lamp next to table",
    "a tree with a bird above it and a dog below it": "1 tree, 1 bird, 1 dog; bird above tree; dog below tree",
    "a dog with a ball to its left, and a bone to its right": (
        "1 dog, 1 ball, 1 bone; ball left of dog; bone right of dog"
    ),
    "there is a chair with a cat on its left and a dog on its right": (
        "1 chair, 1 cat, 1 dog; cat left of chair; dog right of chair"
    ),
    "a backpack has a book on its left and a bottle on its right": (
        "1 backpack, 1 book, 1 bottle; book left of backpack; bottle right of backpack"
    ),
    "the car has a dog to its right": "1 car, 1 dog; dog right of car",
    "a bench with a cat under it": "1 bench, 1 cat; cat below bench",
}
AFTER_THE_NOUN = {
    "a cat and a dog, both brown": "1 brown cat, 1 brown dog",
    "a car, red and shiny": "1 red shiny car",
    "a cup, blue": "1 blue cup",
    "two bottles, both green": "2 green bottle",
    "a dog, big and brown": "1 large brown dog",
    "a bowl and a cup, both red": "1 red bowl, 1 red cup",
    "a cat, a dog and a bird, all white": "1 white cat, 1 white dog, 1 white bird",
    "the cat and the dog are both black": "1 black cat, 1 black dog",
    "a chair that is wooden and old": "1 wooden old chair",
    "a book and a cup are blue": "1 blue book, 1 blue cup",
    "a car which is red and a dog which is white": "1 red car, 1 white dog",
    "a laptop, black": "1 black laptop",
    "a red car and a dog, both small": "1 small red car, 1 small dog",
}
DISTRIBUTED = {
    "two cups, a red one and a blue one": "1! red cup, 1! blue cup",
    "three cups that are blue, white and red": "1! blue cup, 1! white cup, 1! red cup",
    "five apples, two of which are green": "2 green apple, 3 not green apple",
    "two dogs, one brown and one black": "1! brown dog, 1! black dog",
    "three cars, one red, one blue and one green": "1! red car, 1! blue car, 1! green car",
    "four bottles, two green and two blue": "2 green bottle, 2 blue bottle",
    "two books, a small one and a large one": "1! small book, 1! large book",
    "three balls, two of them red and one of them blue": "2 red ball, 1! blue ball",
    "two chairs, one on the left and one on the right": "2 chair; chair on the left x1; chair on the right x1",
    "six cups, four of which are red": "4 red cup, 2 not red cup",
    "two cats, the first white and the second black": "1! white cat, 1! black cat",
    "three bowls: one red and two blue": "1! red bowl, 2 blue bowl",
}
EVERY = {
    "every cup is blue": "every 1+ blue cup",
    "a chair in the middle with a cup on each side": (
        "1 chair, 2 cup; chair in the middle; cup left of chair x1; cup right of chair x1"
    ),
    "all dogs are brown": "every 1+ brown dog",
    "each car is red": "every 1+ red car",
    "two dogs and every dog is black": "2 black dog",
    "all the cups are white": "2+ white cup",
    "a table with a chair on either side": "1 table, 2 chair; chair left of table x1; chair right of table x1",
    "a dog with a cat on both sides": "1 dog, 2 cat; cat left of dog x1; cat right of dog x1",
    "a bowl with two cups on each side": "1 bowl, 4 cup; cup left of bowl x2; cup right of bowl x2",
    "every book is red and every cup is blue": "every 1+ red book, every 1+ blue cup",
    "a cup on each side of a bowl": "2 cup, 1 bowl; cup left of bowl x1; cup right of bowl x1",
    "three cats, all black": "3 black cat",
}
FRAMES = {
    "a photo of a dog and a photo of a cat": "1 dog, 1 cat; @ a photo, a photo",
    "an oil painting at the beach of a blue bicycle to the left of a bench": (
        "1 blue bicycle, 1 bench; blue bicycle left of bench; @ an oil painting at the beach"
    ),
    "a picture of a red car and a picture of a blue car": "1 red car, 1 blue car; @ a picture, a picture",
    "a drawing of two dogs": "2 dog; @ a drawing",
    "a watercolor of a cat and a sketch of a dog": "1 cat, 1 dog; @ a watercolor, a sketch",
    "a realistic photo of a bowl next to a cup": "1 bowl, 1 cup; bowl next to cup; @ a realistic photo",
    "an image showing three bottles": "3 bottle; @ an image",
    "a close-up photo of a cat on a chair": "1 cat, 1 chair; cat on top of chair; @ a close-up photo",
    "a pencil sketch of a laptop above a book": "1 laptop, 1 book; laptop above book; @ a pencil sketch",
    "a painting in the style of Monet of a dog": "1 dog; @ a painting, in the style of Monet",
    "a black and white photo of a car": "1 car; @ a black and white photo",
    "a photo of a cat, a dog and a car": "1 cat, 1 dog, 1 car; @ a photo",
}
EXCLUSION = {
    "no cars, just bicycles": "2+ bicycle; no car",
    "neither cats nor dogs, only a parrot": "1 parrot; no cat; no dog",
    "no dogs, only two cats": "2 cat; no dog",
    "without cups, just a bowl": "1 bowl; no cup",
    "not a single car, only bottles": "2+ bottle; no car",
    "a table without cups or plates": "1 table; no cup; no plate",
    "no cats and no dogs, but a bird": "1 bird; no cat; no dog",
    "there are no chairs, only a bench": "1 bench; no chair",
    "a dog, but no cat and no car": "1 dog; no cat; no car",
    "no red cars, only blue cars": "2+ blue car; no red car",
    "zero bottles and three cups": "3 cup; no bottle",
    "a street with no people": "no person; @ a street",
}
PREPOSITIONS = {
    "a horse on side of a car": "1 horse, 1 car; horse next to car",
    "a dog standing in front of the car": "1 dog, 1 car; ? a dog standing in front of the car",
    "a bowl hidden by a cat": "1 bowl, 1 cat; ? a bowl hidden by a cat",
    "a red cup lay next to a blue bowl": "1 red cup, 1 blue bowl; red cup next to blue bowl",
    "a cat behind a chair": "1 cat, 1 chair; ? a cat behind a chair",
    "a book on the side of a laptop": "1 book, 1 laptop; book next to laptop",
    "a cup on left of a bowl": "1 cup, 1 bowl; cup left of bowl",
    "a dog to the right side of a cat": "1 dog, 1 cat; dog right of cat",
    "a bottle at the bottom of a table": "1 bottle, 1 table; bottle below table",
    "a ball on the bottom of a chair": "1 ball, 1 chair; ball below chair",
    "a bird over a tree": "1 bird, 1 tree; bird above tree",
    "a cat inside a box": "1 cat, 1 box; cat inside box",
    "two pears and three apples in a bowl": "2 pear, 3 apple, 1 bowl; pear inside bowl; apple inside bowl",
    "a table with two pears and an apple in a bowl": (
        "1 table, 2 pear, 1 apple, 1 bowl; pear inside bowl; apple inside bowl; ? a table with two pears"
    ),
    "a cup, a book and a dog on a table": (
        "1 cup, 1 book, 1 dog, 1 table; cup on top of table; book on top of table; dog on top of table"
    ),
    "a dog and a cup on a chair": "1 dog, 1 cup, 1 chair; cup on top of chair",
    "a dog and a cup that is in a bowl": "1 dog, 1 cup, 1 bowl; cup inside bowl",
    "a dog in a basket": "1 dog, 1 basket; dog inside basket",
    "a cup close to a bottle": "1 cup, 1 bottle; cup near bottle",
    "a boy sat on a chair": "1 boy, 1 chair; boy on top of chair",
    "a lamp hung above the table": "1 lamp, 1 table; lamp above table",
}
ADJECTIVES = {
    "a large and a small cup": "1 large cup, 1 small cup",
    "a car with a red color": "1 red car",
    "a row of three cups": "3 cup; cup in a row",
    "a red and a blue book": "1 red book, 1 blue book",
    "a small, a medium and a large bottle": "1 small bottle, 1 bottle, 1 large bottle; ? medium bottle",
    "a big and a tiny dog": "1 large dog, 1 tiny dog",
    "a wooden and a metal chair": "1 wooden chair, 1 metal chair",
    "a bowl in blue": "1 blue bowl",
    "a cup of red color": "1 red cup",
    "a stack of four books": "4 book; book stacked",
    "an egg, a painting, and a goldfish": "1 egg, 1 painting, 1 goldfish",
    "a round bagel and a square cream cheese": "1 round bagel, 1 square cream cheese",
    "a pile of two books": "2 book; book stacked",
    "a vertical line of three cups": "3 cup; cup in a column",
    "a dog the same size as a cat": "1 dog, 1 cat; dog as big as cat",
    "a car far to the left": "1 car; car on the left",
    "a bigger white bottle": "1 large white bottle; (reading 'bigger' as 'large')",
    "every chair is orange and there are two of them": "every 1+ orange chair, 2 chair",
    "the cup in the middle is white and the other two are pink": "1 white cup, 2 pink cup; white cup in the middle",
    "three red bowls side by side": "3 red bowl; red bowl in a row",
    "two cups next to each other": "2 cup; cup next to cup",
    "a pink cup and nothing else": "1 pink cup",
    "a red car and no other objects": "1 red car",
    "a line of five cars": "5 car; car in a row",
    "a large cup and a small one": "1 large cup, 1 small cup",
    "a cylindrical box and a conical hat": "1 cylindrical box, 1 conical hat",
}
SCENERY = {
    "a moon and a dog": "1 moon, 1 dog",
    "a big mountain and a small tree": "1 large mountain, 1 small tree",
    "an oval mirror and a rectangular painting": "1 oval mirror, 1 rectangular painting",
    "a cloud and a sun": "1 cloud, 1 sun",
    "a bridge and a boat": "1 bridge, 1 boat",
    "a tent next to a tree": "1 tent, 1 tree; tent next to tree",
    "a house and a car": "1 house, 1 car",
    "a red wall and a blue door": "1 red wall, 1 blue door",
    "a tower left of a church": "1 tower, 1 church; tower left of church",
    "a fence and a cow": "1 fence, 1 cow",
    "a hill with a tree on it": "1 hill, 1 tree; tree on top of hill",
    "a window above a bed": "1 window, 1 bed; window above bed",
    "a star above a moon": "1 star, 1 moon; star above moon",
}
PLURALS = {
    "three peaches": "3 peach",
    "two broccolis": "2 broccoli",
    "four buses": "4 bus",
    "two gases": "2 gas",
    "three mice": "3 mouse",
    "an orange orange": "1 orange orange",
    "a brown bear": "1 brown bear",
    "two foxes and three wolves": "2 fox, 3 wolf",
    "four leaves": "4 leaf",
    "five knives and two dishes": "5 knife, 2 dish",
    "a black bear next to a white wolf": "1 black bear, 1 white wolf; black bear next to white wolf",
    "two sheep": "2 sheep",
    "six cherries": "6 cherry",
    "three potatoes and two tomatoes": "3 potato, 2 tomato",
    "two axes": "2 axe",
    "a red panda": "1 red panda",
}
NEGATED = {
    "a dog that is not brown": "1 not brown dog",
    "a car which is not red": "1 not red car",
    "two cats that are not black": "2 not black cat",
    "the cup is not blue": "1 not blue cup",
    "a bowl that is not green and a cup that is not red": "1 not green bowl, 1 not red cup",
    "a dog that isn't white": "1 not white dog",
    "cars that are not red": "2+ not red car",
    "the dog and the cat are not brown": "1 not brown dog, 1 not brown cat",
    "three cups that are not white": "3 not white cup",
    "a book that is neither red nor blue": "1 not red not blue book",
}
PRONOUNS = {
    "a laptop with a cup on it": "1 laptop, 1 cup; cup on top of laptop",
    "the cup was next to the bowl": "1 cup, 1 bowl; cup next to bowl",
    "a table and a cup on it": "1 table, 1 cup; cup on top of table",
    "two dogs were left of a car": "2 dog, 1 car; dog left of car",
    "a box with a cat in it": "1 box, 1 cat; cat inside box",
    "a chair with a dog under it": "1 chair, 1 dog; dog below chair",
    "the book was on top of the laptop": "1 book, 1 laptop; book on top of laptop",
    "a bottle was standing to the right of a bowl": "1 bottle, 1 bowl; bottle right of bowl",
    "the cat sat on the chair": "1 cat, 1 chair; cat on top of chair",
    "a dog lay under a table": "1 dog, 1 table; dog below table",
    "a tree with a bird on top of it": "1 tree, 1 bird; bird on top of tree",
    "the cups were above the bowl": "2+ cup, 1 bowl; cup above bowl",
}
ADDING = {
    "in the image with a dog and a cat": "1 dog, 1 cat",
    "a dog in the foreground": "1 dog; ? a dog in the foreground",
    "a cat and a dog in the picture": "1 cat, 1 dog",
    "please draw a red car": "1 red car",
    "there should be two dogs in the scene": "2 dog",
    "I want to see a cup next to a bowl": "1 cup, 1 bowl; cup next to bowl",
    "we can see a dog and a cat": "1 dog, 1 cat",
    "a dog and also a cat": "1 dog, 1 cat",
    "a photo that shows a dog": "1 dog; @ a photo",
    "exactly two cups, please": "2 cup",
    "a car in the foreground and a house in the background": (
        "1 car, 1 house; ? a car in the foreground; ? a house in the background"
    ),
}
BOUNDS_SIZES_GROUPS = {
    "an astronaut riding a white horse on the moon": (
        "1 astronaut, 1 white horse; @ the moon; ? an astronaut riding a white horse"
    ),
    "two children holding hands": "2 child; ? two children holding hands",
    "a clock showing 10:15": "1 clock; ? a clock showing 10:15",
    "a red rose in a glass vase": "1 red rose, 1 glass vase; red rose inside glass vase",
    "a dog facing left": "1 dog; ? a dog facing left",
    'a sign that says "STOP"': '1 sign; ? a sign that says "STOP"',
    "a man in a blue suit": "1 man, 1 blue suit; ? a man in a blue suit",
    "a red cup twice as big as a blue cup": "1 red cup, 1 blue cup; red cup as big as blue cup *2",
    "a dog bigger than a cat": "1 dog, 1 cat; dog bigger than cat",
    "no more dogs than cats": "1+ dog, 1+ cat; dog no more than cat",
    "more cups than bowls": "1+ cup, 1+ bowl; cup more than bowl",
    "at least two dogs": "2+ dog",
    "at most three cars": "3- car",
    "a cup in the left third of the picture": "1 cup; cup in the left third",
    "a cup in the top left corner and a bowl in the bottom right corner": (
        "1 cup, 1 bowl; cup in the top left corner; bowl in the bottom right corner"
    ),
    "two cups stacked on top of each other": "2 cup; cup stacked",
    "three bottles of the same size": "3 bottle; bottle of the same size",
    "a cat and a dog next to each other": "1 cat, 1 dog; cat next to dog",
    "some dogs": "2+ dog",
    "many birds": "5+ bird",
    "only one cup": "1! cup",
    "a tall tree and a tiny house": "1 tree, 1 tiny house; ? tall tree",
    "a zorblax next to a cup": "1 zorblax, 1 cup; zorblax next to cup; (taking 'zorblax' for an object)",
}

HOLDERS = {
    "a cat wearing a red hat sits on a green chair": (
        "1 cat, 1 red hat, 1 green chair; cat on top of green chair; ? a cat wearing a red hat"
    ),
    "a man holding a ball is standing to the left of a dog": (
        "1 man, 1 ball, 1 dog; man left of dog; ? a man holding a ball"
    ),
    "a man with a blue umbrella standing next to a yellow taxi": (
        "1 man, 1 blue umbrella, 1 yellow taxi; man next to yellow taxi; ? a man with a blue umbrella"
    ),
    "a man with a dog is next to a car": "1 man, 1 dog, 1 car; man next to car; ? a man with a dog",
    "a table with a cup standing next to a plate": "1 table, 1 cup, 1 plate; cup next to plate; ? a table with a cup",
    "a dog wearing a hat which is on a chair": ("1 dog, 1 hat, 1 chair; hat on top of chair; ? a dog wearing a hat"),
    "a boy with a hat that is red": "1 boy, 1 red hat; ? a boy with a hat",
    "a girl in a yellow raincoat": "1 girl, 1 yellow raincoat; ? a girl in a yellow raincoat",
    "six fish swam in the aquarium": "6 fish; @ the aquarium; ? six fish swam in the aquarium",
    "a picture frame hung on the door": "1 picture frame, 1 door; ? a picture frame hung on the door",
    "two dogs chasing three cats": "2 dog, 3 cat; ? two dogs chasing three cats",
    "the sushi rolled the rice and the fish": "1+ sushi, 1+ rice, 1 fish; ? the sushi rolled the rice and the fish",
}

REFUSED = {
    "flurb the wug": "'flurb",
    "what is on the table?": "'what",
    "a dog or a cat": "'or a cat'",
    "all cups except one are blue": "'except one",
    "a cat not black": "'not black'",
    "two cups that are red and white": "'that are red and white'",
    "an orange and a red cup": "no fruit",
    "about ten dogs": "exact number",
    "2.5 cups": "whole number",
    "a dog and": "missing",
    "remove the dog": "'remove",
    "a dog and no dogs": "both demanded and excluded",
}

KINDS = (
    POSSESSIVE_SIDES,
    AFTER_THE_NOUN,
    DISTRIBUTED,
    EVERY,
    FRAMES,
    EXCLUSION,
    PREPOSITIONS,
    ADJECTIVES,
    SCENERY,
    PLURALS,
    NEGATED,
    PRONOUNS,
    ADDING,
    BOUNDS_SIZES_GROUPS,
    HOLDERS,
)


@pytest.mark.parametrize(
    ("text", "meaning"), [(text, meaning) for kind in KINDS for text, meaning in kind.items()], ids=str
)
def test_a_sentence_means(text: str, meaning: str) -> None:
    assert short(parse_scene(text)) == meaning


@pytest.mark.parametrize("text", REFUSED, ids=str)
def test_what_can_mean_two_things_or_none_is_refused_with_its_words(text: str) -> None:
    with pytest.raises(CannotParse) as refusal:
        parse_scene(text)
    assert REFUSED[text] in str(refusal.value)
