"""Images good and bad, each with what must become of it."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from embed_service.limits import Limits
from vicinal.imaging.decode import decode
from vicinal.imaging.preprocessing import Preprocessing

__all__ = ["Sent", "Stock"]

SHARE_OF_BAD = 0.25
SHARE_OF_NEW = 0.7
"""Of good images so many get other bytes than ever before, so that no cache knows them."""


@dataclass(frozen=True, eq=False)
class Sent:
    """An image, and its vector or the reason why it has none."""

    name: str
    data: bytes
    vector: np.ndarray | None = None
    reason: str = ""


class Stock:
    """Images to send.

    Attributes:
        max_images: the service's limit of one call.
    """

    def __init__(self, encoder: Path, limits: Limits) -> None:
        """Make the images, and the vectors of the good ones one by one with ONNX Runtime alone.

        Args:
            encoder: an ONNX file with its preprocessing inside.
            limits: the service's.
        """
        self.max_images = limits.max_images
        self._good = with_vectors(good_images(), encoder, limits)
        self._bad = bad_images(limits)

    def some(self, count: int, chance: random.Random) -> list[Sent]:
        """Return `count` images, good and bad ones mixed."""
        return [self._one(chance) for _ in range(count)]

    def full_call(self) -> list[Sent]:
        """Return as many good images as one call may hold."""
        return (self._good * self.max_images)[: self.max_images]

    def _one(self, chance: random.Random) -> Sent:
        if chance.random() < SHARE_OF_BAD:
            return chance.choice(self._bad)
        one = chance.choice(self._good)
        if chance.random() < SHARE_OF_NEW:  # what follows the end of an image is ignored
            return replace(one, data=one.data + chance.randbytes(8))
        return one


def good_images() -> list[tuple[str, bytes]]:
    """Twenty-four pictures of waves, in all formats and several modes and sizes."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(24):
        width, height = rng.integers(24, 400, 2)
        y, x = np.mgrid[0:height, 0:width] / 100
        waves = [np.sin(rng.uniform(1, 40) * x + rng.uniform(1, 40) * y + phase) for phase in range(3)]
        picture = Image.fromarray((127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8))
        name = ("JPEG", "PNG", "WEBP", "GIF")[number % 4]
        mode = ("RGB", "L", "RGBA" if name in ("PNG", "WEBP") else "RGB")[number // 4 % 3]
        found.append((f"{width}×{height} {mode} {name}", encoded(picture.convert(mode), name)))
    return found


def with_vectors(images: list[tuple[str, bytes]], encoder: Path, limits: Limits) -> list[Sent]:
    """The images with their unit vectors, which are checked to be unlike each other."""
    session = onnxruntime.InferenceSession(encoder)
    form = Preprocessing.from_json(session.get_modelmeta().custom_metadata_map["vicinal.preprocessing"])
    name = session.get_inputs()[0].name
    found = []
    for label, data in images:
        (features,) = session.run(None, {name: form.normalised(form.resized(decode(data, limits))[None])})
        found.append(Sent(label, data, features[0] / np.linalg.norm(features[0])))
    cosines = np.stack([one.vector for one in found]) @ np.stack([one.vector for one in found]).T
    assert cosines[~np.eye(len(found), dtype=bool)].max() < 0.999, (
        "these images could be taken for each other"
    )
    return found


def bad_images(limits: Limits) -> list[Sent]:
    """One image of each way to be bad, and the reasons that the contract has for them."""
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8))
    cut = [
        Sent(f"cut {name}", data[: len(data) // 2], reason="IMAGE_CORRUPT")
        for name in ("JPEG", "PNG", "GIF")
        for data in [encoded(noise, name)]
    ]
    png = bytearray(encoded(noise, "PNG"))
    png[len(png) // 2] ^= 0xFF
    return [
        *cut,
        Sent("flipped PNG", bytes(png), reason="IMAGE_CORRUPT"),
        Sent("header alone", encoded(noise, "PNG")[:20], reason="IMAGE_CORRUPT"),
        Sent(
            "long", encoded(noise, "JPEG").ljust(limits.max_image_bytes + 1, b"\0"), reason="IMAGE_TOO_LARGE"
        ),
        Sent("huge", flat_png(limits.max_pixels // 1000 + 1, 1000), reason="TOO_MANY_PIXELS"),
        Sent("text", b"not an image at all", reason="UNSUPPORTED_FORMAT"),
        Sent("BMP", encoded(noise, "BMP"), reason="UNSUPPORTED_FORMAT"),
        Sent("empty", b"", reason="UNSUPPORTED_FORMAT"),
    ]


def encoded(image: Image.Image, name: str) -> bytes:
    """`image` in the format `name`."""
    file = BytesIO()
    image.save(file, name)
    return file.getvalue()


def flat_png(width: int, height: int) -> bytes:
    """A PNG of black pixels, one bit each: small as a file, large as a picture."""
    data = zlib.compress(bytes(1 + (width + 7) // 8) * height, 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
