"""The neighbour lists themselves, forwards and backwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.holders import Holders
from graph_service.index.ranking import empty_lists, take_in
from graph_service.index.vectors import Float32Array, Int32Array, grown

__all__ = ["Lists"]


class Lists:
    """Ranked lists of k slots, one for each slot, and who lists whom.

    Args:
        k: length of a list.

    Attributes:
        neighbours: int32 (slots, k), by falling similarity, padded with -1.
        similarities: float32 (slots, k), padded with -inf.
    """

    def __init__(self, k: int) -> None:
        self.neighbours, self.similarities = empty_lists(0, k)
        self._holders: Holders | None = None

    def make_room(self, slots: int) -> None:
        """Take in slots up to `slots` - 1, with empty lists."""
        self.neighbours = grown(self.neighbours, slots, -1)
        self.similarities = grown(self.similarities, slots, -np.inf)
        if self._holders is not None:
            self._holders.make_room(slots)

    def holders(self) -> Holders:
        """Who lists each slot: found out in a pass over all lists by the first call, kept up from then on."""
        if self._holders is None:
            self._holders = Holders(self.neighbours)
        return self._holders

    def write(self, nodes: Int32Array, neighbours: Int32Array, similarities: Float32Array) -> None:
        """Replace the lists of some nodes, distinct."""
        if 2 * len(nodes) > len(self.neighbours):
            self._holders = None  # they are sooner made anew
        if self._holders is not None:
            named = nodes.repeat(neighbours.shape[1])
            self._holders.leave(self.neighbours[nodes].ravel(), named)
            self._holders.enter(neighbours.ravel(), named)
        self.neighbours[nodes], self.similarities[nodes] = neighbours, similarities

    def clear(self, nodes: Int32Array) -> None:
        """Empty the lists of some nodes, distinct."""
        self.write(nodes, *empty_lists(len(nodes), self.neighbours.shape[1]))

    def take_in(
        self, nodes: npt.NDArray[np.int32], newcomers: Int32Array, similarities: Float32Array
    ) -> None:
        """Merge newcomers, each of them into the list of one node, in which it is not."""
        out = take_in((self.neighbours, self.similarities), nodes, newcomers, similarities)
        if self._holders is not None:
            entered = out != newcomers
            self._holders.enter(newcomers[entered], nodes[entered])
            self._holders.leave(out[entered], nodes[entered])
