"""What the values inside a graph are like on some images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

__all__ = ["Batch", "Channels", "Spread", "observed", "session"]

Batch = npt.NDArray[np.float32]
"""Normalised pictures, (n, 3, size, size)."""

Channels = npt.NDArray[np.float64]
"""One number for each channel, that is, for each place on a tensor's last axis."""


@dataclass(frozen=True)
class Spread:
    """What a tensor's values are like, by channel.

    Attributes:
        low: the least value.
        high: the largest.
        mean: the mean.
        power: the mean square.
    """

    low: Channels
    high: Channels
    mean: Channels
    power: Channels

    def divided(self, factors: Channels) -> Spread:
        """What it is like after division by `factors`, which are positive."""
        return Spread(self.low / factors, self.high / factors, self.mean / factors, self.power / factors**2)


def observed(model: onnx.ModelProto, names: Sequence[str], batches: Iterable[Batch]) -> dict[str, Spread]:
    """Run `model` on `batches`, of which there is at least one; return the spread of each tensor of `names`.

    Memory: the named tensors of one batch, beside the model.
    """
    running = session(_opened(model, names))
    (image,) = (entry.name for entry in running.get_inputs())
    sums: dict[str, _Sum] = {name: _Sum() for name in names}
    for batch in batches:
        for name, values in zip(names, running.run(list(names), {image: batch}), strict=True):
            sums[name].add(values)
    return {name: total.spread() for name, total in sums.items()}


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Return `model` ready to run on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warns of constants that could have been folded
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _opened(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy of `model` that also gives the tensors of `names`."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    given = {output.name for output in model.graph.output}
    opened.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in given
    )
    return opened


class _Sum:
    """Gathers one tensor's spread batch by batch."""

    def __init__(self) -> None:
        self._rows = 0
        self._low = self._high = self._mean = self._power = np.zeros(0)

    def add(self, values: npt.NDArray[np.float32]) -> None:
        rows = values.reshape(-1, values.shape[-1] if values.ndim else 1)
        low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
        mean = rows.sum(axis=0, dtype=np.float64)
        power = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
        if self._rows:
            low, high = np.minimum(low, self._low), np.maximum(high, self._high)
            mean, power = mean + self._mean, power + self._power
        self._rows += len(rows)
        self._low, self._high, self._mean, self._power = low, high, mean, power

    def spread(self) -> Spread:
        return Spread(self._low, self._high, self._mean / self._rows, self._power / self._rows)
