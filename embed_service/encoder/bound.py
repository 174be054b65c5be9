"""Batches of fixed sizes through buffers that stay where the encoder runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

__all__ = ["BoundRuns"]


@dataclass(frozen=True, eq=False)
class _Bound:
    """Of one batch size: the batch in this process's memory, the same on the device, and the binding."""

    batch: npt.NDArray[Any]
    value: Any
    binding: Any


class BoundRuns:
    """Runs an encoder on batches of few sizes, each with buffers of its own; for one thread at a time.

    A batch goes to the device in one copy, into memory that is there already, and the features come back in
    one. Each size that was used keeps its input twice: here and on the device.
    """

    def __init__(
        self, session: Any, *, shape: tuple[int, int, int], kind: npt.DTypeLike, device: str
    ) -> None:
        """Prepare nothing yet.

        Args:
            session: with one input and one output.
            shape: of one picture.
            kind: the input's dtype.
            device: ONNX Runtime's name of where the session runs, "cpu" or "cuda".
        """
        self._session = session
        self._shape = shape
        self._kind = np.dtype(kind)
        self._device = device
        self._bound: dict[int, _Bound] = {}

    def run(self, inputs: Sequence[npt.NDArray[Any]], size: int) -> npt.NDArray[Any]:
        """Return the features of a batch of `size` pictures, of which `inputs` are the first.

        The batch is filled up with what it held before: rows do not influence each other.
        """
        bound = self._bound.get(size) or self._bind(size)
        np.stack(inputs, out=bound.batch[: len(inputs)], casting="same_kind")
        bound.value.update_inplace(bound.batch)
        try:
            self._session.run_with_iobinding(bound.binding)
        except Exception:
            bound.batch.fill(0)  # one of them may be what cannot be run: it must not come back
            raise
        features: npt.NDArray[Any] = bound.binding.copy_outputs_to_cpu()[0]
        return features

    def _bind(self, size: int) -> _Bound:
        batch = np.zeros((size, *self._shape), dtype=self._kind)
        value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            batch.shape, self._kind.type, self._device, 0
        )
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._session.get_inputs()[0].name, value)
        binding.bind_output(self._session.get_outputs()[0].name, self._device)
        self._bound[size] = _Bound(batch, value, binding)
        return self._bound[size]
