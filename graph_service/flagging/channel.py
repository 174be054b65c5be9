"""The noise channel: how labels come about from true classes, fitted to held-out opinions. docs/flags.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.flagging.held_out import Opinions
from graph_service.pooling.pool import softmax
from graph_service.pooling.scatter import add_rows_at
from graph_service.pooling.transition import smoothed

__all__ = ["Channel", "fit_channel"]

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer]

_SHARES = (0.0, 0.25, 0.5, 0.75)
_MOST_SHARE = _SHARES[-1]
_SHARPNESSES = np.geomspace(0.5, 4.0, 13)
_ROUNDS = 12
_SAMPLE = 6000
"""Labels that the share and the sharpness are fitted to; the transition is fitted to all."""
_TINY = 1e-12
_BLOCK = 8192
"""Labels whose posterior is at hand at a time."""


@dataclass(frozen=True, eq=False)
class Channel:
    """The most likely way from true classes to the labels, under noise that depends on the class alone.

    Attributes:
        share: weight of the critic in the pooled opinion, 0 to 0.75.
        sharpness: exponent of the pooled opinion.
        opinion: float32 (l, c), the pooled opinion of each labelled node, rows sum to 1.
        places: int (m,), the place of each label's node.
        transition: float64 (c, c), the probability that a label states column's class where row's is true.
    """

    share: float
    sharpness: float
    opinion: Float32
    places: Ints
    transition: Float64

    def preferred(self) -> tuple[Ints, Float32]:
        """Return the likeliest column of each label's node, int (m,), and its share, float32 (m,)."""
        best = self.opinion.argmax(axis=1)
        return best[self.places], self.opinion[np.arange(len(best)), best][self.places]

    def rivals(self, columns: Ints) -> Iterator[tuple[slice, Ints]]:
        """Yield which labels, and the likeliest column besides what they state, int (some,)."""
        for block in _blocks(len(columns)):
            rows = self.opinion[self.places[block]]
            rows[np.arange(len(rows)), columns[block]] = -1
            yield block, rows.argmax(axis=1)

    def posteriors(self, columns: Ints) -> Iterator[tuple[slice, Float32]]:
        """Yield which labels, and float32 (some, c), their opinions once they themselves are evidence.

        Some thousand at a time, as these numbers are temporary, and many.

        Args:
            columns: int (m,), what each label states.
        """
        for block in _blocks(len(columns)):
            yield block, _posterior(self.opinion[self.places[block]], self.transition, columns[block])


def fit_channel(opinions: Opinions, labels: Ints, columns: Ints) -> Channel:
    """Return the channel under which the labels are most likely.

    The label z of a node with pooled opinion q has the probability Σ_y q_y N[y, z], where q is proportional
    to (beliefs^(1 - s) · critic^s)^τ. The share s and the sharpness τ are searched on a grid, N by
    expectation maximisation (Dawid & Skene, 1979). The critic, whom many labels teach well and few badly,
    so gets the weight that the labels themselves give it. As it expects labels, noise and all, it is
    flatter than the truth, so τ is held to at least 1 without it and 1.5 with its greatest share: below
    that, errors on samples that look like another class pass for doubt. O(52 · 6,000 c + 12 m c).

    Args:
        opinions: of the labels, or more.
        labels: int (m,), which of them are fitted to, at least one; judged.
        columns: int (m,), what each label states, as a column of the opinions.
    """
    places = opinions.places[labels]
    some = np.random.default_rng(0).permutation(len(columns))[:_SAMPLE]
    beliefs, critic, stated = opinions.beliefs[places[some]], opinions.critic[places[some]], columns[some]
    own = np.arange(len(some))
    best = -np.inf, _SHARES[0], 1.0
    for share in _SHARES:
        start = None
        for sharpness in _SHARPNESSES:
            opinion = _pool(beliefs, critic, share, sharpness)
            start = _maximise(opinion, own, stated, start, rounds=_ROUNDS if start is None else 4)
            best = max(best, (_likelihood(opinion, start, stated), share, float(sharpness)))
    _, share, sharpness = best
    sharpness = max(sharpness, 1 + share / _MOST_SHARE / 2)
    opinion = np.empty_like(opinions.beliefs)
    for block in _blocks(len(opinion)):
        opinion[block] = _pool(opinions.beliefs[block], opinions.critic[block], share, sharpness)
    return Channel(share, sharpness, opinion, places, _maximise(opinion, places, columns, None, _ROUNDS))


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _pool(beliefs: Float32, critic: Float32, share: float, sharpness: float) -> Float32:
    logits = np.float32((1 - share) * sharpness) * beliefs + np.float32(share * sharpness) * critic
    return softmax(logits)


def _maximise(opinion: Float32, places: Ints, columns: Ints, start: Float64 | None, rounds: int) -> Float64:
    """Return the transition matrix after some rounds of EM."""
    classes = opinion.shape[1]
    matrix = smoothed(np.zeros((classes, classes))) if start is None else start
    for _ in range(rounds):
        stated = np.zeros((classes, classes))
        for block in _blocks(len(columns)):
            rows = _posterior(opinion[places[block]], matrix, columns[block])
            add_rows_at(stated, columns[block].astype(np.int64), rows, np.arange(len(rows)))
        matrix = smoothed(stated)
    return matrix


def _likelihood(opinion: Float32, matrix: Float64, columns: Ints) -> float:
    """Return the mean logarithm of what the matrix says of the labels."""
    likelihood = np.einsum("ij,ij->i", opinion, matrix.T[columns])
    return float(np.log(np.maximum(likelihood, _TINY)).mean())


def _posterior(opinion: Float32, matrix: Float64, columns: Ints) -> Float32:
    rows = opinion * matrix.T.astype(np.float32)[columns]
    rows /= np.maximum(rows.sum(axis=1, keepdims=True), np.float32(_TINY))
    posterior: Float32 = rows
    return posterior
