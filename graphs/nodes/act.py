"""Doing what the model asked for: every call gets exactly one answer, under its own id, in call order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import ToolException
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolInvocationError

from graphs.budget import add_cost, reached_limit
from graphs.node_helpers import timed
from tools.backend.protocol import BackendError, Cost
from tools.errors import FinalToolError
from tools.registry import TOOLS

if TYPE_CHECKING:
    from langchain_core.messages import ToolCall
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context


def answer_failure(error: ToolException) -> str:
    """Put a failure into words for the model.

    ToolNode reads the annotation and catches nothing else: our own `ToolError` and its errors about
    arguments are both `ToolException`s, anything else is a bug.
    """
    if isinstance(error, ToolInvocationError):
        return f"the arguments of {error.tool_name!r} are not valid: {_problems(error)}. Mend them and call again"
    prefix = "final: " if isinstance(error, FinalToolError) else ""
    return f"{prefix}{error}"


@timed
def act(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Execute the last message's tool calls one after the other; edits are planned for one common pass."""
    loop, asked = runtime.context.settings.loop, state["messages"][-1]
    assert isinstance(asked, AIMessage)
    node = ToolNode(TOOLS, handle_tool_errors=answer_failure)
    planned, calls, failures, impossible = list(state["planned"]), state["tool_calls"], state["tool_failures"], ""
    usage, answers = state["usage"], list[ToolMessage]()
    for call in asked.tool_calls:
        if calls >= loop.tool_calls:
            answer = _failed(call["name"], call["id"], f"all {loop.tool_calls} tool calls of this turn are used up")
        elif failures >= loop.tool_failures:
            answer = _failed(call["name"], call["id"], f"not tried after {failures} failures in a row")
        else:
            answer = _run(node, state, planned, call)
            calls += 1
            # A planned edit has not succeeded yet: the editor will say.
            failures = failures + 1 if answer.status == "error" else failures if _plan(answer) else 0
        planned += _plan(answer)
        usage = add_cost(usage, Cost(**(answer.artifact or {}).get("cost", {})))
        if answer.status == "error" and answer.text.startswith("final: "):
            impossible = answer.text.removeprefix("final: ")
        answers.append(answer)
    for broken in asked.invalid_tool_calls:
        calls, failures = calls + 1, failures + 1
        problem = f"the arguments are not valid JSON ({broken['error'] or 'cannot be read'}): send them again"
        answers.append(_failed(broken["name"] or "unknown", broken["id"], problem))
    update: dict[str, Any] = {
        "messages": answers,
        "planned": planned,
        "tool_calls": calls,
        "tool_failures": failures,
        "impossible": impossible,
        "usage": usage,
    }
    limit = None if planned else reached_limit({**state, **update}, loop)  # type: ignore[typeddict-item]  # messages as an update
    return update | ({"exit": limit[0], "detail": limit[1]} if limit else {})


def _run(node: ToolNode, state: State, planned: list[dict[str, Any]], call: ToolCall) -> ToolMessage:
    """Run one call; it sees what earlier calls of the same message have planned."""
    alone = {**state, "messages": [AIMessage("", tool_calls=[call])], "planned": planned}
    try:
        answer = node.invoke(alone)["messages"][0]
    except BackendError as error:  # its message says what to try next, like any other failure of a call
        return _failed(call["name"], call["id"], str(error))
    assert isinstance(answer, ToolMessage)
    return answer


def _plan(answer: ToolMessage) -> list[dict[str, Any]]:
    operations: list[dict[str, Any]] = (answer.artifact or {}).get("operations", [])
    return operations


def _failed(name: str, call_id: str | None, content: str) -> ToolMessage:
    return ToolMessage(content, name=name, tool_call_id=call_id or "", status="error")


def _problems(error: ToolInvocationError) -> str:
    errors = error.filtered_errors or error.source.errors()
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors[:10])
