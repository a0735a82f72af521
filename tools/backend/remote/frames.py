"""The bytes on the wire: msgpack in frames with their length before them, pictures as PNG, masks as packed bits.

What comes in is not trusted, from either side: lengths are bounded, and only plain values are ever built.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import ormsgpack

from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOCOL = 1  # of the wire; another number is another language
TYPE = "application/msgpack"
LARGEST_ASK = 4 * 2**20  # bytes of a call without its pictures
LARGEST_ANSWER = 160 * 2**20  # bytes of a result with its pictures and masks
MOST_MASKS = 2_000_000_000  # pixels of all masks of an answer
HEARTBEAT = 4.0  # seconds between signs of life while a call runs


class Malformed(ValueError):
    """Bytes that are not what they should be; the message says in what way."""


def packed(value: Any) -> bytes:
    """Return plain values (dicts, lists, texts, numbers, bytes) as msgpack."""
    return ormsgpack.packb(value, option=ormsgpack.OPT_SERIALIZE_NUMPY)


def unpacked(data: bytes) -> dict[str, Any]:
    """Return the dict that msgpack holds.

    Raises:
        Malformed: it holds something else, or is no msgpack.
    """
    try:
        value = ormsgpack.unpackb(data)
    except (ValueError, RecursionError):
        raise Malformed("that is no msgpack") from None
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed(f"expected a map of names to values, not {type(value).__name__}")
    return value


def framed(value: Any) -> bytes:
    """Return a value as one frame: four bytes of length, then msgpack."""
    data = packed(value)
    return len(data).to_bytes(4, "big") + data


class Frames:
    """Puts frames together from pieces as they arrive."""

    def __init__(self, most: int = LARGEST_ANSWER) -> None:
        self._most, self._buffer = most, bytearray()

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Yield the frames that are whole now.

        Raises:
            Malformed: a frame is too long, or no msgpack.
        """
        self._buffer += piece
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if length > self._most:
                raise Malformed(f"a frame of {length:,} bytes: at most {self._most:,}")
            if len(self._buffer) < 4 + length:
                return
            frame = bytes(self._buffer[4 : 4 + length])
            del self._buffer[: 4 + length]
            yield unpacked(frame)


def pack_masks(masks: np.ndarray) -> dict[str, Any]:
    """Return bool masks of any shape as bits, compressed."""
    return {"shape": list(masks.shape), "bits": zlib.compress(np.packbits(masks, axis=None).tobytes(), 1)}


def unpack_masks(value: Any) -> np.ndarray:
    """Return the bool masks that `pack_masks` packed.

    Raises:
        Malformed: it did not.
    """
    try:
        shape = [int(side) for side in value["shape"]]
        count = math.prod(shape)
        if len(shape) > 3 or min(shape, default=1) < 0 or not 0 <= count <= MOST_MASKS:
            raise Malformed(f"masks of the shape {shape}")
        length = -(-count // 8)
        unpacking = zlib.decompressobj()
        bits = unpacking.decompress(value["bits"], length + 1)
        if len(bits) != length:
            raise Malformed(f"{len(bits)} bytes of bits for masks of the shape {shape}")
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
        raise Malformed(f"these are no masks ({type(error).__name__})") from None
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=count).astype(bool).reshape(shape)


def check_protocol(given: Any, program: Any, own_program: str, whose: str) -> None:
    """Check that both sides speak the same language.

    Raises:
        BackendError: they do not; says what to install.
    """
    if given != PROTOCOL or _release(program) != _release(own_program):
        raise BackendError(
            f"the {whose} is sld {str(program)[:40]} with wire protocol {str(given)[:20]}, and this is "
            f"sld {own_program} with {PROTOCOL}: install the same version on both sides"
        )


def _release(version: Any) -> list[str]:
    return str(version).split(".")[:2]
