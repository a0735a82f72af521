"""What a picture holds, found out before an instruction about it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from graphs.node_helpers import timed
from tools.scene.lexicon import is_attribute, number, singular
from tools.scene.merge import merge
from tools.scene.spec import Query
from tools.scene.track import track
from tools.scene.wordnet import is_listed, is_mostly, is_thing

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context

NO_NOUNS = frozenset(
    """
    a an the and or but not no it its them they this that these those one ones other another all both each every
    some any to from in on at of off out up down with without into onto by as so than then there here please add
    put place insert draw remove delete erase take away get rid move shift slide bring push pull drag swap
    exchange switch resize enlarge shrink grow scale make turn change recolor recolour paint color colour
    replace duplicate copy clone keep undo back is are be have left right above below top bottom middle center
    centre next between near far leftmost rightmost largest smallest biggest first second third last half twice
    double bigger smaller larger little bit more less picture image background side towards toward around under
    over should would could must want need please just only also same size like look darker lighter brighter taller
    shorter wider narrower further farther too very much lot what which who where why how did does was were you your
    see tell changed moved removed added wrong
    """.split()  # noqa: SIM905 - a list literal of 200 words is harder to read
)


@timed
def survey(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for the objects known from earlier turns, the preset's vocabulary and the words of the instruction.

    Then ask for the vocabulary's attributes on whatever was found.
    """
    context = runtime.context
    detector, layout = context.settings.detector, state["layout"]
    names = dict.fromkeys([*(placed.name for placed in layout.objects), *detector.vocabulary, *nouns(state["text"])])
    image = context.images.load(state["picture"] or "")
    found = context.backend.detect(image, [Query(name=name) for name in names])
    usage, detections = state["usage"] + found.cost, found.detections
    attributed = dict.fromkeys(
        [
            *(placed.query for placed in layout.objects if placed.attributes),
            *(
                Query(name=name, attributes=(attribute,))
                for name in dict.fromkeys(detection.name for detection in detections)
                for attribute in detector.attributes
            ),
        ]
    )
    if attributed:
        more = context.backend.detect(image, list(attributed))
        usage, detections = usage + more.cost, (*detections, *more.detections)
    return {"layout": track(layout, merge(detections)), "usage": usage}


def nouns(text: str) -> list[str]:
    """Return the words of an instruction that name objects, singular, each once, at most 20.

    Words that are mostly no nouns ("make it twice as big"), colours and other attributes are never asked for.
    """
    words = (
        singular(word) for word in re.findall(r"(?<![a-z])[a-z]{3,40}(?![a-z])", text.lower()) if word not in NO_NOUNS
    )
    return list(dict.fromkeys(word for word in words if _names_an_object(word)))[:20]


def _names_an_object(word: str) -> bool:
    if word in NO_NOUNS or number(word) is not None:
        return False
    if is_attribute(word) and not (word == "orange" or is_mostly(word, "n")):
        return False
    return not is_listed(word) or (is_thing(word) and not (is_mostly(word, "v") or is_mostly(word, "a")))
