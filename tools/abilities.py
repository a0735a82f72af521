"""What a backend cannot do, said before anything is done.

The planner's answer, a language model's edit and the engine itself are all refused in the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.lexicon import COMPOUNDS, SURFACES, with_article
from tools.scene.operations import Add, Adjust, Move, Remove, Replace, Restyle, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.backend.protocol import Capabilities
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation
    from tools.scene.other_picture import OtherPicture
    from tools.scene.spec import SceneSpec

SHOWN = 12  # nouns that a refusal lists


def refusal(
    capabilities: Capabilities, scene: Layout, operations: Iterable[Operation], others: Sequence[OtherPicture] = ()
) -> str | None:
    """Return why operations on a scene cannot be done, for a person to read; None when all can.

    ``others``: the pictures beside it that may be copied from.
    """
    names, given = {placed.name for placed in scene.objects}, [other.name for other in others]
    for operation in operations:
        if operation.op not in capabilities.operations:
            return f"this preset cannot {operation.op}: it can {_listed(sorted(capabilities.operations), 'and')}"
        source = source_of(operation)
        if source is not None and source.picture and (refused := _cannot_copy(capabilities, source.picture, given)):
            return refused
        match operation:
            case Add(name=name) | Replace(name=name):
                copied = operation.source is not None or name in names
                if not copied and capabilities.draws is not None and name not in capabilities.draws:
                    return cannot_draw(name, capabilities.draws)
            case Restyle(id=object_id, attributes=attributes):
                had = scene[object_id].attributes if object_id in scene.ids else ()
                new = tuple(word for word in attributes if word not in had)
                if capabilities.attributes is not None and new and not set(new) & capabilities.attributes:
                    return cannot_restyle(object_id, new)
            case Move() | Remove() | Adjust():
                pass
    return None


def _cannot_copy(capabilities: Capabilities, picture: str, given: Sequence[str]) -> str | None:
    if not capabilities.copies:
        return "this preset cannot copy from another picture: it draws new objects; the preset 'photo' can"
    if picture not in given:
        listed = _listed(list(map(repr, given)), "and") if given else "none"
        return f"there is no other picture {picture!r} to copy from; given: {listed}"
    return None


def with_settings(capabilities: Capabilities, spec: SceneSpec) -> SceneSpec:
    """Return a spec in which a desk that cannot be drawn is where the scene is set.

    Only one surface of a kind that carries what is demanded ("a cup on a desk") is a setting; other things that
    cannot be drawn stay, to be refused.
    """
    drawn = capabilities.draws
    aside = {
        one.phrase: f"on {with_article(one.phrase)}"
        for one in spec.objects
        if drawn and one.name not in drawn and one.name.split()[-1] in SURFACES and one.count == 1
    }
    about = [link for link in spec.relations if aside.keys() & {link.subject, *link.object.split(" and ")}]
    carried = {link.object for link in about if link.predicate == "on top of" and link.subject not in aside}
    strange = aside.keys() - carried
    if not carried or any(link.predicate != "on top of" or link.object in strange for link in about):
        return spec
    return spec.model_copy(
        update={
            "objects": tuple(one for one in spec.objects if one.phrase not in carried),
            "relations": tuple(link for link in spec.relations if link not in about),
            "background": ", ".join(
                filter(None, [spec.background, *(aside[phrase] for phrase in aside if phrase in carried)])
            ),
        }
    )


def with_kinds(capabilities: Capabilities, spec: SceneSpec) -> SceneSpec:
    """Return a spec in which a cup of tea, or a coffee cup, is a cup where cups are what the backend can draw.

    The rest of its name is not checked; what is a kind of its own ("hot dog") stays, to be refused.
    """
    drawn = capabilities.draws or frozenset()
    plain = {
        one.phrase: (one, head)
        for one in spec.objects
        if drawn and one.name not in drawn and (head := _head(one.name)) in drawn
    }
    if not plain:
        return spec
    renamed = {phrase: one.model_copy(update={"name": head}) for phrase, (one, head) in plain.items()}

    def as_drawn(phrase: str) -> str:
        parts = phrase.split(" and ")
        return " and ".join(renamed[part].phrase if part in renamed else part for part in parts)

    links = (
        link.model_copy(update={"subject": as_drawn(link.subject), "object": as_drawn(link.object)})
        for link in spec.relations
    )
    return spec.model_copy(
        update={
            "objects": tuple(renamed.get(one.phrase, one) for one in spec.objects),
            "relations": tuple(links),
            "unchecked": (*spec.unchecked, *(one.name for one, _ in plain.values())),
        }
    )


def _head(name: str) -> str:
    """Return the noun that says what kind of thing a longer name names; empty where the whole is a kind of its own."""
    first = name.split(" of ")[0].split()
    return "" if " ".join(first) in COMPOUNDS or name in COMPOUNDS else first[-1]


def scene_refusal(capabilities: Capabilities, spec: SceneSpec) -> str | None:
    """Return why a scene cannot be drawn: it names kinds that the backend does not know. None when it can be."""
    drawn = capabilities.draws
    strange = [wanted.name for wanted in spec.objects if drawn and wanted.name not in drawn]
    return cannot_draw(strange[0], drawn or frozenset()) if strange else None


def cannot_draw(name: str, drawn: frozenset[str] = frozenset()) -> str:
    """Say that an object cannot be made from nothing."""
    if drawn:
        return f"this preset cannot draw a new {name}: it draws {_listed(sorted(drawn), 'and')}"
    return (
        f"this preset cannot draw a new {name}: it can copy one that is in the picture or in another picture "
        f"(`add the {name} from {name.split()[-1]}.jpg`), or choose a preset with a generator"
    )


def cannot_restyle(object_id: str, words: Sequence[str]) -> str:
    """Say that an object cannot be given these looks."""
    return (
        f"this preset cannot make {object_id!r} {' '.join(words)!r}: it changes colours and brightness (red, dark "
        "blue, lighter, black and white); choose a preset with a generator for other looks"
    )


def cannot_find(capabilities: Capabilities, names: Iterable[str], examples: Sequence[str] = ()) -> str | None:
    """Return that the detector does not know some of the nouns, with examples of what it knows; None if it knows all.

    The last words of a noun are enough: who knows a truck knows a delivery truck.
    """
    known = capabilities.finds
    if known is None:
        return None

    def ends(name: str) -> list[str]:
        words = name.lower().split()
        return [" ".join(words[start:]) for start in range(len(words))]

    strange = [repr(name) for name in dict.fromkeys(names) if not known.intersection(ends(name))]
    if not strange:
        return None
    listed = ""
    if examples:
        more = " (all of them: sld presets NAME)" if len(examples) > SHOWN else ""
        listed = f": it knows {_listed(examples, 'and')}{more}, and other words for them"
    return f"the detector of this preset does not know {_listed(strange, 'or')}{listed}"


def describe(capabilities: Capabilities) -> str:
    """Say in a line for a language model what it should not even plan; empty when there is nothing to say."""
    messages = []
    if capabilities.draws is not None:
        messages.append(
            f"New objects can only be {_listed(sorted(capabilities.draws), 'or')}."
            if capabilities.draws
            else "Nothing can be drawn anew: add and replace only copy an object of this or another given picture."
        )
    if capabilities.attributes is not None:
        messages.append("Looks can only be changed in colour and brightness.")
    return " ".join(messages)


def _listed(words: Sequence[str], last: str) -> str:
    shown = [*words[:SHOWN], *([f"{len(words) - SHOWN} more"] if len(words) > SHOWN else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"
