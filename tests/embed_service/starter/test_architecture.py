"""The graph against a slow forward pass in float64 that knows only the paper's table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from embed_service.starter.architecture import feature_model

Array = npt.NDArray[np.float64]

# Kernel, stride, expansion and width of each block, from the paper's table of EfficientNet-B0.
BLOCKS = [
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
    (3, 1, 6, 320),
]  # fmt: skip


@pytest.fixture(scope="module")
def weights() -> dict[str, npt.NDArray[np.float32]]:
    """Random weights under the checkpoint's names."""
    rng = np.random.default_rng(0)
    found: dict[str, npt.NDArray[np.float32]] = {}

    def add(name: str, norm: str, *shape: int) -> None:
        found[f"{name}.weight"] = (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(
            np.float32
        )
        for kind, low, high in (
            ("weight", 1, 2),
            ("bias", -0.5, 1),
            ("running_mean", -0.5, 0.5),
            ("running_var", 0.5, 1),
        ):
            found[f"{norm}.{kind}"] = rng.uniform(low, high, shape[0]).astype(np.float32)

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    inputs = 32
    for number, (kernel, _, expansion, width) in enumerate(BLOCKS):
        block, inner = f"_blocks.{number}", inputs * expansion
        if expansion > 1:
            add(f"{block}._expand_conv", f"{block}._bn0", inner, inputs, 1, 1)
        add(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, kernel, kernel)
        add(f"{block}._project_conv", f"{block}._bn2", width, inner, 1, 1)
        inputs = width
    add("_conv_head", "_bn1", 1280, 320, 1, 1)
    return found


def test_equals_a_slow_forward_pass(weights: dict[str, npt.NDArray[np.float32]]) -> None:
    images = np.random.default_rng(1).standard_normal((2, 3, 64, 64)).astype(np.float32)
    session = onnxruntime.InferenceSession(
        feature_model(weights, 64).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    features = session.run(["features"], {"image": images})[0]
    expected = _slow_features(weights, images.astype(np.float64))
    assert expected.std() > 0.1
    np.testing.assert_allclose(features, expected, atol=2e-3)


@pytest.mark.parametrize("size", [0, -32, 100])
def test_odd_sizes_are_refused(weights: dict[str, npt.NDArray[np.float32]], size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        feature_model(weights, size)


def test_a_missing_weight_is_named(weights: dict[str, npt.NDArray[np.float32]]) -> None:
    rest = {name: value for name, value in weights.items() if name != "_blocks.3._bn1.running_var"}
    with pytest.raises(KeyError, match=r"_blocks\.3\._bn1\.running_var"):
        feature_model(rest, 64)


def _slow_features(weights: dict[str, npt.NDArray[np.float32]], x: Array) -> Array:
    def layer(x: Array, name: str, norm: str, stride: int = 1) -> Array:
        y = _convolution(x, weights[f"{name}.weight"].astype(np.float64), stride)
        gamma, beta, mean, variance = (
            weights[f"{norm}.{kind}"].astype(np.float64)[:, None, None]
            for kind in ("weight", "bias", "running_mean", "running_var")
        )
        return np.asarray((y - mean) / np.sqrt(variance + 1e-3) * gamma + beta)

    x = layer(x, "_conv_stem", "_bn0", 2).clip(0, 6)
    for number, (_, stride, expansion, width) in enumerate(BLOCKS):
        block, y = f"_blocks.{number}", x
        if expansion > 1:
            y = layer(y, f"{block}._expand_conv", f"{block}._bn0").clip(0, 6)
        y = layer(y, f"{block}._depthwise_conv", f"{block}._bn1", stride).clip(0, 6)
        y = layer(y, f"{block}._project_conv", f"{block}._bn2")
        x = x + y if stride == 1 and x.shape[1] == width else y
    return np.asarray(layer(x, "_conv_head", "_bn1").clip(0, 6).mean(axis=(2, 3)))


def _convolution(x: Array, weight: Array, stride: int) -> Array:
    """With TensorFlow's "same" padding; depthwise where the weights have one input channel."""
    kernel = weight.shape[-1]
    side = -(-x.shape[-1] // stride)
    total = max((side - 1) * stride + kernel - x.shape[-1], 0)
    edge = (total // 2, total - total // 2)
    padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
    windows = sliding_window_view(padded, (1, 1, kernel, kernel))[:, :, ::stride, ::stride, 0, 0]
    if weight.shape[1] == 1:
        return np.asarray(np.einsum("ncyxkl,ckl->ncyx", windows, weight[:, 0]))
    return np.asarray(np.einsum("ncyxkl,ockl->noyx", windows, weight, optimize=True))
