"""How near HNSW neighbour lists are to exact ones, and what each costs, on vectors of the reader's own.

python tests/benchmarks/recall.py --vectors FILE.npz

The file's array `vectors` (n, d), any float type, is normalised and fed to `NeighbourGraph.update` in chunks.
Recall is the share of a node's exact k nearest that its HNSW list holds, over all nodes. Time is CPU time of
all cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from graph_service.index import HnswIndex, IndexKind
from graph_service.index.base import Index
from graph_service.index.vectors import Float32Array, Int32Array, VectorTable
from graph_service.neighbours import NeighbourGraph

HNSW_OPTIONS = ("links", "ef_construction", "ef_search")


def load(path: Path, rows: int | None) -> Float32Array:
    """The first `rows` unit vectors of the file."""
    with np.load(path) as archive:
        vectors = archive["vectors"][:rows].astype(np.float32)
    unit: Float32Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def build(
    index: IndexKind | Callable[[VectorTable], Index], vectors: Float32Array, k: int, chunk: int
) -> Int32Array:
    """The lists of a graph built in chunks; prints what that took."""
    graph = NeighbourGraph(vectors.shape[1], k, index=index)
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(vectors), chunk):
        graph.update(add=vectors[start : start + chunk])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    per_node = 1e3 * cpu / len(vectors)
    print(f"{graph.index_name:6} insert: {wall:7.1f} s wall, {cpu:7.1f} s CPU, {per_node:.2f} ms CPU a node")
    return graph.neighbours


def recall(exact: Int32Array, found: Int32Array) -> float:
    """Share of the entries of `exact` that `found` has in the same row."""
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True))
    return hits / exact.size


def main() -> None:
    """Builds both graphs and prints the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--rows", type=int, help="use the first ROWS vectors only")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--chunk", type=int, default=1000)
    for option in HNSW_OPTIONS:
        parser.add_argument("--" + option.replace("_", "-"), type=int, help="of HnswIndex; default: its own")
    args = parser.parse_args()

    vectors = load(args.vectors, args.rows)
    options = {option: value for option in HNSW_OPTIONS if (value := getattr(args, option)) is not None}
    print(f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}")
    print(
        f"{len(vectors)} x {vectors.shape[1]}, k = {args.k}, chunks of {args.chunk}, {options or 'as served'}"
    )
    exact = build("exact", vectors, args.k, args.chunk)
    hnsw = build(lambda table: HnswIndex(table, **options), vectors, args.k, args.chunk)
    print(f"recall@{args.k}: {recall(exact, hnsw):.4f}")


if __name__ == "__main__":
    main()
