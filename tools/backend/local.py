"""All models on this machine: each loaded on first use, kept warm, placed where its preset says.

The libraries they are made of take seconds to import, so that waits for the first use as well.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from configs.settings import (
    CocoDetectorSettings,
    FilePart,
    InpaintSettings,
    InstructSettings,
    OnnxSegmenterSettings,
    PasteSettings,
    PipelineInpainterSettings,
    ServiceEditorSettings,
)
from tools.backend import checkpoints, coco_kinds
from tools.backend.ahead import import_ahead, modules_of
from tools.backend.editor import capabilities
from tools.backend.fingerprint import fingerprint
from tools.backend.installed import TORCHVISION_ADVICE, torchvision_problem
from tools.backend.meter import Tally
from tools.backend.protocol import BackendError
from tools.backend.residence import Residence, components
from tools.scene.spec import Query
from tools.stopping import check_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from PIL.Image import Image

    from configs.settings import AnyDetector, GeneratorSettings, GroundedPart, Part, Settings
    from tools.backend.detector import ZeroShotDetector
    from tools.backend.detector_coco import CocoDetector
    from tools.backend.editor.engine import Engine
    from tools.backend.generator import Generator
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.inpainter import Inpainter
    from tools.backend.pipelines import Pipeline
    from tools.backend.protocol import Capabilities, Detected, Drawing, Edited, Generated, Progress, Segmented
    from tools.backend.refiner import Refiner
    from tools.backend.segmenter import Segmenter
    from tools.backend.segmenter_onnx import OnnxSegmenter
    from tools.backend.together import Together
    from tools.scene.box import Box
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

    Result = TypeVar("Result", Detected, Segmented, Generated, Edited)
    Value = TypeVar("Value")


class LocalBackend:
    """Implements `tools.backend.protocol.Backend` with models in this process.

    Building one loads nothing. One call runs at a time; others wait, except for what models compute
    `together`. Parts that name the same checkpoint on the same device share one model.
    """

    def __init__(self, settings: Settings, together: Together | None = None) -> None:
        self.settings = settings
        self._loaded: dict[Any, Any] = {}
        self._together = together
        self._pipelines: dict[str, Pipeline] = {}  # whose weights several parts may use
        self._residence = Residence()
        self._lock: AbstractContextManager[Any] = together.baton if together else threading.RLock()
        self._importing = threading.RLock()
        self._nested = Tally()  # calls within calls: the editor asks for masks

    def with_settings(self, settings: Settings) -> LocalBackend:
        """Return a backend with other settings that shares the models which both name."""
        other = LocalBackend(settings, self._together)
        other._loaded, other._lock, other._importing = self._loaded, self._lock, self._importing
        other._pipelines = self._pipelines
        other._residence = self._residence
        return other

    def prepare(self) -> None:
        """Begin to import what the first calls will wait for; models are still loaded when they are used."""
        import_ahead(modules_of(self.settings), self._importing)

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query in the picture; see the protocol."""
        detector = self.detector_for(self.settings.detector)
        return self._run(self.settings.detector, detector, lambda: detector.detect(image, queries, threshold))

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return how well each query fits what is inside ``box``; see the protocol."""
        detector = self.detector_for(self.settings.detector)
        return self._held(self.settings.detector, detector, lambda: detector.score(image, box, queries))

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box; see the protocol."""
        part, segmenter = self.settings.segmenter, self._segmenter()
        return self._run(part, segmenter, lambda: segmenter.segment(image, boxes))

    def _segmenter(self) -> Segmenter | OnnxSegmenter:
        part = self.settings.segmenter

        def load() -> Segmenter | OnnxSegmenter:
            if isinstance(part, OnnxSegmenterSettings):
                from tools.backend.segmenter_onnx import OnnxSegmenter

                return OnnxSegmenter.from_settings(part)
            from tools.backend.segmenter import Segmenter

            segmenter = Segmenter.from_settings(part)
            if self._together:
                segmenter.work_together(self._together)
            return segmenter

        loaded: Segmenter | OnnxSegmenter = self._load(part, load)
        return loaded

    def generate(
        self,
        prompt: str,
        *,
        layout: Layout | None = None,
        n: int = 1,
        seed: int = 0,
        size_wh: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Generated:
        """Make ``n`` pictures, of seeds ``seed``, ``seed + 1``, ...; see the protocol."""
        if n < 1:
            raise BackendError(f"cannot make {n} pictures: n must be at least 1")
        part = self.settings.generator
        if part is None:
            raise BackendError(
                "this preset has no generator: give a picture to edit, or choose a preset that draws, such as "
                "--preset iconworld"
            )
        size_wh = size_wh or (part.width, part.height)
        if not all(16 <= side <= 4096 for side in size_wh):
            raise BackendError(
                f"cannot make a picture of {size_wh[0]}x{size_wh[1]} pixels: both sides must be 16 to 4096"
            )
        from tools.backend.generator import drawable, enlarged

        generator = self._generator(part)
        seeds = [seed + place for place in range(n)]
        drawn_wh = drawable(size_wh, part.side)
        made = self._run(part, generator, lambda: generator.generate(prompt, layout, seeds, drawn_wh, progress))
        return made if drawn_wh == size_wh else enlarged(made, drawn_wh, size_wh)

    def _generator(self, part: GeneratorSettings) -> Generator:
        def load() -> Generator:
            from tools.backend.generator import load_generator

            return load_generator(part, self.settings.chat, self.settings.scenery, self._diffusion, self._pipelines)

        loaded: Generator = self._load(part, load)
        return loaded

    def edit(
        self,
        image: Image,
        operations: Sequence[Operation],
        scene: Layout,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        references: Mapping[str, Image] | None = None,
    ) -> Edited:
        """Do all operations in one pass of the preset's engine; see the protocol."""
        from tools.backend.editor.composer import Composer

        part = self.settings.editor

        def with_engine(engine: Engine) -> Edited:
            composer = Composer(engine, self, careful=isinstance(part, PasteSettings))
            return composer.edit(image, operations, scene, seed=seed, progress=progress, references=references)

        if isinstance(part, PasteSettings):
            from tools.backend.editor.engines.paste import PasteEngine

            engine = PasteEngine(self, self.inpainter, self._glance, part, self.settings.detector.vocabulary)
            with self._lock:
                return with_engine(engine)
        if isinstance(part, InpaintSettings):
            from tools.backend.editor.engines.inpaint import InpaintEngine
            from tools.backend.inpainting import InpaintingPipeline

            inpainting = self._load(part, lambda: InpaintingPipeline.from_settings(part, self._pipelines))
            return self._run(part, inpainting, lambda: with_engine(InpaintEngine(inpainting, self, part)))
        if isinstance(part, InstructSettings):
            from tools.backend.editor.engines.instruct import InstructEngine
            from tools.backend.instructing import InstructingPipeline

            instructing = self._load(part, lambda: InstructingPipeline.from_settings(part, self._pipelines))
            return self._run(part, instructing, lambda: with_engine(InstructEngine(instructing, self, part)))
        if isinstance(part, ServiceEditorSettings):
            from tools.backend.editor.engines.instruct import InstructEngine
            from tools.backend.images_api import ImagesApi, ServiceEditor  # brings a client's library

            service = self._load(part, lambda: ServiceEditor(ImagesApi(part.path, self.settings.chat)))
            return self._run(part, service, lambda: with_engine(InstructEngine(service, self, part)))
        from tools.backend.editor.engines.grounded import GroundedEngine

        model, restyling = self._diffusion(part), part.restyler
        restyler = None if restyling is None else lambda: self._diffusion(restyling)
        return self._run(part, model, lambda: with_engine(GroundedEngine(model, self, part, self._fit, restyler)))

    def _fit(self, image: Image, placed: PlacedObject) -> float:
        """Say how much an object looks like what it shall be: like that, and like no other kind of thing."""
        names = [name for name in self.settings.detector.vocabulary if name != placed.name]
        queries = [placed.query, Query(name=placed.name), *(Query(name=name) for name in names)]
        own, plain, *others = self.score(image, placed.box, queries)
        return min(own, plain) - max(others, default=0.0)

    def _glance(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Detect in a crop, which needs no pieces of its own."""
        part = self.settings.detector
        if isinstance(part, CocoDetectorSettings):
            part = part.model_copy(update={"tiles": 0})
        detector = self.detector_for(part)
        return self._run(part, detector, lambda: detector.detect(image, queries, threshold))

    @property
    def capabilities(self) -> Capabilities:
        """What the preset's parts can do; nothing is loaded for it."""
        settings = self.settings
        if isinstance(settings.editor, PasteSettings):
            own = capabilities.paste()
        elif isinstance(settings.editor, InpaintSettings):
            own = capabilities.inpaint(settings.editor)
        elif isinstance(settings.editor, InstructSettings | ServiceEditorSettings):
            own = capabilities.instruct(settings.editor)
        else:
            own = replace(
                capabilities.GROUNDED,
                draws=frozenset(settings.editor.draws) or None,
                copies=settings.editor.smooth > 0,
            )
        finds = frozenset(coco_kinds.WORDS) if isinstance(settings.detector, CocoDetectorSettings) else None
        drawing = settings.generator
        grounds = (
            drawing is not None and drawing.layout and drawing.kind == "diffusers" and checkpoints.is_grounded(drawing)
        )
        return replace(own, generates=drawing is not None, grounds=grounds, finds=finds)

    def refine(self, image: Image, prompt: str, *, seed: int = 0, progress: Progress | None = None) -> Generated:
        """Polish the picture with the preset's image-to-image model; see the protocol."""
        part = self.settings.refiner
        if part is None:
            raise BackendError("this preset names no refiner; set refiner.path to an image-to-image checkpoint")
        from tools.backend.refiner import Refiner

        refiner: Refiner = self._load(part, lambda: Refiner.from_settings(part))
        return self._run(part, refiner, lambda: refiner.refine(image, prompt, seed, progress))

    def fingerprint(self, drawing: Drawing) -> str:
        """Return what identifies the settings and weights behind a drawing; see the protocol."""
        return fingerprint(self.settings, drawing)

    def detector_for(self, settings: AnyDetector) -> ZeroShotDetector | CocoDetector:
        """Return a loaded detector, such as a preset's held-out one."""

        def load() -> ZeroShotDetector | CocoDetector:
            if isinstance(settings, CocoDetectorSettings):
                from tools.backend.detector_coco import CocoDetector

                return CocoDetector.from_settings(settings, self.segment)
            from tools.backend.detector import ZeroShotDetector

            detector = ZeroShotDetector.from_settings(settings)
            if self._together:
                detector.work_together(self._together)
            return detector

        loaded: ZeroShotDetector | CocoDetector = self._load(settings, load)
        return loaded

    def inpainter(self) -> Inpainter:
        """Return the loaded inpainter.

        Raises:
            BackendError: the preset names none, or its file is missing.
        """
        part = self.settings.inpainter
        if part is None:
            raise BackendError("this preset names no inpainter; set inpainter.path to an ONNX file of MI-GAN or LaMa")
        if isinstance(part, PipelineInpainterSettings):
            from tools.backend.inpainting import FillingPipeline, PipelineInpainter

            def load() -> PipelineInpainter:
                filler = PipelineInpainter(FillingPipeline.from_settings(part, self._pipelines), part)
                filler.held = lambda call: self._held(part, filler, call)
                return filler

            filling: Inpainter = self._load(part, load)
            return filling
        from tools.backend.inpainter import OnnxInpainter

        loaded: Inpainter = self._load(part, lambda: OnnxInpainter.from_settings(part))
        return loaded

    # what is loaded

    def memory(self) -> dict[str, dict[str, Any]]:
        """Return, for every loaded model ("checkpoint: class"), its device, its dtype and the bytes of its weights."""
        report: dict[str, dict[str, Any]] = {}
        for key, owner in self._loaded.items():
            path = key[0] if isinstance(key, tuple) else key.path
            for component in components(owner):
                weights = list(component.parameters())
                report[f"{path}: {type(component).__name__}"] = {
                    "device": str(weights[0].device),
                    "dtype": str(weights[0].dtype).removeprefix("torch."),
                    "bytes": sum(weight.numel() * weight.element_size() for weight in weights),
                }
        return report

    def _load(self, part: Part, load: Callable[[], Any]) -> Any:
        with self._lock:
            if part not in self._loaded:
                self._loaded[part] = self._built(load)
            return self._loaded[part]

    def _built(self, load: Callable[[], Value]) -> Value:
        with self._importing:
            try:
                return self._twice(None, load)
            except (ImportError, RuntimeError, AttributeError, OSError) as error:
                if problem := torchvision_problem():
                    raise BackendError(f"torchvision cannot be imported ({problem}): {TORCHVISION_ADVICE}") from error
                raise

    def _diffusion(self, part: GroundedPart) -> GroundedDiffusion:
        def load() -> GroundedDiffusion:
            from tools.backend.gligen import GroundedDiffusion

            return GroundedDiffusion.load(part)

        # steps and guidance do not make another model
        key = (part.path, part.revision, part.device, part.dtype, part.grounding_tokens)
        with self._lock:
            if key not in self._loaded:
                model = self._built(load)
                if self._together:
                    model.batcher.compute = self._together
                model.batcher.offload = lambda: model.offload_idle() or self._offload_others(model)
                self._loaded[key] = model
            loaded: GroundedDiffusion = self._loaded[key]
            return loaded

    # where it runs

    def _run(self, part: Part, owner: Any, call: Callable[[], Result]) -> Result:
        if _is_file(part):
            with self._at_work(part, owner):
                return self._twice(owner, call)
        from tools.backend.device_memory import begin_peak, peak_bytes

        device = checkpoints.choose_device(part.device)
        with self._at_work(part, owner):
            if self._nested.count == 1:
                begin_peak(device)
            result = self._twice(owner, call)
            return replace(result, cost=replace(result.cost, peak_bytes=peak_bytes(device)))

    def _held(self, part: Part, owner: Any, call: Callable[[], Value]) -> Value:
        with self._at_work(part, owner):
            return self._twice(owner, call)

    @contextmanager
    def _at_work(self, part: Part, owner: Any) -> Iterator[None]:
        """Hold the part on its device; an offloaded one goes back to main memory afterwards."""
        device = None if _is_file(part) else checkpoints.choose_device(part.device)
        with self._lock:
            check_stop()
            if device is not None:
                self._residence.move(owner, device)
            self._nested.count += 1
            try:
                yield
            finally:
                self._nested.count -= 1
                if device is not None and part.offload and device.type != "cpu":
                    self._residence.move(owner, checkpoints.choose_device("cpu"))

    def _twice(self, owner: Any, call: Callable[[], Value]) -> Value:
        """Call, and when memory runs out move all other models away and call once more."""
        try:
            return call()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            # left before freeing, so that the failed call's tensors are gone
        self._offload_others(owner)
        try:
            return call()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            from tools.backend.device_memory import too_little

            where = next((component.device for component in components(owner)), "the device")
            raise BackendError(too_little(where, "this picture with every other model moved away")) from None

    def _offload_others(self, owner: Any) -> bool:
        return self._residence.clear_for(owner, self._loaded.values(), checkpoints.choose_device("cpu"))


def _is_file(part: Part) -> bool:
    """Return whether a part is a file that runs without torch, whose import alone takes a second."""
    return isinstance(part, FilePart)


def _is_out_of_memory(error: RuntimeError) -> bool:
    if "torch" not in sys.modules:
        return False
    from tools.backend.device_memory import is_out_of_memory

    return is_out_of_memory(error)
