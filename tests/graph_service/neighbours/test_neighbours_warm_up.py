"""After the warm-up nothing is compiled any more, whatever the size of the graph."""

from __future__ import annotations

import numpy as np

from graph_service.index import half, holders, joining, ranking
from graph_service.linear.basis import fit_basis
from graph_service.neighbours import NeighbourGraph, bulk, forest
from graph_service.neighbours.warm_up import warm_up

MODULES = (half, holders, joining, ranking, bulk, forest)


def compiled() -> dict[str, int]:
    """How many signatures each kernel was compiled for."""
    return {
        f"{module.__name__}.{name}": len(value.signatures)
        for module in MODULES
        for name, value in vars(module).items()
        if hasattr(value, "signatures")
    }


def test_nothing_is_compiled_after_the_warm_up() -> None:
    warm_up()
    before = compiled()
    assert any(before.values())
    vectors = np.random.default_rng(0).standard_normal((7000, 24)).astype(np.float16)
    for index in ("exact", "hnsw"):
        graph = NeighbourGraph(24, 10, index=index, bulk=5000)
        graph.update(add=vectors[:6000])
        graph.update(add=vectors[6000:], remove=np.arange(100, dtype=np.int32))
        graph.update(move=(np.array([500], np.int32), vectors[:1]))
        for queries in (1, 3, 200):
            graph.search(vectors[:queries].astype(np.float32), 7)
        frozen = graph.freeze_vectors()
        fit_basis(frozen[np.arange(300, dtype=np.int32)]).project(frozen, np.arange(900, dtype=np.int32))
        frozen.similarities(vectors[:2].astype(np.float32), 0, 6900)
    assert compiled() == before
