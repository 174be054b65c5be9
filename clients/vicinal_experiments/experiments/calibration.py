"""How far the stated probabilities are to be believed: reliability diagrams."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from vicinal_experiments.bench import UNLABELLED
from vicinal_experiments.experiments.flags import suspicions
from vicinal_experiments.lab import Lab
from vicinal_experiments.metrics import reliability
from vicinal_experiments.noise import Noise
from vicinal_experiments.settings import DEFAULT
from vicinal_experiments.tasks import Point, Task

__all__ = ["EXPERIMENT", "belief_tasks", "flag_tasks"]

EXPERIMENT = "calibration"


def belief_tasks(lab: Lab) -> Iterator[Task]:
    """Yield a task a number of labels: the default method's beliefs of what is unlabelled."""
    for budget in lab.options.budgets:
        measure = partial(_beliefs, lab, budget)
        yield Task(EXPERIMENT, f"beliefs, {budget} labels", DEFAULT.name, 0, (), measure)


def flag_tasks(lab: Lab) -> Iterator[Task]:
    """Yield a task a noise: the suspicion of a label as the probability that it is wrong."""
    for noise in lab.options.noises:
        measure = partial(_flags, lab, noise)
        yield Task(EXPERIMENT, f"P(wrong), {noise.name}", DEFAULT.name, 0, (), measure)


def _beliefs(lab: Lab, budget: int) -> Iterator[Point]:
    labels = lab.drawn(budget, 0)
    lab.bench.label(labels)
    lab.bench.use(DEFAULT)
    classes, confidences = lab.bench.propagate()
    others = labels == UNLABELLED
    yield from _points(confidences[others], (classes == lab.data.truth)[others])


def _flags(lab: Lab, noise: Noise) -> Iterator[Point]:
    yield from _points(*suspicions(lab, noise, 0))


def _points(stated: npt.NDArray[np.float32], came_true: npt.NDArray[np.bool_]) -> Iterator[Point]:
    for one in reliability(stated, came_true):
        yield Point(one.centre, {"stated": one.stated, "observed": one.observed, "share": one.share})
