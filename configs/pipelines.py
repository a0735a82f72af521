"""The sections for diffusers' pipelines, and for what edits by being told: options, engines, a service.

Part of the tree of `configs.settings`, which is where they are imported from. Knows nothing of models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from configs.section import Part, Section


class LoraSettings(Section):
    """A small addition to a denoiser, such as one that lets it do with few steps."""

    path: str = Field(description="a folder, or a hub id")
    file: str = Field(description="its .safetensors file there")
    revision: str | None = Field(default=None, description="pinned commit of a hub id")
    scale: float = Field(default=1.0, gt=0, le=2)


def _pairs(given: Any) -> Any:
    return tuple(given.items()) if isinstance(given, dict) else given


Schedule = Annotated[
    tuple[tuple[str, bool | int | float | str | None], ...],
    BeforeValidator(_pairs),
    PlainSerializer(dict, return_type=dict[str, Any]),
]
"""Names and values; said as a mapping, kept as pairs, as settings are keys of what is loaded."""


class PipelineOptions(Section):
    """What one of diffusers' pipelines is given beyond its checkpoint."""

    turns: Literal["none", "models", "layers"] = Field(
        default="none",
        description="what takes turns on the device: nothing, the models (text encoder, denoiser, decoder) or layers",
    )
    quantize: Literal["none", "int8", "int4"] = Field(
        default="none", description="bits of the weights of denoiser and text encoder (CUDA only)"
    )
    lora: LoraSettings | None = None
    scheduler: Schedule = Field(
        default=(), description="what differs from the checkpoint's own schedule, by diffusers' names"
    )


class PipelinePart(PipelineOptions, Part):
    """One of diffusers' pipelines that changes pictures, few-step ones included."""

    pipeline: str | None = Field(
        default=None, description="its class, such as FluxFillPipeline; null has diffusers choose by the checkpoint"
    )
    side: int | None = Field(
        default=None,
        ge=64,
        le=4096,
        description="side of the pictures it was trained on; larger ones are edited in a crop scaled to it",
    )
    steps: int = Field(default=50, ge=1, le=1000)
    guidance: float = Field(default=7.5, ge=0, le=100, description="by the name that the pipeline has for it")
    negative_prompt: str = Field(default="", description="where the pipeline takes one")


class EnginePart(PipelinePart):
    """An engine on one of diffusers' pipelines."""

    grow: int = Field(default=8, ge=0, le=256, description="of the masks of what goes, in pixels")
    feather: int = Field(default=4, ge=0, le=128, description="width of the blended seam, in pixels")


class InpaintSettings(EnginePart):
    """The engine on any inpainting pipeline; to its negative prompt what goes is added."""

    kind: Literal["inpaint"]
    erase_strength: float = Field(default=1.0, gt=0, le=1, description="share of steps where background is made up")
    add_strength: float = Field(default=1.0, gt=0, le=1, description="share of steps for new objects, in their boxes")
    restyle_strength: float = Field(default=0.7, gt=0, le=1, description="share of steps for new looks")
    object_prompt: str = Field(default="a photo of {phrase}", description="for one object")
    background: str = Field(default="a photo of a scene", description="where the layout names no background")


class PipelineInpainterSettings(PipelinePart):
    """What fills holes, on any inpainting pipeline."""

    kind: Literal["diffusers"]
    strength: float = Field(default=1.0, gt=0, le=1, description="share of steps")
    prompt: str = Field(default="a photo of a scene", description="what belongs in a hole")


class InstructSettings(EnginePart):
    """The engine on any pipeline that edits a picture as a sentence tells it to."""

    kind: Literal["instruct"]
    steps: int = Field(default=40, ge=1, le=1000)
    guidance: float = Field(default=4.0, ge=0, le=100, description="by the name that the pipeline has for it")
    negative_prompt: str = Field(default=" ", description="where the pipeline takes one; some have no guidance without")
    strength: float = Field(default=1.0, gt=0, le=1, description="share of steps, where the pipeline takes a mask")
    reach: float = Field(
        default=1.5, ge=1, le=4, description="how far over its box a new object may be drawn, where it takes no mask"
    )
    align: bool = Field(default=True, description="correct the shift and zoom of what it makes")


class ServiceEditorSettings(Part):
    """The engine on a server with the OpenAI Images protocol (edits); address and key as in ``chat``."""

    kind: Literal["openai"]
    path: str = Field(description="the model's name there")
    side: int | None = Field(
        default=1024, ge=64, le=4096, description="larger pictures are edited in a crop scaled to it"
    )
    sizes: tuple[Annotated[str, Field(pattern=r"^\d{2,4}x\d{2,4}$")], ...] = Field(
        default=("1024x1024", "1536x1024", "1024x1536"),
        description="that it takes, width x height; the one nearest in shape is sent, padded; empty is any",
    )
    reach: float = Field(default=1.5, ge=1, le=4, description="how far over its box a new object may be drawn")
    align: bool = Field(default=True, description="correct the shift and zoom of what it makes")
    grow: int = Field(default=16, ge=0, le=256, description="of the masks of what goes, in pixels")
    feather: int = Field(default=8, ge=0, le=128, description="width of the blended seam, in pixels")
