"""Figures from the records of all prompts: rates with confidence intervals, gains, costs, causes of failure.

Pure arithmetic on records (see `evals.lmd.measure.measure`); the same records give the same figures.
"""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.lmd.prompts import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]

SCORERS = {"heldout": "held-out detector", "detector": "loop's detector"}  # by what key records name them; and in words
START, RIVAL = "no correction", "best of N"
RESAMPLES = 4000
LEVEL = 95  # percent
CAUSES = ("parse", "detect", "plan", "edit", "scorers disagree")


def method_name(rounds: int) -> str:
    """Return how correction with so many rounds is called."""
    return START if rounds == 0 else f"{rounds} round{'' if rounds == 1 else 's'}"


def attempt_after(record: Record, rounds: int) -> dict[str, Any]:
    """Return the last judged picture of at most so many rounds: where a loop with that limit had ended."""
    found: dict[str, Any] = [attempt for attempt in record["attempts"] if attempt["round"] <= rounds][-1]
    return found


def picture_of(record: Record, method: str, rounds: int) -> str | None:
    """Return the picture that a method ends with; None when it was not made."""
    if method == RIVAL:
        return record["best_of_n"]["image"] if record["best_of_n"] else None
    image: str = attempt_after(record, rounds)["kept"]
    return image


def cause(record: Record, rounds: int, scorer: str) -> str | None:
    """Return why the corrected picture is wrong in a scorer's eyes; None when it is right.

    parse: the sentence was read otherwise than the benchmark means it. scorers disagree: by the same rules
    the loop's detector finds it right. detect: the loop was content with a picture that its own detector
    finds wrong by the benchmark's rules. edit: the rounds ran out. plan: anything else that ended the loop.
    """
    last = record["scored"][attempt_after(record, rounds)["kept"]]["right"]
    if last[scorer]:
        return None
    if not record["understood"]:
        return "parse"
    if last.get("detector") and scorer != "detector":
        return "scorers disagree"
    if record["exit"] == "agreed":
        return "detect"
    return "edit" if record["exit"] in ("round_limit", "time_limit") else "plan"


def summarize(records: Sequence[Record], rounds: int) -> dict[str, Any]:
    """Return every figure, as JSON types; rates are in percent.

    ``rates[scorer][method][task]`` is {rate, low, high, prompts}, with "overall" beside the tasks; prompts
    that failed with an error count as wrong. ``gains[scorer]`` compares corrected pictures with none
    corrected and with the rival, prompt by prompt.
    """
    done = [record for record in records if "error" not in record]
    scorers = [scorer for scorer in SCORERS if any(scorer in _last(record, rounds) for record in done)]
    methods = [method_name(number) for number in range(rounds + 1)]
    if any(record["best_of_n"] for record in done):
        methods.insert(1, RIVAL)
    right = {
        scorer: {method: _right(records, method, _rounds_of(method, rounds), scorer) for method in methods}
        for scorer in scorers
    }
    tasks = np.array([record["task"] for record in records])
    return {
        "prompts": len(records),
        "errors": len(records) - len(done),
        "rounds": rounds,
        "methods": methods,
        "scorers": scorers,
        "rates": {
            scorer: {method: _by_task(values, tasks) for method, values in by_method.items()}
            for scorer, by_method in right.items()
        },
        "gains": {scorer: _gains(by_method, rounds, tasks) for scorer, by_method in right.items()},
        "costs": {method: _cost(done, method, _rounds_of(method, rounds)) for method in methods},
        "causes": {scorer: _causes(records, rounds, scorer) for scorer in scorers},
        **_agreement(done, rounds),
        **_changes(done, rounds, scorers),
        **_time(done),
    }


def _gains(by_method: Mapping[str, np.ndarray], rounds: int, tasks: np.ndarray) -> dict[str, Any]:
    """Compare prompt by prompt: all rounds with each rival, and every round with the one before."""
    best = by_method[method_name(rounds)]
    gains = {
        f"over {other}": _interval(best - by_method[other], tasks) for other in (START, RIVAL) if other in by_method
    }
    for number in range(1, rounds + 1):
        step = by_method[method_name(number)] - by_method[method_name(number - 1)]
        gains[f"of round {number}"] = _interval(step, tasks)
    return gains if rounds else {}


