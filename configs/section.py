"""What every section of the settings is, and the parts that name a checkpoint or a file.

Part of the tree of `configs.settings`, which is where they are imported from. Knows nothing of models.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Device = str  # "auto", "cpu", "cuda", "cuda:1", "mps"
Dtype = Literal["auto", "float32", "float16", "bfloat16"]


def _is_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        good = False
    if not good:
        raise ValueError("it must be an address such as http://localhost:8080/v1")
    return url


def _is_worker_address(url: str) -> str:
    scheme, _, cluster = url.partition(":")
    return url if scheme == "ray" and cluster and "/" not in cluster else _is_address(url)


Address = Annotated[str, AfterValidator(_is_address)]
WorkerAddress = Annotated[str, AfterValidator(_is_worker_address)]


class Section(BaseModel):
    """Base of every section: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(Section):
    """A checkpoint and where it runs."""

    path: str = Field(description="a folder, 'package:NAME/...' for weights inside a package, or a hub id")
    revision: str | None = Field(default=None, description="pinned commit of a hub id")
    device: Device = "auto"
    dtype: Dtype = "auto"
    offload: bool = Field(default=False, description="keep it in main memory while another part works")


class FilePart(Part):
    """A network in one file of its own (ONNX, TFLite), which fixes its number format; it runs on a processor."""

    path: str = Field(description="a file, or 'weights:SET/FILE' for one that `sld weights get SET` fetches")
    revision: None = None
    device: Literal["auto", "cpu"] = "auto"
    dtype: Literal["auto"] = "auto"
    offload: Literal[False] = False
    threads: int | None = Field(default=None, ge=1, le=256, description="of one call; as many as there are cores")
