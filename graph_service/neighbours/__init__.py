"""The k-nearest-neighbour lists and their upkeep."""

from graph_service.neighbours.graph import NeighbourGraph

__all__ = ["NeighbourGraph"]
