"""The commands that make, edit and talk about pictures: arguments in, exit code out.

Exit codes: 0 agreed, 3 finished without agreement, 2 the user's mistake, 1 failure.
Everything heavy is imported when a command runs, so that ``sld --help`` is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import trace as trace_cli
from agent.cli import weights as weights_cli
from agent.cli.options import Cluster, Gpus, Mode, Options, Ray, ReplicaNumber, fail, reporting

Preset = Annotated[
    str | None, typer.Option(help="A shipped preset (see `sld presets`), a path to a .yaml file, or auto.")
]
Rounds = Annotated[int | None, typer.Option(min=0, max=1000, help="Correction rounds at most.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Same seed, same picture.")]
Out = Annotated[Path | None, typer.Option(help="The run folder to write; a new one under runs/ if not given.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to standard output.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as editor.steps=20.")
]
Source = Annotated[
    list[Path] | None,
    typer.Option("--source", help="Another picture to copy from, as in 'add the dog from dog.jpg'; may be repeated."),
]
Resume = Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with this run where it was stopped.")]
AllowEndpoint = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Let a recorded run use its own language model server on this host."),
]
Sessions = Annotated[Path, typer.Option("--sessions", help="Where the sessions are.")]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(trace_cli.app, name="trace")
app.add_typer(weights_cli.app, name="weights")
storage_app = typer.Typer(no_args_is_help=True, help="Where sessions are kept.")
app.add_typer(storage_app, name="storage")


@app.command()
def generate(
    prompt: Annotated[str | None, typer.Argument(help="What the picture must show.", show_default=False)] = None,
    preset: Preset = None,
    rounds: Rounds = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    settings: Set = None,
    resume: Resume = None,
    allow_endpoint: AllowEndpoint = None,
) -> None:
    """Make a picture of PROMPT and correct it until the detector agrees."""
    options = Options(preset, rounds, seed, out, as_json, settings, resume, allow_endpoint)
    with reporting(as_json):
        from agent.cli.run import run_one

        raise typer.Exit(run_one(options, prompt=prompt))


@app.command()
def correct(
    image: Annotated[Path | None, typer.Argument(help="The picture to correct.", show_default=False)] = None,
    prompt: Annotated[str | None, typer.Argument(help="What it must show.", show_default=False)] = None,
    preset: Preset = None,
    rounds: Rounds = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    settings: Set = None,
    resume: Resume = None,
    allow_endpoint: AllowEndpoint = None,
) -> None:
    """Correct IMAGE until it shows what PROMPT says."""
    options = Options(preset, rounds, seed, out, as_json, settings, resume, allow_endpoint)
    with reporting(as_json):
        from agent.cli.run import run_one

        if resume is None and (image is None or prompt is None):
            fail("`sld correct` needs a picture and a prompt: sld correct IMAGE PROMPT")
        raise typer.Exit(run_one(options, prompt=prompt, image=image))


@app.command()
def edit(
    image: Annotated[Path | None, typer.Argument(help="The picture to edit.", show_default=False)] = None,
    instruction: Annotated[str | None, typer.Argument(help="What to change.", show_default=False)] = None,
    source: Source = None,
    preset: Preset = None,
    rounds: Rounds = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    settings: Set = None,
    resume: Resume = None,
    allow_endpoint: AllowEndpoint = None,
) -> None:
    """Change IMAGE as INSTRUCTION says, and nothing else."""
    options = Options(preset, rounds, seed, out, as_json, settings, resume, allow_endpoint)
    with reporting(as_json):
        from agent.cli.run import run_one

        if resume is None and (image is None or instruction is None):
            fail("`sld edit` needs a picture and an instruction: sld edit IMAGE INSTRUCTION")
        raise typer.Exit(run_one(options, instruction=instruction, image=image, sources=source or ()))


@app.command()
def parse(
    prompt: Annotated[str | None, typer.Argument(help="One prompt; without it, one per line of input.")] = None,
    preset: Preset = None,
    settings: Set = None,
) -> None:
    """Print what PROMPT demands of a picture, as JSON, one object per line."""
    with reporting():
        from agent.cli.run import parse_prompts

        raise typer.Exit(parse_prompts(Options(preset=preset, settings=settings), prompt))


@app.command()
def batch(
    file: Annotated[str, typer.Argument(help="A JSON list of items, in SLD's format: a path, or s3://, gs://, ...")],
    mode: Annotated[Mode, typer.Option(help="What the items' prompts are.")],
    input_dir: Annotated[str, typer.Option(help="Where the pictures are: a folder, or s3://, gs://, ...")],
    output_dir: Annotated[str, typer.Option(help="Where each item's run folder goes: a folder, or s3://, gs://, ...")],
    preset: Preset = None,
    rounds: Rounds = None,
    seed: Seed = None,
    as_json: Json = False,
    settings: Set = None,
    overwrite: Annotated[bool, typer.Option(help="Do finished items again.")] = False,
    ray: Ray = None,
    gpus: Gpus = 0,
    config: Annotated[Path | None, typer.Option(help="An .ini file of SLD's own; its keys become settings.")] = None,
) -> None:
    """Work through FILE, going on where an earlier call stopped."""
    options = Options(preset, rounds, seed, None, as_json, settings, None)
    with reporting(as_json):
        from agent.cli.batch_places import run_anywhere
        from agent.cli.seed_config import read_config

        cluster = None if ray is None else Cluster(ray, gpus)
        seeds = read_config(config) if config else None
        raise typer.Exit(
            run_anywhere(options, file, mode, input_dir, output_dir, overwrite=overwrite, config=seeds, cluster=cluster)
        )


@app.command()
def doctor(preset: Preset = None, as_json: Json = False, settings: Set = None) -> None:
    """Say what is installed, which models and language model would be used, and what to do about each problem."""
    with reporting(as_json):
        from agent.cli.doctor import examine

        raise typer.Exit(examine(Options(preset=preset, as_json=as_json, settings=settings)))


@app.command()
def chat(
    image: Annotated[Path | None, typer.Argument(help="The picture to talk about.", show_default=False)] = None,
    prompt: Annotated[str | None, typer.Option(help="Begin with a picture of this.")] = None,
    source: Source = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Go on with this session.")] = None,
    approve: Annotated[bool | None, typer.Option(help="Stop before each edit until you accept it.")] = None,
    preset: Preset = None,
    rounds: Rounds = None,
    seed: Seed = None,
    settings: Set = None,
    allow_endpoint: AllowEndpoint = None,
    folder: Sessions = Path("sessions"),
    verbose: Annotated[bool, typer.Option("--verbose", help="Show boxes as numbers, and where pictures lie.")] = False,
) -> None:
    """Edit a picture by talking to it: each line of input is an instruction, a question or a /command."""
    with reporting():
        from agent.cli import chat as chat_cli

        options = Options(preset, rounds, seed, settings=settings, allow_endpoint=allow_endpoint)
        raise typer.Exit(
            chat_cli.chat(
                options,
                image=image,
                prompt=prompt,
                session=session,
                approve=approve,
                base=folder,
                sources=source or (),
                verbose=verbose,
            )
        )


@app.command()
def worker(
    preset: Preset = None,
    host: Annotated[str, typer.Option(help="Where to listen; another than this machine needs SLD_WORKER_TOKEN.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8765,
    waiting: Annotated[int, typer.Option(min=0, help="Calls that may wait; more are sent away for a while.")] = 64,
    lanes: Annotated[int, typer.Option(min=1, max=64, help="Calls at a time, of different conversations.")] = 1,
    rows: Annotated[
        int, typer.Option(min=0, max=256, help="Compute so many rows of the lanes as one batch (for a GPU).")
    ] = 0,
    also: Annotated[list[str] | None, typer.Option(metavar="PRESET", help="Serve the models of this one, too.")] = None,
    ray: Ray = None,
    gpus: Gpus = 0,
    replicas: ReplicaNumber = "1",
    presets: Annotated[int, typer.Option(min=1, help="--ray: presets whose models a replica keeps.")] = 2,
    settings: Set = None,
) -> None:
    """Serve the models of a preset to agents elsewhere, who set backend.url to this address.

    With --ray they run in replicas on a Ray cluster, and lanes and rows are those of each replica.
    """
    with reporting():
        from agent.cli.replicas import Replicas
        from agent.cli.worker import Serving
        from agent.cli.worker import serve as serve_models

        wanted = None if ray is None else Replicas(ray, replicas, gpus, lanes, rows, presets)
        given = Serving(host, port, waiting, lanes, rows, tuple(also or ()), wanted)
        raise typer.Exit(serve_models(Options(preset, settings=settings), given))


@app.command()
def sessions(folder: Sessions = Path("sessions"), settings: Set = None) -> None:
    """List the sessions."""
    with reporting():
        from agent.cli.chat import list_sessions

        list_sessions(Options(settings=settings), folder)


@storage_app.command()
def migrate(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A folder of sessions, or 'postgres' (storage.url).")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The other of the two.")],
    settings: Set = None,
) -> None:
    """Copy sessions from a folder to Postgres or back; those that are there already stay as they are."""
    with reporting():
        from agent.cli import storage as storage_cli

        raise typer.Exit(storage_cli.migrate(Options(settings=settings), source, target))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to serve on; any but 127.0.0.1 needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(envvar="SLD_TOKEN", help="Who gives it is let in; made and printed where one is needed."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another name of the server, such as a proxy's.")
    ] = None,
    preset: Preset = None,
    settings: Set = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Turns at a time; the models are shared.")] = 1,
    folder: Sessions = Path("sessions"),
    runs: Annotated[Path, typer.Option(help="Where single runs are.")] = Path("runs"),
    ray: Ray = None,
    gpus: Gpus = 0,
    replicas: ReplicaNumber = "1",
) -> None:
    """Serve the sessions to browsers and programs: a page, an HTTP API, OpenAI's Images protocol and MCP."""
    with reporting():
        from agent.cli import serve as serve_cli
        from agent.cli.replicas import Replicas

        options, names = Options(preset=preset, settings=settings), tuple(allow_host or ())
        serve_cli.serve(
            options,
            host=host,
            port=port,
            token=token,
            names=names,
            sessions=folder,
            runs=runs,
            workers=workers,
            replicas=None if ray is None else Replicas(ray, replicas, gpus),
        )


@app.command()
def mcp(preset: Preset = None, settings: Set = None, folder: Sessions = Path("sessions")) -> None:
    """Be a tool for other agents (Model Context Protocol) on standard input and output."""
    with reporting():
        from agent.cli import serve as serve_cli

        serve_cli.serve_mcp(Options(preset=preset, settings=settings), sessions=folder)


@app.command()
def presets(
    name: Annotated[str | None, typer.Argument(help="List the kinds of things that this preset finds.")] = None,
    explain: Annotated[
        str | None, typer.Option(help="Say what this preset costs at its real size, without its weights.")
    ] = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """List the presets that ship with the program and which this machine can run, or tell of one of them."""
    with reporting(as_json):
        if explain:
            from agent.cli.presets import explain_preset

            explain_preset(Options(preset=explain, settings=settings, as_json=as_json))
        elif name:
            from agent.cli.run import show_preset

            show_preset(name)
        else:
            from agent.cli.presets import list_presets

            list_presets()
