"""What suggestion knows of the nodes whatever their labels, and keeps from one revision to the next."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.drawing import first, random_order
from graph_service.suggestion.nearest import NearestLists
from graph_service.suggestion.standing import Standing
from graph_service.suggestion.thinned import COVERED, NEIGHBOURS, Thinned, join

__all__ = ["Draw", "Ground"]

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
UInt64 = npt.NDArray[np.uint64]

_DRAWS = 8
"""Seeds remembered. Each takes 8 to 12 bytes a node, and some megabytes besides."""


class Ground:
    """The nodes of one view. Safe to use from many threads.

    What it keeps of earlier calls makes later ones quick and changes no answer.

    Args:
        features: float32 (n, p), see `linear.basis`; nearness is their cosine.
        keys: uint64 (n,), random bits that belong to each node and outlast a restart.
        audit: int32 (n,), the nodes in the order of the audit.
        sample: int32 (s,), nodes that stand for all.
    """

    def __init__(self, features: Float32, keys: UInt64, audit: Int32, sample: Int32) -> None:
        self.features = features
        self.audit = audit
        self._keys = keys
        self._sample = sample
        self._standing: Standing | None = None
        self._draws: dict[int, Draw] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.features)

    def draw(self, seed: int) -> Draw:
        """Return what this seed makes of the nodes; O(n log n) when it is not remembered."""
        with self._lock:
            found = self._draws.pop(seed, None) or Draw(self.features, random_order(self._keys, seed))
            self._draws[seed] = found
            if len(self._draws) > _DRAWS:
                del self._draws[next(iter(self._draws))]
        return found

    def represented(self, labelled: Bools, picks: Int32) -> Float64:
        """Return the share of all nodes that each pick stands for; see `Standing`."""
        with self._lock:
            if self._standing is None:
                self._standing = Standing(self.features, self._sample)
            return self._standing.represented(labelled, picks)


class Draw:
    """The nodes in random order, the same whatever their labels: what is drawn are the first that will do.

    From one revision to the next that is almost the same, so that the nearest of each need not be found anew.

    Attributes:
        order: int32 (n,), the nodes in that order.
    """

    def __init__(self, features: Float32, order: Int32) -> None:
        self.order = order
        self._rank = np.empty_like(order)
        self._rank[order] = np.arange(len(order), dtype=np.int32)
        self._nearest = NearestLists(features, self._rank, NEIGHBOURS)
        self._lock = threading.Lock()

    def thin(self, candidates: Int32, labelled: Bools) -> Thinned:
        """Join these candidates and the first 2,048 of the labelled to the 10 nearest of them all.

        O(s p) for each of the s nodes that the call before did not have, O(s) besides.

        Args:
            candidates: int32, in the order drawn.
            labelled: bool (n,); none is a candidate.
        """
        nodes = np.concatenate([candidates, self._first(labelled, COVERED)])
        with self._lock:
            lists = self._nearest.lists(nodes)
        return join(nodes, len(candidates), lists)

    def _first(self, mask: Bools, most: int) -> Int32:
        if np.count_nonzero(mask) > most:
            return first(self.order, mask, True, most)
        return self.order[np.sort(self._rank[mask])]
