"""What others offer for the same task, on the same edges."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import graphlearning
import numpy as np
import numpy.typing as npt
from propagation_graphs import Problem
from scipy import sparse
from sklearn.semi_supervised import LabelSpreading

from graph_service.propagation.adjacency import Adjacency

STEPS = 20

Floats = npt.NDArray[np.floating]
Run = Callable[[], Floats]


def scipy_steps(it: Problem, adj: Adjacency, dtype: type[np.floating]) -> Run:
    """Z ← P Z, one sparse product a step, labelled rows set back: eq. 3 as one would write it."""
    weights = adj.exact_weights() if dtype is np.float64 else adj.weights
    indptr = adj.indptr.astype(np.int32)
    walk = sparse.csr_array((weights.astype(dtype), adj.indices, indptr), shape=(len(it), len(it)))
    log_degrees = adj.log_degrees[it.labelled]
    start = np.zeros((len(it), it.classes), dtype)
    start[it.labelled, it.truth[it.labelled]] = np.exp((log_degrees.min() - log_degrees) / 2)
    clamped = start[it.labelled]

    def run() -> Floats:
        scores = start
        for _ in range(STEPS):
            scores = walk @ scores
            scores[it.labelled] = clamped
        return scores

    return run


class _Spreading(LabelSpreading):  # type: ignore[misc]
    """LabelSpreading on edges that are ready, so that only the spreading is timed."""

    edges: sparse.csr_matrix

    def _build_graph(self) -> sparse.csr_matrix:
        return self.edges


def label_spreading(it: Problem, adj: Adjacency) -> Run:
    """scikit-learn's LabelSpreading.fit: 20 iterations in float64, α = 0.2; it has no clamped form."""
    roots = adj.log_degrees / 2
    edge_roots = np.repeat(roots, np.diff(adj.indptr)) - roots[adj.indices]
    edges = sparse.csr_matrix(
        (adj.exact_weights() * np.exp(edge_roots), adj.indices, adj.indptr), shape=(len(it), len(it))
    )
    targets = np.full(len(it), -1)
    targets[it.labelled] = it.truth[it.labelled]
    nothing = np.zeros((len(it), 1))

    def run() -> Floats:
        model = _Spreading(alpha=0.2, max_iter=STEPS, tol=0)
        model.edges = edges
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that 20 iterations have not converged
            scores: Floats = model.fit(nothing, targets).label_distributions_
        return scores

    return run


def graph_learning(it: Problem, adj: Adjacency, method: str) -> Run:
    """GraphLearning's `laplace` or `poisson` on the same weights, with its own solver and stopping rule.

    It takes symmetric graphs only: give it that of SYMMETRIZED.
    """
    # W back from its normalised rows, times a common factor.
    edge_degrees = np.repeat(adj.log_degrees - adj.log_degrees.max(), np.diff(adj.indptr))
    weights = sparse.csr_matrix(
        (adj.exact_weights() * np.exp(edge_degrees), adj.indices, adj.indptr), shape=(len(it), len(it))
    )
    labels = np.unique(it.truth[it.labelled], return_inverse=True)[1]  # it wants them without gaps
    solvers: dict[str, Callable[[], Any]] = {
        "laplace": lambda: graphlearning.ssl.laplace(weights),
        "poisson": lambda: graphlearning.ssl.poisson(weights),
    }

    def run() -> Floats:
        scores: Floats = solvers[method]().fit(it.labelled, labels)
        return scores

    return run
