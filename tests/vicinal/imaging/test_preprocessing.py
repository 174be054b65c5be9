"""The preprocessing's JSON, and what it does to a picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vicinal.imaging.preprocessing import Preprocessing, PreprocessingError

GOOD: dict[str, Any] = {
    "size": 8,
    "resize": "bicubic",
    "fit": "stretch",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def read(**changes: Any) -> Preprocessing:
    return Preprocessing.from_json(json.dumps(GOOD | changes))


def test_json_is_canonical() -> None:
    """Order, spaces, whole numbers, what is optional and the name make no difference."""
    other = dict(reversed(GOOD.items())) | {"layout": "NCHW", "name": "any"}
    assert Preprocessing.from_json(json.dumps(other, indent=4)).to_json() == read().to_json()
    assert read(mean=[0, 0, 0], std=[1, 1, 1]) == read(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    assert Preprocessing.from_json(read().to_json()) == read()


@pytest.mark.parametrize(
    "change", [{"size": 9}, {"resize": "bilinear"}, {"fit": "crop"}, {"mean": [0, 0, 0]}, {"std": [1, 1, 1]}]
)
def test_json_tells_whatever_changes_vectors(change: dict[str, Any]) -> None:
    assert read(**change).to_json() != read().to_json()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 0),
        ("size", -1),
        ("size", 4097),
        ("size", 8.0),
        ("size", True),
        ("size", "8"),
        ("resize", "nearest"),
        ("resize", None),
        ("resize", ["bicubic"]),
        ("fit", "pad"),
        ("mean", [0.5, 0.5]),
        ("mean", 0.5),
        ("mean", [0.5, 0.5, "0.5"]),
        ("mean", [0.5, 0.5, float("nan")]),
        ("mean", [0.5, 0.5, True]),
        ("mean", [0.5, 0.5, -(10**400)]),
        ("std", [0.5, 0.5, 0]),
        ("std", [0.5, 0.5, -1]),
        ("std", [0.5, 0.5, float("inf")]),
        ("layout", "NHWC"),
        ("name", 7),
    ],
)
def test_wrong_values_are_named(key: str, value: Any) -> None:
    with pytest.raises(PreprocessingError, match=f"{key} is"):
        read(**{key: value})


@pytest.mark.parametrize("key", GOOD)
def test_missing_keys_are_named(key: str) -> None:
    with pytest.raises(PreprocessingError, match=f"lacks {key}"):
        Preprocessing.from_json(json.dumps({name: value for name, value in GOOD.items() if name != key}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"size"', "[" * 100_000])
def test_what_is_no_json_object(text: str) -> None:
    with pytest.raises(PreprocessingError, match=r"not JSON|expected a JSON object"):
        Preprocessing.from_json(text)


def test_unknown_keys_are_named() -> None:
    with pytest.raises(PreprocessingError, match="unknown keys means"):
        read(means=[0, 0, 0])


def test_stretch_sees_the_whole_picture_and_crop_its_middle() -> None:
    wide = np.zeros((8, 24, 3), dtype=np.uint8)
    wide[:, 8:16] = (0, 200, 0)
    image = Image.fromarray(wide)
    assert np.array_equal(read(fit="crop").resized(image), wide[:, 8:16])
    assert np.array_equal(read(fit="crop").resized(image.transpose(Image.Transpose.ROTATE_90)), wide[:, 8:16])
    assert read(fit="stretch").resized(image)[:, 0].max() == 0


@pytest.mark.parametrize("fit", ["stretch", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (7, 3)])
def test_any_shape_becomes_the_square(fit: str, size: tuple[int, int]) -> None:
    assert (read(fit=fit).resized(Image.new("RGB", size, (9, 8, 7))) == (9, 8, 7)).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_normalising_is_the_textbook_formula(seed: int, count: int) -> None:
    batch = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    mean, std = np.array(GOOD["mean"]), np.array(GOOD["std"])
    result = read().normalised(batch)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, ((batch / 255 - mean) / std).transpose(0, 3, 1, 2), atol=2e-6)
