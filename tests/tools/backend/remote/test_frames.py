from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.backend.protocol import BackendError
from tools.backend.remote.frames import (
    PROTOCOL,
    Frames,
    Malformed,
    check_protocol,
    framed,
    pack_masks,
    packed,
    unpack_masks,
    unpacked,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.binary(max_size=9))), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_however_they_are_cut(values: list[dict[str, Any]], size: int) -> None:
    data, frames = b"".join(map(framed, values)), Frames()
    assert [found for at in range(0, len(data), size) for found in frames.feed(data[at : at + size])] == values


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1), (3, 7, 5), (64, 65), ()])
def test_masks_come_out_as_they_went_in(shape: tuple[int, ...]) -> None:
    masks = np.random.default_rng(0).random(shape) > 0.5
    found = unpack_masks(unpacked(packed(pack_masks(np.asarray(masks)))))
    assert found.dtype == bool
    assert np.array_equal(found, masks)


BITS = pack_masks(np.ones((4, 4), dtype=bool))["bits"]


@pytest.mark.parametrize(
    "value",
    [
        None, {}, {"shape": [4, 4]}, {"shape": "ab", "bits": BITS}, {"shape": [4, 40], "bits": BITS},
        {"shape": [-4, -4], "bits": BITS}, {"shape": [10**6, 10**6], "bits": BITS}, {"shape": [2**62, 8], "bits": BITS},
        {"shape": [1, 1, 1, 16], "bits": BITS}, {"shape": [4, 4], "bits": b"no"}, {"shape": [4, 4], "bits": "text"},
    ],
)  # fmt: skip
def test_what_is_no_mask_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        unpack_masks(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", packed({"a": 1})[:-1], b"\xdd\xff\xff\xff\xff", b"\x91" * 5000])
def test_what_is_no_msgpack_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        unpacked(data)


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="4,294,967,295 bytes"):
        list(Frames().feed(b"\xff\xff\xff\xff"))


def test_both_sides_must_be_of_one_release() -> None:
    check_protocol(PROTOCOL, "1.2.9", "1.2.0", "worker")
    for protocol, program in ((PROTOCOL + 1, "1.2.0"), (PROTOCOL, "1.3.0"), (None, None)):
        with pytest.raises(BackendError, match="install the same version on both sides"):
            check_protocol(protocol, program, "1.2.0", "worker")
