"""Every format and colour mode comes out as an upright RGB picture; all else as one typed refusal."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vicinal.imaging.decode import MAX_SIDE, decode
from vicinal.imaging.refusals import (
    ImageCorrupt,
    ImageRefused,
    ImageTooLarge,
    TooManyPixels,
    UnsupportedFormat,
)


@dataclass(frozen=True)
class Limits:
    max_image_bytes: int = 2**24
    max_pixels: int = 50_000_000


LIMITS = Limits()
Encode = Callable[..., bytes]

SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[0:240:5, 0:220:4, 90:91]), axis=-1)[..., 0, :].astype(
    np.uint8
)
"""(48, 55, 3): a gradient, which JPEG keeps nearly as it is."""


def huge_webp() -> bytes:
    """The header of an animated WebP with a canvas of 16383 × 16383, and one small frame."""
    side = (16_383 - 1).to_bytes(3, "little")
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "WEBP", lossless=True)
    frame = bytes(6) + b"\x03\0\0" * 2 + bytes(4) + file.getvalue()[12:]
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + side + side
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
        ("GIF", {}, 40),
    ],
)
def test_every_format(encode: Encode, name: str, options: dict[str, object], tolerance: int) -> None:
    image = decode(encode(Image.fromarray(SMOOTH), name, **options), LIMITS)
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - SMOOTH).max() <= tolerance


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(encode: Encode, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "WEBP" else {}
    data = encode(Image.fromarray(SMOOTH), name, exif=exif, **options)
    reference = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    upright = decode(data, LIMITS)
    assert upright.size == (SMOOTH.shape[:2] if orientation >= 5 else SMOOTH.shape[1::-1])
    assert np.array_equal(np.asarray(upright), np.asarray(reference))


def test_exif_rotation_by_hand(encode: Encode) -> None:
    """Orientation 6 means: turn clockwise to look at it. Left goes up."""
    exif = Image.Exif()
    exif[0x0112] = 6
    red_green = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0]]], dtype=np.uint8))
    upright = np.asarray(decode(encode(red_green, "PNG", exif=exif), LIMITS))
    assert upright.tolist() == [[[255, 0, 0]], [[0, 255, 0]]]


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + bytes(9)]
)
def test_damaged_exif_is_no_reason_to_refuse(encode: Encode, exif: bytes) -> None:
    data = encode(Image.fromarray(SMOOTH), "JPEG", exif=exif)
    assert decode(data, LIMITS).size == SMOOTH.shape[1::-1]


def grey16(value: int) -> Image.Image:
    return Image.fromarray(np.full((2, 2), value, dtype=np.uint16))


@pytest.mark.parametrize(
    ("image", "name", "options", "colour"),
    [
        (Image.new("1", (2, 2), 1), "PNG", {}, (255, 255, 255)),
        (Image.new("L", (2, 2), 7), "PNG", {}, (7, 7, 7)),
        (grey16(65_535), "PNG", {}, (255, 255, 255)),
        (grey16(32_896), "PNG", {}, (128, 128, 128)),
        (grey16(255), "PNG", {}, (0, 0, 0)),
        (Image.new("LA", (2, 2), (10, 255)), "PNG", {}, (10, 10, 10)),
        (Image.new("LA", (2, 2), (10, 0)), "PNG", {}, (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG", {}, (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 255)), "WEBP", {"lossless": True}, (255, 0, 0)),
        (Image.new("RGBA", (2, 2), (0, 0, 0, 51)), "PNG", {}, (204, 204, 204)),
        (Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", {"transparency": (1, 2, 3)}, (255, 255, 255)),
        (Image.new("RGB", (2, 2), (1, 2, 3)).quantize(4), "PNG", {}, (1, 2, 3)),
        (Image.new("RGB", (2, 2), (1, 2, 3)).quantize(4), "PNG", {"transparency": 0}, (255, 255, 255)),
        (Image.new("RGB", (2, 2), (1, 2, 3)).quantize(4), "GIF", {"transparency": 0}, (255, 255, 255)),
        (Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", {"quality": 100}, (0, 255, 255)),
        (Image.new("L", (8, 8), 77), "JPEG", {"quality": 100}, (77, 77, 77)),
    ],
)
def test_every_colour_mode(
    encode: Encode, image: Image.Image, name: str, options: dict[str, object], colour: tuple[int, int, int]
) -> None:
    decoded = decode(encode(image, name, **options), LIMITS)
    assert decoded.mode == "RGB"
    assert np.abs(np.asarray(decoded).astype(int) - colour).max() <= 1


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "MPO"])
def test_first_frame_of_many(encode: Encode, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if name == "WEBP" else {}
    data = encode(frames[0], name, save_all=True, append_images=frames[1:], **options)
    assert np.abs(np.asarray(decode(data, LIMITS)).astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated(encode: Encode, name: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), name)
    with pytest.raises(ImageCorrupt):
        decode(data[: int(len(data) * part)], LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"not an image",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"<?xml version='1.0'?><svg/>",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"%PDF-1.7",
        bytes(1000),
    ],
)
def test_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(data, LIMITS)


@pytest.mark.parametrize("name", ["BMP", "TIFF", "PPM", "ICO"])
def test_what_pillow_could_read_but_we_do_not(encode: Encode, name: str) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(encode(Image.fromarray(SMOOTH), name), LIMITS)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_magic_and_nothing_behind_it(encode: Encode, name: str) -> None:
    with pytest.raises(ImageCorrupt):
        decode(encode(Image.fromarray(SMOOTH), name)[:12], LIMITS)


def test_bytes_limit_is_exact(encode: Encode) -> None:
    data = encode(Image.fromarray(SMOOTH), "PNG")
    decode(data, replace(LIMITS, max_image_bytes=len(data)))
    with pytest.raises(ImageTooLarge) as caught:
        decode(data, replace(LIMITS, max_image_bytes=len(data) - 1))
    assert caught.value.metadata == {"limit": str(len(data) - 1), "value": str(len(data))}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("lossless", [False, True])
def test_pixel_limit_is_exact(encode: Encode, name: str, lossless: bool) -> None:
    options = {"lossless": lossless} if name == "WEBP" else {}
    data = encode(Image.new("RGB", (20, 30)), name, **options)
    assert decode(data, replace(LIMITS, max_pixels=600)).size == (20, 30)
    with pytest.raises(TooManyPixels) as caught:
        decode(data, replace(LIMITS, max_pixels=599))
    assert caught.value.metadata == {"limit": "599", "value": "600"}


def test_gif_frame_larger_than_its_screen_counts(encode: Encode) -> None:
    data = bytearray(encode(Image.new("L", (300, 300)), "GIF"))
    data[6:10] = struct.pack("<HH", 1, 1)  # the screen; the frame's own size stands further down
    with pytest.raises(TooManyPixels):
        decode(bytes(data), replace(LIMITS, max_pixels=10_000))


def test_no_side_is_endless(make_png: Callable[[int, int], bytes]) -> None:
    assert decode(make_png(MAX_SIDE, 2), LIMITS).size == (MAX_SIDE, 2)
    with pytest.raises(TooManyPixels) as caught:
        decode(make_png(MAX_SIDE + 1, 2), LIMITS)
    assert caught.value.metadata == {"limit": str(MAX_SIDE), "value": str(MAX_SIDE + 1)}


_WITHIN_50_MB = """
import pathlib, resource, sys, types
from PIL import Image
from vicinal.imaging.decode import decode
from vicinal.imaging.refusals import ImageRefused
Image.MAX_IMAGE_PIXELS = None  # as a service has it, which trusts its own limit
data = sys.stdin.buffer.read()
limits = types.SimpleNamespace(max_image_bytes=len(data), max_pixels=int(sys.argv[1]))
taken = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 50_000_000, resource.RLIM_INFINITY))
try:
    decode(data, limits)
