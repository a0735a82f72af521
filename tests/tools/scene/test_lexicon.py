import pytest

from tools.scene.lexicon import COLOURS, is_attribute, number, number_word, parse_phrase, plural, singular

PLURALS = {
    "backpack": "backpacks", "bowl": "bowls", "bottle": "bottles", "cat": "cats", "chair": "chairs",
    "person": "people", "child": "children", "knife": "knives", "mouse": "mice", "sheep": "sheep",
    "glass": "glasses", "wine glass": "wine glasses", "bus": "buses", "dress": "dresses", "box": "boxes",
    "bench": "benches", "dish": "dishes", "shelf": "shelves", "glove": "gloves", "berry": "berries",
    "toy": "toys", "cookie": "cookies", "tie": "ties", "tomato": "tomatoes", "shoe": "shoes", "vase": "vases",
    "horse": "horses", "house": "houses", "rose": "roses", "scissors": "scissors", "goose": "geese",
    "woman": "women", "tooth": "teeth", "lens": "lenses", "photo": "photos", "piano": "pianos", "fox": "foxes",
    "fish": "fish", "traffic light": "traffic lights", "cup of tea": "cups of tea", "octopus": "octopuses",
    "orange": "oranges", "wolf": "wolves", "leaf": "leaves", "stove": "stoves", "olive": "olives", "die": "dice",
    "laptop": "laptops", "dog": "dogs", "sunglasses": "sunglasses", "grass": "grasses", "key": "keys",
    "couch": "couches", "prize": "prizes", "sponge": "sponges", "case": "cases",
}  # fmt: skip


@pytest.mark.parametrize(("one", "many"), PLURALS.items(), ids=PLURALS)
def test_singular_and_plural(one: str, many: str) -> None:
    assert (singular(many), plural(one)) == (one, many)
    assert (singular(one), plural(many)) == (one, many)


@pytest.mark.parametrize(
    ("text", "phrase_parts"),
    [
        ("red car", (("red",), "car")),
        ("a Red Car", (("red",), "car")),
        ("two grey cats", (("gray",), "cat")),
        ("red car #1", (("red",), "car")),
        ("dark red wooden chairs", (("dark red", "wooden"), "chair")),
        ("a dark chair", (("dark",), "chair")),
        ("an orange", ((), "orange")),
        ("an orange orange", (("orange",), "orange")),
        ("hot dogs", ((), "hot dog")),
        ("a big hot dog", (("big",), "hot dog")),
        ("black and white cat", (("black", "white"), "cat")),
        ("big, red traffic lights", (("big", "red"), "traffic light")),
        ("cups of tea", ((), "cup of tea")),
        ("blue-eyed cat", (("blue-eyed",), "cat")),
        ("the three people", ((), "person")),
        ("one", ((), "one")),
        ("glass bottle", (("glass",), "bottle")),
        ("glasses", ((), "glass")),
    ],
)
def test_phrases(text: str, phrase_parts: tuple[tuple[str, ...], str]) -> None:
    query = parse_phrase(text)
    assert (query.attributes, query.name) == phrase_parts


@pytest.mark.parametrize("text", ["", "  ", "#3", "?!"])
def test_a_phrase_without_words_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no object in the phrase"):
        parse_phrase(text)


@pytest.mark.parametrize(
    ("word", "value"),
    [("three", 3), ("3", 3), ("a", 1), ("twenty-one", 21), ("dozen", 12), ("zero", 0), ("cat", None), ("²", None)],
)
def test_numbers(word: str, value: int | None) -> None:
    assert number(word) == value


def test_number_words_are_read_back() -> None:
    assert [number(number_word(value)) for value in range(40)] == list(range(40))


def test_every_colour_is_an_attribute() -> None:
    assert all(is_attribute(colour) for colour in (*COLOURS, "grey"))
    assert not is_attribute("car")
