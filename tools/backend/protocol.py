"""What the graph and the tools may ask of the models, and what they get back.

The one seam between deciding (everything above) and GPU work (everything beside this file).
Pictures cross it as RGB `PIL.Image`s, places as normalized `Box`es, masks as numpy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from PIL.Image import Image

    from tools.scene.box import Box
    from tools.scene.layout import Detection, Layout
    from tools.scene.operations import Operation
    from tools.scene.spec import Query

    Drawing = Literal["generate", "edit", "refine"]
    """The calls that make a picture."""

    Progress = Callable[[str, int, int], None]
    """Called with (phase, steps done, steps in all) while diffusion runs."""


class BackendError(Exception):
    """A call that cannot be done; the message says what, which value and what to try next."""


class BackendUnavailable(Exception):
    """Nobody answers where the models should be: the call itself is not at fault and can be made again later."""


@dataclass(frozen=True)
class Cost:
    """What a call took. Adding two costs adds everything but the peak memory, which is the larger one."""

    model_evaluations: int = 0  # samples x steps, guidance counted
    encoder_passes: int = 0  # pictures through the autoencoder's encoder
    decoder_passes: int = 0
    detector_passes: int = 0  # pictures embedded by the detector
    segmenter_passes: int = 0  # pictures embedded by the segmenter
    seconds: dict[str, float] = field(default_factory=dict)  # by phase
    peak_bytes: int = 0  # of device memory; 0 where unknown

    def __add__(self, other: Cost) -> Cost:
        seconds = dict(self.seconds)
        for phase, value in other.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + value
        return Cost(
            self.model_evaluations + other.model_evaluations,
            self.encoder_passes + other.encoder_passes,
            self.decoder_passes + other.decoder_passes,
            self.detector_passes + other.detector_passes,
            self.segmenter_passes + other.segmenter_passes,
            seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do, so that what it cannot is said before anything is done.

    operations: of add, remove, move, restyle, replace, adjust; generates: whether it makes a picture from words;
    grounds: whether it then puts things where a layout wants them, and the preset says it should
    (``generator.layout``); draws: the nouns of objects it can make anew, None for any; finds: the nouns its detector
    knows, None for any; attributes: the words of looks that a restyle can bring about, None for any; needs: what its
    editor asks for, of mask, boxes, instruction; copies: whether it can copy objects from other pictures; best_side:
    in pixels, of the square its editor works best at, None for any size.
    """

    operations: frozenset[str]
    generates: bool = True
    grounds: bool = False
    draws: frozenset[str] | None = None
    finds: frozenset[str] | None = None
    attributes: frozenset[str] | None = None
    needs: frozenset[str] = frozenset()
    copies: bool = False
    best_side: int | None = None


@dataclass(frozen=True)
class Detected:
    """Detections of every query, best score first, after class-aware non-maximum suppression.

    ``doubtful`` are those whose score is too near to the threshold to settle anything: just above it (they are
    among ``detections`` too) and just below it (they are not). ``unanswered`` are the queries that this detector
    cannot answer, as it knows no such kind or cannot see such an attribute: finding nothing says nothing. ``scored``
    is whether it says how sure it is; where it does not, every score is 1.
    """

    detections: tuple[Detection, ...]
    doubtful: tuple[Detection, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: Cost = Cost()
    unanswered: tuple[Query, ...] = ()
    scored: bool = True


@dataclass(frozen=True)
class Segmented:
    """One mask per asked box, in the same order: bool array ``[boxes, height, width]``."""

    masks: np.ndarray
    scores: tuple[float, ...]
    cost: Cost = Cost()


@dataclass(frozen=True)
class Generated:
    """Pictures in the order of their seeds."""

    images: tuple[Image, ...]
    warnings: tuple[str, ...] = ()
    cost: Cost = Cost()


@dataclass(frozen=True)
class Edited:
    """The new picture, and a bool mask ``[height, width]`` of the region that was free to change.

    Pixels outside ``region`` equal the input exactly. ``masks``: by id in the new layout, the visible pixels
    of the objects that the edit made, changed or had to look out for, bool ``[height, width]``. ``doubts``: what did
    not come out clean by the editor's own evidence, in words; None where it does not look.
    """

    image: Image
    region: np.ndarray
    warnings: tuple[str, ...] = ()
    cost: Cost = Cost()
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    doubts: tuple[str, ...] | None = None


@runtime_checkable
class Backend(Protocol):
    """Owns the models. Every call is deterministic for the same arguments, preset and machine."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; asking loads nothing."""
        ...

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query in the picture; ``threshold`` in (0, 1) overrides the preset's two."""
        ...

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return, for each query, how well it fits what is inside ``box``, in [0, 1]."""
        ...

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box."""
        ...

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
        """Make ``n`` pictures; a layout grounds them where the checkpoint can."""
        ...

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
        """Do all operations in one pass; ``scene`` is the current layout, whose ids they name.

        ``references``: other pictures, by the names that the operations' sources call them.

        Raises:
            BackendError: the operations cannot be done; the picture is unchanged.
        """
        ...

    def refine(self, image: Image, prompt: str, *, seed: int = 0, progress: Progress | None = None) -> Generated:
        """Polish the picture with the preset's image-to-image model.

        Raises:
            BackendError: the preset names no refiner.
        """
        ...

    def fingerprint(self, drawing: Drawing) -> str:
        """Return what identifies the settings and weights that a kind of drawing depends on.

        The same arguments and fingerprint give the same picture.
        """
        ...
