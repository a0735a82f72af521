"""What a preset costs: parameters, memory, evaluations and TFLOP of each kind of edit, and where the host waits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from configs.settings import Part, PasteSettings, PipelineOptions, ServiceEditorSettings
from tools.backend.full_size.backend import FullSizeBackend
from tools.backend.full_size.crossings import Crossings, Literals
from tools.backend.full_size.remembered import Remembered
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from configs.settings import Settings
    from tools.backend.protocol import Cost

BYTES = {"int4": 0.5625, "int8": 1.0}  # of a weight, with its scales (NF4 in blocks of 64)
SIDE = 512  # of the picture, where the preset names none
CUP = PlacedObject(id="cup #1", name="cup", attributes=("red",), box=Box(0.1, 0.4, 0.2, 0.25))
DOG = PlacedObject(id="dog #1", name="dog", box=Box(0.6, 0.4, 0.3, 0.4))
SCENE = Layout(objects=(CUP, DOG), background="a photo of a room")
EDITS: dict[str, list[Operation]] = {
    "add": [Add(name="bowl", attributes=("blue",), box=Box(0.35, 0.6, 0.2, 0.2))],
    "remove": [Remove(id="cup #1")],
    "move": [Move(id="cup #1", box=Box(0.35, 0.6, 0.2, 0.25))],
    "restyle": [Restyle(id="cup #1", attributes=("green",))],
    "replace": [Replace(id="cup #1", name="bottle")],
}


@dataclass(frozen=True)
class Edit:
    """One kind of edit: its cost, its TFLOP, and how often the host read a value, by what and where."""

    cost: Cost
    tflop: float
    crossings: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Explanation:
    """A preset at full size.

    side: of the picture, in pixels; parameters and gigabytes: by "checkpoint: class", of one copy on its device;
    at_once_gb: of weights on the device at one time, without what a picture takes; edits: by kind.
    """

    side: int
    parameters: dict[str, int]
    gigabytes: dict[str, float]
    at_once_gb: float
    edits: dict[str, Edit]


def explain(settings: Settings, kinds: tuple[str, ...] = tuple(EDITS)) -> Explanation:
    """Run one edit of each kind on `meta`.

    Raises:
        BackendError: a checkpoint's architecture is not among the data.
    """
    if isinstance(settings.editor, PasteSettings):
        raise BackendError("its engine draws with no model, and fills with a network from a file")
    if isinstance(settings.editor, ServiceEditorSettings):
        raise BackendError("a service draws and edits, and does not say what that takes it")
    backend = FullSizeBackend(settings)
    side = getattr(settings.editor, "side", None) or SIDE
    image = Image.fromarray(np.full((side, side, 3), 128, dtype=np.uint8))
    edits = {kind: _edit(backend, image, EDITS[kind]) for kind in kinds}
    backend.detector_for(backend.settings.detector)
    models = backend.models
    gigabytes = {name: _gigabytes(model, _options(settings, name)) for name, model in models.items()}
    return Explanation(
        side,
        {name: sum(weight.numel() for weight in model.parameters()) for name, model in models.items()},
        gigabytes,
        _at_once(settings, gigabytes),
        edits,
    )


def _edit(backend: FullSizeBackend, image: Image.Image, operations: list[Operation]) -> Edit:
    with torch.device("cpu"), FlopCounterMode(display=False) as counter, Crossings() as crossings, Literals():
        if not backend.models:
            backend.segment(image, [CUP.box])  # builds what is shared
        remembered = Remembered(counter)
        backend.prepare_editor()
        for model in backend.models.values():
            remembered.wrap(model)
        before = counter.get_total_flops()
        crossings.noted.clear()
        try:
            with warnings.catch_warnings():  # numpy's, of tensors that a mode looks at
                warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
                edited = backend.edit(image, operations, SCENE)
        finally:
            remembered.unwrap()
        flops = counter.get_total_flops() - before + remembered.flops
    return Edit(edited.cost, flops / 1e12, dict(crossings.noted))


def _options(settings: Settings, name: str) -> PipelineOptions:
    path = name.partition(": ")[0]
    parts = (part for part in (settings.editor, settings.generator) if isinstance(part, PipelineOptions))
    return next((part for part in parts if getattr(part, "path", "") == path), PipelineOptions())


def _gigabytes(model: torch.nn.Module, options: PipelineOptions) -> float:
    large = any(word in type(model).__name__ for word in ("Transformer", "UNet", "Qwen", "CLIPText"))
    if large and options.quantize != "none":
        return sum(weight.numel() for weight in model.parameters()) * BYTES[options.quantize] / 1e9
    return sum(weight.numel() * weight.element_size() for weight in model.parameters()) / 1e9


def _at_once(settings: Settings, gigabytes: dict[str, float]) -> float:
    """Return the weights on the device at once: what is offloaded or takes turns counts as its largest alone."""
    parts = (settings.detector, settings.segmenter, settings.editor)
    offloaded = {part.path for part in parts if isinstance(part, Part) and part.offload}
    staying, waiting = 0.0, dict[str, float]()
    for name, size in gigabytes.items():
        path, turns = name.partition(": ")[0], _options(settings, name).turns
        if turns == "models":
            waiting[name] = size
        elif path in offloaded:
            waiting[path] = waiting.get(path, 0.0) + size
        elif turns == "none":
            staying += size
    return staying + max(waiting.values(), default=0.0)
