"""The console command ``sld``: what the agent offers, and what can be measured, under one name."""

from __future__ import annotations

import atexit
import gc
from typing import Annotated

import typer

from agent.cli.app import app as agent_app
from evals.cli import app as evals_app

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(agent_app)
app.add_typer(evals_app, name="eval")


def _show_version(wanted: bool) -> None:
    if wanted:
        from sld import __version__

        typer.echo(f"sld {__version__}")
        raise typer.Exit


@app.callback()
def sld(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Self-correcting, language-model-controlled image generation and editing."""


def main() -> None:
    """Run the command line and exit with its code."""
    # hundreds of thousands of objects that imports make, and none of them garbage: looked at rarely, and not at the end
    gc.set_threshold(100_000, 20, 50)
    atexit.register(gc.freeze)
    app(prog_name="sld")
