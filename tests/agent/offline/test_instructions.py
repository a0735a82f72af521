"""What instructions mean for one picture: two dogs (brown left, black right), a red car, a blue cup top left."""

from collections.abc import Callable

import pytest

from agent.offline.instructions import parse_instruction
from agent.offline.placement import is_crowded
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.box import Box
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle, Source, apply
from tools.scene.relations import holds

DOG, DOG2, CAR, CUP = "dog #1", "dog #2", "car #1", "cup #1"
SCENE = Layout(
    objects=(
        PlacedObject(id=DOG, name="dog", attributes=("brown",), box=Box(0.05, 0.6, 0.2, 0.25)),
        PlacedObject(id=DOG2, name="dog", attributes=("black",), box=Box(0.7, 0.6, 0.25, 0.3)),
        PlacedObject(id=CAR, name="car", attributes=("red",), box=Box(0.35, 0.55, 0.25, 0.2)),
        PlacedObject(id=CUP, name="cup", attributes=("blue",), box=Box(0.1, 0.1, 0.12, 0.15)),
    )
)


def short(operation: Operation) -> str:
    match operation:
        case Remove(id=id_):
            return f"-{id_}"
        case Move(id=id_):
            return f"move {id_}"
        case Restyle(id=id_, attributes=words):
            return f"{id_} = {' '.join(words)}"
        case Replace(id=id_, name=name, attributes=words):
            return f"{id_} -> {' '.join([*words, name])}"
        case Add(name=name, attributes=words):
            return f"+{' '.join([*words, name])}"


UNDERSTOOD = {
    "remove the car": ["-car #1"],
    "get rid of the cup": ["-cup #1"],
    "take the cup away": ["-cup #1"],
    "take away the cup": ["-cup #1"],
    "could you please remove the cup?": ["-cup #1"],
    "remove the car from the picture": ["-car #1"],
    "delete the left dog": ["-dog #1"],
    "remove the rightmost dog": ["-dog #2"],
    "remove the largest object": ["-dog #2"],
    "remove the smallest thing": ["-cup #1"],
    "remove the second dog": ["-dog #2"],
    "remove the second object from the left": ["-cup #1"],
    "remove the last object": ["-dog #2"],
    "remove the brown dog": ["-dog #1"],
    "remove the dog on the right": ["-dog #2"],
    "remove the thing in the top left corner": ["-cup #1"],
    "remove the object above the brown dog": None,
    "remove dog #2": ["-dog #2"],
    "erase both dogs": ["-dog #1", "-dog #2"],
    "get rid of all the dogs": ["-dog #1", "-dog #2"],
    "remove one of the dogs": ["-dog #1"],
    "remove all dogs except the black one": ["-dog #1"],
    "remove everything except the car": ["-dog #1", "-dog #2", "-cup #1"],
    "remove the blue cup and the red car": ["-car #1", "-cup #1"],
    "remove the left dog and make the car blue": ["-dog #1", "car #1 = blue"],
    "first remove the cup, then make the car green": ["car #1 = green", "-cup #1"],
    "remove the cup. Add a bottle.": ["-cup #1", "+bottle"],
    "make the cup disappear": ["-cup #1"],
    "make the car blue": ["car #1 = blue"],
    "turn the red car blue": ["car #1 = blue"],
    "paint the car green, please": ["car #1 = green"],
    "change the color of the car to yellow": ["car #1 = yellow"],
    "change the car's color to purple": ["car #1 = purple"],
    "recolor the black dog white": ["dog #2 = white"],
    "make all dogs white": ["dog #1 = white", "dog #2 = white"],
    "make the cup dark blue": ["cup #1 = dark blue"],
    "make the cup wooden": ["cup #1 = wooden blue"],
    "make the left dog white and the right dog orange": ["dog #1 = white", "dog #2 = orange"],
    "make the brown dog black and the black dog brown": ["dog #1 = black", "dog #2 = brown"],
    "swap the colors of the car and the cup": ["car #1 = blue", "cup #1 = red"],
    "replace the car with a bowl": ["car #1 -> bowl"],
    "replace the left dog with a white cat": ["dog #1 -> white cat"],
    "replace both dogs with cats": ["dog #1 -> cat", "dog #2 -> cat"],
    "turn the car into a blue laptop": ["car #1 -> blue laptop"],
    "make the car a truck": ["car #1 -> truck"],
    "swap the left dog for a cat": ["dog #1 -> cat"],
    "replace the cup with a bowl and make the bowl green": ["cup #1 -> green bowl"],
    "replace the red car by two bicycles": ["car #1 -> bicycle", "+bicycle"],
    "swap the cup and the car": ["move car #1", "move cup #1"],
    "swap the two dogs": ["move dog #1", "move dog #2"],
    "make the cup and the car swap places": ["move car #1", "move cup #1"],
    "duplicate the cup": ["+blue cup"],
    "duplicate the left dog twice": ["+brown dog", "+brown dog"],
    "make two copies of the cup": ["+blue cup", "+blue cup"],
    "add a cat": ["+cat"],
    "add three books": ["+book", "+book", "+book"],
    "add two more dogs": ["+dog", "+dog"],
    "add a red car and a blue one": ["+red car", "+blue car"],
    "make the cup bigger and red": ["move cup #1", "cup #1 = red"],
    "move the cup up and make it red": ["move cup #1", "cup #1 = red"],
    "make the left dog bigger and the right one smaller": ["move dog #1", "move dog #2"],
    "please move the cup to the right, keep everything else": ["move cup #1"],
}
del UNDERSTOOD["remove the object above the brown dog"]

