"""Every shipped preset at its real size, through edits of each kind: no weights, no GPU, some seconds a preset.

Schedules are cut short but in slow tests: each of their steps is like the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from configs.preset_files import preset_names
from configs.settings import load_settings
from tools.backend.full_size import architectures
from tools.backend.full_size.crossings import Crossings, Literals
from tools.backend.full_size.explain import EDITS, Explanation, explain
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

# by preset: the denoiser's class and parameters in millions, GB of weights at once, evaluations of an added object
PRESETS = {
    "gligen-sd14": ("UNet2DConditionModel", 1069, 4.1, None),
    "sdxl-inpaint": ("UNet2DConditionModel", 2567, 8.5, 2 * 3),
    "klein-8gb": ("Flux2Transformer2DModel", 3876, 5.1, 2),
    "klein-16gb": ("Flux2Transformer2DModel", 3876, 8.0, 2),
    "zimage-16gb": ("ZImageTransformer2DModel", 6155, 12.3, 3),
    "qwen-edit-24gb": ("QwenImageTransformer2DModel", 20430, 16.5, 2),
}
SHORT = {"gligen-sd14": 4, "sdxl-inpaint": 4, "klein-8gb": 2, "klein-16gb": 2, "zimage-16gb": 3, "qwen-edit-24gb": 2}
"""Steps, in place of 4 to 50."""
LONG = {"sdxl-inpaint", "klein-8gb", "qwen-edit-24gb"}  # minutes in all, for little that the others do not show
EACH = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in PRESETS]
)
TWINS = {"gligen-sd14-8gb", "qwen-edit-80gb"}  # of others here, with other numbers of steps or parts
WITHOUT = {"iconworld", "photo", "openai"}  # no published torch model draws


@pytest.fixture(scope="module")
def explained() -> Iterator[Any]:
    known: dict[str, Explanation] = {}

    def of(name: str) -> Explanation:
        if name not in known:
            known[name] = explain(load_settings(name, {"editor.steps": SHORT[name]}, environment={}))
        return known[name]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_long_schedule_runs_as_a_short_one(explained: Any, name: str) -> None:
    whole, short = explain(load_settings(name, environment={})), explained(name)
    for kind, edit in short.edits.items():
        assert whole.edits[kind].cost.model_evaluations > edit.cost.model_evaluations
        assert sum(whole.edits[kind].crossings.values()) <= 250


def test_every_shipped_preset_is_looked_at() -> None:
    assert set(preset_names()) == PRESETS.keys() | TWINS | WITHOUT


@EACH
def test_a_preset_runs_at_its_real_size(explained: Any, name: str) -> None:
    denoiser, millions, gigabytes, evaluations = PRESETS[name]
    found: Explanation = explained(name)
    (count,) = [size for model, size in found.parameters.items() if model.endswith(f": {denoiser}")]
    assert count / 1e6 == pytest.approx(millions, rel=0.01)
    assert found.at_once_gb == pytest.approx(gigabytes, abs=0.3)
    assert found.edits.keys() == EDITS.keys()
    assert all(edit.cost.model_evaluations > 0 and edit.tflop > 1 for edit in found.edits.values())
    assert evaluations in (None, found.edits["add"].cost.model_evaluations)


@EACH
def test_the_host_waits_for_no_step(explained: Any, name: str) -> None:
    for edit in explained(name).edits.values():
        ours = {where: times for (_, where), times in edit.crossings.items() if where.startswith("tools/")}
        assert sum(ours.values()) <= 24, ours
        # what libraries read is a few values a call, and each window of a seen picture
        assert sum(edit.crossings.values()) <= 250, edit.crossings


def test_presets_without_such_models_say_so() -> None:
    for name in WITHOUT:
        with pytest.raises(BackendError):
            explain(load_settings(name, environment={}))


def test_reads_are_found_and_values_that_came_from_the_host_are_kept() -> None:
    with Crossings() as crossings, Literals():
        sizes = torch.tensor([[2, 3]]).to("meta")
        assert sizes.tolist() == [[2, 3]]
        assert int(sizes.prod()) == 6
        assert torch.tensor([sizes[0, 1]], device="meta").item() == 3
        assert torch.arange(5, device="meta")[torch.arange(5, device="meta") > 2].shape == (2,)
        unknown = torch.rand(4, 4, device="meta")
        assert unknown.cpu().shape == (4, 4)
        assert bool((unknown > 0).all())
    kinds = {what for what, _ in crossings.noted}
    assert kinds == {"item", "cpu", "size"}
    assert all("test_explain.py: test_reads" in where for _, where in crossings.noted)


def test_a_tensor_on_another_device_raises() -> None:
    with Crossings(), pytest.raises(RuntimeError):
        torch.rand(3, device="meta") + torch.rand(3)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(BackendError, match="architecture of 'nobody/knows'"):
        architectures.described("nobody/knows")
