"""What every experiment works with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vicinal_client import GraphClient
from vicinal_experiments.bench import UNLABELLED, Bench
from vicinal_experiments.data import Data, Floats, Ints, Split
from vicinal_experiments.neighbours import Lists
from vicinal_experiments.options import Options

__all__ = ["Lab", "right"]


@dataclass(frozen=True)
class Lab:
    """Data in a dataset of the service, and how much is to be measured on it.

    Attributes:
        client: of the graph service.
        bench: the dataset that holds `split.inside`.
        split: the data.
        lists: exact neighbours of the samples inside.
        options: how much.
    """

    client: GraphClient
    bench: Bench
    split: Split
    lists: Lists
    options: Options

    @property
    def data(self) -> Data:
        """The samples inside."""
        return self.split.inside

    @cached_property
    def queries(self) -> Data:
        """The held-out samples that are classified, drawn from all of them; may be empty."""
        rows = np.random.default_rng(0).permutation(len(self.split.outside))[: self.options.queries]
        return self.split.outside.rows(rows)

    @cached_property
    def everything(self) -> Floats:
        """The vectors inside, followed by the queries."""
        return np.concatenate([self.data.vectors, self.queries.vectors])

    def drawn(self, budget: int, seed: int) -> Ints:
        """Return the labels of `budget` samples drawn at random, the same for every method."""
        rows = np.random.default_rng(seed).permutation(len(self.data))[:budget]
        labels = np.full(len(self.data), UNLABELLED, np.int32)
        labels[rows] = self.data.truth[rows]
        return labels

    def padded(self, labels: Ints) -> Ints:
        """Return labels of `everything`: the queries have none."""
        return np.concatenate([labels, np.full(len(self.queries), UNLABELLED, np.int32)])


def right(classes: Ints, truth: Ints) -> float:
    """Return the share of classes that are the true ones; an unreached sample counts as wrong."""
    return float((classes == truth).mean())
