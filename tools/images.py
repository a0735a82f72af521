"""Pictures on disk: reading what people bring, and keeping what a run makes under its content hash.

Every file that comes from outside is opened here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tools.files import read_file, write_bytes
from tools.older import renamed
from tools.redaction import Redactor

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MOST_ASPECT = 10  # longer side over shorter: detectors look at squares, and a sliver in one is nothing
ROWS = 256  # of wide pixel types that are converted at a time
LARGE = 4_000_000  # pixels from which a picture is written quickly rather than small
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # no decoder that starts other programs


DECODING_ERRORS = (  # Pillow's decoders raise any of these on broken files
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError, AssertionError,
    RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip


class PictureError(ValueError):
    """A picture that cannot be used; the message says which, why, and what to try next."""


def open_picture(source: str | Path | bytes, *, transparent: bool = False) -> Image.Image:
    """Decode an untrusted picture and return it as RGB, upright; with ``transparent``, one that is RGBA stays so.

    EXIF rotation is applied, the first frame of an animation is taken, 16-bit values are scaled to 8,
    CMYK and palettes are converted, transparent parts become white. The colour profile of an RGB picture stays with
    it (``info["icc_profile"]``).

    Raises:
        PictureError: missing, empty, truncated, not a picture, a device or pipe, a sliver, over 64 MiB or 50
            million pixels.
    """
    name = "the given bytes" if isinstance(source, bytes) else repr(Path(source).name)
    data = source if isinstance(source, bytes) else _read(Path(source))
    if not data:
        raise PictureError(f"{name} is empty (0 bytes): give a picture file")
    try:
        with warnings.catch_warnings():
            # Odd metadata is no reason to stop. Of bombs Pillow only warns up to twice its own limit; ours is
            # checked before any pixel is decoded.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=FORMATS) as picture:
                _check_size(name, picture.size)
                picture.seek(0)
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return upright if transparent and upright.mode == "RGBA" else _to_rgb(upright)
    except Image.DecompressionBombError:
        raise PictureError(f"{name} is too large: at most {MAX_PIXELS:,} pixels; make it smaller first") from None
    except UnidentifiedImageError:
        raise PictureError(f"{name} is not a picture of a known kind: use one of {', '.join(FORMATS)}") from None
    except PictureError:
        raise
    except DECODING_ERRORS as error:
        raise PictureError(f"{name} is damaged or cut off ({error}): save it again and retry") from None


class ImageStore:
    """Pictures and records of how they were made, in one folder, each file written whole or not at all.

    ``<id>.png`` holds a picture; its id is the first 16 hex digits of the SHA-256 of its pixels and
    size. ``made/<key>.json`` remembers the outcome of a finished step of work, so that a process
    that was killed before it could say so does not do it again.
    """

    def __init__(self, folder: str | Path, redactor: Redactor | None = None) -> None:
        self.folder, self._redactor = Path(folder), redactor or Redactor()

    def path(self, image_id: str) -> Path:
        """Return where a picture lies (or would lie).

        Raises:
            PictureError: the id is not one (ids come from checkpoints, and those are not trusted).
        """
        if not (1 <= len(image_id) <= 64 and all(digit in "0123456789abcdef" for digit in image_id)):
            raise PictureError(f"{image_id!r} is not the id of a picture: expected hex digits")
        return self.folder / f"{image_id}.png"

    def save(self, image: Image.Image) -> str:
        """Keep a picture and return its id; a picture that is there already is not written again.

        It is kept as RGB with its colour profile; RGBA keeps its transparency in the file, and is white there when
        loaded.
        """
        image = image if image.mode in ("RGB", "RGBA") else _to_rgb(image)
        image_id = content_id(image)[:16]
        if not self.path(image_id).is_file():
            quick = image.width * image.height > LARGE  # half a minute of squeezing saves a tenth of the file
            write_bytes(self.path(image_id), to_png(image, 1 if quick else 6))
        return image_id

    def load(self, image_id: str) -> Image.Image:
        """Return the RGB picture with this id.

        Raises:
            PictureError: there is none, or its file is damaged.
        """
        return open_picture(self.path(image_id))

    def adopt(self, file: Path) -> None:
        """Keep a picture that another store wrote, under the id that its name is."""
        if not self.path(file.stem).is_file():
            write_bytes(self.path(file.stem), read_file(file, MAX_BYTES))

    def ids(self) -> list[str]:
        """Return the ids of all pictures."""
        return sorted(file.stem for file in self.folder.glob("*.png"))

    def recall(self, key: str) -> dict[str, Any] | None:
        """Return what `remember` kept under ``key``; None when there is nothing, or nothing readable."""
        record = self.read_made(_digest(key))
        return None if record is None else renamed(record)

    def remember(self, key: str, record: dict[str, Any]) -> None:
        """Keep the outcome of a finished step of work (JSON types only)."""
        self.write_made(_digest(key), self._redactor.tree(record))

    def made(self) -> list[str]:
        """Return the names (digests of their keys) of all that `remember` kept."""
        return sorted(file.stem for file in (self.folder / "made").glob("*.json"))

    def read_made(self, name: str) -> dict[str, Any] | None:
        """Return one of them; None when there is nothing, or nothing readable."""
        with suppress(OSError, ValueError, RecursionError):
            record = json.loads(read_file(self.folder / "made" / f"{name}.json", MAX_BYTES))
            return record if isinstance(record, dict) else None
        return None

    def write_made(self, name: str, record: dict[str, Any]) -> None:
        """Keep one under the digest of its key."""
        write_bytes(self.folder / "made" / f"{name}.json", json.dumps(record).encode())


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def content_id(image: Image.Image) -> str:
    """Return the SHA-256 (hex) of a picture's size, pixels and colour profile."""
    digest = hashlib.sha256(f"{image.width}x{image.height}".encode())
    digest.update(image.tobytes())
    digest.update(image.info.get("icc_profile") or b"")
    return digest.hexdigest()


