"""The graph: a picture and a sentence (or an instruction) in, a corrected picture with its verdict out.

    graph = build_graph(checkpointer)
    graph.invoke({"prompt": "two red cars"}, context=Context(...), version="v2")

Building it reads nothing and loads nothing; models and clients come by the runtime context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from langgraph.graph import END, START, StateGraph

from configs.settings import LoopSettings
from graphs.budget import recursion_limit
from graphs.nodes.act import act
from graphs.nodes.approve import approve
from graphs.nodes.begin import begin
from graphs.nodes.draw import edit, generate, refine
from graphs.nodes.finish import finish
from graphs.nodes.judge import judge
from graphs.nodes.parse import parse
from graphs.nodes.survey import survey
from graphs.nodes.think import think
from graphs.state import Request, State
from tools.context import Context

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    loop: LoopSettings | None = None,
    context_schema: type[Context] = Context,
) -> CompiledStateGraph[State, Context, Request, State]:
    """Compile the correction graph.

    ``loop`` sets the recursion limit to what its limits can need; ``context_schema`` may be a context
    that fills itself in, for servers whose requests carry none.
    """
    graph = StateGraph(State, context_schema=context_schema, input_schema=Request)
    for node in (begin, survey, parse, generate, judge, think, act, approve, edit, refine, finish):
        graph.add_node(node)
    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", route_begin)
    graph.add_edge("survey", "parse")
    graph.add_conditional_edges("parse", route_parse)
    graph.add_edge("generate", "judge")
    graph.add_conditional_edges("judge", route_judge)
    graph.add_conditional_edges("think", route_think)
    graph.add_conditional_edges("act", route_act)
    graph.add_conditional_edges("approve", route_approve)
    graph.add_conditional_edges("edit", route_edit)
    graph.add_edge("refine", "judge")
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=checkpointer, name="correction").with_config(
        recursion_limit=recursion_limit(loop or LoopSettings())
    )


def route_begin(state: State) -> Literal["survey", "parse"]:
    """Only an instruction needs to know what is there before it can be read."""
    return "survey" if state["kind"] == "instruction" else "parse"


def route_parse(state: State) -> Literal["parse", "generate", "judge", "finish"]:
    """Go on when the request is understood; a broken answer is asked for again."""
    if state["exit"]:
        return "finish"
    if state["goal"].requirements is None:
        return "parse"
    return "judge" if state["picture"] else "generate"


def route_judge(state: State) -> Literal["think", "generate", "refine", "finish"]:
    """End on agreement or at a limit, after a last polish where it is wanted; draw anew what is mostly wrong."""
    if state["exit"]:
        return _end(state)
    if state["anew"]:
        return "generate"
    return "refine" if state["polish"] == "wanted" else "think"


def route_think(state: State) -> Literal["act", "think", "refine", "finish"]:
    """Do what the model asked for; think again after a reminder."""
    if state["exit"]:
        return _end(state)
    return "think" if state["repairs"] else "act"


def route_act(state: State) -> Literal["approve", "edit", "think", "refine", "finish"]:
    """Edits that are planned are done before anything else, even at a limit: they are already paid for."""
    if state["planned"]:
        return "approve" if state["approval"] else "edit"
    return _end(state) if state["exit"] else "think"


def route_approve(state: State) -> Literal["edit", "think"]:
    """Edit what was accepted; a refusal goes back to the model."""
    return "edit" if state["planned"] else "think"


def route_edit(state: State) -> Literal["judge", "think", "refine", "finish"]:
    """Judge a new picture; let the model try something else when the editor could not do it."""
    if state["exit"]:
        return _end(state)
    judged = state["latest"] is not None and state["latest"].round == state["rounds"]
    return "think" if judged else "judge"


def _end(state: State) -> Literal["refine", "finish"]:
    """Polish the best picture that the turn made, where that is wanted whatever came of it."""
    best = state["best"]
    made_here = best is not None and (state["generated"] or best.round > 0)
    return "refine" if state["polish"] == "last" and made_here else "finish"
