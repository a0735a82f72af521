"""Wishes, shades and corrections: a brown dog left, a black dog right, a red car, a blue cup at the top left."""

import pytest

from agent.offline.corrections import parse_correction
from agent.offline.instructions import parse_instruction
from agent.offline.typing_errors import corrected
from agent.offline.undoing import parse_put_back, parse_undo_and_more
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.box import Box
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle, apply
from tools.scene.relations import has_size

SCENE = scene(
    ("brown dog", [0.05, 0.6, 0.2, 0.25]),
    ("black dog", [0.7, 0.6, 0.25, 0.3]),
    ("red car", [0.35, 0.55, 0.25, 0.2]),
    ("blue cup", [0.1, 0.1, 0.12, 0.15]),
)


def short(operation: Operation) -> str:
    match operation:
        case Remove(id=id_):
            return f"-{id_}"
        case Move(id=id_, box=box):
            old = SCENE[id_].box
            dx, dy = box.center[0] - old.center[0], box.center[1] - old.center[1]
            if abs(box.w - old.w) > 0.01:
                return f"{'bigger' if box.w > old.w else 'smaller'} {id_}"
            ways = [(dx < -0.02, "left"), (dx > 0.02, "right"), (dy < -0.02, "up"), (dy > 0.02, "down")]
            return " ".join([*(way for there, way in ways if there), id_])
        case Restyle(id=id_, attributes=words):
            return f"{id_} = {' '.join(words)}"
        case Replace(id=id_, name=name):
            return f"{id_} -> {name}"
        case Add(name=name, attributes=words):
            return f"+{' '.join([*words, name])}"


NUMBERS = {
    "I want two cups": ["+cup"],
    "there should be only one dog": ["-dog #2"],
    "there should only be one dog": ["-dog #2"],
    "there should be three dogs": ["+dog"],
    "I want exactly two cups": ["+cup"],
    "I need three cups": ["+cup", "+cup"],
    "there should be no dogs": ["-dog #1", "-dog #2"],
    "there should be two red cars": ["+red car"],
    "there must be two cars and three cups": ["+car", "+cup", "+cup"],
    "I want one dog and two cups": ["-dog #2", "+cup"],
    "add a third dog": ["+dog"],
    "add a second cup": ["+cup"],
    "I want another cup": ["+cup"],
    "I want a cat": ["+cat"],
}
SHADES = {
    "make the car a deep red": ["car #1 = deep red"],
    "make the left dog a lighter brown": ["dog #1 = light brown"],
    "make the car a bit darker": ["car #1 = dark red"],
    "make the cup a shade of green": ["cup #1 = green"],
    "make the car lighter": ["car #1 = light red"],
    "change the car to a darker blue": ["car #1 = dark blue"],
    "turn the cup a bright yellow": ["cup #1 = bright yellow"],
    "paint the car a dark green": ["car #1 = dark green"],
    "make the right dog lighter": ["dog #2 = gray"],
    "make the car a nice shade of purple": ["car #1 = purple"],
    "make the car lighter and bigger": ["bigger car #1", "car #1 = light red"],
    "make the cup a red color": ["cup #1 = red"],
}
SHOULD = {
    "the left dog should be bigger": ["bigger dog #1"],
    "I want the left dog to be black": ["dog #1 = black"],
    "the cup should be purple": ["cup #1 = purple"],
    "the cup must be on the right": ["right cup #1"],
    "the car should be a bit smaller": ["smaller car #1"],
    "I'd like the car to be blue": ["car #1 = blue"],
    "the car should be further left": ["left car #1"],
    "the car should be gone": ["-car #1"],
    "both dogs should be white": ["dog #1 = white", "dog #2 = white"],
    "the left dog needs to be white": ["dog #1 = white"],
    "could the cup be bigger?": ["bigger cup #1"],
    "the cup should be twice as big": ["bigger cup #1"],
    "the dog on the left should be black": ["dog #1 = black"],
    "make the car blue and keep the dog unchanged": ["car #1 = blue"],
    "make the car blue, keep the cup as it is": ["car #1 = blue"],
    "the car should be blue and the cup should be red": ["car #1 = blue", "cup #1 = red"],
    "make the car blue, the cup red": ["car #1 = blue", "cup #1 = red"],
    "remove the cup and make the car blue": ["car #1 = blue", "-cup #1"],
}


