"""``sld eval``: what can be measured. Everything heavy is imported when a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Cluster, Gpus, Options, Ray, reporting

app = typer.Typer(help="Measure how well it works, and what it costs.", no_args_is_help=True)

Preset = Annotated[str | None, typer.Option(help="A shipped preset (see `sld presets`) or a path to a .yaml file.")]
Seed = Annotated[int, typer.Option(min=0, max=9999, help="Same seed, same scenes and pictures.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to standard output.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as editor.steps=20.")
]


@app.command()
def iconworld(
    seed: Seed = 0,
    scenes: Annotated[
        int | None,
        typer.Option(min=1, help="Fresh scenes: 500; --edits: 100 of each kind; --faults: 60; --flaws: 210."),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Parts with commas between, such as detector,segmenter.")] = None,
    edits: Annotated[bool, typer.Option("--edits", help="Measure the editor instead.")] = False,
    faults: Annotated[bool, typer.Option("--faults", help="Measure the loop on planted faults instead.")] = False,
    flaws: Annotated[bool, typer.Option("--flaws", help="Measure the verdict on planted flaws instead.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A folder: sheets of samples or of what was misjudged; --edits: cases; --faults: runs."),
    ] = None,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Measure the embedded models on fresh icon-world scenes."""
    with reporting(as_json):
        from evals.commands import measure_faults, measure_flaws, measure_iconworld

        options = Options(preset=preset, seed=seed, as_json=as_json, settings=settings)
        chosen = None if only is None else tuple(part.strip() for part in only.split(",") if part.strip())
        if flaws:
            measure_flaws(options, scenes=scenes or 210, pictures=pictures)
        elif faults:
            measure_faults(options, scenes=scenes or 60, out=pictures)
        else:
            measure_iconworld(options, scenes=scenes, only=chosen, edits=edits, pictures=pictures)


@app.command()
def shapes(preset: Preset = None, as_json: Json = False, settings: Set = None) -> None:
    """Measure whether the embedded detectors believe what no eye would, on labelled shapes."""
    with reporting(as_json):
        from evals.commands import measure_shapes

        measure_shapes(Options(preset=preset, as_json=as_json, settings=settings))


@app.command()
def lmd(
    tasks: Annotated[
        str | None, typer.Option(help="Tasks with commas between: negation, numeracy, attribution, spatial.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many prompts only, a fixed choice of all tasks.")] = None,
    rounds: Annotated[int | None, typer.Option(min=0, max=1000, help="Correction rounds at most.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; one for each core if there is no GPU.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where everything goes; the same folder goes on.")] = None,
    images: Annotated[Path | None, typer.Option(help="Pictures to start from: DIR/000/initial_image.png, ...")] = None,
    start: Annotated[
        str, typer.Option(help="First pictures: words (alone), layout (first, where the generator takes boxes), both.")
    ] = "both",
    baselines: Annotated[bool, typer.Option(help="Also draw the best of N at an equal budget.")] = True,
    list_prompts: Annotated[bool, typer.Option("--list-prompts", help="Print the prompts and stop.")] = False,
    ray: Ray = None,
    gpus: Gpus = 0,
    seed: Seed = 0,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Run the LMD benchmark: make a picture for each prompt, correct it, and score every round by two detectors."""
    with reporting(as_json):
        from evals.lmd import command

        options = Options(preset, rounds, seed, out, as_json, settings)
        prompts = command.choose_prompts(tasks, limit)
        if list_prompts:
            command.print_prompts(prompts, as_json=as_json)
            return
        chosen, cluster = command.choose_start(start), None if ray is None else Cluster(ray, gpus)
        raise typer.Exit(
            command.measure_lmd(
                options,
                prompts,
                workers=workers,
                images=images,
                baselines=baselines,
                start=chosen,
                cluster=cluster,
            )
        )


@app.command()
def geneval(
    tasks: Annotated[
        str | None,
        typer.Option(help="With commas between: single_object, two_object, counting, colors, position, color_attr."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many prompts only, spread over the list.")] = None,
    known: Annotated[
        bool, typer.Option("--known", help="Only prompts about nouns of the preset's vocabulary.")
    ] = False,
    rounds: Annotated[int | None, typer.Option(min=0, max=1000, help="Correction rounds at most.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; one for each core if there is no GPU.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where everything goes; the same folder goes on.")] = None,
    layout: Annotated[bool, typer.Option("--layout", help="The first picture is drawn from a layout.")] = False,
    list_prompts: Annotated[bool, typer.Option("--list-prompts", help="Print the prompts and stop.")] = False,
    seed: Seed = 0,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Run the GenEval benchmark: make a picture for each prompt, correct it, and score it by the held-out detector."""
    with reporting(as_json):
        from evals.geneval import command

        options = Options(preset, rounds, seed, out, as_json, settings)
        prompts = command.choose_prompts(tasks, limit, options.load().detector.vocabulary if known else ())
        if list_prompts:
            command.print_prompts(prompts, as_json=as_json)
            return
        raise typer.Exit(command.measure_geneval(options, prompts, workers=workers, layout=layout))


@app.command()
def speed(
    scenes: Annotated[int, typer.Option(min=1, help="Pictures to edit both ways.")] = 5,
    steps: Annotated[int, typer.Option(min=2, max=1000, help="Of the reference; SLD takes 50.")] = 50,
    reload: Annotated[bool, typer.Option("--reload", help="The reference loads its models anew, as SLD does.")] = False,
    heldout: Annotated[bool, typer.Option(help="Let the held-out detector look at the pictures, too.")] = True,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="The preset at full size with no weights; only counted without a GPU."),
    ] = False,
    seed: Seed = 0,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Compare one edit with SLD's own schedule: wall time, model evaluations, and whether the pictures are right."""
    with reporting(as_json):
        from evals.commands import measure_random, measure_speed

        options = Options(preset=preset, seed=seed, as_json=as_json, settings=settings)
        if random_weights:
            measure_random(options, repeats=scenes)
            return
        measure_speed(options, scenes=scenes, steps=steps, reload=reload, judged=heldout)