Boxes = Callable[[Layout], bool]


def center(layout: Layout, id_: str) -> tuple[float, float]:
    return layout[id_].box.center


def wider(factor: float, id_: str = CAR) -> Boxes:
    return lambda after: after[id_].box.w == pytest.approx(SCENE[id_].box.w * factor, abs=1e-6)


def dodged(sign: int, id_: str) -> Boxes:
    """It goes that way as far as what is there lets it, past it if need be."""
    return lambda after: (
        sign * (center(after, id_)[0] - center(SCENE, id_)[0]) > 0.09
        and not is_crowded(after[id_].box, [other.box for other in after.objects if other.id != id_])
    )


def shifted(dx: float, dy: float, id_: str = CUP) -> Boxes:
    x, y = center(SCENE, id_)
    return lambda after: center(after, id_) == pytest.approx((x + dx, y + dy), abs=1e-6)


def now(predicate: str, id_: str, *others: str) -> Boxes:
    return lambda after: holds(predicate, after[id_].box, *(after[other].box for other in others))  # type: ignore[arg-type]


def corner(id_: str, x: float, y: float) -> Boxes:
    return lambda after: abs(center(after, id_)[0] - x) < 0.25 and abs(center(after, id_)[1] - y) < 0.25


PLACED: dict[str, Boxes] = {
    "move the car to the left": dodged(-1, CAR),
    "move the cup a bit to the right": shifted(0.1, 0),
    "move the cup by 20% to the right": shifted(0.2, 0),
    "move the cup 20 percent to the right": shifted(0.2, 0),
    "move the car to the left by 10%": shifted(-0.1, 0, CAR),
    "shift the car up": shifted(0, -0.25, CAR),
    "move the cup down a little": shifted(0, 0.1),
    "move the car up and to the left": shifted(-0.25, -0.25, CAR),
    "move both dogs a bit down": lambda after: center(after, DOG)[1] > 0.8 and center(after, DOG2)[1] > 0.8,
    "raise the car": shifted(0, -0.25, CAR),
    "center the car": shifted(0.025, -0.15, CAR),
    "move the cup to the top right corner": corner(CUP, 1, 0),
    "put the cup in the bottom left corner": corner(CUP, 0, 1),
    "push the car to the far right": now("on the right", CAR),
    "move the cup to the middle of the image": now("in the middle", CUP),
    "move the cup to the right of the car": now("right of", CUP, CAR),
    "move the cup left of the car": now("left of", CUP, CAR),
    "place the cup on the car": now("on top of", CUP, CAR),
    "move the cup below the car": now("below", CUP, CAR),
    "move the cup between the two dogs": now("between", CUP, DOG, DOG2),
    "bring the cup next to the right dog": now("next to", CUP, DOG2),
    "move the dog on the left to the right": dodged(1, DOG),
    "put the car where the cup is": corner(CAR, 0.1, 0.1),
    "move the cup towards the car": shifted(0.1575, 0.2375),
    "move the cup halfway to the car": shifted(0.1575, 0.2375),
    "move the car away from the left dog": lambda after: center(after, CAR)[0] > 0.6,
    "move the left dog to the right side and the right dog to the left side": now("right of", DOG, DOG2),
    "swap the cup and the car": lambda after: (
        center(after, CUP) == pytest.approx(center(SCENE, CAR)) and after[CUP].box.w == pytest.approx(0.12)
    ),
    "make the car bigger": lambda after: after[CAR].box.area > SCENE[CAR].box.area * 1.5,
    "make the car a bit smaller": lambda after: 0.5 < after[CAR].box.area / SCENE[CAR].box.area < 0.95,
    "make the car twice as big": wider(2),
    "make the car half its size": wider(0.5),
    "make the car 30% smaller": wider(0.7),
    "make the car 1.5 times bigger": wider(1.5),
    "double the size of the cup": wider(2, CUP),
    "shrink the car by half": wider(0.5),
    "scale the car by a factor of 1.5": wider(1.5),
    "scale the car down by 20%": wider(0.8),
    "increase the size of the car by 50%": wider(1.5),
    "resize the car to 150%": wider(1.5),
    "make the cup wider": wider(1.4, CUP),
    "make the cup the same size as the car": lambda after: (
        after[CUP].box.area == pytest.approx(after[CAR].box.area)
        and after[CUP].box.w / after[CUP].box.h == pytest.approx(0.12 / 0.15)
    ),
    "make the cup larger then move it to the top right corner": lambda after: (
        center(after, CUP)[0] > 0.6 and center(after, CUP)[1] < 0.4
    ),
    "add a red bowl to the right of the car": now("right of", "bowl #1", CAR),
    "add a cat on the left": now("on the left", "cat #1"),
    "add a bird in the top right corner": corner("bird #1", 1, 0),
    "put a bowl on the car": now("on top of", "bowl #1", CAR),
    "add a hat on the left dog": now("on top of", "hat #1", DOG),
    "add a cat between the cup and the car": now("between", "cat #1", CUP, CAR),
    "insert a green bottle next to the cup": now("next to", "bottle #1", CUP),
    "add a dog to the left of the right dog": now("left of", "dog #3", DOG2),
    "add a tree on the far right and a bird above it": now("above", "bird #1", "tree #1"),
    "add a small cat": lambda after: after["cat #1"].box.area < 0.04,
    "copy the car to the left": now("left of", "car #2", CAR),
    "duplicate the cup and move it to the bottom": lambda after: center(after, "cup #2")[1] > 0.7,
}

