"""Hostile pictures made by rule; imports nothing heavy, so that it runs within tight bounds of memory."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tools.images import PictureError, open_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def corpus(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield hostile pictures: cut, mixed, with bytes flipped, with headers that lie, with padding that explodes."""
    random, values = Random(seed), np.random.default_rng(seed)
    for number in range(count):
        kind, size = random.choice(KINDS), (random.randint(1, 64), random.randint(1, 64))
        mode = random.choice(("RGB", "L", "1"))
        image = Image.fromarray(values.integers(0, 256, (*size, 3), dtype=np.uint8)).convert(mode)
        data = bytearray(encoded(image.convert("RGB") if kind in ("JPEG", "WEBP") else image, kind))
        match number % 6:
            case 0:
                del data[random.randint(0, len(data)) :]
            case 1:
                for _ in range(random.randint(1, 30)):
                    data[random.randrange(len(data))] = random.randrange(256)
            case 2:
                for _ in range(4):
                    data[random.randrange(min(64, len(data)))] = random.choice((0, 255, 127))
            case 3:
                data[random.randrange(len(data)) :] = encoded(Image.new("RGB", (9, 9)), random.choice(KINDS))
            case 4:
                at = random.randrange(len(data))
                data[at:at] = random.choice((b"\xff" * 4000, b"\0" * 4000, bytes(range(256))))
            case 5:
                data = bytearray(huge(random.choice(((65_500, 65_500), (7000, 7000), (2**31 - 1, 1), (9, 2**20)))))
        yield f"{kind}-{number}", bytes(data)


def huge(size_wh: tuple[int, int]) -> bytes:
    """Return a PNG of a few kilobytes that claims this size and unpacks to megabytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packed = zlib.compress(b"\0" * 2**20) * 8
    header = struct.pack(">IIBBBBB", *size_wh, 16, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def check(count: int, seed: int) -> int:
    """Open the corpus; return how many pictures were usable. Anything but a picture or a `PictureError` escapes."""
    usable = 0
    for _, data in corpus(count, seed):
        try:
            usable += open_picture(data).mode == "RGB"
        except PictureError:
            continue
    return usable
