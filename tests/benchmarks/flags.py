"""Compare flags with cleanlab's on the same vectors, all labels given.

python tests/benchmarks/flags.py --vectors FILE.npz [--columns worst aggregate]

FILE is what tests/benchmarks/vectors.py writes: `vectors`, the true `labels`, and columns with labels of the
same rows of which some are wrong. To them come symmetric noise of 20% and classes confused in pairs at 40%,
made here. Neighbour lists are exact, k = 10.

vicinal: held-out opinions, the channel, the cut of the best expected F1, as the service has them. cleanlab,
predictions: five-fold cross-validated logistic regression, the best of three quality scores by each measure
and the best of four filters by F1. cleanlab, features: the vote of the 10 nearest neighbours' labels as
predictions, scored the same way. Each line: AUROC, average precision and F1 at the method's own cut, expected
calibration error of P(wrong) in 15 bins, and the estimated rate of wrong labels, in per cent.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt
from cleanlab.count import estimate_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from graph_service.events import Method
from graph_service.flagging.cut import best_f1
from graph_service.flagging.held_out import held_out
from graph_service.flagging.noise import judge, noise_rate
from graph_service.linear.basis import fit_basis
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import adjacency, typical_temperature

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
_FILTERS = ("prune_by_noise_rate", "both", "confident_learning", "predicted_neq_given")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", required=True, help="the .npz file")
    parser.add_argument("--columns", nargs="*", help="noisy columns; default all, and two kinds made here")
    parser.add_argument("--skip-cleanlab", action="store_true", help="only vicinal's lines")
    flags = parser.parse_args()
    with np.load(flags.vectors) as file:
        vectors = file["vectors"].astype(np.float32)
        truth = file["labels"].astype(np.int64)
        columns = {
            name: file[name].astype(np.int64)
            for name in file.files
            if name not in ("vectors", "labels", "classes") and file[name].shape == truth.shape
        }
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns |= made(truth)
    graph = NeighbourGraph(vectors.shape[1], 10, index="exact")
    graph.update(add=vectors)
    for name in flags.columns or columns:
        stated = columns[name]
        wrong = stated != truth
        print(f"{name}: {wrong.mean():.1%} of {len(truth):,} labels are wrong", flush=True)
        ours(graph, vectors, stated, wrong)
        if not flags.skip_cleanlab:
            path = cross_val_predict(
                LogisticRegression(max_iter=300), vectors, stated, cv=5, method="predict_proba"
            )
            theirs("cleanlab, predictions", path, stated, wrong)
            theirs("cleanlab, features", votes(graph, stated), stated, wrong)


def made(truth: Ints) -> dict[str, Ints]:
    """Return labels with symmetric noise, and with every other class confused with the next."""
    random, classes = np.random.default_rng(0), int(truth.max()) + 1
    flips = random.random(len(truth))
    others = (truth + random.integers(1, classes, len(truth))) % classes
    pairs = np.where(truth % 2 == 0, (truth + 1) % classes, truth)
    return {
        "symmetric 20%": np.where(flips < 0.2, others, truth),
        "pairs 40%": np.where(flips < 0.4, pairs, truth),
    }


def ours(graph: NeighbourGraph, vectors: Floats, stated: Ints, wrong: Bools) -> None:
    """Judge the labels as the service does, and say how well."""
    temperature = typical_temperature(graph.similarities)
    adj = adjacency(graph.neighbours, graph.similarities, method=Method.SYMMETRIZED, temperature=temperature)
    nodes = np.arange(len(stated))
    sample = np.random.default_rng(0).choice(nodes, min(len(nodes), 4096), replace=False)
    features = fit_basis(vectors[sample].astype(np.float32)).project(vectors.astype(np.float32))
    labels = Statements(nodes, stated, np.zeros(len(nodes), np.bool_), int(stated.max()) + 1)

    def believe(others: Statements) -> tuple[Ints, npt.NDArray[np.float32]]:
        found = infer(adj, features, sample, others)
        return found.seen, found.beliefs

    started = time.perf_counter()
    judgement = judge(held_out(labels, nodes, features, believe), labels.columns)
    seconds = time.perf_counter() - started
    order = np.argsort(-judgement.wrong, kind="stable")
    flagged = order[: best_f1(judgement.wrong[order])]
    called = np.zeros(len(stated), np.bool_)
    called[flagged[judgement.doubted[flagged]]] = True
    rate = noise_rate(judgement, 0.95)
    say(
        "vicinal",
        [measures(judgement.wrong, wrong)],
        f1(called, wrong),
        calibration_error(judgement.wrong, wrong),
        f"{rate.estimate:.1%} ({rate.lower:.1%} to {rate.upper:.1%}), {seconds:.1f} s",
    )


def theirs(name: str, predicted: Floats, stated: Ints, wrong: Bools) -> None:
    """Score cleanlab's best with these predictions."""
    scores = [1 - get_label_quality_scores(stated, predicted, method=method) for method in _SCORES]
    filters = [find_label_issues(stated, predicted, filter_by=rule) for rule in _FILTERS]
    say(
        name,
        [measures(score, wrong) for score in scores],
        max(f1(called, wrong) for called in filters),
        calibration_error(scores[0], wrong),
        f"{1 - np.trace(estimate_joint(stated, predicted)):.1%}",
    )


def votes(graph: NeighbourGraph, stated: Ints) -> Floats:
    """Return the shares of the classes among the neighbours' labels, smoothed so that none is 0."""
    classes = int(stated.max()) + 1
    shares = np.eye(classes)[stated[graph.neighbours]].sum(axis=1) + 1 / classes
    rows: Floats = shares / shares.sum(axis=1, keepdims=True)
    return rows


def measures(score: Floats, wrong: Bools) -> tuple[float, float]:
    """Return AUROC and average precision."""
    return float(roc_auc_score(wrong, score)), float(average_precision_score(wrong, score))


def f1(called: Bools, wrong: Bools) -> float:
    """Return F1 of the labels called wrong."""
    return float(2 * (called & wrong).sum() / (called.sum() + wrong.sum()))


def calibration_error(score: Floats, wrong: Bools, bins: int = 15) -> float:
    """Return the expected calibration error."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = (abs((score - wrong)[place == i].mean()) * (place == i).mean() for i in np.unique(place))
    return float(sum(gaps))


def say(name: str, ranks: list[tuple[float, float]], best: float, error: float, rate: str) -> None:
    auroc, precision = (100 * max(column) for column in zip(*ranks, strict=True))
    print(
        f"  {name:22} {auroc:5.1f} {precision:5.1f} {100 * best:5.1f}  {100 * error:5.1f}  {rate}", flush=True
    )


if __name__ == "__main__":
    main()
