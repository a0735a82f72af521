from __future__ import annotations

from tools.scene.box import Box
from tools.scene.layout import Detection
from tools.scene.lexicon import parse_phrase
from tools.scene.observation import observe
from tools.scene.requirements import requirements
from tools.scene.spec import SceneObject, SceneSpec
from tools.scene.track import track
from tools.scene.verdict import judged

LEFT, RIGHT = Box(0.05, 0.4, 0.2, 0.2), Box(0.75, 0.4, 0.2, 0.2)
RED_CAR = requirements(SceneSpec(objects=(SceneObject(name="car", attributes=("red",)),)))


def seen(phrase: str, box: Box, score: float = 0.9) -> Detection:
    query = parse_phrase(phrase)
    return Detection(name=query.name, attributes=query.attributes, box=box, score=score)


def test_without_doubt_everything_is_merged_once() -> None:
    observation = observe(RED_CAR, [seen("car", LEFT), seen("red car", LEFT)])
    assert observation.is_certain
    assert observation.firm is observation.every is observation.found
    assert [thing.detection.phrase for thing in observation.found] == ["red car"]


def test_a_rival_seen_alone_is_no_evidence_but_stands_in_the_layout() -> None:
    observation = observe(RED_CAR, [seen("orange car", LEFT)])
    assert judged(RED_CAR, observation).failures[0].reason == "expected exactly one car, found no car"
    assert [placed.phrase for placed in track(None, observation.found).objects] == ["orange car"]


def test_doubtful_ones_are_merged_with_and_without() -> None:
    doubtful = seen("car", RIGHT, 0.6)
    observation = observe(RED_CAR, [seen("car", LEFT), seen("red car", LEFT), doubtful], [doubtful])
    assert (len(observation.firm), len(observation.found), len(observation.every)) == (1, 2, 2)