def to_png(image: Image.Image, compression: int) -> bytes:
    """Return a picture as a PNG file, squeezed by 0 (not at all) to 9."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", compress_level=compression)
    return buffer.getvalue()


def changed_share(before: Image.Image, after: Image.Image) -> float:
    """Return the share of pixels, in [0, 1], that differ at all; 1 when the sizes differ."""
    if before.size != after.size:
        return 1.0
    old, new = np.asarray(before), np.asarray(after)
    strips = range(0, len(old), 256)  # rows at a time: a photograph's comparison is as large as the photograph
    changed = sum(int((old[start : start + 256] != new[start : start + 256]).any(axis=-1).sum()) for start in strips)
    return float(changed / max(old.shape[0] * old.shape[1], 1))


def _read(path: Path) -> bytes:
    try:
        return read_file(path, MAX_BYTES)
    except FileNotFoundError:
        raise PictureError(f"there is no file {path.name!r}: check the path") from None
    except (OSError, ValueError) as error:  # a ValueError is a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"cannot read {path.name!r} ({reason}): check the path and its rights") from None


def _check_size(name: str, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name} has {width} x {height} pixels: at most {MAX_PIXELS:,} in all; make it smaller first"
        )
    if max(width, height) > MOST_ASPECT * max(1, min(width, height)):
        raise PictureError(
            f"{name} has {width} x {height} pixels: one side may be {MOST_ASPECT} times the other at most; "
            "cut out the part that matters"
        )


def _to_rgb(picture: Image.Image) -> Image.Image:
    # a profile speaks of the colours it came with: those of other modes are not RGB's
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA", "P") else None
    rgb = _converted(picture)
    rgb.info = {"icc_profile": profile} if profile else {}
    return rgb


def _converted(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        # 16-bit files keep their scale; other wide types have none, so their own range is used.
        low, high = (0.0, 65535.0) if picture.mode.startswith("I") else (float(values.min()), float(values.max()))
        narrow = np.empty(values.shape, dtype=np.uint8)
        for row in range(0, len(values), ROWS):
            scaled = (values[row : row + ROWS].astype(np.float64) - low) / max(high - low, 1e-12) * 255
            narrow[row : row + ROWS] = np.clip(np.rint(np.nan_to_num(scaled)), 0, 255)
        return Image.fromarray(narrow).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layers = picture.convert("RGBA")
        white = Image.new("RGBA", layers.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layers).convert("RGB")
    return picture.convert("RGB")
