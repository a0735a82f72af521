"""Draws a trace for the terminal: the whole as a tree, or everything at one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from agent.trace.timeline import turns_of, with_messages
from agent.trace.wording import counted, duration, mark, outcome, pretty

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from agent.trace.diff import Comparison, Difference
    from agent.trace.timeline import Round, Step, Turn

SHOWN = 12  # differences of one step: the first ones say it
COLOURS = {"agreed": "green", "answered": "green", "not finished": "yellow"}


def make_tree(record: dict[str, Any], events: Sequence[dict[str, Any]]) -> Tree:
    """Return the trace as a tree: turn, round, node, then the calls inside it; failures in red."""
    asked = record["input"]["prompt"] or record["input"]["instruction"]
    tree = Tree(f"[bold]{escape(asked)}[/] ({escape(record['status'])})")
    for turn in turns_of(events):
        if not turn.rounds:
            tree.add(f"[yellow]{escape(turn.text)}[/]")
            continue
        branch = tree.add(_turn_line(turn))
        for round_ in turn.rounds:
            if round_.steps:
                _add_round(branch, round_)
    if record.get("error"):
        tree.add(f"[bold red]✗ {escape(record['error'])}[/]")
    return tree


def steps_at(events: Sequence[dict[str, Any]], number: int) -> dict[int, list[dict[str, Any]]]:
    """Return, by turn, the events of the step with a number; branches of a conversation number theirs alike.

    Language model calls come with every message that the model was shown. Of a step that a stop cut short, only the
    whole one that was done later counts, where there is one.
    """
    shown = {id(event): spoken for event, spoken in with_messages(events)}
    found, turn = dict[int, dict[Any, list[dict[str, Any]]]](), 1
    for event in events:
        if event["event"] == "start":
            turn = event.get("turn", turn)
        if event.get("step") == number:
            left_out = ("keep", "new") if id(event) in shown else ()
            messages = {"asked": shown[id(event)]} if id(event) in shown else {}
            whole = {key: value for key, value in event.items() if key not in left_out} | messages
            found.setdefault(turn, {}).setdefault(event.get("task"), []).append(whole)
    return {turn: _done_last(list(tasks.values())) for turn, tasks in found.items()}


def _done_last(tasks: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    done = [events for events in tasks if not any(event.get("interrupted") for event in events)]
    return (done or tasks)[-1]


def draw_step(events: Sequence[dict[str, Any]]) -> Group:
    """Draw the events of a step: messages, answers, arguments and the change of the state, in full."""
    return Group(*(part for event in events for part in _draw_event(event)))


def draw_comparison(comparison: Comparison, left: str, right: str) -> Group:
    """Draw what two runs were given, where they part, and how each ended."""
    parts: list[RenderableType] = []
    if comparison.given:
        parts.append(_table("given", comparison.given, left, right))
    steps = counted(len(comparison.same_steps), "step")
    if comparison.parted is None:
        parts.append(Text(f"\nthe same in all {steps}", style="bold green"))
    else:
        names = [
            "has ended" if step is None else f"{step.node}{'' if step.number is None else f' (step {step.number})'}"
            for step in comparison.parted
        ]
        where = names[0] if names[0] == names[1] else f"{names[0]} | {names[1]}"
        parts.append(Text(f"\nthe same for {steps}, then they part at: {where}", style="bold yellow"))
        parts.append(_table("there", comparison.details[:SHOWN], left, right))
        if len(comparison.details) > SHOWN:
            parts.append(Text(f"… and {len(comparison.details) - SHOWN} more (--json shows all)", style="dim"))
    parts.append(Text())
    parts.append(_table("in the end", comparison.ends, left, right) if comparison.ends else Text("they end alike"))
    return Group(*parts)


def _table(title: str, rows: Sequence[Difference], left: str, right: str) -> Table:
    table = Table(title, left, right, box=None, pad_edge=False)
    for row in rows:
        table.add_row(Text(row.where), Text(pretty(row.left)[:400]), Text(pretty(row.right)[:400]))
    return table


def _add_round(branch: Tree, round_: Round) -> None:
    title = f"[bold]{round_.title.lower()}[/]"
    if round_.attempt:
        colour = "green" if round_.attempt["agreed"] else "yellow"
        title += f" [{colour}]{round_.attempt['passed']} of {round_.attempt['total']} met[/]"
    leaf = branch.add(f"{title} [cyan]{duration(round_.seconds)}[/]")
    for step in round_.steps:
        node = leaf.add(_step_line(step))
        if step.node == "judge" and round_.attempt:
            for result in round_.attempt["verdict"].get("results", []):
                if not result["passed"]:
                    node.add(f"[yellow]{mark(result['passed'])} {escape(result['reason'])}[/]")
        for call in step.calls:
            node.add(_call_line(call))


def _turn_line(turn: Turn) -> str:
    ended = outcome(turn.result)
    spent = [
        duration(turn.seconds),
        counted(sum(step.model_evaluations for step in turn.steps), "model evaluation"),
        counted(sum(step.tokens for step in turn.steps), "token"),
    ]
    colour = COLOURS.get(ended.partition(",")[0], "yellow")
    return f"turn {turn.number}: [bold]{escape(turn.text)}[/] [{colour}]{ended}[/] [cyan]{', '.join(spent)}[/]"


def _step_line(step: Step) -> str:
    number = "" if step.number is None else f"[dim]step {step.number}[/] "
    spent = [] if step.seconds is None else [duration(step.seconds)]
    spent += [counted(step.model_evaluations, "model evaluation")] if step.model_evaluations else []
    what = escape("; ".join(step.notes))
    name = f"[bold red]✗ {step.node}[/]" if step.error else step.node
    failed = f" [red]{escape(step.error)}[/]" if step.error else ""
    return f"{number}{name} [cyan]{', '.join(spent)}[/] {what}{failed}".rstrip()


def _call_line(call: dict[str, Any]) -> str:
    spent = f"[cyan]{duration(call.get('seconds'))}[/]"
    failed = f" [red]{escape(str(call['error']))}[/]" if call.get("error") else ""
    if call["event"] == "llm":
        answer = call.get("answer")
        wishes = answer.get("tool_calls") or [] if isinstance(answer, dict) else []
        wanted = f" → {', '.join(escape(str(wish['name'])) for wish in wishes)}" if wishes else ""
        model = f" {escape(str(call['model']))}" if call.get("model") else ""
        recorded = " (recorded answer)" if call.get("recorded") else ""
        tokens = f"{call.get('input_tokens', 0):,} + {call.get('output_tokens', 0):,} tokens"
        return f"language model{model}{recorded}{wanted} {spent} {tokens}{failed}"
    name = escape(str(call.get("tool")))
    if call.get("failed") and not failed:
        failed = f" [red]{escape(_first_line(call.get('answer')))}[/]"
    return f"{f'[bold red]✗ tool {name}[/]' if call.get('failed') else f'tool {name}'} {spent}{failed}"


def _draw_event(event: dict[str, Any]) -> Iterator[RenderableType]:
    name = {"llm": "language model", "tool": f"tool {event.get('tool')}", "node": event.get("node")}
    title = f"{name.get(event['event'], event['event'])}, {duration(event.get('seconds'))}"
    failed = bool(event.get("error") or event.get("failed"))
    parts: list[RenderableType] = []
    for message in event.get("asked", []):
        parts.append(Text(f"{message['role']}:", style="bold"))
        parts += [Text(message["content"])] if message["content"] else []
        parts += [Text(pretty(message["tool_calls"]))] if message.get("tool_calls") else []
    for key in ("arguments", "answer", "update", "error"):
        if event.get(key):
            parts += [Text(f"{key}:", style="bold red" if key == "error" else "bold"), Text(pretty(event[key]))]
    known = {"v", "seq", "event", "task", "seconds", "asked", "arguments", "answer", "update", "error", "tool", "node"}
    parts.append(Text(pretty({key: value for key, value in event.items() if key not in known}), style="dim"))
    cut = ", cut short by a stop and done again later" if event.get("interrupted") else ""
    yield Text(f"── {title}{cut} ──", style="bold red" if failed else "bold cyan")
    yield from parts
    yield Text()


def _first_line(answer: Any) -> str:
    return str(answer).strip().partition("\n")[0][:200]
