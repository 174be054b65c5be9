"""Noise left in the pseudo labels against the number of iterations: the paper's Figure 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from vicinal_client import Method, Trust
from vicinal_experiments.lab import Lab, right
from vicinal_experiments.noise import Noise
from vicinal_experiments.settings import Setting
from vicinal_experiments.tasks import Point, Task

__all__ = ["EXPERIMENT", "tasks"]

EXPERIMENT = "noise-by-iteration"
_SETTINGS: Sequence[Setting] = (
    Setting("PAPER", Method.PAPER, 0.01),
    Setting("PAPER, T = 0.1", Method.PAPER, 0.1),
    Setting("SYMMETRIZED, T = 0.1", Method.SYMMETRIZED, 0.1),
)
"""The methods that iterate eq. 3, whatever the default is."""


def tasks(lab: Lab) -> Iterator[Task]:
    """Yield a task a method, noise and seed; its levels are the iterations, 0 being the labels themselves."""
    for noise in lab.options.noises:
        for seed in range(1) if noise.kind == "column" else lab.options.slow():
            for setting in _SETTINGS:
                levels = (0, *lab.options.steps)
                measure = partial(_iterated, lab, setting, noise, seed)
                yield Task(EXPERIMENT, noise.name, setting.name, seed, levels, measure)


def _iterated(lab: Lab, setting: Setting, noise: Noise, seed: int) -> Iterator[Point]:
    labels = noise.labels(lab.data, seed)
    yield Point(0, {"wrong": 1 - right(labels, lab.data.truth)})
    lab.bench.label(labels, Trust.GIVEN)
    for step in lab.options.steps:
        lab.bench.use(replace(setting, steps=step))
        classes, _ = lab.bench.propagate()
        yield Point(step, {"wrong": 1 - right(classes, lab.data.truth)})