def _rounds_of(method: str, rounds: int) -> int:
    return next((number for number in range(rounds + 1) if method_name(number) == method), rounds)


def _last(record: Record, rounds: int) -> dict[str, bool]:
    right: dict[str, bool] = record["scored"][attempt_after(record, rounds)["kept"]]["right"]
    return right


def _right(records: Sequence[Record], method: str, rounds: int, scorer: str) -> np.ndarray:
    def is_right(record: Record) -> float:
        image = None if "error" in record else picture_of(record, method, rounds)
        return float(image is not None and record["scored"][image]["right"][scorer])

    return np.array([is_right(record) for record in records])


def _by_task(values: np.ndarray, tasks: np.ndarray) -> dict[str, Any]:
    found = {task: _interval(values[tasks == task], tasks[tasks == task]) for task in TASKS if (tasks == task).any()}
    return found | {"overall": _interval(values, tasks)}


def _interval(values: np.ndarray, tasks: np.ndarray) -> dict[str, Any]:
    """Return the mean in percent with its bootstrap interval; prompts are drawn anew within each task."""
    rng = np.random.default_rng(0)
    total = np.zeros(RESAMPLES)
    for task in sorted(set(tasks.tolist())):
        some = values[tasks == task]
        total += some[rng.integers(len(some), size=(RESAMPLES, len(some)))].sum(axis=1)
    means = 100 * total / max(len(values), 1)
    low, high = np.percentile(means, [(100 - LEVEL) / 2, (100 + LEVEL) / 2]) if len(values) else (0.0, 0.0)
    mean = 100 * float(values.mean()) if len(values) else 0.0
    return {"rate": round(mean, 2), "low": round(float(low), 2), "high": round(float(high), 2), "prompts": len(values)}


def _cost(records: Sequence[Record], method: str, rounds: int) -> dict[str, float]:
    """Return what one picture took on average, its first making included."""
    spent = [record["best_of_n"] if method == RIVAL else attempt_after(record, rounds) for record in records]
    keys = ("model_evaluations", "seconds", "llm_calls", "tokens")
    cost = {key: round(_mean([spending.get(key, 0) for spending in spent if spending]), 2) for key in keys}
    # reading the sentence was of no use to a picture that nobody corrects
    return cost | {"llm_calls": 0.0, "tokens": 0.0} if method == START else cost


def _causes(records: Sequence[Record], rounds: int, scorer: str) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {task: Counter() for task in TASKS}
    for record in records:
        why = "error" if "error" in record else cause(record, rounds, scorer)
        if why:
            found[record["task"]][why] += 1
    return {task: dict(sorted(count.items())) for task, count in found.items() if count}


def _agreement(records: Sequence[Record], rounds: int) -> dict[str, float]:
    """Return how often the two scorers say different things, before and after."""
    pairs = [(record["scored"][attempt_after(record, 0)["kept"]]["right"], _last(record, rounds)) for record in records]
    if not pairs or set(SCORERS) - set(pairs[0][0]):
        return {}
    start, end = ([len(set(pair[place].values())) > 1 for pair in pairs] for place in (0, 1))
    return {"disagreement_at_start": round(100 * _mean(start), 2), "disagreement_at_end": round(100 * _mean(end), 2)}


def _changes(records: Sequence[Record], rounds: int, scorers: Sequence[str]) -> dict[str, float]:
    """Return what the corrections changed, and whether right pictures were left alone."""
    ends = [attempt_after(record, rounds) for record in records]
    changed = [end["changed"] for end in ends if end["changed"] > 0]
    found: dict[str, float] = {"corrected": len(changed), "changed_pixels": round(100 * _mean(changed), 2)}
    for scorer in scorers:
        at_start = [
            (
                record["scored"][first]["met"][scorer],
                first == end["kept"],
                record["scored"][end["kept"]]["right"][scorer],
            )
            for record, end in zip(records, ends, strict=True)
            if record["scored"][first := record["attempts"][0]["image"]]["right"][scorer]
        ]
        found[f"right_at_start_{scorer}"] = len(at_start)
        found[f"right_at_start_spoiled_{scorer}"] = sum(not still for *_, still in at_start)
        found[f"met_at_start_{scorer}"] = sum(met for met, *_ in at_start)
        found[f"met_at_start_untouched_{scorer}"] = sum(met and same for met, same, _ in at_start)
    agreed = [(record, end) for record, end in zip(records, ends, strict=True) if record["attempts"][0]["agreed"]]
    found["agreed_at_start"] = len(agreed)
    found["agreed_at_start_untouched"] = sum(record["attempts"][0]["image"] == end["kept"] for record, end in agreed)
    return found


