from tools.scene.box import Box
from tools.scene.layout import Detection, Layout
from tools.scene.lexicon import parse_phrase
from tools.scene.merge import merge
from tools.scene.operations import Add, Move, Replace, apply
from tools.scene.spec import Query
from tools.scene.track import track

A, B, C = Box(0.1, 0.4, 0.2, 0.2).checked(), Box(0.7, 0.4, 0.2, 0.2).checked(), Box(0.4, 0.05, 0.2, 0.3).checked()


def seen(phrase: str, box: Box, score: float = 0.9) -> Detection:
    query = parse_phrase(phrase)
    return Detection(name=query.name, attributes=query.attributes, box=box, score=score)


def tracked(
    previous: Layout | None, detections: list[Detection], background: str = "", wanted: tuple[Query, ...] = ()
) -> Layout:
    return track(previous, merge(detections, wanted), background)


def told(layout: Layout) -> set[tuple[str, str, Box]]:
    return {(one.id, one.phrase, one.box) for one in layout.objects}


def test_a_first_layout_is_numbered_from_left_to_right_and_drawn_from_large_to_small() -> None:
    layout = tracked(None, [seen("car", B), seen("car", A), seen("dog", C), seen("red car", A, 0.5)], "a beach")
    assert told(layout) == {("car #1", "red car", A), ("car #2", "car", B), ("dog #1", "dog", C)}
    assert layout.objects[0].name == "dog"
    assert layout.background == "a beach"


def test_ids_survive_jitter_and_another_order() -> None:
    before = tracked(None, [seen("car", A), seen("car", B)])
    after = tracked(before, [seen("car", B._replace(x=0.68)), seen("car", A._replace(y=0.42), 0.5)])
    assert {one.id: one.box.x for one in after.objects} == {"car #1": 0.1, "car #2": 0.68}
    assert after.ids == before.ids


def test_a_lost_object_does_not_pass_its_id_on() -> None:
    before = tracked(None, [seen("car", A), seen("car", B)])
    assert tracked(before, [seen("car", B)]).ids == ("car #2",)


def test_edited_objects_keep_the_ids_that_the_operations_gave() -> None:
    before = tracked(None, [seen("car", A), seen("dog", B)])
    aimed = apply(before, [Move(id="car #1", box=C), Replace(id="dog #1", name="cat"), Add(name="car", box=A)])
    after = tracked(aimed, [seen("car", C), seen("cat", B), seen("car", A)])
    assert told(after) == {("car #1", "car", C), ("cat #1", "cat", B), ("car #2", "car", A)}


def test_an_object_that_did_not_move_keeps_its_id() -> None:
    aimed = apply(tracked(None, [seen("car", A)]), [Move(id="car #1", box=B)])
    assert told(tracked(aimed, [seen("car", A)])) == {("car #1", "car", A)}


def test_a_new_object_gets_an_id_that_nobody_had() -> None:
    before = tracked(None, [seen("car", A), seen("car", B)])
    after = tracked(before, [seen("car", A), seen("car", B), seen("car", C)])
    assert after.ids == ("car #1", "car #2", "car #3")


def test_attributes_come_from_detections_only() -> None:
    before = tracked(None, [seen("car", A), seen("red car", A)])
    assert tracked(before, [seen("car", A)])["car #1"].attributes == ()


def test_colours_tell_swapped_objects_apart() -> None:
    before = tracked(None, [seen("car", A), seen("red car", A), seen("car", B), seen("blue car", B)])
    red = next(one.id for one in before.objects if one.attributes == ("red",))
    aimed = apply(before, [Move(id=red, box=C)])
    after = tracked(aimed, [seen("car", C), seen("red car", C), seen("car", B), seen("blue car", B)])
    assert after[red].phrase == "red car"


def test_a_wanted_colour_wins_a_near_tie_as_in_the_verdict() -> None:
    detections = [seen("car", A), seen("red car", A, 0.60), seen("orange car", A, 0.62)]
    assert tracked(None, detections).objects[0].phrase == "orange car"
    assert tracked(None, detections, wanted=(Query(name="car", attributes=("red",)),)).objects[0].phrase == "red car"


def test_nothing_seen_is_an_empty_layout() -> None:
    assert tracked(tracked(None, [seen("car", A)], "a beach"), []) == Layout(background="a beach")