REFUSED = {
    "remove the dog": "dog #1 (brown dog) and dog #2 (black dog)",
    "remove the horse": "there is no 'horse' here",
    "remove the white dog": "no 'white dog'",
    "remove the three dogs": "there are 2, not 3",
    "remove the third dog": "there are only 2",
    "remove dog #3": "no 'dog #3'",
    "remove": "ends too early",
    "remove the car in the sky": "'in the sky'",
    "remove the cup loudly": "'loudly'",
    "make it red": "nothing was spoken of",
    "remove the other dog": "say which one",
    "frobnicate the dog": "known actions",
    "make the car grey and crop to the dog": "alone in its sentence",
    "rotate the car": "known actions",
    "the car": "known actions",
    "undo the last change": "known actions",
    "make the car fly": "'fly'",
    "make the car red": "like that already",
    "move the car": "say where to",
    "move the car to the moon": "'to the moon'",
    "move the cup 500% to the right": "at most 100%",
    "swap the cup": "takes two objects",
    "swap the car, the cup and the left dog": "takes two objects",
    "resize the car": "say how much",
    "add some cats": "exact number",
    "add cats": "say how many",
    "add the cat": "sounds as if it were there",
    "add 30 cats": "at most 20",
    "replace the car": "what it is replaced with",
    "put back the cat": "nothing was removed",
    "make the background blue": "no 'background'",
}


@pytest.mark.parametrize("text", UNDERSTOOD, ids=str)
def test_an_instruction_becomes_operations(text: str) -> None:
    operations = parse_instruction(text, SCENE)
    assert [short(one) for one in operations] == UNDERSTOOD[text]
    apply(SCENE, operations)


@pytest.mark.parametrize("text", PLACED, ids=str)
def test_an_instruction_says_where_and_how_large(text: str) -> None:
    after = apply(SCENE, parse_instruction(text, SCENE))
    assert PLACED[text](after), after
    touched = {one.id for one in parse_instruction(text, SCENE) if not isinstance(one, Add)}
    assert all(after[one] == SCENE[one] for one in SCENE.ids if one not in touched)
    for placed in after.objects:
        assert placed.box == placed.box.checked()


