"""What experiments are run on: vectors whose classes are known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vicinal_experiments.errors import ExperimentError

__all__ = ["Data", "Floats", "Ints", "Split", "checked", "split"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_SPLIT_SEED = 0
_LEAST = 20
"""Samples without which no experiment says anything."""


@dataclass(frozen=True, eq=False)
class Data:
    """n samples with their true classes.

    Attributes:
        vectors: float32 (n, d), of unit length.
        truth: int32 (n,), class indices.
        classes: names, in the order of the index.
        noisy: further labels of the same samples by name, int32 (n,) each, partly wrong.
    """

    vectors: Floats
    truth: Ints
    classes: Sequence[str]
    noisy: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.truth)

    def rows(self, chosen: npt.NDArray[np.int64]) -> Data:
        """Return the samples `chosen`, in that order."""
        noisy = {name: column[chosen] for name, column in self.noisy.items()}
        return Data(self.vectors[chosen], self.truth[chosen], self.classes, noisy)

    def digest(self) -> str:
        """Return the SHA-256 of all that is in it, in hex."""
        found = hashlib.sha256(repr(list(self.classes)).encode())
        for name, array in [("", self.vectors), ("", self.truth), *sorted(self.noisy.items())]:
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Split:
    """Samples of the graph, and samples kept out of it.

    Attributes:
        inside: what is added to the graph.
        outside: what is only classified; may be empty.
    """

    inside: Data
    outside: Data


def checked(
    vectors: npt.ArrayLike,
    truth: npt.ArrayLike,
    classes: Sequence[str] = (),
    noisy: Mapping[str, npt.ArrayLike] | None = None,
) -> Data:
    """Return the data with vectors of unit length, or refuse them.

    Args:
        vectors: numbers (n, d), finite and not zero.
        truth: class indices (n,), not negative.
        classes: names; empty takes the indices themselves as names.
        noisy: further labels by name, (n,) each.

    Raises:
        ExperimentError: lengths differ, a vector has no direction, a class has no name, or there are too
            few samples or classes.
    """
    rows = np.asarray(vectors, np.float32)
    labels = {"labels": np.asarray(truth), **{k: np.asarray(v) for k, v in (noisy or {}).items()}}
    for name, column in labels.items():
        if column.shape != (len(rows),) or column.dtype.kind not in "iu":
            raise ExperimentError(
                f"`{name}` is {column.dtype} {column.shape}, expected {len(rows)} class indices, one a vector"
            )
    most = max(int(column.max(initial=-1)) for column in labels.values())
    if min(int(column.min(initial=0)) for column in labels.values()) < 0 or (
        classes and most >= len(classes)
    ):
        raise ExperimentError(f"class indices must lie between 0 and {len(classes) - 1 if classes else most}")
    if len(rows) < _LEAST or len(np.unique(labels["labels"])) < 2:
        raise ExperimentError(f"at least {_LEAST} samples of at least two classes are needed")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ExperimentError(
            f"vector {int(np.argmin(np.isfinite(lengths) & (lengths > 0)))} has no direction"
        )
    columns = {name: column.astype(np.int32) for name, column in labels.items()}
    names = [str(name) for name in classes] or [str(i) for i in range(most + 1)]
    return Data(rows / lengths, columns.pop("labels"), names, columns)


def split(data: Data, held_out: float) -> Split:
    """Return a share of the samples, drawn at random and always the same, apart from the rest.

    Args:
        data: n samples.
        held_out: share to keep out, 0 to below 1.
    """
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(data))
    count = round(held_out * len(data))
    return Split(data.rows(np.sort(order[count:])), data.rows(np.sort(order[:count])))
