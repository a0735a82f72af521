from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from configs.settings import SegmenterSettings
from tests.tiny_models import save_owl, save_sam, save_sam2, save_sam3_tracker, save_sam_hq
from tools.backend.protocol import BackendError
from tools.backend.segmenter import Sam, Sam2, Segmenter
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS: dict[str, Callable[[Path], Path]] = {
    "sam": save_sam,
    "sam_hq": save_sam_hq,
    "sam2": save_sam2,
    "sam3_tracker": save_sam3_tracker,
}
BOXES = [Box(0.1, 0.1, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5), Box(0.0, 0.0, 0.2, 0.9)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind)) for kind, save in KINDS.items()}


def picture(width: int = 60, height: int = 40, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_one_mask_per_box_at_the_pictures_size(folders: dict[str, Path], kind: str, dtype: Any) -> None:
    segmenter = Segmenter.from_settings(SegmenterSettings(path=str(folders[kind]), device="cpu", dtype=dtype))
    segmented = segmenter.segment(picture(), BOXES)
    assert segmented.masks.shape == (3, 40, 60)
    assert segmented.masks.dtype == bool
    assert all(mask.any() for mask in segmented.masks)
    assert len(segmented.scores) == 3
    assert segmented.cost.segmenter_passes == 1
    assert segmenter.segment(picture(), BOXES[:1]).cost.segmenter_passes == 0
    assert segmenter.segment(picture(seed=1), BOXES[:1]).cost.segmenter_passes == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_boxes_gives_the_masks_of_each_alone(folders: dict[str, Path], kind: str) -> None:
    segmenter = Segmenter.from_settings(SegmenterSettings(path=str(folders[kind]), device="cpu"))
    together = segmenter.segment(picture(), BOXES).masks
    for box, mask in zip(BOXES, together, strict=True):
        alone = segmenter.segment(picture(), [box]).masks[0]
        assert (alone == mask).mean() > 0.98  # a pixel on the edge hangs on the last digit of its logit


def test_sam_agrees_with_the_models_own_processor(folders: dict[str, Path]) -> None:
    masker = Segmenter.from_settings(SegmenterSettings(path=str(folders["sam"]), device="cpu")).masker
    assert isinstance(masker, Sam)
    logits = torch.randn(1, 3, 16, 16)
    expected = masker.processor.post_process_masks(
        [logits[0][None]], original_sizes=[(40, 60)], reshaped_input_sizes=[(43, 64)], binarize=False
    )[0][0]
    assert torch.allclose(masker.enlarge(logits[0], (60, 40)), expected, atol=1e-3)


def test_pictures_are_normalized_as_the_checkpoint_says(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["sam2"], tmp_path / "own")
    (tmp_path / "own" / "preprocessor_config.json").write_text('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}')
    for kind, folder, mean in (
        ("sam2", folders["sam2"], 0.485),
        ("sam3_tracker", folders["sam3_tracker"], 0.5),
        ("sam2", tmp_path / "own", 0.0),
    ):
        masker = Segmenter.from_settings(SegmenterSettings(path=str(folder), device="cpu")).masker
        assert isinstance(masker, Sam2), kind
        assert masker.mean[0] == mean


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"is a 'owlv2' model; segmenter\.path takes one of: sam, sam_hq, sam2"):
        Segmenter.from_settings(SegmenterSettings(path=str(save_owl(tmp_path)), device="cpu"))


@pytest.mark.skipif(find_spec("timm") is not None, reason="then its backbone loads")
def test_edgetam_without_its_backbones_library_is_one_sentence(tmp_path: Path) -> None:
    shutil.copytree(save_sam2(tmp_path / "sam2"), tmp_path / "edge")
    (tmp_path / "edge" / "config.json").write_text('{"model_type": "edgetam"}')
    with pytest.raises(BackendError, match="timm"):
        Segmenter.from_settings(SegmenterSettings(path=str(tmp_path / "edge"), device="cpu"))


class Proposals:
    """A masker that proposes what a test says."""

    model = None

    def __init__(self, masks: list[np.ndarray], qualities: list[float]) -> None:
        self.masks, self.qualities = np.stack(masks), qualities

    def embed(self, image: Image.Image) -> None:
        return None

    def propose(self, embedded: Any, corners: torch.Tensor, size_wh: tuple[int, int]) -> tuple[Any, torch.Tensor]:
        logits = torch.from_numpy(np.where(self.masks, 1.0, -1.0))
        return logits[None], torch.tensor([self.qualities])

    def enlarge(self, logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
        return logits


def region(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize(
    ("qualities", "best"), [([0.9, 0.8, 0.7], 1), ([0.9, 0.1, 0.7], 2)], ids=["overlap decides", "quality decides"]
)
def test_the_mask_is_chosen_by_quality_and_overlap(qualities: list[float], best: int) -> None:
    masks = [region(0, 0, 60, 40), region(12, 8, 30, 20), region(12, 8, 28, 20)]
    segmented = Segmenter(Proposals(masks, qualities)).segment(picture(), [Box(0.2, 0.2, 0.3, 0.3)])
    assert np.array_equal(segmented.masks[0], masks[best])


def test_a_box_without_any_mask_is_its_own_mask() -> None:
    segmented = Segmenter(Proposals([region(0, 0, 0, 0)], [0.9])).segment(picture(), [Box(0.2, 0.2, 0.3, 0.3)])
    assert np.array_equal(segmented.masks[0], region(12, 8, 30, 20))
    assert segmented.scores == (0.0,)


def test_no_boxes_give_no_masks(folders: dict[str, Path]) -> None:
    segmenter = Segmenter.from_settings(SegmenterSettings(path=str(folders["sam"]), device="cpu"))
    assert segmenter.segment(picture(), []).masks.shape == (0, 40, 60)


def test_the_original_package_is_asked_for_by_name(tmp_path: Path) -> None:
    settings = SegmenterSettings(path=str(tmp_path / "sam_vit_h.pth"), kind="segment-anything", device="cpu")
    with pytest.raises(BackendError, match=r"needs a \.pth file"):
        Segmenter.from_settings(settings)
    (tmp_path / "sam_vit_h.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(BackendError, match=r"extra 'sam'|cannot be loaded"):
        Segmenter.from_settings(settings)
