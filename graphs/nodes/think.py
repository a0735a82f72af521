"""The language model with the tools bound: it sees the verdict, the layout and what has failed so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage, ToolMessage

from configs.prices import price_of
from graphs.answer_bounds import bounded
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

    An answer without a tool call ends the turn while the verdict fails, after as many reminders as
    ``loop.repairs`` allows; none when no layout can meet the goal.
    """
    context = runtime.context
    asked = [SystemMessage(render("system", vision=context.settings.chat.vision)), *show_pictures(state, context)]
    message = context.chat.bind_tools(list(TOOLS)).invoke(asked)
    answer = bounded(message)
    usage = state["usage"].with_answer(message, price_of(context.settings.chat))
    update: dict[str, Any] = {"messages": [answer], "usage": usage}
    if answer.tool_calls or answer.invalid_tool_calls:
        return update | {"repairs": 0}
    if state["impossible"]:
        return update | {"exit": "unsatisfiable", "detail": state["impossible"]}
    if state["repairs"] >= context.settings.loop.repairs:
        return update | {"exit": "model_stopped", "detail": answer.text[:1000]}
    return {
        **update,
        "messages": [answer, HumanMessage(render("reminder"))],
        "repairs": state["repairs"] + 1,
    }


def show_pictures(state: State, context: Context) -> list[AnyMessage]:
    """Return the messages of the last rounds, with the pictures they name where the model can see.

    Crops come from tool answers, whose content may only be text in the OpenAI protocol: they follow
    as a message of their own after the last answer.
    """
    messages = state["messages"]
    reports = [at for at, message in enumerate(messages) if message.additional_kwargs.get("picture")]
    recent = messages[reports[-ROUNDS_SHOWN] :] if len(reports) > ROUNDS_SHOWN else messages
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
