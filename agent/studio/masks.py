"""The mask of one object as a picture that can be laid over its own: opaque white where the object is."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.files import write_bytes
from tools.images import open_picture

if TYPE_CHECKING:
    from pathlib import Path

    from tools.backend.protocol import Backend
    from tools.scene.box import Box


def write_mask(path: Path, picture: Path, box: Box, backend: Backend) -> None:
    """Write the mask of what is in ``box``, as large as the picture."""
    mask = backend.segment(open_picture(picture), [box]).masks[0]
    grey = Image.fromarray(np.full(mask.shape, 255, dtype=np.uint8))
    buffer = BytesIO()
    Image.merge("LA", (grey, Image.fromarray(mask.astype(np.uint8) * 255))).save(buffer, format="PNG", optimize=True)
    write_bytes(path, buffer.getvalue())
