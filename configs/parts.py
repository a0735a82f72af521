"""The sections that name models: what detects, cuts out, draws and edits, and where it runs.

Part of the tree of `configs.settings`, which is where they are imported from. Knows nothing of models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from configs.pipelines import (
    InpaintSettings,
    InstructSettings,
    PipelineInpainterSettings,
    PipelineOptions,
    ServiceEditorSettings,
)
from configs.section import FilePart, Part, Section

Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]  # red, green, blue


class DetectorPart(Part):
    """What finds things, and from which score on it is believed."""

    threshold: float = Field(default=0.2, gt=0, lt=1, description="for plain names")
    attribute_threshold: float = Field(default=0.45, gt=0, lt=1, description="for names with attributes")
    doubt: float = Field(
        default=0.0, ge=0, lt=0.5, description="a score this near to its threshold settles nothing a sentence asks for"
    )
    nms: float = Field(default=0.3, gt=0, le=1, description="IoU above which two boxes of one query are one")
    nms_across: float | None = Field(
        default=None, gt=0, le=1, description="IoU above which boxes of two names are one, the better's; off by default"
    )
    vocabulary: tuple[str, ...] = Field(
        default=(), description="nouns to look around with, when an instruction comes for an unknown picture"
    )
    attributes: tuple[str, ...] = Field(default=(), description="attributes to look for on what is found that way")
    closed: bool = Field(
        default=False, description="it tells these attributes only; others that are asked for stay unchecked"
    )

    @property
    def sees(self) -> tuple[str, ...] | None:
        """The attributes that it can tell; None for any."""
        return self.attributes if self.closed else None

    @model_validator(mode="after")
    def _doubt_leaves_something_sure(self) -> Self:
        low, high = sorted((self.threshold, self.attribute_threshold))
        if self.doubt and not (self.doubt < low and high + self.doubt < 1):
            raise ValueError(
                f"doubt {self.doubt} reaches below 0 or above 1 from the thresholds {low} and {high}; "
                f"give less than {min(low, 1 - high):.2f}"
            )
        return self


class DetectorSettings(DetectorPart):
    """An open-vocabulary detector."""

    kind: Literal["zero_shot"] = "zero_shot"
    template: str = Field(default="image of a {phrase}", description="how a phrase is put to the model")
    known_side: int | None = Field(
        default=None, ge=16, description="longest side seen in training; larger pictures are also looked at in squares"
    )
    closer_side: int | None = Field(
        default=None, ge=16, description="the same for small things, where nothing is found or one is doubtful"
    )
    known_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="longest side of a thing seen in training, as a share of the picture's; larger ones are looked for "
        "from farther away",
    )
    margin: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="look again, with so wide a margin at two sides (a share of the picture, half a cell of the "
        "model's grid): what is found gets the lower of its two scores",
    )


class CocoDetectorSettings(FilePart, DetectorPart):
    """A detector of the 80 kinds of COCO; attributes are judged from the pixels under the segmenter's mask."""

    kind: Literal["tflite", "onnx"]
    tiles: int = Field(
        default=0, ge=0, le=8, description="look again at this many pieces along the longer side, for small things"
    )


class Thresholds(Section):
    """Detector thresholds that fit the pictures of one generator; what is not given is the detector's own."""

    threshold: float | None = Field(default=None, gt=0, lt=1)
    attribute_threshold: float | None = Field(default=None, gt=0, lt=1)
    nms: float | None = Field(default=None, gt=0, le=1)


class SegmenterSettings(Part):
    """What cuts an object out of its box."""

    kind: Literal["transformers", "segment-anything"] = "transformers"


class OnnxSegmenterSettings(FilePart):
    """A Segment Anything model as the two files of ``segment-anything``'s ONNX export; ``path`` is the encoder."""

    kind: Literal["onnx"]
    decoder: str = Field(description="the file of the mask decoder, named like ``path``")


class InpainterSettings(FilePart):
    """What fills holes, told apart by its inputs: MI-GAN's whole pipeline, or LaMa."""

    kind: Literal["onnx"] = "onnx"


