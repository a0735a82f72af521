"""What a picture holds, found out before an instruction about it is read."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from graphs.node_helpers import timed
from tools.scene.layout import Layout
from tools.scene.lexicon import SHADES, attribute, family, is_attribute, number, singular
from tools.scene.merge import merge
from tools.scene.other_picture import OtherPicture, is_named
from tools.scene.spec import Query
from tools.scene.track import track
from tools.scene.wordnet import is_listed, is_mostly, is_thing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from langgraph.runtime import Runtime
    from PIL.Image import Image

    from graphs.state import State, Usage
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


ONE_THING = 0.6  # IoU from which what is taken for two kinds is one thing


@timed
def survey(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for the words of the instruction, the objects known from earlier turns and the preset's vocabulary.

    A detector that knows a number of kinds is asked for those alone; a thing goes by the first word that means it.
    Then ask for the vocabulary's attributes, and the instruction's colours, on whatever was found.
    """
    image = runtime.context.images.load(state["picture"] or "")
    layout, usage = _seen(runtime.context, image, state["layout"], state["text"], state["usage"])
    others = list[OtherPicture]()
    for other in state["others"]:
        if spoken_of(other, state["others"], state["text"]):
            picture = runtime.context.images.load(other.image)
            there, usage = _seen(runtime.context, picture, Layout(), state["text"], usage)
            wider = picture.width / picture.height / (image.width / image.height)
            other = other.model_copy(update={"layout": there, "wider": round(wider, 4)})
        others.append(other)
    return {"layout": layout, "others": tuple(others), "usage": usage}


def spoken_of(other: OtherPicture, others: Sequence[OtherPicture], text: str) -> bool:
    """Return whether an instruction may mean a picture: by its name, or "the other picture" where it names none."""
    if any(is_named(text, picture.name) for picture in others):
        return is_named(text, other.name)
    return re.search(r"\b(picture|photo|image|photograph|one|file)\b", text.lower()) is not None


def _seen(context: Context, image: Image, layout: Layout, text: str, usage: Usage) -> tuple[Layout, Usage]:
    """Return what a picture holds, objects known from earlier turns under their ids, and what has been used up."""
    detector, known = context.settings.detector, context.backend.capabilities.finds
    said = re.sub(r"\S+\.\w{3,4}\b", " ", text)  # the dog of "dog.jpg" is no noun
    spoken = nouns(said) if known is None else known_nouns(said, known)
    phrases = (placed.name for placed in layout.objects)
    names = dict.fromkeys(
        [*spoken, *phrases, *detector.vocabulary] if known else [*phrases, *detector.vocabulary, *spoken]
    )
    found = context.backend.detect(image, [Query(name=name) for name in names])
    usage, detections = usage + found.cost, found.detections
    lost = [name for name in spoken if known and name not in {detection.name for detection in detections}]
    if lost:  # what the instruction names and nobody saw is looked for alone, more closely
        again = context.backend.detect(image, [Query(name=name) for name in lost])
        usage += again.cost
        mistaken = [one for one in detections if any(one.box.iou(two.box) > ONE_THING for two in again.detections)]
        detections = (*(one for one in detections if one not in mistaken), *again.detections)
    things, mentioned = dict.fromkeys(detection.name for detection in detections), colours(text)
    attributed = dict.fromkeys(
        [
            *(placed.query for placed in layout.objects if placed.attributes),
            *(
                Query(name=name, attributes=(attribute,))
                for name in things
                for attribute in dict.fromkeys([*detector.attributes, *mentioned])
            ),
        ]
    )
    if attributed:
        more = context.backend.detect(image, list(attributed))
        usage, detections = usage + more.cost, (*detections, *more.detections)
    wanted = [Query(name=name, attributes=(colour,)) for name in things for colour in mentioned]
    return track(layout, merge(detections, wanted)), usage


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


def known_nouns(text: str, known: Collection[str]) -> list[str]:
    """Return the nouns of an instruction that a detector knows; "wine glass" goes before its parts and without them."""
    words = [singular(word) for word in re.findall(r"[a-z]{2,}", text.lower())]
    pairs = [pair for pair in (f"{first} {second}" for first, second in pairwise(words)) if pair in known]
    inside = {word for pair in pairs for word in pair.split()}
    return list(dict.fromkeys([*pairs, *(word for word in nouns(text) if word in known and word not in inside)]))


def colours(text: str) -> list[str]:
    """Return the colour words of an instruction, with their shade where one is said: "dark red", "blue"."""
    words = re.findall(r"[a-z]+", text.lower())
    found = [
        attribute(f"{before} {word}" if before in SHADES else word)
        for before, word in pairwise(["", *words])
        if family(word) == "colour"
    ]
    return list(dict.fromkeys(found))