except ImageRefused as refusal:
    print(refusal.reason, refusal.metadata.get("value"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
@pytest.mark.parametrize(("name", "pixels"), [("png", 144_000_000), ("webp", 16_383**2)])
def test_bomb_is_refused_without_taking_memory(bomb: bytes, name: str, pixels: int) -> None:
    """Its pixels would take 432 MB and more."""
    data = bomb if name == "png" else huge_webp()
    assert len(data) < 25_000
    refused = f"TOO_MANY_PIXELS {pixels}\n"
    assert decoded_within_50_mb(data, LIMITS.max_pixels) == refused
    assert decoded_within_50_mb(data, 300_000_000) != refused  # the bound on memory holds


def decoded_within_50_mb(data: bytes, max_pixels: int) -> str:
    command = [sys.executable, "-c", _WITHIN_50_MB, str(max_pixels)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


def seeds() -> list[bytes]:
    image, files = Image.fromarray(SMOOTH), []
    for name, options in (("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("GIF", {})):
        exif = Image.Exif()
        exif[0x0112] = 3
        file = io.BytesIO()
        image.save(file, name, exif=exif, **options)
        files.append(file.getvalue())
    return files


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(seeds()),
    edits=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=12),
    head=st.booleans(),
    cut=st.floats(0, 1) | st.just(1.0),
)
def test_damaged_bytes_give_a_picture_or_a_refusal(
    data: bytes, edits: list[tuple[int, int]], head: bool, cut: float
) -> None:
    damaged = bytearray(data)
    for place, value in edits:
        damaged[place % min(len(damaged), 64 if head else len(damaged))] = value
    try:
        image = decode(bytes(damaged[: int(len(damaged) * cut)]), replace(LIMITS, max_pixels=1_000_000))
    except ImageRefused:
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= 1_000_000
