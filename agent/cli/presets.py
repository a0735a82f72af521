"""``sld presets``: what ships, what this machine can run, and what one of them costs at its real size."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.cli.console import output_console, write, write_json
from agent.cli.options import Options
from agent.models.machine import lacking
from configs.preset_files import preset_names
from configs.settings import load_settings

if TYPE_CHECKING:
    from configs.settings import Settings
    from tools.backend.full_size.explain import Explanation


def list_presets() -> None:
    """Print the shipped presets: models, licence, memory, steps, and whether this machine can run them."""
    from rich.markup import escape
    from rich.table import Table

    from tools.backend.machine import gpu_gb

    gpu = gpu_gb()
    columns = ("preset", "editor", "generator", "licence", "GPU", "steps", "here")
    table = Table(*columns, box=None, pad_edge=False)
    for name in preset_names():
        settings = load_settings(name)
        drawing = settings.generator
        table.add_row(
            name,
            getattr(settings.editor, "path", settings.editor.kind),
            "" if drawing is None else drawing.path,
            _licence(settings),
            _memory(settings),
            str(getattr(settings.editor, "steps", "")),
            escape("no: " + "; ".join(found)) if (found := lacking(settings, gpu)) else "yes",
        )
    console = output_console()
    console.print(table)


def explain_preset(options: Options) -> None:
    """Print what one preset is and costs; nothing is downloaded and no weights are needed."""
    from tools.backend.machine import gpu_gb
    from tools.backend.protocol import BackendError

    settings = options.load()
    found = lacking(settings, gpu_gb())
    try:
        from tools.backend.full_size.explain import explain

        costs, reason = explain(settings), ""
    except BackendError as error:
        costs, reason = None, str(error)
    if options.as_json:
        write_json(_data(options, settings, found, costs, reason))
        return
    write(f"{options.preset}: {_licence(settings) or 'licence not said'}; GPU: {_memory(settings) or 'none needed'}")
    write(f"this machine: {'lacks ' + '; '.join(found) if found else 'can run it'}")
    if costs is None:
        write(f"not counted: {reason}")
        return
    for name, count in costs.parameters.items():
        write(f"  {name}: {count / 1e6:,.0f} M parameters, {costs.gigabytes[name]:.1f} GB")
    write(f"weights on the device at once: {costs.at_once_gb:.1f} GB (a picture's own memory comes on top)")
    write(f"one edit of a picture of {costs.side} x {costs.side} pixels:")
    for kind, edit in costs.edits.items():
        reads = sum(edit.crossings.values())
        write(
            f"  {kind}: {edit.cost.model_evaluations} evaluations, {edit.tflop:,.0f} TFLOP, host reads {reads} values"
        )


def resolve_auto() -> str | None:
    """Return the best preset of this machine and say so; None where what fits the picture is the best."""
    from agent.models.machine import best_preset
    from tools.backend.machine import gpu_gb

    best = best_preset(gpu_gb())
    said = f"using the preset {best}" if best else "no GPU for the larger ones: the preset that fits the picture"
    write(f"auto: {said} (all of them: sld presets)", sys.stderr)
    return best


def _licence(settings: Settings) -> str:
    about = settings.about
    return "" if about is None else about.licence + ("" if about.commercial else " (not for commerce)")


def _memory(settings: Settings) -> str:
    about = settings.about
    return "" if about is None or about.memory_gb is None else f"{about.memory_gb:.0f} GB"


def _data(
    options: Options, settings: Settings, found: tuple[str, ...], costs: Explanation | None, reason: str
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "preset": options.preset,
        "about": None if settings.about is None else settings.about.model_dump(),
        "lacking": list(found),
        "not_counted": reason,
    }
    if costs is not None:
        edits = {
            kind: {
                "cost": asdict(edit.cost),
                "tflop": edit.tflop,
                "host_reads": [
                    {"what": what, "where": where, "times": times} for (what, where), times in edit.crossings.items()
                ],
            }
            for kind, edit in costs.edits.items()
        }
        data |= {
            "side": costs.side,
            "parameters": costs.parameters,
            "gigabytes": costs.gigabytes,
            "at_once_gb": costs.at_once_gb,
            "edits": edits,
        }
    return data
