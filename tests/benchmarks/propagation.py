"""Time propagation against scipy, scikit-learn and GraphLearning, in one run on the same graph.

make bench        (or: python tests/benchmarks/propagation.py --help)

Ways to carry one graph's labels over it by eq. 3, 20 steps, 1% of the nodes labelled and clamped, on the
directed graph as printed:

ours           as the service does it: rows in its own order, all cores; of many classes the 8 heaviest a row
ours, again    the same straight afterwards: memory, caches and threads are at hand
ours, kept     the same with every step's state kept, so that the next labels cost less
after +1 ...   the kept one brought up to date after so many new labels
scipy, data    Z ← P Z with P a scipy CSR matrix in float32, rows as the samples came
scipy, ours    the same with rows in the service's order
spreading      scikit-learn's LabelSpreading.fit on the same edges, rows as the samples came: 20 iterations

and on the symmetrised graph, which the default method and GraphLearning take:

ours, sym      as `ours`
pooled         the default method from beginning to end
laplace, poisson   GraphLearning with its own solvers and stopping rules

Runs are interleaved (A B C, A B C, ...); figures are medians. Wall time is what a caller waits, CPU time what
all cores spend. Agreement is the share of argmaxes equal to those of the same steps in float64; that of an
update is with a full run. Bandwidth is what must be moved at least (the graph once and the state twice a
step) over the time, in terms of what a copy of large arrays moves on this machine. An edge is far where its
ends lie more than 8,192 rows apart.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from propagation_graphs import Problem, problem
from propagation_peers import STEPS, Run, graph_learning, label_spreading, scipy_steps

from graph_service.events import Method
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Dense, Heaviest
from graph_service.propagation.trajectory import Trajectory
from graph_service.propagation.warm_up import warm_up

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
TEMPERATURE = 0.1
COMPONENTS = 128
SAMPLE = 4096
DENSE = 64
BLOCK = 2**16
NEAR = 2**13
"""Rows of 16 numbers that a core's second cache may hold beside the edges."""


@dataclass(frozen=True)
class Way:
    """Something to time: `run` is, `before` each run is not."""

    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


class Ours:
    """The service's propagation of one problem."""

    def __init__(self, it: Problem, method: Method = Method.PAPER) -> None:
        self.it = it
        self.adj = adjacency(it.neighbours, it.similarities, method=method, temperature=TEMPERATURE)
        self.seeds = seeds(it, it.labelled)
        self._free = np.random.default_rng(2).permutation(np.setdiff1d(np.arange(len(it)), it.labelled))
        self._next = self.seeds

    def run(self, kept: int = 2) -> Trajectory[Dense] | Trajectory[Heaviest]:
        """All steps, of which the last states are kept."""
        states = (Dense if self.it.classes <= DENSE else Heaviest)(
            len(self.it), self.it.classes, STEPS, kept=kept
        )
        made = Trajectory.full(self.adj, self.seeds, states)
        if made is None:
            raise AssertionError("float32 is not enough for this graph")
        return made

    def after(self, kept: Trajectory[Dense] | Trajectory[Heaviest], new: int) -> Way:
        """The update of a kept propagation after `new` labels, others each time."""

        def back() -> None:
            kept.update(self.seeds)
            self._free = np.roll(self._free, new)
            self._next = seeds(self.it, np.sort(np.concatenate([self.it.labelled, self._free[:new]])))

        return Way(lambda: kept.update(self._next), back)

    def agreement(self, kept: Trajectory[Dense] | Trajectory[Heaviest], new: int) -> float:
        """The share of argmaxes after an update of `new` labels that are those of a full run."""
        way = self.after(kept, new)
        way.before()
        way.run()
        updated, before = argmaxes(kept), self.seeds
        self.seeds = self._next
        full = argmaxes(self.run())
        self.seeds = before
        return float((updated == full).mean())


def argmaxes(made: Trajectory[Dense] | Trajectory[Heaviest]) -> Ints:
    """The class of the greatest score of each node, int64 (n,)."""
    found = []
    for start in range(0, made.states.rows.shape[1], BLOCK):
        nodes = np.arange(start, min(start + BLOCK, made.states.rows.shape[1]))
        if isinstance(made.states, Dense):
            found.append(made.states.scores(nodes).argmax(axis=1))
        else:
            classes, scores, _ = made.states.scores(nodes)
            found.append(np.where(scores[:, 0] > 0, classes[:, 0], 0).astype(np.int64))
    return np.concatenate(found)


def seeds(it: Problem, nodes: npt.NDArray[np.integer]) -> Seeds:
    """Verified labels of these nodes."""
    return Seeds.stated(nodes, it.truth[nodes], np.ones(len(nodes), np.bool_))


def pooled(ours: Ours) -> Run:
    """The default method; the features are not made within it."""
    it, rng = ours.it, np.random.default_rng(3)
    centres = rng.standard_normal((it.classes, COMPONENTS), np.float32)
    features = rng.standard_normal((len(it), COMPONENTS), np.float32) + centres[it.truth] / 4
    features /= np.sqrt((features**2).sum(axis=1).mean())
    sample = rng.choice(len(it), min(SAMPLE, len(it)), replace=False)
    classes = it.truth[it.labelled]
    labels = Statements(it.labelled, classes, np.ones(len(classes), np.bool_), it.classes)
    return lambda: infer(ours.adj, features, sample, labels).beliefs