@pytest.mark.parametrize(
    ("text", "expected"), [pair for kind in (NUMBERS, SHADES, SHOULD) for pair in kind.items()], ids=str
)
def test_a_wish_means(text: str, expected: list[str]) -> None:
    operations = parse_instruction(text, SCENE)
    assert [short(one) for one in operations] == expected
    apply(SCENE, operations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("add a third cup", "there is 1 of it now"),
        ("there should be two dogs", "like that already"),
        ("make the right dog darker", "black already"),
        ("the dog should be bigger", "say which"),
        ("the horse should be bigger", "no 'horse' here"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(CannotParse, match=message):
        parse_instruction(text, SCENE)


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("move the cup to the right", "no, further", ["right cup #1"]),
        ("move the cup to the right", "further", ["right cup #1"]),
        ("move the cup to the right", "a bit further", ["right cup #1"]),
        ("move the cup to the right", "again", ["right cup #1"]),
        ("move the cup down", "it's too low", ["down cup #1"]),
        ("move the cup down", "no, to the right", ["right down cup #1"]),
        ("move the left dog up", "no, the other one", ["dog #1", "up dog #2"]),
        ("make the left dog white", "no, the other one", ["dog #1 = brown", "dog #2 = white"]),
        ("make the left dog white", "not that one, the other one", ["dog #1 = brown", "dog #2 = white"]),
        ("remove the left dog", "no, the other dog", ["+brown dog", "-dog #2"]),
        ("make the car bigger", "it's too big", ["car #1"]),
        ("make the car bigger", "even bigger", ["bigger car #1"]),
        ("make the car bigger", "that's still too small", ["bigger car #1"]),
        ("make the car blue", "no, green", ["car #1 = green"]),
        ("make the car blue", "no, darker", ["car #1 = dark blue"]),
        ("make the car blue", "it's too dark", ["car #1 = light blue"]),
    ],
)
def test_a_correction_changes_what_was_done_last(first: str, then: str, expected: list[str]) -> None:
    done = parse_instruction(first, SCENE)
    after = apply(SCENE, done)
    recent = tuple(one.id for one in done if not isinstance(one, Add) and one.id in after.ids)
    operations = parse_correction(then, after, Memory(recent, before=SCENE), first)
    assert operations is not None
    assert [short(one) for one in operations] == expected


def test_a_correction_of_nothing_is_refused() -> None:
    for text in ("no, further", "no, the other one", "too far"):
        with pytest.raises(CannotParse, match="nothing was changed"):
            parse_correction(text, SCENE, Memory())


@pytest.mark.parametrize("text", ["remove the cup", "make the car bigger", "the other dog should be white", "undo"])
def test_other_instructions_are_no_corrections(text: str) -> None:
    assert parse_correction(text, SCENE, Memory(("cup #1",), before=SCENE), "move the cup up") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make it biger", "make it bigger"),
        ("make it tinyer", "make it tinier"),
        ("chnage the cup to bleu", "change the cup to blue"),
        ("remoev the dog", "remove the dog"),
        ("a yelow car", "a yellow car"),
        ("add a botle", "add a bottle"),
        ("the cup shuold be red", "the cup should be red"),
        ("move the dog to the rigth", "move the dog to the right"),
        ("dulpicate the cup", "duplicate the cup"),
        ("a loptop on a tabel", "a laptop on a table"),
        ("swpa the dog and the cat", "swap the dog and the cat"),
        ("put the cup benaeth the chair", "put the cup beneath the chair"),
        ("a purpel backpack", "a purple backpack"),
        ("a dgo and a cat", "a dog and a cat"),
        ("remove the zorblex", "remove the zorblax"),
    ],
)
def test_small_typing_errors_are_mended_and_said(text: str, expected: str) -> None:
    mended, notes = corrected(text, ["zorblax"])
    assert mended == expected
    assert notes
    assert all(note.startswith("reading '") for note in notes)


