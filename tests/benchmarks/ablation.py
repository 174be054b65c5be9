"""What each part of the pooled method adds: accuracy of the parts alone and together.

python tests/benchmarks/ablation.py --vectors FILE.npz

FILE holds `vectors` (n, d) and `labels` (n,). Labels are drawn at random, verified; accuracy (%) is that on
the other rows, an unreached row counting as wrong: mean ± standard deviation over the draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.progress import track

from graph_service.events import Method
from graph_service.linear.basis import fit_basis
from graph_service.linear.classifier import Lesson, log_posterior
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import adjacency, typical_temperature
from graph_service.propagation.beliefs import beliefs as normalised
from graph_service.propagation.masses import class_prior, mass_factors
from graph_service.propagation.propagate import propagate
from graph_service.propagation.spreading import spread

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Bench:
    """The graph and the features of one file, and the variants on them."""

    def __init__(self, vectors: Float32, truth: Ints) -> None:
        graph = NeighbourGraph(vectors.shape[1], 10, index="exact")
        for start in track(range(0, len(vectors), 1000), description="neighbours"):
            graph.update(add=vectors[start : start + 1000])
        lists = graph.neighbours, graph.similarities
        soft = typical_temperature(graph.similarities)
        print(f"{len(vectors)} vectors of {vectors.shape[1]}; T from the data: {soft:.3f}")
        self.printed = {t: adjacency(*lists, method=Method.PAPER, temperature=t) for t in (0.01, soft)}
        self.adj = adjacency(*lists, method=Method.SYMMETRIZED, temperature=soft)
        self.truth, self.classes = truth, int(truth.max()) + 1
        self.sample = np.random.default_rng(20_121_865).choice(
            len(truth), min(4096, len(truth)), replace=False
        )
        self.features = fit_basis(vectors[self.sample]).project(vectors)

    def variants(self, labelled: Ints) -> Iterator[tuple[str, npt.NDArray[np.floating]]]:
        """Yield the name and the scores (n, C) of each variant."""
        onehot = np.eye(self.classes, dtype=np.float32)[self.truth[labelled]]
        seeds = np.zeros((len(self.truth), self.classes), np.float32)
        seeds[labelled] = onehot
        clamped = np.isin(np.arange(len(seeds)), labelled)
        for temperature, adj in self.printed.items():
            yield f"printed form, T = {temperature:.3g}", propagate(adj, seeds, clamped, 20)
        for steps in (20, 300):
            scores = propagate(self.adj, seeds, clamped, steps)
            yield f"symmetrised, {steps} steps", scores
            yield f"symmetrised, {steps} steps, balanced", self._balanced(scores, onehot)
        spreading = self._balanced(spread(self.adj, onehot, labelled), onehot)
        yield "label spreading, balanced", spreading
        ones = np.ones(len(labelled), np.float32)
        classifier = Lesson(self.features[labelled], ones).learn(onehot)
        yield "classifier alone", np.exp(log_posterior(self.features, classifier))
        statements = Statements(labelled, self.truth[labelled], ones > 0, self.classes)
        pooled = infer(self.adj, self.features, self.sample, statements)
        taught = np.zeros_like(seeds)
        taught[:, pooled.seen] = np.exp(log_posterior(self.features, pooled.classifier))
        yield "classifier taught by the graph", taught
        yield "the two multiplied", taught * spreading
        together = np.zeros_like(seeds)
        together[:, pooled.seen] = pooled.beliefs
        yield "pooled", together

    def accuracy(self, scores: npt.NDArray[np.floating], labelled: Ints) -> float:
        """Return the accuracy (%) on the rows not labelled."""
        right = (scores.argmax(axis=1) == self.truth) & scores.any(axis=1)
        return 100 * float(np.delete(right, labelled).mean())

    def _balanced(self, scores: npt.NDArray[np.floating], onehot: Float32) -> Float32:
        prior = class_prior(onehot.sum(axis=0, dtype=np.float64))
        rows = normalised(scores)
        return rows * mass_factors(rows[self.sample], prior).astype(np.float32)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", required=True, metavar="FILE", help="vectors and labels (.npz)")
    parser.add_argument("--draws", type=int, default=3, help="of the labels (default 3)")
    parser.add_argument("--budgets", type=int, nargs="+", default=[10, 50, 500, 5000], metavar="N")
    flags = parser.parse_args()
    with np.load(flags.vectors) as file:
        vectors, truth = file["vectors"].astype(np.float32), file["labels"].astype(np.int64)
    bench = Bench(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth)
    found: dict[str, dict[int, list[float]]] = {}
    for draw in track(range(flags.draws), description="draws"):
        order = np.random.default_rng(draw).permutation(len(truth))
        for budget in flags.budgets:
            for name, scores in bench.variants(np.sort(order[:budget])):
                row = found.setdefault(name, {})
                row.setdefault(budget, []).append(bench.accuracy(scores, order[:budget]))
    print("| variant | " + " | ".join(f"{budget:,}" for budget in flags.budgets) + " |")
    print("|---" * (1 + len(flags.budgets)) + "|")
    for name, row in found.items():
        cells = (f"{np.mean(figures):.1f} ± {np.std(figures):.1f}" for figures in row.values())
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
