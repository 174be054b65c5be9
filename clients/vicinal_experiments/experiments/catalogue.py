"""The experiments by the names that commands give them."""

from __future__ import annotations

from collections.abc import Sequence

from vicinal_experiments.experiments import calibration, flags, iterations, knn, label_noise, labels
from vicinal_experiments.lab import Lab
from vicinal_experiments.peers.cleaning import OutOfSample
from vicinal_experiments.tasks import Task

__all__ = ["EXPERIMENTS", "tasks_of"]

EXPERIMENTS = (
    knn.EXPERIMENT,
    labels.EXPERIMENT,
    label_noise.EXPERIMENT,
    iterations.EXPERIMENT,
    flags.EXPERIMENT,
)
"""In the order in which they are told."""


def tasks_of(names: Sequence[str], lab: Lab) -> list[Task]:
    """Return the tasks of the experiments `names`, in the order in which they are done."""
    out_of_sample = OutOfSample(len(lab.data.classes))
    makers = {
        knn.EXPERIMENT: lambda: [*knn.tasks(lab)],
        labels.EXPERIMENT: lambda: [
            *labels.random_tasks(lab),
            *labels.suggested_tasks(lab),
            *calibration.belief_tasks(lab),
        ],
        iterations.EXPERIMENT: lambda: [*iterations.tasks(lab)],
        label_noise.EXPERIMENT: lambda: [*label_noise.tasks(lab, out_of_sample)],
        flags.EXPERIMENT: lambda: [*flags.tasks(lab, out_of_sample), *calibration.flag_tasks(lab)],
    }
    return [task for name in EXPERIMENTS if name in names for task in makers[name]()]
