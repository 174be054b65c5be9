"""Which peers are compared where."""

from __future__ import annotations

from collections.abc import Sequence

from vicinal_experiments.neighbours import Lists
from vicinal_experiments.peers.base import Peer
from vicinal_experiments.peers.cleaning import CleanedProbe, Flagger, OutOfSample, ProbeFlagger, VoteFlagger
from vicinal_experiments.peers.graph_learning import Laplace, Poisson, weights
from vicinal_experiments.peers.knn import WeightedKnn
from vicinal_experiments.peers.logistic import LinearProbe
from vicinal_experiments.peers.spreading import Spreading

__all__ = ["PEERS", "SLOW", "flaggers", "for_few_labels", "for_noise"]

PEERS = (
    WeightedKnn.name,
    Spreading.name,
    Laplace.name,
    Poisson.name,
    LinearProbe.name,
    CleanedProbe.name,
    VoteFlagger.name,
    ProbeFlagger.name,
)
"""Names of all, in the order of tables."""

SLOW = frozenset({LinearProbe.name, CleanedProbe.name})
"""Names of those that fit a model of all samples under label noise."""


def for_few_labels(classes: int, lists: Lists) -> Sequence[Peer]:
    """Return what spreads or learns from few labels."""
    matrix = weights(lists)
    return (
        WeightedKnn(classes, lists),
        LinearProbe(classes),
        Spreading(classes, lists),
        Laplace(classes, matrix),
        Poisson(classes, matrix),
    )


def for_noise(classes: int, lists: Lists, out_of_sample: OutOfSample) -> Sequence[Peer]:
    """Return what learns from labels of which some are wrong."""
    return (
        WeightedKnn(classes, lists),
        Spreading(classes, lists),
        LinearProbe(classes),
        CleanedProbe(classes, out_of_sample),
    )


def flaggers(classes: int, lists: Lists, out_of_sample: OutOfSample) -> Sequence[Flagger]:
    """Return what finds wrong labels."""
    return VoteFlagger(classes, lists), ProbeFlagger(out_of_sample)
