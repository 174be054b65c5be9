"""Time propagation against scipy and scikit-learn, in one run on the same graph.

make bench        (or: python tests/benchmarks/propagation.py --help)

Ways to take 20 steps on the symmetrised neighbour graph of synthetic clustered vectors, 1% labelled:

ours      graph_service.propagation.propagate
scipy32   Z ← P Z with P a scipy CSR matrix in float32, rows in data order, labelled rows set back each step
scipy64   the same in float64
sklearn   LabelSpreading.fit on the same edges, already normalised (_build_graph returns them): 20 iterations
          of alpha 0.2 in float64 with its convergence check, and its final decision. It has no clamped form

Runs are interleaved (ours, scipy32, scipy64, sklearn, ours, ...); figures are medians. Wall time is what a
caller waits, CPU time what all cores spend. Agreement is the share of argmaxes equal to scipy64's.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.semi_supervised import LabelSpreading

from graph_service.events import Method
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.propagation.adjacency import Adjacency, adjacency
from graph_service.propagation.propagate import propagate

Floats = npt.NDArray[np.floating]
STEPS = 20
TEMPERATURE = 0.1
CACHE = Path(".cache/benchmarks")


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph with labels."""

    adj: Adjacency
    seeds: Floats
    labelled: npt.NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.seeds.shape[1]


def problem(nodes: int, classes: int, k: int) -> Problem:
    """Clustered vectors, their neighbour lists (kept in .cache), and 1% of labels."""
    path = CACHE / f"lists-{nodes}-{classes}-{k}.npz"
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, nodes)
    if not path.exists():
        print(f"building the neighbour lists of {nodes:,} nodes, k = {k} (once, kept in {CACHE})", flush=True)
        vectors = rng.normal(size=(classes, 32))[truth] + 0.8 * rng.normal(size=(nodes, 32))
        graph = NeighbourGraph(32, k, index="exact")
        graph.update(add=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez(path, neighbours=graph.neighbours, similarities=graph.similarities)
    with np.load(path) as lists:
        adj = adjacency(
            lists["neighbours"], lists["similarities"], method=Method.SYMMETRIZED, temperature=TEMPERATURE
        )
    labelled = rng.random(nodes) < 0.01
    seeds = np.zeros((nodes, classes))
    seeds[labelled, truth[labelled]] = 1
    return Problem(adj, seeds, labelled)


def ours(it: Problem) -> Callable[[], Floats]:
    """The service's propagation."""
    return lambda: propagate(it.adj, it.seeds, it.labelled, STEPS)


def by_scipy(it: Problem, dtype: type[np.floating]) -> Callable[[], Floats]:
    """The same steps, one sparse product each."""
    n = len(it.seeds)
    walk = sparse.csr_array((it.adj.weights.astype(dtype), it.adj.indices, it.adj.indptr), shape=(n, n))
    scale = np.exp(-(it.adj.log_degrees - it.adj.log_degrees.max()) / 2)[:, None]
    start = (it.seeds * scale).astype(dtype)

    def run() -> Floats:
        scores = start
        for _ in range(STEPS):
            scores = walk @ scores
            scores[it.labelled] = start[it.labelled]
        return scores

    return run


class Spreading(LabelSpreading):  # type: ignore[misc]
    """LabelSpreading on edges that are ready, so that only the spreading is timed."""

    edges: sparse.csr_matrix

    def _build_graph(self) -> sparse.csr_matrix:
        return self.edges


def by_sklearn(it: Problem) -> Callable[[], Floats]:
    """LabelSpreading on the same edges, 𝒲 = D^1/2 P D^-1/2."""
    n = len(it.seeds)
    roots = it.adj.log_degrees / 2
    edge_roots = np.repeat(roots, np.diff(it.adj.indptr)) - roots[it.adj.indices]
    edges = sparse.csr_matrix(
        (it.adj.weights * np.exp(edge_roots), it.adj.indices, it.adj.indptr), shape=(n, n)
    )
    targets = np.where(it.labelled, it.seeds.argmax(axis=1), -1)
    nothing = np.zeros((n, 1))

    def run() -> Floats:
        model = Spreading(alpha=0.2, max_iter=STEPS, tol=0)
        model.edges = edges
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that 20 iterations have not converged
            scores: Floats = model.fit(nothing, targets).label_distributions_
        return scores

    return run


def timed(runs: dict[str, Callable[[], Floats]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each, interleaved, after one round that is not counted."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            if turn:
                seen[name].append(spent)
    return {name: tuple(np.median(times, axis=0)) for name, times in seen.items()}  # type: ignore[misc]


def report(it: Problem, rounds: int) -> None:
    """Time everything on one graph and print the table."""
    runs = {
        "ours": ours(it),
        "scipy32": by_scipy(it, np.float32),
        "scipy64": by_scipy(it, np.float64),
        "sklearn": by_sklearn(it),
    }
    times = timed(runs, rounds)
    exact = runs["scipy64"]().argmax(axis=1)
    print(f"\n{len(it.seeds):,} × {it.classes} classes, {len(it.adj.indices):,} edges, {STEPS} steps")
    print(f"{'':10}{'wall ms':>10}{'cpu ms':>10}{'wall/ours':>11}{'cpu/ours':>10}{'agreement':>11}")
    mine = times["ours"]
    for name, (wall, cpu) in times.items():
        agreement = "" if name == "sklearn" else f"{(runs[name]().argmax(axis=1) == exact).mean():.4%}"
        ratios = f"{wall / mine[0]:10.1f}×{cpu / mine[1]:9.1f}×"
        print(f"{name:10}{wall * 1e3:10.1f}{cpu * 1e3:10.1f}{ratios}{agreement:>11}")


def machine() -> str:
    """What this ran on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "scikit-learn"))
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=60_000, help="nodes in the graph (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="counted runs of each (default %(default)s)")
    arguments = parser.parse_args()
    print(machine())
    for classes, k in ((10, 10), (100, 15)):
        report(problem(arguments.nodes, classes, k), arguments.rounds)


if __name__ == "__main__":
    main()
