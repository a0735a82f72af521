"""``sld trace``: list runs, show a run's trace as a tree, write its report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from agent.options import fail, reporting
from agent.runs import RunError, RunFolder, find_runs
from agent.trace import effective, read_trace

app = typer.Typer(help="See what a run did, and why.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a picture for people.")]


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs in a folder, oldest first."""
    with reporting(as_json):
        rows = [_row(run) for run in find_runs(folder)]
        if as_json:
            sys.stdout.write(json.dumps(rows) + "\n")
            return
        table = Table("run", "status", "rounds", "asked", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(escape(str(row[key])) for key in ("run", "exit", "rounds", "asked")))
        console = _console()
        console.print(table if rows else f"no runs in {str(folder)!r}")


@app.command()
def show(
    run: Run,
    step: Annotated[int | None, typer.Option(min=0, help="Show everything that happened at this step.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a run did: nodes, language model calls and tool calls, with times and tokens."""
    with reporting(as_json):
        folder = RunFolder(run)
        record, events = folder.read_record(), _events(folder)
        if step is not None:
            events = [event for event in events if event.get("step") == step]
            if not events:
                fail(f"{str(run)!r} has no step {step}; `sld trace show {run}` lists them")
        if as_json:
            sys.stdout.write(json.dumps(events) + "\n")
        elif step is not None:
            _console().print_json(json.dumps(events))
        else:
            _console().print(make_tree(record, events))


@app.command()
def report(run: Run, as_json: Json = False) -> None:
    """Write the run's report again, and say where it is."""
    with reporting(as_json):
        from agent.report import write_report

        folder = RunFolder(run)
        write_report(folder)
        path = str(folder.report_path)
        sys.stdout.write((json.dumps({"report": path}) if as_json else path) + "\n")


def make_tree(record: dict[str, Any], events: list[dict[str, Any]]) -> Tree:
    """Return the trace as a tree: round, node, then the calls inside it; failures in red."""
    asked = record["input"]["prompt"] or record["input"]["instruction"]
    tree = Tree(f"[bold]{escape(asked)}[/] ({record['status']})")
    branch, calls = tree.add("preparation"), dict[Any, list[dict[str, Any]]]()
    for event in effective(events):
        if event["event"] in ("llm", "tool"):
            calls.setdefault(event.get("task"), []).append(event)
        if event["event"] == "resume":
            tree.add("[yellow]stopped and resumed[/]")
        if event["event"] == "end" and event.get("error"):
            tree.add(f"[red]{escape(event['error'])}[/]")
        if event["event"] != "node":
            continue
        latest = (event.get("update") or {}).get("latest")
        if isinstance(latest, dict):
            colour = "green" if latest["agreed"] else "yellow"
            met = f"{latest['passed']} of {latest['total']} met"
            branch = tree.add(f"[bold]round {latest['round']}[/] [{colour}]{met}[/]")
        node = branch.add(_line(event["node"], event, f"[dim]step {event.get('step')}[/]"))
        for call in calls.pop(event.get("task"), []):
            node.add(_call(call))
    return tree


def _call(event: dict[str, Any]) -> str:
    if event["event"] == "llm":
        wishes = event.get("answer", {}).get("tool_calls") if isinstance(event.get("answer"), dict) else None
        wanted = f" → {', '.join(str(one['name']) for one in wishes)}" if wishes else ""
        tokens = f"{event.get('input_tokens', 0)} + {event.get('output_tokens', 0)} tokens"
        return _line(f"language model{escape(wanted)}", event, tokens)
    return _line(f"tool {escape(str(event.get('tool')))}", event, "[red]refused[/]" if event.get("failed") else "")


def _line(name: str, event: dict[str, Any], more: str) -> str:
    seconds = event.get("seconds")
    spent = "" if seconds is None else f" {seconds:.2f} s"
    failed = f" [red]{escape(str(event['error']))}[/]" if event.get("error") else ""
    return f"{name}[cyan]{spent}[/] {more}{failed}".rstrip()


def _row(run: RunFolder) -> dict[str, Any]:
    try:
        record = run.read_record()
    except RunError as error:  # one broken run must not hide the others
        return {"run": str(run.path), "exit": "not readable", "rounds": "", "asked": str(error)}
    result = record.get("result") or {}
    return {
        "run": str(run.path),
        "exit": result.get("exit") or record["status"],
        "rounds": result.get("rounds", ""),
        "asked": record["input"]["prompt"] or record["input"]["instruction"],
    }


def _events(folder: RunFolder) -> list[dict[str, Any]]:
    try:
        return read_trace(folder.trace_path)
    except ValueError as error:
        fail(str(error))


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