@app.command()
def engines(
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of each kind of edit.")] = 20,
    only: Annotated[
        str | None, typer.Option(help="With semicolons between: grounded; inpaint; paste; 'paste, inpaint'.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Icon world's inpainting pipeline; `python -m iconworld.train inpainter` makes it."),
    ] = None,
    results: Annotated[Path | None, typer.Option(help="A Markdown page that gets a section.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Compare the editor's engines on icon world: right, outside identical, evaluations, seconds."""
    with reporting(as_json):
        from evals.commands import measure_engines
        from evals.engines import WEIGHTS

        options = Options(preset="iconworld", seed=seed, as_json=as_json, settings=settings)
        chosen = [part.strip() for part in (only or "").split(";") if part.strip()]
        measure_engines(options, scenes=scenes, weights=weights or WEIGHTS, only=chosen, results=results)


@app.command()
def photo(
    scenes: Annotated[int, typer.Option(min=1, help="Photographs with a planted object.")] = 60,
    pictures: Annotated[Path | None, typer.Option(help="A folder for each scene beside its edits.")] = None,
    seconds: Annotated[bool, typer.Option("--seconds", help="Measure only how long the parts take.")] = False,
    seed: Seed = 0,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Edit photographs with planted objects, and compare with the truth and with a plain fill."""
    with reporting(as_json):
        from evals.commands import measure_photo

        options = Options(preset=preset or "photo", seed=seed, as_json=as_json, settings=settings)
        measure_photo(options, scenes=scenes, pictures=pictures, seconds=seconds)


@app.command()
def agent(
    only: Annotated[
        str | None, typer.Option(help="With commas between: prompts, unseen, instructions, faults.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many cases of each part only.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the planted faults.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Where everything goes; the same folder goes on.")] = None,
    results: Annotated[Path | None, typer.Option(help="A Markdown page that gets a section on this model.")] = None,
    preset: Preset = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Measure the language model: 60 sentences read, 40 instructions and 30 corrections done, and what they take."""
    with reporting(as_json):
        from evals.agent.command import measure_agent

        options = Options(preset=preset, out=out, as_json=as_json, settings=settings)
        parts = [part.strip() for part in (only or "").split(",") if part.strip()]
        raise typer.Exit(measure_agent(options, parts=parts, limit=limit, seed=seed, results=results))


@app.command()
def bench(
    prompts: Annotated[int, typer.Option(min=1, max=400, help="Of LMD.")] = 40,
    scenes: Annotated[int, typer.Option(min=1, help="Of the speed benchmark.")] = 5,
    results: Annotated[Path, typer.Option(help="The page to write.")] = Path("evals") / "RESULTS.md",
    out: Annotated[Path | None, typer.Option(help="Where the LMD runs are kept.")] = None,
    preset: Preset = None,
    settings: Set = None,
) -> None:
    """Measure speed and a part of LMD, and write the page of results (``make bench``)."""
    with reporting():
        from evals.bench import run_bench

        run_bench(Options(preset=preset, out=out, settings=settings), prompts=prompts, scenes=scenes, results=results)


@app.command()
def scale(
    figure: Annotated[Path | None, typer.Option(help="Draw what each rate takes into this .svg or .png.")] = None,
) -> None:
    """Simulate how many GPUs and agent cores so many conversations an hour take, with the costs in docs/scale.md."""
    with reporting():
        from agent.cli.console import write
        from evals import scale

        costs = scale.Costs()
        for name, one in (("large GPU", costs), ("smaller GPU", scale.smaller(costs))):
            write(f"{name}, {one.gpu_seconds:.2f} s of it a picture:\n")
            write(scale.table([scale.size(rate, one) for rate in scale.RATES]) + "\n")
        if figure:
            scale.draw(figure, costs)