@pytest.mark.parametrize(
    "text",
    ["a hamster and a gerbil", "a nightstand", "he flew and sped", "a smartphone", "Van Gogh",
     "the bravest of climbers", 'a sign that says "STPO"', "a wug", "glided and twirled"],
)  # fmt: skip
def test_words_stay_as_they_are(text: str) -> None:
    assert corrected(text) == (text, ())


def after_a_move() -> tuple[Layout, Memory]:
    return apply(SCENE, [Move(id="car #1", box=Box(0.6, 0.1, 0.25, 0.2))]), Memory(recent=("car #1",), before=SCENE)


@pytest.mark.parametrize(
    "text", ["put it back", "move the car back where it was", "Put the red car back to its old place."]
)
def test_what_was_moved_is_put_back(text: str) -> None:
    layout, memory = after_a_move()
    assert parse_put_back(text, layout, memory) == (Move(id="car #1", box=SCENE["car #1"].box),)


def test_what_was_not_moved_is_not_put_back() -> None:
    layout, memory = after_a_move()
    assert parse_put_back("put the cup back", layout, memory) is None


@pytest.mark.parametrize("text", ["undo that and make the cup red", "undo it, then make the cup red"])
def test_an_undo_goes_on_with_another_wish(text: str) -> None:
    layout, memory = after_a_move()
    operations = parse_undo_and_more(text, layout, memory, parse_instruction)
    assert operations is not None
    changed = apply(layout, operations)
    assert changed["car #1"].box == SCENE["car #1"].box
    assert changed["cup #1"].attributes == ("red",)


def test_without_a_change_there_is_nothing_to_undo() -> None:
    with pytest.raises(CannotParse, match="nothing was changed before"):
        parse_undo_and_more("undo that and make the cup red", SCENE, Memory(), parse_instruction)


@pytest.mark.parametrize(
    "text", ["I don't like the cup, take it away", "I do not want the cup anymore, please remove it"]
)
def test_what_is_not_liked_goes(text: str) -> None:
    assert parse_correction(text, SCENE, Memory()) == (Remove(id="cup #1"),)


def test_a_place_towards_several_is_towards_all_of_them() -> None:
    [added] = parse_instruction("put a laptop above the dogs", SCENE)
    assert isinstance(added, Add)
    assert added.box.y + added.box.h <= 0.65


def test_the_middle_is_near_the_centre_whatever_stands_there() -> None:
    [moved] = parse_instruction("make the car twice as large and move it to the middle", SCENE)
    assert isinstance(moved, Move)
    assert max(abs(value - 0.5) for value in moved.box.center) <= 0.12


def test_a_new_thing_is_no_longer_than_what_is_there() -> None:
    [added] = parse_instruction("add a bottle", SCENE, Memory(shapes={"bottle": 0.3}))
    assert isinstance(added, Add)
    assert added.box.h <= 0.31


def test_a_huge_thing_is_huge() -> None:
    [added] = parse_instruction("add a huge bowl", scene(("cat", [0.1, 0.7, 0.2, 0.2])), Memory(shapes={"bowl": 1.5}))
    assert isinstance(added, Add)
    assert has_size("huge", added.box, alone=True)


def test_another_kind_gets_its_own_shape_in_the_same_place() -> None:
    shapes = {"car": 1.5, "bottle": 0.3}
    [changed] = parse_instruction("turn the car into a bottle", SCENE, Memory(shapes=shapes))
    assert isinstance(changed, Replace)
    assert changed.box is not None
    assert changed.box.w / changed.box.h == pytest.approx(0.3)
    assert changed.box.y + changed.box.h == pytest.approx(0.75)


def test_of_two_things_both_are_swapped() -> None:
    two = scene(("dog", [0.1, 0.6, 0.2, 0.2]), ("car", [0.6, 0.6, 0.3, 0.2]))
    moves = parse_instruction("swap them", two, Memory(recent=("car #1",)))
    assert {move.id for move in moves if isinstance(move, Move)} == {"dog #1", "car #1"}
