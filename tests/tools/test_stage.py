from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.loop import Loop
from tests.world import World
from tools.scene.layout import Layout
from tools.scene.merge import as_detections
from tools.scene.requirements import requirements
from tools.scene.spec import Relation, SceneObject, SceneSpec
from tools.scene.verdict import verdict
from tools.stage import stage

SPECS = {
    "sides": SceneSpec(
        objects=(SceneObject(name="dog"), SceneObject(name="cup", attributes=("red",))),
        relations=(Relation(subject="dog", predicate="left of", object="red cup"),),
    ),
    "counts": SceneSpec(objects=(SceneObject(name="car", count=5), SceneObject(name="cat", count=2))),
    "corner": SceneSpec(
        objects=(SceneObject(name="book"),),
        relations=(Relation(subject="book", predicate="in the top left corner"),),
    ),
    "without": SceneSpec(objects=(SceneObject(name="cat"),), absent=("dog",)),
}


def staged(
    folder: Path,
    spec: SceneSpec,
    seed: int,
    looks: tuple[str, ...] = (),
    grounds: bool = True,
    background: str = "",
) -> Layout | None:
    world = World()
    world.can = replace(world.can, grounds=grounds)
    made = Loop(folder, world=world, detector={"attributes": looks})
    return stage(made.context, requirements(spec), seed, background)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SPECS)
def test_what_is_staged_agrees(tmp_path: Path, name: str, seed: int) -> None:
    layout = staged(tmp_path, SPECS[name], seed)
    assert layout is not None
    assert verdict(requirements(SPECS[name]), as_detections(layout)).agreed


def test_only_the_one_that_is_picked_out_has_its_look(tmp_path: Path) -> None:
    books = SceneObject(name="book", attributes=("green",)), SceneObject(name="book", count=2)
    first = Relation(subject="book", predicate="right of", object="green book", count=2)
    layout = staged(tmp_path, SceneSpec(objects=books, relations=(first,)), 3, ("green", "red", "blue"))
    assert layout is not None
    assert sum(placed.attributes == ("green",) for placed in layout.objects) == 1


def test_some_are_drawn_of_what_shall_be_at_most_so_many(tmp_path: Path) -> None:
    layout = staged(tmp_path, SceneSpec(objects=(SceneObject(name="chair", count=2, bound="at most"),)), 1)
    assert layout is not None
    assert 1 <= len(layout.objects) <= 2


def test_what_has_no_looks_gets_one_that_nobody_named(tmp_path: Path) -> None:
    spec = SceneSpec(objects=(SceneObject(name="cup", attributes=("red",)), SceneObject(name="cup", count=2)))
    looks = ("red", "blue", "green")
    for seed in range(6):
        layout = staged(tmp_path, spec, seed, looks)
        assert layout is not None
        assert sum(one.attributes == ("red",) for one in layout.objects) == 1
        assert all(len(one.attributes) == 1 for one in layout.objects)


def test_a_seed_whose_wishes_do_not_fit_gives_way_to_another(tmp_path: Path) -> None:
    world = World()
    world.can = replace(world.can, grounds=True)
    made = Loop(tmp_path, world=world, shapes={"book": 0.85, "bottle": 0.3})
    demands = requirements(
        SceneSpec(
            objects=(SceneObject(name="book", count=3), SceneObject(name="desk"), SceneObject(name="bottle")),
            relations=(Relation(subject="book", predicate="on top of", object="desk"),),
        )
    )
    assert all(stage(made.context, demands, seed) for seed in range(1, 4))


def test_nothing_is_staged_where_it_is_not_wished_for_or_impossible(tmp_path: Path) -> None:
    assert staged(tmp_path, SPECS["sides"], 0, grounds=False) is None
    both_ways = SPECS["sides"].model_copy(
        update={
            "relations": (
                Relation(subject="dog", predicate="left of", object="red cup"),
                Relation(subject="red cup", predicate="left of", object="dog"),
            )
        }
    )
    assert staged(tmp_path, both_ways, 0) is None


def test_what_is_on_a_desk_hangs_on_no_wall(tmp_path: Path) -> None:
    spec = SceneSpec(objects=(SceneObject(name="cup", count=4, bound="exactly"), SceneObject(name="book")))
    layout = staged(tmp_path, spec, 5, background="on a desk")
    assert layout is not None
    assert all(placed.box.center[1] > 0.55 for placed in layout.objects)


def test_what_is_wooden_is_brown_where_no_one_sees_the_wood(tmp_path: Path) -> None:
    spec = SceneSpec(objects=(SceneObject(name="chair"), SceneObject(name="cup")), unchecked=("wooden chair",))
    layout = staged(tmp_path, spec, 1, ("red", "brown", "blue"))
    assert layout is not None
    assert [placed.attributes for placed in layout.objects if placed.name == "chair"] == [("brown",)]
