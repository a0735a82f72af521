"""The first node: checks the request and lays out a fresh turn, keeping what earlier turns left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import ValidationError

from configs.errors import in_words
from graphs.node_helpers import demands_of, timed
from graphs.state import History, Usage
from tools.scene.goal import Goal
from tools.scene.layout import Layout
from tools.scene.other_picture import OtherPicture
from tools.scene.spec import SceneSpec

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from configs.settings import Settings
    from graphs.state import State
    from tools.context import Context

    Given = TypeVar("Given", SceneSpec, Layout)


class RequestError(ValueError):
    """A request that makes no turn: the caller's mistake, named with what to give instead."""


@timed
def begin(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Check the request, reset everything that belongs to one turn, and keep the scene of a known picture.

    Raises:
        RequestError: not exactly one of prompt and instruction, nothing to edit, a spec, layout or source
            that is not one, or settings that cannot end well.
    """
    prompt, instruction = (state.get("prompt") or "").strip(), (state.get("instruction") or "").strip()
    if bool(prompt) == bool(instruction):
        raise RequestError("give exactly one of prompt and instruction, and not an empty one")
    settings = runtime.context.settings
    if settings.loop.refine and settings.refiner is None:
        raise RequestError("loop.refine is on, but the preset names no refiner: name one, or switch it off")
    known = state.get("picture")
    picture = state.get("image") or (known if instruction else None)
    if instruction and picture is None:
        raise RequestError(f"the instruction {instruction!r} needs a picture to edit: give an image")
    spec = _checked(SceneSpec, state.get("spec"))
    if spec is not None:
        _check_demands(spec, settings)
    seed = state.get("seed")
    return {
        "kind": "prompt" if prompt else "instruction",
        "text": prompt or instruction,
        "noise_seed": state.get("noise_seed", 0) if seed is None else seed,
        "approval": bool(state.get("approve")),
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "goal": Goal(spec=spec, target=_checked(Layout, state.get("target"))),
        "reads_places": bool(state.get("places")),
        "picture": picture,
        "layout": state.get("layout", Layout()) if picture is not None and picture == known else Layout(),
        "others": _others(state.get("sources")),
        "doubtful": (),
        "strangers": (),
        "unclean": None,
        "first_picture": picture,
        "generated": False,
        "anew": False,
        "polish": "last" if settings.loop.refine == "always" else "no",
        "rounds": 0,
        "touched": (),
        "best": None,
        "latest": None,
        "planned": (),
        "done": (),
        "repairs": 0,
        "tool_calls": 0,
        "tool_failures": {},
        "refused": (),
        "stuck": 0,
        "fallbacks": (),
        "impossible": "",
        "usage": Usage(),
        "elapsed": 0.0,
        "exit": None,
        "detail": "",
        "before": None,
        "was_wrong": (),
        "turns": state.get("turns", ()),
        "history": state.get("history", History()) if picture is not None and picture == known else History(),
    }


def _others(given: dict[str, str] | None) -> tuple[OtherPicture, ...]:
    try:
        return tuple(OtherPicture(name=name, image=image) for name, image in (given or {}).items())
    except ValidationError as error:
        raise RequestError(f"the given sources are not valid: {in_words(error.errors())}") from None


def _check_demands(spec: SceneSpec, settings: Settings) -> None:
    try:
        demands = demands_of(spec, settings)
    except ValueError as error:
        raise RequestError(f"the given SceneSpec cannot be checked: {error}") from None
    if not demands:
        raise RequestError("the given SceneSpec demands nothing: name objects, or what must be absent")


def _checked(kind: type[Given], given: dict[str, Any] | None) -> Given | None:
    if given is None:
        return None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise RequestError(f"the given {kind.__name__} is not valid: {in_words(error.errors())}") from None
