"""Measure what the method is worth on vectors with known classes.

python tests/benchmarks/accuracy.py --vectors FILE.npz

FILE holds `vectors` (n, d), `labels` (n,) and any number of further integer columns (n,): labels of the same
rows that people or a program got partly wrong. Every figure is the mean of `--draws` random samples of
`--sample` rows, each with its own neighbour lists (exact, k = 10), the default method and temperature.

Accuracy: an annotator labels what is suggested, ten at a time; then the accuracy on all unlabelled rows, an
unreached row counting as wrong. Flags: how well suspicion ranks the labels that are wrong, as area under
the ROC curve and average precision: for each further column with all rows labelled, and for few labels of
which a tenth is wrong at random.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from graph_service.events import Propagation
from graph_service.flagging.suspicion import held_out_beliefs, suspicion
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.propagation.adjacency import Adjacency, adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate
from graph_service.suggestion.strategies import Strategy, suggest

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

SETTINGS = Propagation()
ROUND = 10
LOOKS = (10, 20, 50, 100)
FEW = (100, 300, 1000)


@dataclass(frozen=True, eq=False)
class Sample:
    """A random sample of the file: its graph, its true classes, its noisy columns."""

    adj: Adjacency
    truth: Ints
    noisy: dict[str, Ints]
    classes: int

    def seeds(self, stated: Ints, labelled: Bools) -> npt.NDArray[np.float64]:
        """One-hot rows where labelled."""
        return np.eye(self.classes)[stated] * labelled[:, np.newaxis]


def samples(path: str, size: int, draws: int) -> Iterator[Sample]:
    """Draw samples without replacement, each independently."""
    with np.load(path) as file:
        vectors = file["vectors"]
        columns = {name: file[name] for name in file.files if name != "vectors"}
    columns = {
        name: column.astype(np.int32)
        for name, column in columns.items()
        if column.shape == (len(vectors),) and np.issubdtype(column.dtype, np.integer)
    }
    classes = 1 + max(int(column.max()) for column in columns.values())
    for draw in range(draws):
        rows = np.random.default_rng(draw).permutation(len(vectors))[:size]
        graph = NeighbourGraph(vectors.shape[1], 10, index="exact")
        chosen = vectors[rows].astype(np.float32)
        graph.update(add=chosen / np.linalg.norm(chosen, axis=1, keepdims=True))
        adj = adjacency(
            graph.neighbours, graph.similarities, method=SETTINGS.method, temperature=SETTINGS.temperature
        )
        noisy = {name: column[rows] for name, column in columns.items() if name != "labels"}
        yield Sample(adj, columns["labels"][rows], noisy, classes)


def annotate(sample: Sample, strategy: Strategy, seed: int) -> list[float]:
    """Label what the strategy suggests; return the accuracy at each of `LOOKS`."""
    rng = np.random.default_rng(seed)
    labelled = np.zeros(len(sample.truth), np.bool_)
    rows = np.zeros((len(sample.truth), sample.classes), np.float32)
    found = []
    while labelled.sum() < LOOKS[-1]:
        nodes, _ = suggest(
            strategy,
            count=ROUND,
            candidates=np.flatnonzero(~labelled).astype(np.int32),
            labelled=labelled,
            adj=sample.adj,
            beliefs=rows,
            rng=rng,
        )
        labelled[nodes] = True
        seeds = sample.seeds(sample.truth, labelled)
        rows = beliefs(propagate(sample.adj, seeds, labelled, SETTINGS.steps))
        if labelled.sum() in LOOKS:
            classes, _ = decide(rows)
            found.append(float((classes == sample.truth)[~labelled].mean()))
    return found


def ranking(sample: Sample, stated: Ints, labelled: Bools) -> list[float]:
    """Return AUROC and average precision of the suspicion of the labels, as a ranking of the wrong ones."""
    numbers = np.arange(len(stated))
    seeds = sample.seeds(stated, labelled)
    held_out = held_out_beliefs(sample.adj, seeds, labelled, numbers, SETTINGS.steps)
    scores = suspicion(held_out[labelled], stated[labelled])
    wrong = (stated != sample.truth)[labelled]
    return [float(roc_auc_score(wrong, scores)), float(average_precision_score(wrong, scores))]


def few_labels(sample: Sample, count: int, seed: int) -> tuple[Ints, Bools]:
    """Return `count` labels at random, a tenth of them of another class than the true one."""
    rng = np.random.default_rng(seed)
    nodes = rng.permutation(len(sample.truth))[:count]
    stated, labelled = sample.truth.copy(), np.zeros(len(sample.truth), np.bool_)
    wrong = nodes[: count // 10]
    stated[wrong] = (stated[wrong] + rng.integers(1, sample.classes, len(wrong))) % sample.classes
    labelled[nodes] = True
    return stated, labelled


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", required=True, help="the .npz file")
    parser.add_argument("--sample", type=int, default=6000, help="rows of a sample (default %(default)s)")
    parser.add_argument("--draws", type=int, default=5, help="samples (default %(default)s)")
    arguments = parser.parse_args()
    figures: dict[str, list[list[float]]] = {}
    for seed, sample in enumerate(samples(arguments.vectors, arguments.sample, arguments.draws)):
        everything = np.ones(len(sample.truth), np.bool_)
        for strategy in Strategy:
            name = f"accuracy, {strategy.name.lower()}"
            figures.setdefault(name, []).append(annotate(sample, strategy, seed))
        for name, column in sample.noisy.items():
            figures.setdefault(f"flags, {name}", []).append(ranking(sample, column, everything))
        for count in FEW:
            found = ranking(sample, *few_labels(sample, count, seed))
            figures.setdefault(f"flags, {count} labels, 10% wrong", []).append(found)
    print(f"{arguments.sample:,} rows, mean (standard deviation) of {arguments.draws} samples")
    print(f"accuracy at {LOOKS} labels; flags as AUROC, average precision")
    for name, values in figures.items():
        pairs = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
        print(f"{name:32}", *(f"{mean:7.1%} ({spread:.1%})" for mean, spread in pairs))


if __name__ == "__main__":
    main()
