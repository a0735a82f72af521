"""How high things usually are, so that what is copied from another picture comes in a size that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.lexicon import singular

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.offline.items import Item

METRES = {
    "person": 1.7, "man": 1.75, "woman": 1.65, "child": 1.1, "boy": 1.2, "girl": 1.2, "baby": 0.7, "bicycle": 1.0,
    "car": 1.5, "motorcycle": 1.1, "airplane": 8.0, "bus": 3.0, "train": 4.0, "truck": 3.0, "boat": 2.0,
    "fire hydrant": 0.8, "stop sign": 0.8, "parking meter": 1.4, "bench": 0.9, "bird": 0.2, "cat": 0.3, "dog": 0.55,
    "horse": 2.0, "sheep": 0.9, "cow": 1.5, "elephant": 3.0, "bear": 1.3, "zebra": 1.6, "giraffe": 5.0,
    "backpack": 0.5, "umbrella": 0.8, "handbag": 0.35, "tie": 0.5, "suitcase": 0.65, "frisbee": 0.25,
    "sports ball": 0.22, "ball": 0.22, "kite": 1.0, "skateboard": 0.2, "surfboard": 1.9, "bottle": 0.3,
    "wine glass": 0.2, "cup": 0.11, "mug": 0.11, "fork": 0.2, "knife": 0.22, "spoon": 0.18, "bowl": 0.1,
    "banana": 0.15, "apple": 0.08, "orange": 0.08, "sandwich": 0.08, "broccoli": 0.15, "carrot": 0.18, "pizza": 0.3,
    "donut": 0.06, "cake": 0.15, "chair": 0.9, "couch": 0.85, "sofa": 0.85, "potted plant": 0.6, "plant": 0.6,
    "bed": 0.8, "dining table": 0.75, "table": 0.75, "toilet": 0.75, "tv": 0.6, "laptop": 0.25, "mouse": 0.05,
    "remote": 0.18, "keyboard": 0.12, "cell phone": 0.15, "phone": 0.15, "microwave": 0.3, "oven": 0.8,
    "toaster": 0.2, "sink": 0.3, "refrigerator": 1.7, "book": 0.22, "clock": 0.3, "vase": 0.3, "scissors": 0.18,
    "teddy bear": 0.35,
}  # fmt: skip
LEAST, MOST = 0.12, 0.85  # of the picture's height
CUT = 0.98  # what reaches so far down is cut off by the picture's edge
SHOWN = 0.5  # share of a thing that is cut off which is usually in the picture: a portrait shows the upper half


def usual_height(name: str, items: Iterable[Item]) -> float | None:
    """Return how high a thing would stand among others, as a share of the picture; None where none can be compared."""
    wanted = METRES.get(singular(name))
    known = [(item.box.y + item.box.h < CUT, METRES[item.name], item.box.h) for item in items if item.name in METRES]
    whole = [(metres, height / metres) for uncut, metres, height in known if uncut]
    whole = whole or [(metres, height / metres / SHOWN) for _, metres, height in known]
    if wanted is None or not whole:
        return None
    _, scale = max(whole)  # the larger thing is the surer measure
    return min(max(scale * wanted, LEAST), MOST)
