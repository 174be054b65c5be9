"""Measure what the suggestions are worth on vectors with known classes.

python tests/benchmarks/accuracy.py --vectors FILE.npz [--sample 50000] [--draws 10]

FILE holds `vectors` (n, d) and `labels` (n,). An annotator who knows the classes labels what a strategy
suggests, ten at a time up to 100, then fifty at a time; the figure is the accuracy of the method on the
unlabelled rows, an unreached row counting as wrong. Then the time of 50 picks by the default strategy,
once beliefs are at hand. With fewer rows than the file has, each draw takes other rows at random.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt

from graph_service.engine.answers.suggesting import suggestions
from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.revision.snapshot import Snapshot, take
from graph_service.engine.state.tables import Tables
from graph_service.events import DatasetCreated, LabelsAdded, Method, Propagation, SamplesAdded, Trust
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.suggestion.strategies import Strategy

LOOKS = (10, 20, 50, 100, 500)
SCHEDULE = [10] * 10 + [50] * 8


def tables(vectors: npt.NDArray[np.floating], classes: int, method: Method) -> Tables:
    """A dataset of these rows, without labels."""
    dimension = vectors.shape[1]
    names = tuple(str(c) for c in range(classes))
    made = Tables(
        DatasetCreated("d", dimension, "", names, 10, Propagation(method)),
        NeighbourGraph(dimension, 10, index="exact"),
    )
    kept = to_keep(vectors, "vectors", len(vectors), dimension)
    made.apply(SamplesAdded(tuple(map(str, range(len(vectors)))), kept, (b"",) * len(vectors)))
    made.nodes.flush()
    return made


def annotate(
    empty: Snapshot, made: Tables, truth: npt.NDArray[np.integer], strategy: Strategy, seed: int
) -> tuple[list[float], list[float]]:
    """Label what is suggested; return the accuracy at each of `LOOKS`, and the seconds of each 50 picks."""
    snapshot, labelled = empty, np.zeros(0, np.int64)
    found, seconds = [], []
    for count in SCHEDULE:
        snapshot.beliefs()
        started = time.perf_counter()
        picks = suggestions(snapshot, strategy=strategy, count=count, audit_share=0, seed=seed, exclude=())
        if count == 50:
            seconds.append(time.perf_counter() - started)
        ids = tuple(one.sample_id for one in picks.items)
        rows = np.array(ids, np.int64)
        labelled = np.concatenate([labelled, rows])
        verified = (Trust.VERIFIED,) * len(ids)
        made.apply(LabelsAdded(ids, ("",) * len(ids), tuple(truth[rows].tolist()), verified))
        snapshot = take(made, snapshot.revision + 1, snapshot)
        if len(labelled) in LOOKS:
            view = snapshot.view
            right = snapshot.beliefs().classes[view.sample_nodes] == truth
            found.append(float(np.delete(right, labelled).mean()))
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", required=True, help="the .npz file")
    parser.add_argument("--sample", type=int, default=50_000, help="rows of a draw (default %(default)s)")
    parser.add_argument("--draws", type=int, default=10, help="seeds (default %(default)s)")
    parser.add_argument("--strategies", nargs="+", default=["random", "auto"], help="default %(default)s")
    parser.add_argument("--method", default="pooled", help="how labels spread (default %(default)s)")
    arguments = parser.parse_args()
    with np.load(arguments.vectors) as file:
        vectors, truth = file["vectors"], file["labels"].astype(np.int64)
    figures: dict[str, list[list[float]]] = {name: [] for name in arguments.strategies}
    times: dict[str, list[float]] = {name: [] for name in arguments.strategies}
    method, classes = Method[arguments.method.upper()], int(truth.max()) + 1
    for seed in range(arguments.draws):
        if seed == 0 or arguments.sample < len(vectors):
            rows = np.random.default_rng(seed).permutation(len(vectors))[: arguments.sample]
            made = tables(vectors[rows].astype(np.float32), classes, method)
            bare = take(made, 1, None)
        for name in arguments.strategies:
            figure, seconds = annotate(bare, made, truth[rows], Strategy[name.upper()], seed)
            figures[name].append(figure)
            times[name] += seconds
            made.labels = type(made.labels)()
    print(f"accuracy at {LOOKS} labels, mean (standard deviation) of {arguments.draws}; seconds of 50 picks")
    for name, values in figures.items():
        pairs = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
        print(f"{name:10}", *(f"{m:7.1%} ({s:.1%})" for m, s in pairs), f"{np.median(times[name]):6.2f} s")


if __name__ == "__main__":
    main()
