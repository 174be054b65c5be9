"""ONNX compared with torch: what is measured, what is refused, what is warned of."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from embed_service.encoder.model import Encoder
from embed_service.training import backbones
from embed_service.training.errors import TrainingError
from embed_service.training.export import neighbours
from embed_service.training.export.graph import IMAGE
from embed_service.training.export.images import Examples
from embed_service.training.export.observation import Batch, session
from vicinal.wire.vectors import unit_rows

__all__ = ["Accuracy", "Precision", "Verdict", "check", "doubts", "judge"]

LARGEST_DIFFERENCE = 1e-4
LEAST_COSINE = 0.999
LARGEST_LOSS = 0.01

_PARITY_BATCHES = (1, 3, 8)
_BATCH = 32
_TIMED = 9

Features = npt.NDArray[np.float32]


class Precision(StrEnum):
    """What an encoder computes in."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


class Accuracy(NamedTuple):
    """k-NN accuracy (weighted vote of the 10 nearest, leave one out), 0 to 1."""

    torch: float
    onnx: float


@dataclass(frozen=True)
class Verdict:
    """How near the vectors that will be served are to torch's in float32.

    Attributes:
        difference: the largest of any feature, in batches of 1, 3 and 8; as a part of the largest feature
            where that exceeds 1.
        cosine: least and mean cosine of the two vectors of an image.
        agreement: share of an image's 10 nearest neighbours that are the same.
        accuracy: by the labels, where there are any.
        milliseconds: for one image alone, on this CPU; the median of nine.
    """

    difference: float
    cosine: tuple[float, float]
    agreement: float
    accuracy: Accuracy | None
    milliseconds: float


def judge(model: onnx.ModelProto, served: Encoder, encoder: backbones.Encoder, examples: Examples) -> Verdict:
    """Compare what will be served with the torch encoder that it was made from.

    Args:
        model: the graph.
        served: the file that holds it.
        encoder: what it was made from, on the CPU.
        examples: the judged among them are compared.
    """
    inputs = [encoder.preprocessing.normalised(square[None]) for square in examples.judged]
    theirs = unit_rows(_in_batches(lambda part: _exact(encoder.model, part), inputs))
    ours = _in_batches(lambda part: served.embed(list(part)), inputs)
    labels = examples.labels
    return Verdict(
        difference=_difference(model, encoder.model, np.concatenate(inputs[: max(_PARITY_BATCHES)])),
        cosine=_cosines(ours, theirs),
        agreement=neighbours.agreement(ours, theirs),
        accuracy=None
        if labels is None
        else Accuracy(neighbours.accuracy(theirs, labels), neighbours.accuracy(ours, labels)),
        milliseconds=_milliseconds(served, list(inputs[0])),
    )


def check(verdict: Verdict, precision: Precision) -> None:
    """Refuse an export that is not what it was made from.

    Raises:
        TrainingError: float32 differs by more than 1e-4, or float16's least cosine is below 0.999.
    """
    if precision is Precision.FLOAT32 and not verdict.difference <= LARGEST_DIFFERENCE:
        raise TrainingError(
            f"ONNX and torch differ by {verdict.difference:.1e}, more than {LARGEST_DIFFERENCE:.0e}: nothing "
            "was written. This is a fault of the export, or the weights are not finite"
        )
    least = verdict.cosine[0]
    if precision is Precision.FLOAT16 and not least >= LEAST_COSINE:
        raise TrainingError(
            f"in float16 an image's vector has a cosine of {least:.4f} with torch's, less than "
            f"{LEAST_COSINE}: nothing was written. Export with --precision float32"
        )


def doubts(verdict: Verdict, precision: Precision) -> list[str]:
    """Return sentences on what was written and yet should be looked at twice."""
    if verdict.accuracy is None:
        unknown = "what int8 costs in accuracy is not known: give labelled --images"
        return [unknown] if precision is Precision.INT8 else []
    lost = verdict.accuracy.torch - verdict.accuracy.onnx
    if lost <= LARGEST_LOSS:
        return []
    return [
        f"k-NN accuracy fell by {100 * lost:.1f} points, more than {100 * LARGEST_LOSS:.0f}: calibrate on "
        "more images or on others (--images, --calibrate), or serve float32"
    ]


def _difference(model: onnx.ModelProto, exact: nn.Module, inputs: Batch) -> float:
    running = session(model)
    expected = _exact(exact, inputs)
    scale = max(1.0, float(np.abs(expected).max()))
    return max(
        float(np.abs(running.run(None, {IMAGE: inputs[:count]})[0] - expected[:count]).max()) / scale
        for count in _PARITY_BATCHES
    )


def _exact(model: nn.Module, inputs: Batch) -> Features:
    with torch.inference_mode():
        features: Features = model(torch.from_numpy(inputs)).numpy()
    return features


def _in_batches(run: Callable[[Batch], Features], inputs: Sequence[Batch]) -> Features:
    starts = range(0, len(inputs), _BATCH)
    return np.concatenate([run(np.concatenate(inputs[start : start + _BATCH])) for start in starts])


def _cosines(ours: Features, theirs: Features) -> tuple[float, float]:
    cosines = (ours * theirs).sum(axis=1)
    return float(cosines.min()), float(cosines.mean())


def _milliseconds(served: Encoder, image: list[Batch]) -> float:
    times = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        served.embed(image)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