class BackdropSettings(Section):
    """A setting that the preset's pictures have: what is above the horizon, and what below."""

    words: tuple[str, ...] = Field(default=(), description="nouns that mean it, besides its own name")
    above: Colour
    below: Colour
    horizon: float = Field(gt=0, lt=1, description="from the top, as a share of the height")
    light: bool = Field(default=False, description="a light rather than a ground: it falls on other settings too")

    def under(self, light: BackdropSettings) -> BackdropSettings:
        """Return this ground in that light: the light's sky, and the ground's colour half way to the light's own."""
        red, green, blue = ((ours + theirs) // 2 for ours, theirs in zip(self.below, light.below, strict=True))
        return BackdropSettings(above=light.above, below=(red, green, blue), horizon=self.horizon)


class GroundedPart(Part):
    """A diffusion checkpoint that may take boxes with phrases (GLIGEN)."""

    grounding_tokens: int = Field(
        default=30, ge=1, le=30, description="it was trained with so many; unused ones are looked at too"
    )


class GeneratorSettings(PipelineOptions, GroundedPart):
    """Where a picture comes from when none is given.

    ``path`` is a checkpoint for kind "diffusers" (with boxes, when it is a GLIGEN one), a model's name
    for "openai" (any server with the OpenAI Images protocol; address and key as in ``chat``), and a
    picture for "file".
    """

    kind: Literal["diffusers", "openai", "file"] = "diffusers"
    steps: int = Field(default=50, ge=1, le=1000)
    guidance: float = Field(default=7.5, ge=0, le=30, description="0 or 1 is none, as few-step models want it")
    grounding_ratio: float = Field(default=0.4, ge=0, le=1, description="share of steps with boxes (GLIGEN beta)")
    eta: float = Field(
        default=0.0, ge=0, le=1, description="fresh noise in every step (DDIM's eta); GLIGEN checkpoints only"
    )
    pipeline: str | None = Field(
        default=None,
        description="its class in diffusers, which may share its weights with an editor's; null chooses",
    )
    layout: bool = Field(
        default=True, description="set the sentence out in boxes before drawing, where the checkpoint takes boxes (LMD)"
    )
    negative_prompt: str = Field(
        default="", description="what pictures shall not look like; {absent} in it is what the sentence forbids"
    )
    known_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="longest side of a thing seen in training, as a share of the picture's; larger ones are drawn from "
        "farther away and enlarged",
    )
    side: int | None = Field(
        default=None, ge=16, description="side of the pictures it was trained on; larger ones are drawn so and enlarged"
    )
    width: int = Field(default=512, ge=16, le=4096)
    height: int = Field(default=512, ge=16, le=4096)


class EditorSettings(GroundedPart):
    """The latent editor (SLD, sections 3.3 and A). The checkpoint is a GLIGEN text-box one."""

    kind: Literal["grounded"] = "grounded"
    side: int | None = Field(
        default=None,
        ge=64,
        le=4096,
        description="side of the pictures it was trained on; larger ones are edited in a crop scaled to it",
    )
    draws: tuple[str, ...] = Field(default=(), description="the nouns it can draw, where it does not know all")
    looks: tuple[str, ...] = Field(
        default=(), description="a new object of which nothing is said is drawn in one of these, chosen by the seed"
    )
    steps: int = Field(default=50, ge=2, le=1000, description="DDIM steps, of inversion and of composition")
    guidance: float = Field(default=2.5, ge=1, le=30, description="while composing")
    object_guidance: float = Field(default=7.5, ge=1, le=30, description="while making single objects")
    frozen_step_ratio: float = Field(default=0.5, ge=0, le=1, description="share of steps that hold pasted latents")
    grounding_ratio: float = Field(default=0.4, ge=0, le=1, description="share of steps with boxes (GLIGEN beta)")
    dilation: int = Field(default=1, ge=0, le=512, description="of the masks of what changes, in pixels on each side")
    attention_guidance: float = Field(default=0.0, ge=0, description="strength of attribute guidance; 0 is off")
    object_prompt: str = Field(
        default="{background} with {phrase}", description="for an object generated alone; it keeps the picture's style"
    )
    object_negative_prompt: str = Field(default="", description="the same for an object generated alone")
    negative_prompt: str = Field(
        default="", description="what the picture shall not look like; {absent} in it is what the sentence forbids"
    )
    scene_prompt: str = Field(
        default="{background} with {objects}", description="for the whole picture; {objects} is 'a red car, a dog'"
    )
    background: str = Field(default="a photo of a scene", description="{background} where the layout names none")
    object_stride: int = Field(default=2, ge=1, le=20, description="single objects take larger steps once not held")
    erase_strength: float = Field(default=1.0, gt=0, le=1, description="share of steps that remake erased places")
    restyle_strength: float = Field(default=0.8, gt=0, le=1, description="share of steps in a new style (DiffEdit)")
    restyle_guidance: float = Field(default=7.5, ge=1, le=30, description="where objects are restyled")
    restyler: GroundedPart | None = Field(
        default=None, description="another checkpoint for new looks alone (DiffEdit); none: the editor's own"
    )
    feather: int = Field(default=4, ge=0, le=128, description="width of the blended seam, in pixels")
    smooth: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of odd pixels up to which a picture's ground is smooth: what is there is then moved, "
        "recoloured and painted over exactly, and only new objects are drawn by the model; 0 is never",
    )
    candidates: int = Field(
        default=1, ge=1, le=16, description="new objects are drawn so many times, the best is taken (smooth ground)"
    )


