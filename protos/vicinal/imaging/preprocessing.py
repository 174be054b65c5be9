"""How a picture becomes the encoder's input, and the JSON that says so.

    {"size": 128, "resize": "bicubic", "fit": "stretch",
     "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "layout": "NCHW", "name": "my encoder"}

`layout` (only NCHW) and `name` may be left out. Values are scaled from 0…255 to 0…1 before `mean` and `std`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["FITS", "RESIZES", "Pixels", "Preprocessing", "PreprocessingError"]

Pixels = npt.NDArray[np.uint8]
"""One picture as resized, (size, size, 3), or a batch of them, (n, size, size, 3)."""

RESIZES = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
FITS = ("stretch", "crop")

_REQUIRED = ("size", "resize", "fit", "mean", "std")
_OPTIONAL = ("layout", "name")
_MAX_SIZE = 4096


class PreprocessingError(Exception):
    """The preprocessing cannot be done as it is described; the message says why."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the encoder's input.

    Attributes:
        size: side of the square that the encoder sees, in pixels, 1 to 4096.
        resize: the resampling filter, one of `RESIZES`, antialiased.
        fit: "stretch" resizes the whole picture; "crop" the largest square in its middle.
        mean: per channel (red, green, blue), subtracted from values in 0…1.
        std: per channel, divided by afterwards; positive.
        name: of the encoder, for people. It changes no vector and is no part of the digest.

    Raises:
        PreprocessingError: a value is out of its range; the message names it.
    """

    size: int
    resize: str
    fit: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not _is_int(self.size) or not 1 <= self.size <= _MAX_SIZE:
            raise _bad("size", f"a whole number from 1 to {_MAX_SIZE}", self.size)
        if self.resize not in tuple(RESIZES):
            raise _bad("resize", f"one of {', '.join(RESIZES)}", self.resize)
        if self.fit not in FITS:
            raise _bad("fit", f"one of {', '.join(FITS)}", self.fit)
        if min(self.std) <= 0:
            raise _bad("std", "positive", self.std)
        if not isinstance(self.name, str):
            raise _bad("name", "a string", self.name)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `text` says.

        Raises:
            PreprocessingError: not a JSON object of the known keys and ranges; the message names the key.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:  # the latter where it is nested without end
            raise PreprocessingError(f"the preprocessing is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise PreprocessingError(f"the preprocessing is {text[:40]!r}, expected a JSON object")
        _check_keys(values)
        return cls(
            size=values["size"],
            resize=values["resize"],
            fit=values["fit"],
            mean=_triple("mean", values["mean"]),
            std=_triple("std", values["std"]),
            name=values.get("name", ""),
        )

    def to_json(self) -> str:
        """Return the canonical JSON, without the name: equal preprocessing gives equal text."""
        values = {
            "fit": self.fit,
            "layout": "NCHW",
            "mean": self.mean,
            "resize": self.resize,
            "size": self.size,
            "std": self.std,
        }
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    def resized(self, image: Image.Image) -> Pixels:
        """Return `image` (mode "RGB", any size) as uint8 (size, size, 3)."""
        box = None
        if self.fit == "crop":
            side = min(image.size)
            left, top = ((length - side) / 2 for length in image.size)
            box = (left, top, left + side, top + side)
        return np.asarray(image.resize((self.size, self.size), RESIZES[self.resize], box=box))

    def normalised(self, batch: Pixels) -> npt.NDArray[np.float32]:
        """Return `batch`, uint8 (n, size, size, 3), as the encoder's input, float32 (n, 3, size, size)."""
        std = np.array(self.std, dtype=np.float32)
        values = batch * (1 / (255 * std)) - np.array(self.mean, dtype=np.float32) / std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _check_keys(values: Mapping[str, Any]) -> None:
    missing = [key for key in _REQUIRED if key not in values]
    if missing:
        raise PreprocessingError(f"the preprocessing lacks {', '.join(missing)}")
    unknown = sorted(set(values) - {*_REQUIRED, *_OPTIONAL})
    if unknown:
        known = ", ".join((*_REQUIRED, *_OPTIONAL))
        raise PreprocessingError(
            f"the preprocessing has unknown keys {', '.join(unknown)}; known are {known}"
        )
    if values.get("layout", "NCHW") != "NCHW":
        raise _bad("layout", "NCHW", values["layout"])


def _triple(key: str, value: object) -> tuple[float, float, float]:
    expected = "a list of three finite numbers"
    if not isinstance(value, list) or len(value) != 3:
        raise _bad(key, expected, value)
    if not all(isinstance(x, float) or _is_int(x) for x in value):
        raise _bad(key, expected, value)
    if not all(abs(x) <= sys.float_info.max for x in value):  # no NaN, nor an integer beyond what floats hold
        raise _bad(key, expected, value)
    red, green, blue = (float(x) for x in value)
    return red, green, blue


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bad(key: str, expected: str, value: object) -> PreprocessingError:
    return PreprocessingError(f"the preprocessing's {key} is {value!r}, expected {expected}")
