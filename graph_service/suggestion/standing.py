"""How many samples a suggestion stands for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled
from graph_service.suggestion.whole import products, whole

__all__ = ["Standing"]

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

_FEW = 8
_BLOCK = 1024
"""Labelled nodes compared at a time: bounds the temporary memory."""


class Standing:
    """For nodes that stand for all, the nearest labelled one, kept up while labels come and go.

    What a call returns depends on its arguments alone, as nearness is exact (`whole`). Not for several
    threads at once.

    Args:
        features: float32 (n, p), rows of all nodes; nearness is their cosine.
        sample: int32 (s,), nodes that stand for all.
    """

    def __init__(self, features: Float32, sample: Int32) -> None:
        self._features = features
        self._sample = sample
        self._columns = np.ascontiguousarray(whole(features[sample]).T)
        self._labelled: Bools = np.zeros(len(features), np.bool_)
        self._nearest = np.full(len(sample), -np.inf, np.float32)
        self._holder = np.full(len(sample), -1, np.int64)

    def represented(self, labelled: Bools, picks: Int32) -> Float64:
        """Return the share of all nodes that are nearer to each pick than to any labelled node or other pick.

        A node with a label is nearest to itself. O(s p) for each pick and each node that has come by a label
        since the call before, where s counts those of the sample without one. Where labels have gone, those
        of the sample that were nearest to one are compared with all labelled nodes again.

        Args:
            labelled: bool (n,), nodes with a label.
            picks: int32 (m,); the first of equally near ones counts.

        Returns:
            float64 (m,), 0 to 1; together at most 1.
        """
        if not len(picks):
            return np.zeros(0)
        self._follow(labelled)
        greatest = self._nearest.copy()
        holder = np.full(len(greatest), len(picks), np.int64)
        _take(products(whole(self._features[picks]), self._columns), np.arange(len(picks)), greatest, holder)
        counts = np.bincount(holder, minlength=len(picks))[: len(picks)]
        shares: Float64 = counts / max(len(greatest), 1)
        return shares

    def _follow(self, labelled: Bools) -> None:
        changed = np.flatnonzero(self._labelled != labelled)
        gone = changed[self._labelled[changed]]
        bereft = np.flatnonzero(np.isin(self._holder, gone))
        self._nearest[bereft], self._holder[bereft] = -np.inf, -1
        own = labelled[self._sample]
        self._nearest[own], self._holder[own] = np.inf, self._sample[own]
        self._compare(bereft[~own[bereft]], np.flatnonzero(self._labelled & labelled))
        come = changed[labelled[changed]]
        # Those with labels of their own hold all that can be had: to leave them out pays for many nodes only.
        self._compare(np.flatnonzero(~own) if len(come) > _FEW else np.arange(len(own)), come)
        self._labelled = labelled.copy()

    def _compare(self, places: Ints, nodes: Ints) -> None:
        """Let the nodes take those of the sample that they are nearer to than any before."""
        if not len(places) or not len(nodes):
            return
        columns = self._columns
        if len(places) < columns.shape[1]:
            columns = np.ascontiguousarray(columns[:, places])
        nearest, holder = self._nearest[places], self._holder[places]
        for start in range(0, len(nodes), _BLOCK):
            block = nodes[start : start + _BLOCK]
            _take(products(whole(self._features[block]), columns), block, nearest, holder)
        self._nearest[places], self._holder[places] = nearest, holder


@compiled
def _take(nearness: Float32, nodes: Ints, nearest: Float32, holder: Ints) -> None:
    """Let each row's node have the columns in which its value is above the nearest so far."""
    for row in range(len(nodes)):
        for column in range(len(nearest)):
            if nearness[row, column] > nearest[column]:
                nearest[column] = nearness[row, column]
                holder[column] = nodes[row]
