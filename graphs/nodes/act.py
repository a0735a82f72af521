"""Doing what the model asked for: every call gets exactly one answer, under its own id, in call order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import ToolException
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolInvocationError
from pydantic import TypeAdapter

from configs.errors import in_words
from graphs.budget import reached_limit
from graphs.fallback import can_fall_back, solvers_plan
from graphs.node_helpers import timed
from prompts import render
from tools.backend.protocol import BackendError, Cost
from tools.errors import FinalToolError
from tools.older import renamed
from tools.registry import TOOLS
from tools.scene.operations import Operation

if TYPE_CHECKING:
    from langchain_core.messages import ToolCall
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context

OPERATIONS: TypeAdapter[tuple[Operation, ...]] = TypeAdapter(tuple[Operation, ...])


def answer_failure(error: ToolException) -> str:
    """Put a failure into words for the model.

    ToolNode reads the annotation and catches nothing else: our own `ToolError` and its errors about
    arguments are both `ToolException`s, anything else is a bug.
    """
    if isinstance(error, ToolInvocationError):
        problems = in_words(error.filtered_errors or error.source.errors(), whole="the arguments")
        return f"the arguments of {error.tool_name!r} are not valid: {problems}. Mend them and call again"
    return str(error)


@timed
def act(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Execute the last message's tool calls one after the other; edits are planned for one common pass."""
    loop, asked = runtime.context.settings.loop, state["messages"][-1]
    assert isinstance(asked, AIMessage)
    planned, calls, failures, impossible = state["planned"], state["tool_calls"], dict(state["tool_failures"]), ""
    refused, stuck = state["refused"], 0
    usage, answers = state["usage"], list[ToolMessage]()
    for call in asked.tool_calls:
        runtime.context.stop.check()
        if calls >= loop.tool_calls:
            answer = _failed(call["name"], call["id"], f"all {loop.tool_calls} tool calls of this turn are used up")
        elif max(failures.values(), default=0) >= loop.tool_failures:
            answer = _failed(call["name"], call["id"], f"not tried after {loop.tool_failures} failures in a row")
        elif stuck:
            answer = _failed(call["name"], call["id"], "not tried: the call before was refused a second time")
        else:
            answer = _run(state, planned, call)
            calls += 1
            kind = "edit" if call["name"] == "apply_suggestion" else call["name"]
            if answer.status == "error":
                failures[kind] = failures.get(kind, 0) + 1
                key = json.dumps([call["name"], call["args"]], sort_keys=True)
                stuck += key in refused
                refused = tuple(dict.fromkeys((*refused, key)))
            elif not _plan(answer):  # a planned edit has not succeeded yet: the editor will say
                failures.pop(kind, None)
        planned += _plan(answer)
        usage += Cost(**renamed((answer.artifact or {}).get("cost", {})))
        if (answer.artifact or {}).get("failure") == "final":
            impossible = answer.text
        answers.append(answer)
    for broken in asked.invalid_tool_calls:
        calls, kind = calls + 1, broken["name"] or "unknown"
        failures[kind] = failures.get(kind, 0) + 1
        problem = f"the arguments are not valid JSON ({broken['error'] or 'cannot be read'}): send them again"
        answers.append(_failed(kind, broken["id"], problem))
    shown = [*answers, *_put_before(state, runtime.context)] if stuck and not planned else answers
    update: dict[str, Any] = {
        "messages": shown,
        "planned": planned,
        "tool_calls": calls,
        "tool_failures": failures,
        "refused": refused,
        "stuck": state["stuck"] + stuck,
        "impossible": impossible,
        "usage": usage,
    }
    after: Any = {**state, **update, "messages": [*state["messages"], *answers]}
    limit = None if planned else reached_limit(after, loop)
    if limit and limit[0] == "failure_limit" and can_fall_back(state, runtime.context):
        limit = None
    return update | ({"exit": limit[0], "detail": limit[1]} if limit else {})


def _put_before(state: State, context: Context) -> list[HumanMessage]:
    """Return the solver's proposal as a message: the same call made twice leads nowhere."""
    operations = solvers_plan(state, context)
    return [HumanMessage(render("stuck", suggestion=operations))] if operations else []


def _run(state: State, planned: tuple[Operation, ...], call: ToolCall) -> ToolMessage:
    """Run one call; it sees what earlier calls of the same message have planned."""
    final = False

    def answer_and_note(error: ToolException) -> str:
        nonlocal final
        final = isinstance(error, FinalToolError)
        return answer_failure(error)

    node = ToolNode(TOOLS, handle_tool_errors=answer_and_note)
    alone = {**state, "messages": [AIMessage("", tool_calls=[call])], "planned": planned}
    try:
        answer = node.invoke(alone)["messages"][0]
    except BackendError as error:  # its message says what to try next, like any other failure of a call
        return _failed(call["name"], call["id"], str(error))
    assert isinstance(answer, ToolMessage)
    return answer.model_copy(update={"artifact": {"failure": "final"}}) if final else answer


def _plan(answer: ToolMessage) -> tuple[Operation, ...]:
    return OPERATIONS.validate_python((answer.artifact or {}).get("operations", ()))


def _failed(name: str, call_id: str | None, content: str) -> ToolMessage:
    return ToolMessage(content, name=name, tool_call_id=call_id or "", status="error")
