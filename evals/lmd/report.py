"""What a measured folder is shown as: plots (PNG) and one page with the pictures of every failure.

The page needs nothing else, not even JavaScript. Plots need matplotlib (the extra ``eval``).
"""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evals.lmd.tables import (
    CAUSES,
    RIVAL,
    SCORERS,
    attempt_after,
    cause,
    costs_table,
    method_name,
    rates_table,
    remarks,
)
from tools.files import write_text
from tools.images import ImageStore, PictureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Record = Mapping[str, Any]

LARGE_PNG = 96 * 1024  # bytes; larger pictures go in as WebP, so that a page of failures stays small
DPI = 120
STYLES: dict[str, dict[str, Any]] = {"overall": {"linewidth": 3, "color": "black"}}


def draw_plots(summary: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the plots into ``folder`` and return their paths.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figures = {"rounds": Figure((7, 4)), "cost": Figure((6, 4)), "causes": Figure((6, 4))}
    _plot_rounds(figures["rounds"], summary)
    _plot_cost(figures["cost"].subplots(), summary)
    _plot_causes(figures["causes"].subplots(), summary)
    paths = []
    for name, figure in figures.items():
        figure.tight_layout()
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=DPI, metadata={"Software": None})
    return paths


def _plot_rounds(figure: Any, summary: Mapping[str, Any]) -> None:
    numbers = range(summary["rounds"] + 1)
    panels = figure.subplots(1, max(len(summary["scorers"]), 1), sharey=True, squeeze=False)[0]
    for axes, scorer in zip(panels, summary["scorers"], strict=False):
        rates = summary["rates"][scorer]
        for task in next(iter(rates.values())):
            cells = [rates[method_name(number)][task] for number in numbers]
            axes.plot(numbers, [attempt["rate"] for attempt in cells], marker="o", label=task, **STYLES.get(task, {}))
            if task == "overall":
                low, high = ([attempt[end] for attempt in cells] for end in ("low", "high"))
                axes.fill_between(numbers, low, high, color="black", alpha=0.1)
        axes.set_title(f"by the {SCORERS[scorer]}")
        axes.set_xlabel("rounds of correction")
        axes.set_xticks(list(numbers))
        axes.set_ylim(0, 103)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("right pictures, %")
    panels[-1].legend(fontsize=8)


def _plot_cost(axes: Any, summary: Mapping[str, Any]) -> None:
    for scorer in summary["scorers"][:1]:
        for method in summary["methods"]:
            spent = summary["costs"][method]["model_evaluations"]
            rate = summary["rates"][scorer][method]["overall"]
            errors = [[rate["rate"] - rate["low"]], [rate["high"] - rate["rate"]]]
            axes.errorbar(spent, rate["rate"], errors, marker="s" if method == RIVAL else "o", capsize=3)
            axes.annotate(method, (spent, rate["rate"]), fontsize=8, xytext=(6, 4), textcoords="offset points")
        axes.set_title(f"by the {SCORERS[scorer]}")
    axes.set_xlabel("model evaluations for a picture")
    axes.set_ylabel("right pictures, %")
    axes.set_xmargin(0.2)
    axes.set_ylim(0, 103)
    axes.grid(alpha=0.3)


def _plot_causes(axes: Any, summary: Mapping[str, Any]) -> None:
    causes = summary["causes"].get(summary["scorers"][0], {}) if summary["scorers"] else {}
    tasks, bottom = list(causes), [0] * len(causes)
    for why in (*CAUSES, "error"):
        heights = [causes[task].get(why, 0) for task in tasks]
        if any(heights):
            axes.bar(tasks, heights, bottom=bottom, label=why)
            bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_ylabel("pictures still wrong")
    if any(bottom):
        axes.legend(fontsize=8)


def write_page(records: Sequence[Record], summary: Mapping[str, Any], folder: Path, plots: Sequence[Path]) -> Path:
    """Write ``report.html`` into ``folder``: tables, plots, and every picture that is still wrong, grouped by cause."""
    store, rounds = ImageStore(folder / "images"), summary["rounds"]
    scorer = summary["scorers"][0] if summary["scorers"] else ""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        why = "error" if "error" in record else cause(record, rounds, scorer)
        if why:
            groups.setdefault(why, []).append(_failure(record, rounds, store))
    environment = Environment(
        loader=PackageLoader("evals.lmd"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        summary=summary,
        titles=SCORERS,
        rates={name: rates_table(summary, name) for name in summary["scorers"]},
        costs=costs_table(summary),
        remarks=remarks(summary),
        plots=[(path.stem, _address(path.read_bytes(), "png")) for path in plots],
        groups={why: groups[why] for why in (*CAUSES, "error") if why in groups},
    )
    path = folder / "report.html"
    write_text(path, page.encode("utf-8", "replace").decode())
    return path


def _failure(record: Record, rounds: int, store: ImageStore) -> dict[str, Any]:
    shown = {"number": record["number"], "task": record["task"], "prompt": record["prompt"]}
    if "error" in record:
        return shown | {"error": record["error"], "exit": "", "pictures": []}
    kept = attempt_after(record, rounds)["kept"]
    pictures = [
        {
            "name": "start" if attempt["round"] == 0 else f"round {attempt['round']}",
            "kept": attempt["image"] == kept,
            "data": _picture(store, attempt["image"]),
            "done": attempt["done"],
            "loop": attempt["wrong"] or ["agreed" if attempt["agreed"] else "not looked at"],
            "seen": {scorer: _said(seen) for scorer, seen in record["scored"][attempt["image"]]["seen"].items()},
            "right": record["scored"][attempt["image"]]["right"],
        }
        for attempt in record["attempts"]
        if attempt["round"] <= rounds
    ]
    return shown | {"error": "", "exit": record["exit"].replace("_", " "), "pictures": pictures}


def _said(seen: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {phrase}" for phrase, number in seen.items()) or "nothing"


def _picture(store: ImageStore, image: str) -> str:
    try:
        data = store.path(image).read_bytes()
        if len(data) <= LARGE_PNG:
            return _address(data, "png")
        buffer = BytesIO()
        store.load(image).save(buffer, format="WEBP", quality=85)
    except (OSError, PictureError):
        return ""
    return _address(buffer.getvalue(), "webp")


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