class PasteSettings(Section):
    """The engine without diffusion: it cuts out, fills with the inpainter, pastes and recolours."""

    kind: Literal["paste"]
    grow: tuple[Annotated[float, Field(ge=0, le=0.2)], ...] = Field(
        default=(0.015, 0.03, 0.05),
        min_length=1,
        max_length=8,
        description="holes are larger than the mask by these shares of the longer side; each is tried",
    )
    grow_more: tuple[Annotated[float, Field(ge=0, le=0.3)], ...] = Field(
        default=(0.08,), max_length=8, description="tried as well when no fill is clean"
    )
    feather: int = Field(default=3, ge=0, le=64, description="width of a filled place's blended rim, in pixels")


class RefinerSettings(Part):
    """The image-to-image model that polishes the last picture (``loop.refine``)."""

    strength: float = Field(default=0.3, gt=0, le=1)
    steps: int = Field(default=50, ge=1, le=1000)
    side: int | None = Field(
        default=None, ge=64, le=4096, description="smaller pictures are enlarged to this longer side, and stay so"
    )
    aesthetic_score: float | None = Field(
        default=None, ge=0, le=10, description="that the picture is to look like, where the pipeline takes one"
    )


def _by_kind(default: str) -> Discriminator:
    """Choose among settings by ``kind``; settings that name none are of the kind ``default``."""

    def kind(given: Any) -> Any:
        return given.get("kind", default) if isinstance(given, dict) else getattr(given, "kind", default)

    return Discriminator(kind)


AnyDetector = Annotated[
    Annotated[DetectorSettings, Tag("zero_shot")]
    | Annotated[CocoDetectorSettings, Tag("tflite")]
    | Annotated[CocoDetectorSettings, Tag("onnx")],
    _by_kind("zero_shot"),
]
AnySegmenter = Annotated[
    Annotated[SegmenterSettings, Tag("transformers")]
    | Annotated[SegmenterSettings, Tag("segment-anything")]
    | Annotated[OnnxSegmenterSettings, Tag("onnx")],
    _by_kind("transformers"),
]
AnyInpainter = Annotated[
    Annotated[InpainterSettings, Tag("onnx")] | Annotated[PipelineInpainterSettings, Tag("diffusers")],
    _by_kind("onnx"),
]
AnyEditor = Annotated[
    Annotated[EditorSettings, Tag("grounded")]
    | Annotated[PasteSettings, Tag("paste")]
    | Annotated[InpaintSettings, Tag("inpaint")]
    | Annotated[InstructSettings, Tag("instruct")]
    | Annotated[ServiceEditorSettings, Tag("openai")],
    _by_kind("grounded"),
]