def _time(records: Sequence[Record]) -> dict[str, float]:
    """Return the minutes that all workers together took for generating and correcting, and for the rival."""
    correcting = sum(record["attempts"][-1]["seconds"] for record in records)
    rival = sum(
        record["best_of_n"]["seconds"] - record["attempts"][0]["seconds"] for record in records if record["best_of_n"]
    )
    return {"worker_minutes": round(correcting / 60, 2), "worker_minutes_best_of_n": round(max(rival, 0.0) / 60, 2)}


def _mean(values: Sequence[float]) -> float:
    return float(statistics.fmean(values)) if values else 0.0


# as text


def rates_table(summary: Mapping[str, Any], scorer: str) -> list[list[str]]:
    """Return the table of the paper for one scorer: methods x tasks, "82.0 [74.0, 89.0]"."""
    tasks = list(next(iter(summary["rates"][scorer].values())))
    rows = [["method", *tasks]]
    for start, part in _starts(summary):
        for method in part["methods"]:
            cells = [part["rates"][scorer][method][task] for task in tasks]
            shares = [f"{attempt['rate']:.1f} [{attempt['low']:.1f}, {attempt['high']:.1f}]" for attempt in cells]
            rows.append([f"{start}{method}", *shares])
    return rows


def _starts(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the figures from each starting point, with what to write before a method's name."""
    staged = summary.get("layout_first")
    return [("", summary)] if staged is None else [("", summary), ("layout first, ", staged)]


def costs_table(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return what one picture takes on average with each method."""
    rows = [["method", "model evaluations", "seconds", "LLM calls", "LLM tokens"]]
    return rows + [
        [f"{start}{method}", *(f"{value:g}" for value in cost.values())]
        for start, part in _starts(summary)
        for method, cost in part["costs"].items()
    ]


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of them the heading, as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns of text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def remarks(summary: Mapping[str, Any]) -> list[str]:
    """Return in words what the tables do not show."""
    lines = []
    for scorer, gains in summary["gains"].items():
        for what, gain in gains.items():
            lines.append(
                f"gain {what}, by the {SCORERS[scorer]}: {gain['rate']:+.1f} points "
                f"[{gain['low']:+.1f}, {gain['high']:+.1f}]"
            )
    if "disagreement_at_end" in summary:
        lines.append(
            f"the scorers disagree on {summary['disagreement_at_start']:g} % of the pictures before correction "
            f"and on {summary['disagreement_at_end']:g} % after"
        )
    lines.append(
        f"{summary['agreed_at_start_untouched']} of {summary['agreed_at_start']} pictures that the loop found right at "
        f"the start are untouched; in the {summary['corrected']} changed ones {summary['changed_pixels']:g} % of the "
        "pixels differ"
    )
    for scorer in summary["scorers"]:
        lines.append(
            f"by the {SCORERS[scorer]}, {summary[f'met_at_start_{scorer}']} pictures met all that the sentence demands "
            f"at the start, {summary[f'met_at_start_untouched_{scorer}']} of them are untouched; of the "
            f"{summary[f'right_at_start_{scorer}']} right by the benchmark's laxer rules "
            f"{summary[f'right_at_start_spoiled_{scorer}']} are wrong at the end"
        )
    for scorer, causes in summary["causes"].items():
        total: Counter[str] = Counter()
        for by_cause in causes.values():
            total.update(by_cause)
        causes = ", ".join(f"{why} {number}" for why, number in total.most_common())
        lines.append(f"still wrong by the {SCORERS[scorer]}: {causes or 'none'}")
    if summary["errors"]:
        lines.append(f"{summary['errors']} prompts failed and count as wrong; the same command retries them")
    return lines
