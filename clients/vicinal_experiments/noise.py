"""Labels made wrong on purpose: the kinds of noise that experiments are run under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vicinal_experiments.data import Data, Floats, Ints
from vicinal_experiments.errors import ExperimentError

__all__ = ["Noise", "asymmetric", "named_pairs", "nearest_classes", "symmetric"]


def symmetric(truth: Ints, classes: int, rate: float, seed: int) -> Ints:
    """Return labels of which each is, with probability `rate`, one of the other classes, all equally likely.

    Args:
        truth: int32 (n,), class indices.
        classes: how many there are, at least 2.
        rate: 0 to 1.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    wrong = random.random(len(truth)) < rate
    shifted = (truth + random.integers(1, classes, len(truth))) % classes
    return np.where(wrong, shifted, truth).astype(np.int32)


def asymmetric(truth: Ints, pairs: Mapping[int, int], rate: float, seed: int) -> Ints:
    """Return labels of which each is, with probability `rate`, the class that its own is mistaken for.

    Args:
        truth: int32 (n,), class indices.
        pairs: class → the class it is mistaken for; the others stay right.
        rate: 0 to 1.
        seed: of the choice.
    """
    wrong = np.random.default_rng(seed).random(len(truth)) < rate
    target = np.arange(max([int(truth.max(initial=0)), *pairs]) + 1, dtype=np.int32)
    for named, mistaken in pairs.items():
        target[named] = mistaken
    return np.where(wrong, target[truth], truth).astype(np.int32)


def nearest_classes(vectors: Floats, truth: Ints, classes: int) -> dict[int, int]:
    """Return for each class that has samples the other whose centroid is nearest by cosine."""
    present = [i for i in range(classes) if (truth == i).any()]
    centroids = np.stack([vectors[truth == i].mean(axis=0) for i in present])
    centroids /= np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    near = centroids @ centroids.T
    np.fill_diagonal(near, -np.inf)
    return {i: present[int(near[at].argmax())] for at, i in enumerate(present)}


def named_pairs(texts: Sequence[str], classes: Sequence[str]) -> dict[int, int]:
    """Return the class pairs that texts such as "cat:dog" name.

    Raises:
        ExperimentError: a text is no pair of two different classes.
    """
    pairs: dict[int, int] = {}
    for text in texts:
        found = [
            (i, j)
            for i, one in enumerate(classes)
            for j, other in enumerate(classes)
            if i != j and text == f"{one}:{other}"
        ]
        if len(found) != 1:
            raise ExperimentError(f"--pairs {text!r} is no pair of classes", f"classes: {', '.join(classes)}")
        pairs.update(found)
    return pairs


@dataclass(frozen=True)
class Noise:
    """One setting of label noise.

    Attributes:
        name: e.g. "symmetric 20%", or that of a column of the data.
        kind: "symmetric", "asymmetric" or "column".
        rate: probability of a wrong label; of no meaning for a column.
        pairs: for "asymmetric": class → the class it is mistaken for.
    """

    name: str
    kind: str
    rate: float = 0.0
    pairs: Mapping[int, int] | None = None

    def labels(self, data: Data, seed: int) -> Ints:
        """Return the labels int32 (n,) that this noise makes of the truth; a column is as it is."""
        if self.kind == "column":
            return data.noisy[self.name]
        if self.kind == "symmetric":
            return symmetric(data.truth, len(data.classes), self.rate, seed)
        return asymmetric(data.truth, self.pairs or {}, self.rate, seed)