def timed(ways: dict[str, Way], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each, interleaved, after one round that is not counted."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            way.before()
            wall, cpu = time.perf_counter(), time.process_time()
            way.run()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            if turn:
                seen[name].append(spent)
    return {name: tuple(np.median(times, axis=0)) for name, times in seen.items()}  # type: ignore[misc]


def bandwidth() -> float:
    """Bytes a second that a copy of large arrays reads and writes, by as many threads as there are cores."""
    source = np.ones(2**26, np.float32)
    target = np.zeros_like(source)
    cores = os.cpu_count() or 1
    parts = list(zip(np.array_split(source, cores), np.array_split(target, cores), strict=True))
    best = np.inf
    with ThreadPoolExecutor() as pool:
        for _ in range(5):
            started = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))
            best = min(best, time.perf_counter() - started)
    return 2 * source.nbytes / best


def moved(ours: Ours) -> int:
    """Bytes that 20 steps must move at least."""
    state = ours.run().states.rows[0].nbytes
    graph = ours.adj.indptr.nbytes + ours.adj.indices.nbytes + ours.adj.weights.nbytes
    return STEPS * (graph + 2 * state)


def far(ours: Ours) -> float:
    """The share of the edges whose ends lie more than `NEAR` rows apart."""
    nodes = np.repeat(np.arange(len(ours.it)), np.diff(ours.adj.indptr))
    return float((np.abs(nodes - ours.adj.indices) > NEAR).mean())


def directed(it: Problem, rounds: int, speed: float) -> None:
    """Time eq. 3 on the graph as printed."""
    ours = Ours(it.ordered())
    as_came = Ours(it)
    kept = ours.run(kept=STEPS + 1)
    ways = {
        "ours": Way(ours.run),
        "ours, again": Way(ours.run),
        "ours, kept": Way(lambda: ours.run(kept=STEPS + 1)),
        **{f"after +{new}": ours.after(kept, new) for new in (1, 10, 100)},
        "scipy, data": Way(scipy_steps(it, as_came.adj, np.float32)),
        "scipy, ours": Way(scipy_steps(ours.it, ours.adj, np.float32)),
        "spreading": Way(label_spreading(it, as_came.adj)),
    }
    exact = scipy_steps(ours.it, ours.adj, np.float64)().argmax(axis=1)
    notes = {
        "ours": f"agreement {(argmaxes(ours.run()) == exact).mean():.4%}",
        **{f"after +{new}": f"agreement {ours.agreement(kept, new):.4%}" for new in (1, 10, 100)},
    }
    times = timed(ways, rounds)
    share = moved(ours) / times["ours"][0] / speed
    notes["ours"] += f", {share:.0%} of the bandwidth, {far(ours):.1%} of the edges far"
    table(f"{len(it):,} × {it.classes} classes, {len(ours.adj.indices):,} directed edges", times, notes)


def symmetric(it: Problem, rounds: int, *, peers: bool) -> None:
    """Time what takes the symmetrised graph."""
    ours = Ours(it.ordered(), Method.SYMMETRIZED)
    ways = {"ours, sym": Way(ours.run), "pooled": Way(pooled(ours))}
    if peers:
        as_came = Ours(it, Method.SYMMETRIZED)
        ways["laplace"] = Way(graph_learning(it, as_came.adj, "laplace"))
        ways["poisson"] = Way(graph_learning(it, as_came.adj, "poisson"))
        ways["spreading"] = Way(label_spreading(it, as_came.adj))
    times = timed(ways, rounds)
    table(f"{len(it):,} × {it.classes} classes, {len(ours.adj.indices):,} edges, symmetrised", times, {})


def table(title: str, times: dict[str, tuple[float, float]], notes: dict[str, str]) -> None:
    """Print one table; ratios are over its first row."""
    print(f"\n{title}, {STEPS} steps")
    print(f"{'':14}{'wall ms':>10}{'cpu ms':>10}{'wall ratio':>12}{'cpu ratio':>11}")
    first = next(iter(times.values()))
    for name, (wall, cpu) in times.items():
        ratios = f"{wall / first[0]:11.2f}×{cpu / first[1]:10.2f}×"
        print(f"{name:14}{wall * 1e3:10.2f}{cpu * 1e3:10.2f}{ratios}  {notes.get(name, '')}", flush=True)


def machine() -> str:
    """What this ran on."""
    names = ("numpy", "scipy", "numba", "scikit-learn", "graphlearning")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=15,
        help="counted runs of each at 60,000 nodes, 0 for none (default %(default)s)",
    )
    parser.add_argument(
        "--large-rounds",
        type=int,
        default=3,
        help="the same of a million nodes, 0 for none (default %(default)s)",
    )
    arguments = parser.parse_args()
    warm_up()
    speed = bandwidth()
    print(f"{machine()}; copying large arrays moves {speed / 1e9:.1f} GB/s")
    for classes, k in ((10, 10), (100, 15)) if arguments.rounds else ():
        it = problem(60_000, classes, k)
        directed(it, arguments.rounds, speed)
        symmetric(it, max(arguments.rounds // 3, 1), peers=True)
    if arguments.large_rounds:
        directed(problem(1_000_000, 100, 15), arguments.large_rounds, speed)


if __name__ == "__main__":
    main()
