from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from configs.settings import GroundedPart, SegmenterSettings
from tests.tiny_models import save_gligen
from tools.backend.gligen import GroundedDiffusion
from tools.backend.pickles import convert, read_tensors
from tools.backend.protocol import BackendError
from tools.backend.segmenter import Segmenter

if TYPE_CHECKING:
    from pathlib import Path


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 3",)


def bad_files(folder: Path) -> dict[str, Path]:
    files = {name: folder / f"{name}.pth" for name in ("code", "text", "empty", "cut", "list", "nothing")}
    torch.save({"a": Evil()}, files["code"])
    files["text"].write_bytes(b"not a checkpoint")
    files["empty"].touch()
    torch.save({"a": torch.ones(100)}, files["cut"])
    files["cut"].write_bytes(files["cut"].read_bytes()[:300])
    torch.save([1, 2], files["list"])
    with zipfile.ZipFile(files["nothing"], "w") as archive:
        archive.writestr("a", "b")
    return files


def test_what_is_no_file_of_tensors_ends_in_one_sentence(tmp_path: Path) -> None:
    for name, file in bad_files(tmp_path).items():
        with pytest.raises(BackendError) as caught:
            read_tensors(file)
        said = str(caught.value)
        assert file.name in said, name
        assert "weights_only" not in said, name
        assert "\n" not in said, name


@pytest.mark.parametrize("name", ["code", "list", "text"])
def test_the_segmenter_says_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    package = tmp_path / "packages" / "segment_anything"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("SamPredictor, sam_model_registry = None, {}")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    file = bad_files(tmp_path)[name]
    with pytest.raises(BackendError, match=f"{name}.pth' (are no plain|hold something else)"):
        Segmenter.from_settings(SegmenterSettings(path=str(file), kind="segment-anything", device="cpu"))
    torch.save({"a": torch.ones(2)}, file)
    with pytest.raises(BackendError, match="holds no weights of Segment Anything"):
        Segmenter.from_settings(SegmenterSettings(path=str(file), kind="segment-anything", device="cpu"))


def test_a_converted_checkpoint_loads(tmp_path: Path) -> None:
    folder = save_gligen(tmp_path / "gligen")
    wanted = {}
    for file in [*folder.rglob("*.safetensors")]:
        tensors = load_file(file)
        wanted[file] = tensors
        old = "pytorch_model.bin" if file.name == "model.safetensors" else f"{file.stem}.bin"
        torch.save(tensors, file.with_name(old))
        file.unlink()
    with pytest.raises(BackendError, match="sld weights convert"):
        GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))
    assert set(convert(folder)) == set(wanted)
    for file, tensors in wanted.items():
        assert all(torch.equal(tensors[name], value) for name, value in load_file(file).items())
    GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))
    assert convert(folder) == []


def test_pieces_and_shared_memory_are_converted(tmp_path: Path) -> None:
    table = torch.ones(3)
    torch.save({"state_dict": {"a": table, "b": table}}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"c": torch.zeros(3)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text(
        '{"weight_map": {"a": "pytorch_model-00001-of-00002.bin", "c": "pytorch_model-00002-of-00002.bin"}}'
    )
    assert [file.name for file in convert(tmp_path)] == [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert '"c": "model-00002-of-00002.safetensors"' in (tmp_path / "model.safetensors.index.json").read_text()


def test_nothing_to_convert_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="nothing to convert"):
        convert(tmp_path)
    with pytest.raises(BackendError, match="no folder"):
        convert(tmp_path / "missing")
