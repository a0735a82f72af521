"""The language model with the tools bound: it sees the verdict, the layout and what has failed so far."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage, ToolMessage

from configs.prices import price_of
from graphs.answer_bounds import bounded
from graphs.fallback import can_fall_back, fall_back, is_stuck
from graphs.node_helpers import picture_block, timed
from prompts import render
from tools.registry import TOOLS

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context

ROUNDS_SHOWN = 4  # earlier rounds are summed up by the list of edits in the newest report


@timed
def think(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the model what to do next.

    An answer without a tool call, after as many reminders as ``loop.repairs`` allows, hands the round over to the
    solver, or ends the turn (``loop.fallback``); at once when no layout can meet the goal.
    """
    context = runtime.context
    if state["impossible"] and state["stuck"]:  # what cannot be had was asked for again
        return {"exit": "unsatisfiable", "detail": state["impossible"]}
    if is_stuck(state, context) and can_fall_back(state, context):
        return fall_back(state)
    asked: list[AnyMessage] = []
    try:
        for rounds in (ROUNDS_SHOWN, 1):
            asked = _asked(state, context, rounds)
            with suppress(*((ContextOverflowError,) if rounds > 1 else ())):
                message = context.chat.bind_tools(list(TOOLS)).invoke(asked)
                break
    except ContextOverflowError as error:
        if can_fall_back(state, context):
            return fall_back(state)
        return {"exit": "context_limit", "detail": str(error)[:1000]}
    answer = bounded(message)
    usage = state["usage"].with_answer(message, price_of(context.settings.chat), asked)
    update: dict[str, Any] = {"messages": [answer], "usage": usage}
    if answer.tool_calls or answer.invalid_tool_calls:
        return update | {"repairs": 0}
    if state["impossible"]:
        return update | {"exit": "unsatisfiable", "detail": state["impossible"]}
    if state["repairs"] >= context.settings.loop.repairs or state["fallbacks"]:
        if can_fall_back(state, context):
            instead = fall_back(state)
            return update | instead | {"messages": [answer, *instead["messages"]]}
        return update | {"exit": "model_stopped", "detail": answer.text[:1000]}
    return {
        **update,
        "messages": [answer, HumanMessage(render("reminder"))],
        "repairs": state["repairs"] + 1,
    }


def _asked(state: State, context: Context, rounds: int) -> list[AnyMessage]:
    system = SystemMessage(render("system", vision=context.settings.chat.vision))
    return [system, *show_pictures(state, context, rounds)]


def show_pictures(state: State, context: Context, rounds: int = ROUNDS_SHOWN) -> list[AnyMessage]:
    """Return the messages of the last ``rounds``, with the pictures they name where the model can see.

    Crops come from tool answers, whose content may only be text in the OpenAI protocol: they follow
    as a message of their own after the last answer.
    """
    messages = state["messages"]
    reports = [at for at, message in enumerate(messages) if message.additional_kwargs.get("picture")]
    recent = messages[reports[-rounds] :] if len(reports) > rounds else messages
    if not context.settings.chat.vision:
        return list(recent)
    shown: list[AnyMessage] = []
    for at, message in enumerate(recent):
        newest_report = bool(reports) and message is messages[reports[-1]]
        shown.append(_with_picture(message, context) if newest_report else message)
        ends_answers = at + 1 == len(recent) or not isinstance(recent[at + 1], ToolMessage)
        if isinstance(message, ToolMessage) and ends_answers:
            shown += _crops(recent[: at + 1], context)
    return shown


def _with_picture(message: AnyMessage, context: Context) -> HumanMessage:
    blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": message.text}]
    return HumanMessage([*blocks, picture_block(message.additional_kwargs["picture"], context)])


def _crops(messages: list[AnyMessage], context: Context) -> list[HumanMessage]:
    blocks: list[str | dict[Any, Any]] = []
    for message in reversed(messages):
        if not isinstance(message, ToolMessage):
            break
        for picture in (message.artifact or {}).get("pictures", []):
            blocks = [
                {"type": "text", "text": f"crop of call {message.tool_call_id}:"},
                picture_block(picture, context),
                *blocks,
            ]
    return [HumanMessage(blocks)] if blocks else []
