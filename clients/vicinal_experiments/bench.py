"""One dataset of the graph service, as experiments use it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from vicinal_client import Dataset, Flags, GraphClient, Label, Propagation, Strategy, Trust
from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.settings import DEFAULT, Setting

__all__ = ["UNLABELLED", "Bench", "bench"]

UNLABELLED = -1
"""In an array of labels: the sample has none."""


class Bench:
    """A dataset whose settings and labels are moved to where the next measurement wants them.

    Rows stand for samples: row i is the sample "i". Only what differs from the state before is written.

    Attributes:
        dataset: as it was created, with the service's default settings.
    """

    def __init__(self, client: GraphClient, dataset: Dataset) -> None:
        self._client = client
        self.dataset = dataset
        self._setting = DEFAULT
        self._labels: Ints = np.empty(0, np.int32)
        self._trust = Trust.VERIFIED

    def fill(self, vectors: Floats, progress: Callable[[int, int], None] | None = None) -> None:
        """Add the samples (n, d), once. `progress` is told how many are written, and how many there are."""
        ids = [str(i) for i in range(len(vectors))]
        self._client.add_samples(self.dataset.name, ids, vectors, progress=progress)
        self._labels = np.full(len(vectors), UNLABELLED, np.int32)

    @property
    def labels(self) -> Ints:
        """The labels as they stand, int32 (n,)."""
        return self._labels

    def use(self, setting: Setting) -> None:
        """Spread labels as `setting` says from now on."""
        if setting == self._setting:
            return
        default = self.dataset
        self._client.update_dataset(
            default.name,
            method=setting.method or default.method,
            temperature=default.temperature if setting.temperature is None else setting.temperature,
            steps=setting.steps or default.steps,
        )
        self._setting = setting

    def label(self, labels: Ints, trust: Trust = Trust.VERIFIED) -> None:
        """Make `labels`, int32 (n,) class indices or `UNLABELLED`, the dataset's, all of that trust."""
        before = self._labels if trust is self._trust else np.full_like(self._labels, UNLABELLED)
        gone = np.flatnonzero((self._labels != UNLABELLED) & (labels == UNLABELLED))
        new = np.flatnonzero((labels != before) & (labels != UNLABELLED))
        if len(gone):
            self._client.remove_labels(self.dataset.name, [str(i) for i in gone])
        if len(new):
            classes = self.dataset.classes
            stated = [Label(str(i), classes[labels[i]], trust=trust) for i in new.tolist()]
            self._client.add_labels(self.dataset.name, stated)
        self._labels, self._trust = labels.copy(), trust

    def propagate(self) -> tuple[Ints, Floats]:
        """Return each sample's class int32 (n,), `UNLABELLED` when unreached, and the belief in it (n,)."""
        found: Propagation = self._client.propagate(self.dataset.name, include_beliefs=True)
        if found.classes is None or found.confidences is None:
            raise ValueError("the beliefs were asked for")
        return found.classes, found.confidences

    def classify(self, vectors: Floats, neighbours: int | None = None) -> Ints:
        """Return the classes int32 (m,) of vectors (m, d) that are not in the graph."""
        return self._client.classify(self.dataset.name, vectors, neighbours=neighbours).classes

    def suggest(self, count: int, strategy: Strategy | None, seed: int) -> npt.NDArray[np.int64]:
        """Return the rows of the samples to label next."""
        found = self._client.suggest(self.dataset.name, count, strategy=strategy, seed=seed)
        return np.array([int(one.sample_id) for one in found], np.int64)

    def flags(self, *, everything: bool) -> Flags:
        """Return the flags at the service's own cut, or those of all labels."""
        if everything:
            return self._client.flag_errors(self.dataset.name, min_suspicion=0.0, evidence=0)
        return self._client.flag_errors(self.dataset.name, evidence=0)

    def noise_rate(self) -> float:
        """Return the service's estimate of the share of labels that are wrong."""
        return self._client.estimate_noise(self.dataset.name).noise_rate.estimate


@contextmanager
def bench(
    client: GraphClient, dimension: int, classes: Sequence[str], neighbours: int | None = None
) -> Iterator[Bench]:
    """Yield a new dataset without samples; it is deleted at the end.

    Args:
        client: of the graph service.
        dimension: length of its vectors.
        classes: names of at least two classes.
        neighbours: k of the graph; None takes the service's default.
    """
    dataset = client.create_dataset(
        f"experiment-{uuid.uuid4().hex[:12]}", dimension=dimension, classes=classes, neighbours=neighbours
    )
    try:
        yield Bench(client, dataset)
    finally:
        client.delete_dataset(dataset.name)
