"""Drawing from a layout: the sentence is set out in boxes before anything is drawn, and drawn anew when that failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.offline.planner import OfflinePlanner
from configs.settings import load_settings
from tests.loop import Loop
from tests.world import World, draw, scene, truth
from tools.backend.local import LocalBackend
from tools.backend.protocol import Generated
from tools.context import Context
from tools.scene.layout import Layout

SENTENCE = "two red cars and a blue cup"


class Grounded(World):
    """Draws what it is told to where it is told to, once it has done so wrongly ``mistakes`` times."""

    def __init__(self, mistakes: int = 0, shown: Layout | None = None) -> None:
        super().__init__(shown)
        self.can = replace(self.can, grounds=True)
        self.mistakes = mistakes

    def generate(self, prompt: str, *, layout: Layout | None = None, **rest: Any) -> Generated:
        made = super().generate(prompt, layout=layout)
        return Generated((draw(self.start),)) if self.generated <= self.mistakes else made


def loop(folder: Path, world: World, **sections: Any) -> Loop:
    made = Loop(folder, world=world, **sections)
    made.context = Context(made.world, OfflinePlanner(), made.images, made.settings)
    return made


def test_the_first_picture_already_agrees(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded())
    result = made.run(prompt=SENTENCE)
    assert (result["exit"], result["rounds"], made.world.edits) == ("agreed", 0, [])


def test_another_seed_sets_it_out_in_another_way(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded())
    layouts = [truth(made.images.load(made.run(prompt=SENTENCE, seed=seed)["image"])) for seed in (1, 1, 2)]
    assert layouts[0] == layouts[1] != layouts[2]


def test_things_of_one_kind_are_of_one_size(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded())
    drawn = truth(made.images.load(made.run(prompt="four dogs and a cat")["image"]))
    assert len({(one.box.w, one.box.h) for one in drawn.objects if one.name == "dog"}) == 1


def test_words_alone_where_there_is_no_layout(tmp_path: Path) -> None:
    made = loop(tmp_path, World(scene(("dog", [0.1, 0.1, 0.2, 0.2]))))
    result = made.run(prompt=SENTENCE)
    assert result["exit"] == "agreed"
    assert (result["rounds"], made.world.generated, len(made.world.edits)) == (1, 1, 1)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_layout_comes_first_where_the_checkpoint_takes_boxes_and_the_preset_wants_it(wanted: bool) -> None:
    settings = load_settings("iconworld", {"generator.layout": wanted})
    assert LocalBackend(settings).capabilities.grounds == wanted


def test_what_is_mostly_wrong_is_drawn_anew(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded(mistakes=1, shown=scene(("dog", [0.1, 0.1, 0.2, 0.2]))))
    result = made.run(prompt=SENTENCE)
    assert (result["exit"], result["rounds"], made.world.generated, made.world.edits) == ("agreed", 1, 2, [])
    assert made.state["done"] == ("drew the picture anew",)


BEACH = {"above": [200, 200, 176], "below": [200, 200, 176], "horizon": 0.5}  # as the world's pictures are
NIGHT = {"above": [10, 10, 60], "below": [20, 30, 20], "horizon": 0.5}


def test_another_setting_is_drawn_anew_and_never_agreed_with(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded(), backdrops={"beach": BEACH, "night": NIGHT}, loop={"rounds": 2})
    assert made.run(prompt=f"{SENTENCE} on a beach")["exit"] == "agreed"
    result = made.run(prompt=f"{SENTENCE} at night")
    assert (result["exit"], result["rounds"], made.world.edits) == ("round_limit", 2, [])
    assert "expected night for the setting, found beach" in [one["reason"] for one in result["verdict"]["results"]]


def test_a_setting_that_only_a_given_parse_names_is_not_demanded(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded(), backdrops={"beach": BEACH, "night": NIGHT})
    spec = {"objects": [{"name": "cup"}], "background": "at night"}
    result = made.run(prompt="a cup", spec=spec)
    assert result["exit"] == "agreed"
    assert [one["reason"] for one in result["verdict"]["results"] if one["passed"] is None] == [
        "not checked: 'at night'"
    ]


def test_what_is_little_wrong_is_mended(tmp_path: Path) -> None:
    nearly = scene(*[("red car", [x, 0.1, 0.2, 0.2]) for x in (0.1, 0.4)], ("cup", [0.4, 0.6, 0.2, 0.2]))
    made = loop(tmp_path, Grounded(mistakes=1, shown=nearly))
    result = made.run(prompt=SENTENCE)
    assert (result["exit"], made.world.generated, len(made.world.edits)) == ("agreed", 1, 1)


def test_a_picture_that_was_given_is_never_drawn_anew(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded())
    result = made.run(prompt=SENTENCE, image=made.picture(scene(("dog", [0.1, 0.1, 0.2, 0.2]))))
    assert (result["exit"], made.world.generated) == ("agreed", 0)


def test_drawing_anew_is_a_round(tmp_path: Path) -> None:
    made = loop(tmp_path, Grounded(mistakes=9), loop={"rounds": 2})
    result = made.run(prompt=SENTENCE)
    assert (result["exit"], result["rounds"], made.world.generated) == ("round_limit", 2, 3)


class Crumbly(World):
    """Draws what nobody asked for: a spot of no kind, or a dog."""

    def __init__(self, *stray: tuple[str, list[float]]) -> None:
        self.asked_for = scene(
            *[("red car", [x, 0.1, 0.2, 0.2]) for x in (0.1, 0.5)], ("blue cup", [0.1, 0.6, 0.2, 0.2])
        )
        super().__init__(Layout(objects=(*self.asked_for.objects, *scene(*stray).objects)))

    def generate(self, prompt: str, **rest: Any) -> Generated:
        made = super().generate(prompt, **rest)
        if self.start == self.asked_for:
            made.images[0].paste("#101010", (44, 44, 56, 56))
        return made


def test_a_spot_that_is_nothing_is_taken_away(tmp_path: Path) -> None:
    made = loop(tmp_path, Crumbly())
    result = made.run(prompt=SENTENCE)
    assert (result["exit"], [edit["op"] for edits in made.world.edits for edit in edits]) == ("agreed", ["remove"])


def test_a_thing_that_nobody_asked_for_may_stay(tmp_path: Path) -> None:
    made = loop(tmp_path, Crumbly(("dog", [0.6, 0.6, 0.2, 0.2])), detector={"vocabulary": ["dog"]})
    assert (made.run(prompt=SENTENCE)["exit"], made.world.edits) == ("agreed", [])
