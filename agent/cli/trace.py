"""``sld trace``: list runs, show and compare what they did, run them again, take them elsewhere."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.options import ExitCode, Options, fail, reporting

if TYPE_CHECKING:
    from agent.run.folder import RunFolder

app = typer.Typer(help="See what a run did, and why.", no_args_is_help=True)


class Kind(StrEnum):
    """What a run is taken out as."""

    JSONL = "jsonl"
    ZIP = "zip"


Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a picture for people.")]


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"),
    search: Annotated[str, typer.Option(help="Only runs that hold this text: asked, answered, seen.")] = "",
    exit_name: Annotated[str, typer.Option("--exit", metavar="NAME", help="Only runs that ended so.")] = "",
    agreed: Annotated[bool | None, typer.Option(help="Only runs that agreed in the end, or that did not.")] = None,
    preset: Annotated[str, typer.Option(help="Only runs with this preset.")] = "",
    since: Annotated[str, typer.Option(metavar="DATE", help="Only runs begun then or later.")] = "",
    as_json: Json = False,
) -> None:
    """List the runs in a folder, oldest first; options leave some out."""
    with reporting(as_json):
        from rich.markup import escape
        from rich.table import Table

        from agent.cli.console import output_console, write_json
        from agent.cli.trace_list import Wanted, rows_of

        wanted = Wanted(search, exit_name, agreed, preset, since)
        rows = list(rows_of(folder, wanted))
        if as_json:
            write_json(rows)
            return
        table = Table("run", "status", "rounds", "asked", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(escape(str(row[key])) for key in ("run", "exit", "rounds", "asked")))
        none = f"no runs in {str(folder)!r}" + ("" if wanted == Wanted() else " that fit")
        output_console().print(table if rows else none)


@app.command()
def show(
    run: Run,
    step: Annotated[int | None, typer.Option(min=0, help="Show this step only, and everything in it.")] = None,
    turn: Annotated[int | None, typer.Option(min=1, help="Of a conversation: the step of this turn.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a run did: turns, rounds, nodes, language model calls and tool calls, with what each took."""
    with reporting(as_json):
        from agent.cli.console import output_console, write, write_json
        from agent.cli.trace_tree import draw_step, make_tree, steps_at
        from agent.run.folder import RunFolder

        folder = RunFolder(run)
        record, events = folder.read_record(), _events(folder)
        if step is None:
            with folder.reading():
                drawn = None if as_json else make_tree(record, events)
            write_json(events) if drawn is None else output_console().print(drawn)
            return
        with folder.reading():
            found = steps_at(events, step)
        if not found or (turn is not None and turn not in found):
            where = "" if turn is None else f" in turn {turn}"
            fail(f"{str(run)!r} has no step {step}{where}; `sld trace show {run}` lists them")
        shown = max(found) if turn is None else turn
        if len(found) > 1 and turn is None:
            others = " or ".join(f"--turn {other}" for other in found if other != shown)
            write(f"step {step} of turn {shown}; {others} shows another turn's", sys.stderr)
        if as_json:
            write_json(found[shown])
        else:
            with folder.reading():
                output_console().print(draw_step(found[shown]))


@app.command()
def diff(left: Run, right: Run, as_json: Json = False) -> None:
    """Say where two runs part ways. Exit code 0: they decided and drew the same; 3: they did not."""
    with reporting(as_json):
        from agent.cli.console import output_console, write_json
        from agent.cli.trace_tree import draw_comparison
        from agent.run.folder import RunFolder
        from agent.trace.diff import compare

        folders = RunFolder(left), RunFolder(right)
        one, other = ((folder.read_record(), _events(folder)) for folder in folders)
        with folders[0].reading(), folders[1].reading():
            comparison = compare(one, other)
        if as_json:
            write_json(comparison.to_json())
        else:
            output_console().print(draw_comparison(comparison, str(left), str(right)), soft_wrap=False)
        raise typer.Exit(ExitCode.AGREED if comparison.same else ExitCode.NOT_AGREED)


@app.command()
def replay(
    run: Run,
    step: Annotated[int | None, typer.Option("--from", min=0, help="The step to begin with; else the first.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting to change, such as chat.model=NAME, or seed=7."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder to write; a new one beside RUN if not given.")
    ] = None,
    as_json: Json = False,
    allow_endpoint: Annotated[
        str | None, typer.Option(metavar="HOST", help="Let it use its own language model server on this host.")
    ] = None,
) -> None:
    """Run again from any step. The model's recorded answers are used while it is asked the same; see --set chat."""
    with reporting(as_json):
        from agent.cli.run import replay_run

        options = Options(settings=settings, out=out, as_json=as_json, allow_endpoint=allow_endpoint)
        raise typer.Exit(replay_run(run, step, options))


@app.command()
def export(
    run: Run,
    kind: Annotated[Kind, typer.Option("--format", help="jsonl: record and events; zip: the whole run.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; jsonl goes to standard output if not given.")
    ] = None,
) -> None:
    """Take a run out of its folder; a zip, unpacked anywhere, is a run again."""
    with reporting():
        from agent.cli.console import write
        from agent.run.export import as_lines, write_zip
        from agent.run.folder import RunFolder
        from tools.files import write_text

        folder = RunFolder(run)
        if kind is Kind.ZIP:
            target = out or Path(f"{run.resolve().name}.zip")
            write_zip(folder, target)
            write(str(target))
        elif out is None:
            sys.stdout.writelines(f"{line}\n" for line in as_lines(folder))
        else:
            write_text(out, "".join(f"{line}\n" for line in as_lines(folder)))
            write(str(out))


@app.command()
def report(run: Run, as_json: Json = False) -> None:
    """Write the run's report again, and say where it is."""
    with reporting(as_json):
        from agent.cli.console import write, write_json
        from agent.report.render import write_report
        from agent.run.folder import RunFolder

        folder = RunFolder(run)
        write_report(folder)
        path = str(folder.report_path)
        write_json({"report": path}) if as_json else write(path)


def _events(folder: RunFolder) -> list[dict[str, Any]]:
    from agent.trace.events import read_trace

    with folder.reading():
        return read_trace(folder.trace)
