"""Vectors of another encoder, gathered until the dataset changes over to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.engine.state.nodes import Nodes, key_of
from graph_service.neighbours.graph import NeighbourGraph

__all__ = ["Encoder", "Staging"]


@dataclass(frozen=True)
class Encoder:
    """The encoder of a dataset's vectors.

    Attributes:
        digest: which one; empty when the caller bound none.
        dimension: length of its vectors.
    """

    digest: str
    dimension: int


class Staging:
    """The staged vectors in a neighbour graph of their own, so that the change itself costs next to nothing.

    Samples are named by the rows of the dataset's tables.

    Args:
        encoder: what made the vectors.
        neighbours: k of the graph.

    Attributes:
        encoder: as given.
        nodes: the graph; `nodes.flush()` must follow before it is read.
        content_hashes: that of each sample with a staged vector, by row.
    """

    def __init__(self, encoder: Encoder, neighbours: int) -> None:
        self.encoder = encoder
        self.nodes = Nodes(NeighbourGraph(encoder.dimension, neighbours), encoder.dimension)
        self.content_hashes: dict[int, bytes] = {}

    def __len__(self) -> int:
        """Return the number of samples that have a staged vector."""
        return len(self.content_hashes)

    def put(
        self,
        rows: list[int],
        vectors: npt.NDArray[np.float16],
        content_hashes: tuple[bytes, ...],
    ) -> None:
        """Stage kept vectors (n, dimension) of n samples, in place of those staged before."""
        for i, row in enumerate(rows):
            self.nodes.put(row, key_of(content_hashes[i], vectors[i]), vectors[i])
            self.content_hashes[row] = content_hashes[i]

    def drop(self, row: int) -> None:
        """Forget a sample's staged vector, if it has one."""
        if self.content_hashes.pop(row, None) is not None:
            self.nodes.detach(row)

    def mask(self, count: int) -> npt.NDArray[np.bool_]:
        """Say which of the rows 0 to `count` - 1 have a staged vector, bool (count,)."""
        mask = np.zeros(count, np.bool_)
        mask[np.fromiter(self.content_hashes, np.int64, len(self))] = True
        return mask
