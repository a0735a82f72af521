from __future__ import annotations

from tools.scene.box import Box
from tools.scene.doubt import doubted, things_in_layout
from tools.scene.layout import Detection
from tools.scene.lexicon import parse_phrase
from tools.scene.observation import observe
from tools.scene.requirements import requirements
from tools.scene.spec import SceneObject, SceneSpec
from tools.scene.track import track
from tools.scene.verdict import judged

LEFT, MIDDLE, RIGHT = Box(0.05, 0.4, 0.2, 0.2), Box(0.4, 0.4, 0.2, 0.2), Box(0.75, 0.4, 0.2, 0.2)


def seen(phrase: str, box: Box, score: float = 0.9) -> Detection:
    query = parse_phrase(phrase)
    return Detection(name=query.name, attributes=query.attributes, box=box, score=score)


def doubts(text: str, detections: list[Detection], doubtful: list[Detection]) -> list[str]:
    """Return the phrases of the objects that are to be drawn anew for "2 red car"."""
    query = parse_phrase(text)
    demands = requirements(
        SceneSpec(objects=(SceneObject(name=query.name, attributes=query.attributes, count=int(text.split()[0])),))
    )
    observation = observe(demands, detections, doubtful)
    outcome = judged(demands, observation)
    scene = track(None, things_in_layout(outcome, observation))
    ids = doubted(outcome, scene, observation)
    return [f"{scene[one].phrase} {scene[one].box.center[0]:.2f}" for one in ids]


def test_a_trace_too_many_is_doubted_and_what_is_sure_is_not() -> None:
    assert doubts("1 car", [seen("car", LEFT)], [seen("car", RIGHT, 0.4)]) == ["car 0.85"]


def test_one_that_is_needed_but_not_sure_is_doubted() -> None:
    unsure = seen("car", RIGHT, 0.6)
    assert doubts("2 car", [seen("car", LEFT), unsure], [unsure]) == ["car 0.85"]


def test_a_doubtful_colour_makes_a_sure_object_doubtful_only_where_it_is_asked_for() -> None:
    unsure = seen("red car", LEFT, 0.6)
    assert doubts("1 red car", [seen("car", LEFT), unsure], [unsure]) == ["red car 0.15"]
    assert doubts("2 car", [seen("car", LEFT), unsure], [unsure]) == []


def test_doubt_that_no_failure_is_about_is_left_alone() -> None:
    assert doubts("2 car", [seen("car", LEFT)], [seen("dog", RIGHT, 0.4)]) == []
    assert doubts("1 car", [seen("car", LEFT)], []) == []
