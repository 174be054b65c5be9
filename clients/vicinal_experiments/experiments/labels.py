"""Accuracy against the number of labels, with random labels and with suggested ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from vicinal_client import Strategy
from vicinal_experiments.bench import UNLABELLED, bench
from vicinal_experiments.data import Ints
from vicinal_experiments.lab import Lab, right
from vicinal_experiments.metrics import calibration_error
from vicinal_experiments.peers.base import Peer
from vicinal_experiments.peers.choice import for_few_labels
from vicinal_experiments.settings import DEFAULT, Setting
from vicinal_experiments.tasks import Point, Task, single

__all__ = ["ALONE", "EXPERIMENT", "RANDOM", "SUGGESTED", "random_tasks", "suggested_tasks"]

EXPERIMENT = "active-learning"
RANDOM = "random labels"
SUGGESTED = "suggested labels"
ALONE = "labelled samples alone"

_ROUND = 10
"""Samples suggested at a time at first."""
_GROWTH = 5
"""A round suggests at most this fraction of what is labelled, once that is more than `_ROUND`."""
_STRATEGIES = (Strategy.COVERAGE, Strategy.MARGIN)
"""What is followed once, besides the service's default."""


def random_tasks(lab: Lab) -> Iterator[Task]:
    """Yield the tasks with labels drawn at random: the service's settings, the ablation, the peers."""
    for budget in lab.options.budgets:
        for seed in range(lab.options.seeds):
            for setting in lab.options.settings:
                measure = partial(_spread, lab, setting, budget, seed)
                yield single(EXPERIMENT, RANDOM, setting.name, seed, budget, measure)
    for budget in lab.options.budgets:
        for seed in lab.options.slow():
            yield single(EXPERIMENT, RANDOM, ALONE, seed, budget, partial(_alone, lab, budget, seed))
    if lab.options.peers:
        yield from _peer_tasks(lab)


def suggested_tasks(lab: Lab) -> Iterator[Task]:
    """Yield the tasks that label what the service suggests, under its default method."""
    budgets = [one for one in lab.options.budgets if one <= lab.options.suggest_up_to]
    for seed in lab.options.slow():
        yield Task(
            EXPERIMENT, SUGGESTED, "default", seed, budgets, partial(_played, lab, None, budgets, seed)
        )
    for strategy in _STRATEGIES:
        measure = partial(_played, lab, strategy, budgets, 0)
        yield Task(EXPERIMENT, SUGGESTED, strategy.value, 0, budgets, measure)


def _peer_tasks(lab: Lab) -> Iterator[Task]:
    peers = for_few_labels(len(lab.data.classes), lab.lists)
    for budget in lab.options.budgets:
        for seed in range(lab.options.seeds):
            for peer in peers:
                measure = partial(_predicted, lab, peer, budget, seed)
                yield single(EXPERIMENT, RANDOM, peer.name, seed, budget, measure, service=False)


def _spread(lab: Lab, setting: Setting, budget: int, seed: int) -> dict[str, float]:
    lab.bench.label(lab.drawn(budget, seed))
    lab.bench.use(setting)
    return _judged(lab, held_out=seed in lab.options.slow())


def _judged(lab: Lab, *, held_out: bool) -> dict[str, float]:
    """Return the accuracy on what is unlabelled, the calibration of the beliefs, and accuracy `held_out`."""
    others = lab.bench.labels == UNLABELLED
    classes, confidences = lab.bench.propagate()
    true = classes[others] == lab.data.truth[others]
    found = {"accuracy": float(true.mean()), "ECE": calibration_error(confidences[others], true)}
    if held_out and len(lab.queries):
        found["held-out accuracy"] = right(lab.bench.classify(lab.queries.vectors), lab.queries.truth)
    return found


def _alone(lab: Lab, budget: int, seed: int) -> dict[str, float]:
    """Return what the labelled samples say without the others: the paper's ablation."""
    rows = np.flatnonzero(lab.drawn(budget, seed) != UNLABELLED)
    labelled = lab.data.rows(rows)
    others = np.setdiff1d(
        np.random.default_rng(seed).permutation(len(lab.data))[-lab.options.queries :], rows
    )
    like = lab.bench.dataset
    with bench(lab.client, like.dimension, like.classes, like.neighbours) as alone:
        alone.fill(labelled.vectors)
        alone.label(labelled.truth)
        found = {"accuracy": right(alone.classify(lab.data.vectors[others]), lab.data.truth[others])}
        if len(lab.queries):
            found["held-out accuracy"] = right(alone.classify(lab.queries.vectors), lab.queries.truth)
    return found


def _predicted(lab: Lab, peer: Peer, budget: int, seed: int) -> dict[str, float]:
    labels = lab.drawn(budget, seed)
    others = labels == UNLABELLED
    if peer.inductive:
        scores = peer.fit_predict(lab.everything, lab.padded(labels), seed)
    else:
        scores = peer.fit_predict(lab.data.vectors, labels, seed)
    classes = scores.argmax(axis=1).astype(np.int32)
    inside = classes[: len(lab.data)]
    found = {"accuracy": right(inside[others], lab.data.truth[others])}
    if peer.inductive and len(lab.queries):
        found["held-out accuracy"] = right(classes[len(lab.data) :], lab.queries.truth)
    return found


def _played(lab: Lab, strategy: Strategy | None, budgets: list[int], seed: int) -> Iterator[Point]:
    """Label round by round what is suggested, yielding a point at each budget."""
    lab.bench.use(DEFAULT)
    labels: Ints = np.full(len(lab.data), UNLABELLED, np.int32)
    lab.bench.label(labels)
    done = 0
    for budget in budgets:
        while done < budget:
            count = min(budget - done, max(_ROUND, done // _GROWTH))
            rows = lab.bench.suggest(count, strategy, seed + done)
            if not len(rows):
                return  # every sample is labelled, or is a duplicate of one that is
            labels[rows] = lab.data.truth[rows]
            lab.bench.label(labels)
            done += len(rows)
        yield Point(budget, _judged(lab, held_out=False))