@pytest.mark.parametrize("text", REFUSED, ids=str)
def test_what_is_not_understood_is_refused_with_the_words(text: str) -> None:
    with pytest.raises(CannotParse) as refusal:
        parse_instruction(text, SCENE)
    assert REFUSED[text] in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "recent", "expected"),
    [
        ("make it red", (CUP,), ["cup #1 = red"]),
        ("move that one to the left of the car", (DOG2,), ["move dog #2"]),
        ("remove them", (DOG, CUP), ["-dog #1", "-cup #1"]),
        ("make the other dog white", (DOG,), ["dog #2 = white"]),
        ("remove the other one", (DOG2,), ["-dog #1"]),
        ("swap it with the car", (CUP,), ["move car #1", "move cup #1"]),
        ("remove everything else", (CUP,), ["-dog #1", "-dog #2", "-car #1"]),
        ("add another one", (CUP,), ["+blue cup"]),
    ],
)
def test_what_was_spoken_of_before_is_known(text: str, recent: tuple[str, ...], expected: list[str]) -> None:
    assert [short(one) for one in parse_instruction(text, SCENE, Memory(recent))] == expected


def test_what_was_removed_can_be_put_back() -> None:
    cat = PlacedObject(id="cat #1", name="cat", attributes=("white",), box=Box(0.4, 0.1, 0.2, 0.2))
    memory = Memory(removed=(cat,))
    for text in ("put back the cat", "bring back the cat", "restore the white cat", "put the cat back"):
        assert parse_instruction(text, SCENE, memory) == (Add(name="cat", attributes=("white",), box=cat.box),)


def test_what_is_put_back_makes_way_for_what_stands_there_now() -> None:
    cat = PlacedObject(id="cat #1", name="cat", attributes=("white",), box=SCENE[CUP].box)
    (added,) = parse_instruction("put back the cat", SCENE, Memory(removed=(cat,)))
    assert isinstance(added, Add)
    assert (added.box.w, added.box.h) == pytest.approx((cat.box.w, cat.box.h))
    assert all(added.box.intersection(one.box) <= 0.15 * min(added.box.area, one.box.area) for one in SCENE.objects)


def test_a_new_object_has_its_usual_shape_and_the_size_of_what_is_there() -> None:
    (square,) = parse_instruction("add a bottle", SCENE)
    (slim,) = parse_instruction("add a bottle", SCENE, Memory(shapes={"bottle": 0.3}))
    assert isinstance(square, Add)
    assert isinstance(slim, Add)
    assert slim.box.w / slim.box.h == pytest.approx(0.3, rel=1e-3)
    (like_the_others,) = parse_instruction("add a car", SCENE, Memory(shapes={"car": 9.0}))
    assert isinstance(like_the_others, Add)
    assert like_the_others.box.w / like_the_others.box.h < 5


def test_an_object_of_unknown_colour_may_be_called_by_one_when_it_is_the_only_one() -> None:
    plain = Layout(objects=(PlacedObject(id="car #1", name="car", box=Box(0.4, 0.4, 0.2, 0.2)),))
    assert [short(one) for one in parse_instruction("remove the red car", plain)] == ["-car #1"]


def test_an_empty_picture_can_be_added_to() -> None:
    (operation,) = parse_instruction("add a red car on the left", Layout())
    assert isinstance(operation, Add)
    assert holds("on the left", operation.box)


def test_a_duplicate_is_a_copy_of_its_very_looks_and_size() -> None:
    [operation] = parse_instruction("duplicate the cup", SCENE)
    cup = SCENE["cup #1"]
    assert isinstance(operation, Add)
    assert operation.source == Source(box=cup.box, attributes=cup.attributes)
    assert (operation.box.w, operation.box.h) == pytest.approx((cup.box.w, cup.box.h))


def test_a_duplicate_keeps_its_size_where_there_is_room_elsewhere() -> None:
    crowd = scene(("red cup", [0.7, 0.6, 0.3, 0.4]), ("cat", [0.4, 0.55, 0.28, 0.45]), ("dog", [0.05, 0.5, 0.3, 0.5]))
    [operation] = parse_instruction("duplicate the cup", crowd)
    assert isinstance(operation, Add)
    assert (operation.box.w, operation.box.h) == pytest.approx((0.3, 0.4))
    assert not any(is_crowded(operation.box, [one.box]) for one in crowd.objects)
