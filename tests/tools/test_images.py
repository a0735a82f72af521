"""Pictures from outside, however broken, end in the right picture or a clear error; stored ones are whole."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.images import ImageStore, PictureError, changed_share, open_picture

RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """Return a few bytes that claim to be a picture of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_plain_picture_is_returned_as_it_is() -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture = open_picture(encoded(Image.fromarray(values)))
    assert (picture.mode, picture.size) == ("RGB", (7, 5))
    assert np.array_equal(np.asarray(picture), values)


def test_one_pixel_is_a_picture() -> None:
    assert open_picture(encoded(Image.new("RGB", (1, 1), RED))).getpixel((0, 0)) == RED


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        pytest.param(Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG", WHITE, id="transparent is white"),
        pytest.param(Image.new("RGBA", (2, 2), (255, 0, 0, 255)), "PNG", RED, id="opaque alpha"),
        pytest.param(Image.new("LA", (2, 2), (0, 0)), "PNG", WHITE, id="grey with alpha"),
        pytest.param(Image.new("L", (2, 2), 100), "PNG", (100, 100, 100), id="grey"),
        pytest.param(Image.new("1", (2, 2), 1), "PNG", WHITE, id="one bit"),
        pytest.param(Image.new("RGB", (2, 2), RED).quantize(4), "PNG", RED, id="palette"),
        pytest.param(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "TIFF", RED, id="CMYK"),
        pytest.param(Image.fromarray(np.full((2, 2), 65535, np.uint16)), "PNG", WHITE, id="16-bit white"),
        pytest.param(Image.fromarray(np.full((2, 2), 25700, np.uint16)), "PNG", (100,) * 3, id="16-bit grey"),
    ],
)
def test_every_mode_becomes_rgb(image: Image.Image, kind: str, expected: tuple[int, int, int]) -> None:
    picture = open_picture(encoded(image, kind))
    assert picture.mode == "RGB"
    assert picture.getpixel((0, 0)) == expected


def test_transparent_palette_is_white() -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([*RED, *(0, 0, 255)])
    assert open_picture(encoded(image, "PNG", transparency=0)).getpixel((0, 0)) == WHITE


def test_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (4, 2), WHITE)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert open_picture(encoded(image, "JPEG", exif=exif)).size == (2, 4)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (3, 3), RED), Image.new("RGB", (3, 3), WHITE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_picture(data).getpixel((1, 1)) == RED


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "0 bytes", id="empty"),
        pytest.param(b"hello, this is a text", "not a picture", id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture", id="svg"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture", id="postscript"),
        pytest.param(encoded(Image.effect_noise((64, 64), 50))[:1000], "damaged or cut off", id="truncated PNG"),
        pytest.param(
            encoded(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")[:900], "damaged or cut off", id="cut JPEG"
        ),
        pytest.param(huge_png(30_000, 30_000), "too large: at most 50,000,000 pixels", id="30,000 x 30,000"),
        pytest.param(huge_png(10_000, 10_000), "10000 x 10000 pixels: at most", id="10,000 x 10,000"),
        pytest.param(huge_png(2**31 - 1, 2**31 - 1), "too large|pixels: at most", id="absurd size"),
        pytest.param(huge_png(20, 20), "damaged or cut off", id="too little data"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "not a picture|damaged", id="signature only"),
    ],
)
def test_what_cannot_be_used_is_a_clear_error(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "given.png"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=told):
        open_picture(path)
    with pytest.raises(PictureError, match=told):
        open_picture(data)


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"no file 'nothing\.png'"):
        open_picture(tmp_path / "nothing.png")
    with pytest.raises(PictureError, match="cannot read"):
        open_picture(tmp_path)


def test_every_prefix_of_a_picture_is_handled() -> None:
    data = encoded(Image.effect_noise((16, 16), 50), "PNG")
    for length in range(0, len(data) - 40, 7):  # without the last checksums every pixel may still be there
        with pytest.raises(PictureError):
            open_picture(data[:length])


def test_flipped_bytes_never_escape_as_another_error() -> None:
    generator = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"):
        data = encoded(Image.effect_noise((16, 16), 50).convert("RGB"), kind)
        for _ in range(40):
            broken = bytearray(data)
            for position in generator.integers(0, len(data), 4):
                broken[position] = generator.integers(0, 256)
            try:
                picture = open_picture(bytes(broken))
            except PictureError:
                continue
            assert picture.mode == "RGB"


def test_the_same_pixels_have_the_same_id(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    red, white = Image.new("RGB", (3, 2), RED), Image.new("RGB", (3, 2), WHITE)
    first = store.save(red)
    assert store.save(red.copy()) == first != store.save(white)
    assert store.save(Image.new("RGB", (2, 3), RED)) != first
    assert len(first) == 16
    assert np.array_equal(np.asarray(store.load(first)), np.asarray(red))


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "", "a/b", "x" * 16, "0" * 65])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, image_id: str) -> None:
    with pytest.raises(PictureError, match="not the id of a picture"):
        ImageStore(tmp_path).load(image_id)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ImageStore(tmp_path)

    def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        store.save(Image.new("RGB", (2, 2)))
    assert list(tmp_path.iterdir()) == []


def test_records_are_kept_and_damaged_ones_are_none(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    assert store.recall("key") is None
    store.remember("key", {"image": "00ff"})
    assert store.recall("key") == {"image": "00ff"}
    assert store.recall("other") is None
    next((tmp_path / "made").iterdir()).write_text("[1, 2")
    assert store.recall("key") is None


def test_changed_share() -> None:
    before = Image.new("RGB", (4, 4), WHITE)
    after = before.copy()
    after.putpixel((0, 0), RED)
    assert changed_share(before, after) == 1 / 16
    assert changed_share(before, before) == 0
    assert changed_share(before, before.resize((2, 2))) == 1
