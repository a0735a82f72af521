from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from configs.settings import GroundedPart, Part, load_settings
from tests.listings import GB, GLIGEN, GLIGEN_PICKLES, OWL, REFINER, REFINER_PARTS, SAM
from tools.backend import checkpoints, hub
from tools.backend.hub import GROUNDED_PARTS, choose_files
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def chosen(listing: Mapping[str, int], **options: Any) -> dict[str, int]:
    return {name: listing[name] for name in choose_files("some/thing", listing, **options)}


def weights(files: Iterable[str]) -> list[str]:
    return [name for name in files if not name.endswith((".json", ".txt"))]


@pytest.mark.parametrize(("half", "size"), [(True, 2.6), (False, 5.1)])
def test_of_a_grounded_checkpoint_only_what_is_used_is_fetched(half: bool, size: float) -> None:
    files = chosen(GLIGEN, half=half, parts=GROUNDED_PARTS)
    assert round(sum(files.values()) / GB, 1) == size
    assert weights(files) == [
        f"{part}.fp16.safetensors" if half else f"{part}.safetensors"
        for part in ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
    ]
    assert {"tokenizer/vocab.json", "tokenizer/merges.txt", "scheduler/scheduler_config.json"} < set(files)
    assert not any(name.startswith("safety_checker") for name in files)


def test_the_refiners_spare_autoencoder_and_single_files_are_left() -> None:
    files = chosen(REFINER, half=True, parts=REFINER_PARTS)
    assert round(sum(files.values()) / GB, 1) == 6.1
    assert not any(name.startswith(("vae_1_0", "sd_xl")) for name in files)


@pytest.mark.parametrize("listing", [OWL, SAM], ids=["owl", "sam"])
@pytest.mark.parametrize("half", [True, False])
def test_a_model_of_its_own_has_one_file_of_weights(listing: dict[str, int], half: bool) -> None:
    assert weights(chosen(listing, half=half)) == ["model.safetensors"]


@pytest.mark.parametrize(
    ("half", "wanted"),
    [
        (True, ["a/model.fp16-00001-of-00002.safetensors", "a/model.fp16-00002-of-00002.safetensors"]),
        (False, ["a/model-00001-of-00002.safetensors", "a/model-00002-of-00002.safetensors"]),
    ],
)
def test_half_precision_comes_in_pieces_too(half: bool, wanted: list[str]) -> None:
    both = [
        "a/model-00001-of-00002.safetensors",
        "a/model-00002-of-00002.safetensors",
        "a/model.fp16-00001-of-00002.safetensors",
        "a/model.fp16-00002-of-00002.safetensors",
        "a/model.safetensors.index.json",
        "a/model.safetensors.index.fp16.json",
        "model_index.json",
    ]
    assert weights(choose_files("some/thing", both, half=half)) == wanted


def test_where_a_part_has_one_precision_alone_that_is_taken() -> None:
    files = ["a/model.fp16.safetensors", "b/model.safetensors", "model_index.json"]
    for half in (True, False):
        assert weights(choose_files("some/thing", files, half=half)) == files[:2]


def test_a_part_of_pickles_is_named_before_anything_large_is_fetched() -> None:
    said = r"no \.safetensors of text_encoder, unet, vae on the hub.*sld weights convert"
    with pytest.raises(BackendError, match=said):
        choose_files("some/thing", GLIGEN_PICKLES, parts=GROUNDED_PARTS)
    with pytest.raises(BackendError, match=r"no \.safetensors of vae"):
        choose_files("some/thing", set(GLIGEN) - {"vae/diffusion_pytorch_model.safetensors",
                     "vae/diffusion_pytorch_model.fp16.safetensors"}, parts=GROUNDED_PARTS)  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A hub that holds `GLIGEN`; what is asked of it."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"attention_type": "gated"}))
    asked: list[list[str]] = []

    def listed(_: Any, repository: str, revision: str | None) -> list[str]:
        assert (repository, revision) == ("masterful/gligen-1-4-generation-text-box", "refs/pr/2")
        return list(GLIGEN)

    def snapshot(repository: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", listed)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    return asked


@pytest.mark.parametrize("preset", ["gligen-sd14", "gligen-sd14-8gb"])
def test_the_presets_repository_is_read_by_its_configuration_first(preset: str, asked: list[list[str]]) -> None:
    editor = load_settings(preset, environment={}).editor
    assert isinstance(editor, GroundedPart)
    assert checkpoints.is_grounded(editor)
    assert not weights(name for names in asked for name in names)
    hub.fetch(editor.path, editor.revision, half=True)
    assert round(sum(GLIGEN[name] for name in asked[-1]) / GB, 1) == 2.6


def test_parts_are_those_that_a_pipeline_names(tmp_path: Path) -> None:
    index = {"_class_name": "P", "unet": ["diffusers", "U"], "safety_checker": [None, None], "size": 3}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    assert hub.parts_of(tmp_path) == ("unet",)
    (tmp_path / "model_index.json").write_text("{")
    assert hub.parts_of(tmp_path) is None


def test_without_a_network_the_repository_and_its_revision_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError, match=r"'nobody/nothing' \(revision refs/pr/2\).*cannot be fetched from the hub"):
        checkpoints.resolve(Part(path="nobody/nothing", revision="refs/pr/2", device="cpu"))
