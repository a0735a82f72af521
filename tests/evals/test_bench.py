from __future__ import annotations

from evals.bench import machine, results_page
from evals.lmd.tables import summarize

SPEED = {
    "ours_seconds": 2.0,
    "reference_seconds": 9.0,
    "alike_seconds": 3.0,
    "alike_wall_ratio": 3.0,
    "alike_unet_ratio": 2.5,
    "wall_ratio": 4.5,
    "unet_ratio": 6.25,
    "detector_passes": 1.0,
    "detector_seconds": 0.0124,
    "segmenter_passes": 1.0,
    "segmenter_seconds": 0.016,
    "scenes": 5,
    "threads": 2,
}


def record(number: int, *, right: bool, corrected: bool) -> dict[str, object]:
    spent = {"model_evaluations": 100, "seconds": 1.0, "llm_calls": 1, "tokens": 0}
    first = {"round": 0, "image": "a", "kept": "a", "agreed": right, "changed": 0.0, **spent}
    then = {**first, "round": 1, "image": "b", "kept": "b", "agreed": True, "changed": 0.2, "model_evaluations": 300}
    return {
        "number": number,
        "task": ("negation", "numeracy")[number % 2],
        "exit": "agreed",
        "understood": True,
        "attempts": [first] if right else [first, then],
        "best_of_n": {"image": "a", "model_evaluations": 300, "seconds": 2.0},
        "scored": {
            "a": {
                "right": {"heldout": right, "detector": right},
                "met": {"heldout": right and number, "detector": right},
            },
            "b": {"right": {"heldout": corrected, "detector": True}, "met": {"heldout": corrected, "detector": True}},
        },
    }


def test_the_page_names_ratios_before_seconds() -> None:
    records = [record(number, right=number < 3, corrected=number < 9) for number in range(10)]
    summary = summarize(records, 1)
    page = results_page(SPEED, summary, machine("cpu"))

    assert page.index("3.0 times less") < page.index("4.5 times less") < page.index("| seconds | 9.00 | 3.00 | 2.00 |")
    assert "2.5 times fewer evaluations" in page
    assert "6.2 times fewer evaluations" in page
    assert "no correction: 30.0 % right; with up to 1 round of correction: 90.0 %" in page
    assert "1 of the detector for every phrase (12 ms) and 1 of the segmenter for every object (16 ms)" in page
    assert "best of N: 30.0 % right" in page
    assert "models on the CPU" in page
    assert "still wrong by the held-out detector: scorers disagree 1" in page


def test_figures_of_few_records_by_hand() -> None:
    records = [record(number, right=number < 2, corrected=number != 3) for number in range(4)]
    summary = summarize(records, 1)
    rates = summary["rates"]["heldout"]
    assert {task: one["rate"] for task, one in rates["1 round"].items()} == {
        "negation": 100,
        "numeracy": 50,
        "overall": 75,
    }
    assert rates["no correction"]["overall"]["prompts"] == 4
    assert rates["no correction"]["overall"]["low"] <= 50 <= rates["no correction"]["overall"]["high"]
    assert summary["gains"]["heldout"]["over no correction"]["rate"] == 25
    assert summary["costs"]["1 round"]["model_evaluations"] == 200
    assert summary["disagreement_at_start"] == 0
    assert summary["disagreement_at_end"] == 25
    assert summary["causes"]["heldout"] == {"numeracy": {"scorers disagree": 1}}
    assert summary["changed_pixels"] == 20
    assert (summary["corrected"], summary["agreed_at_start_untouched"]) == (2, 2)
    assert summary["right_at_start_spoiled_heldout"] == 0
    assert (summary["right_at_start_heldout"], summary["met_at_start_heldout"]) == (2, 1)
    assert summary["met_at_start_untouched_heldout"] == 1
