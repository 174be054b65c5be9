"""k-NN accuracy of the embeddings: every neighbour's class is known, the sample's own is not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from vicinal_client import Method
from vicinal_experiments.lab import Lab, right
from vicinal_experiments.neighbours import vote
from vicinal_experiments.settings import Setting
from vicinal_experiments.tasks import Task, single

__all__ = ["EXPERIMENT", "HELD_OUT", "LEAVE_ONE_OUT", "tasks"]

EXPERIMENT = "knn"
LEAVE_ONE_OUT = "leave one out"
HELD_OUT = "held out, by Classify"


def tasks(lab: Lab) -> Iterator[Task]:
    """Yield the tasks: leave-one-out from exact lists, and held-out through the service, over k and T."""
    for temperature in lab.options.temperatures:
        for k in lab.options.neighbours:
            if k <= lab.lists.ids.shape[1]:
                name = f"T = {temperature:g}"
                measure = partial(_left_out, lab, k, temperature)
                yield single(EXPERIMENT, LEAVE_ONE_OUT, name, 0, k, measure, service=False)
                if len(lab.queries):
                    asked = partial(_held_out, lab, k, temperature)
                    yield single(EXPERIMENT, HELD_OUT, name, 0, k, asked)


def _left_out(lab: Lab, k: int, temperature: float) -> dict[str, float]:
    votes = vote(lab.lists.first(k), lab.data.truth, len(lab.data.classes), temperature)
    return {"accuracy": right(votes.argmax(axis=1).astype(np.int32), lab.data.truth)}


def _held_out(lab: Lab, k: int, temperature: float) -> dict[str, float]:
    """All labels being verified, beliefs are the labels under any method: the quickest will do."""
    lab.bench.label(lab.data.truth)
    lab.bench.use(Setting("k-NN", Method.PAPER, temperature, 1))
    return {"accuracy": right(lab.bench.classify(lab.queries.vectors, k), lab.queries.truth)}
