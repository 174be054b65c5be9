"""Wrong labels found: the service's flags against cleanlab's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from vicinal_client import Trust
from vicinal_experiments.lab import Lab
from vicinal_experiments.metrics import calibration_error, ranking
from vicinal_experiments.noise import Noise
from vicinal_experiments.peers.choice import flaggers
from vicinal_experiments.peers.cleaning import Flagger, OutOfSample
from vicinal_experiments.settings import DEFAULT
from vicinal_experiments.tasks import Task, single

__all__ = ["EXPERIMENT", "seeds_of", "suspicions", "tasks"]

EXPERIMENT = "flags"


def tasks(lab: Lab, out_of_sample: OutOfSample) -> Iterator[Task]:
    """Yield the tasks: every noise, the service's default method and cleanlab's two paths."""
    for noise in lab.options.noises:
        for seed in seeds_of(lab, noise):
            measure = partial(_flagged, lab, noise, seed)
            yield single(EXPERIMENT, noise.name, DEFAULT.name, seed, noise.rate, measure)
    if lab.options.peers:
        peers = flaggers(len(lab.data.classes), lab.lists, out_of_sample)
        for noise in lab.options.noises:
            for seed in seeds_of(lab, noise):
                for peer in peers:
                    run = partial(_peer, lab, peer, noise, seed)
                    yield single(EXPERIMENT, noise.name, peer.name, seed, noise.rate, run, service=False)


def seeds_of(lab: Lab, noise: Noise) -> range:
    """Return the draws of a noise; a column has one."""
    return range(1) if noise.kind == "column" else lab.options.slow()


def suspicions(lab: Lab, noise: Noise, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the service's suspicion of every label, float32 (n,), and which labels are wrong."""
    labels = noise.labels(lab.data, seed)
    lab.bench.label(labels, Trust.GIVEN)
    lab.bench.use(DEFAULT)
    suspicion = np.zeros(len(lab.data), np.float32)
    for flag in lab.bench.flags(everything=True):
        suspicion[int(flag.label.sample_id)] = flag.suspicion
    return suspicion, labels != lab.data.truth


def _flagged(lab: Lab, noise: Noise, seed: int) -> dict[str, float]:
    suspicion, wrong = suspicions(lab, noise, seed)
    called = np.zeros(len(wrong), np.bool_)
    called[[int(flag.label.sample_id) for flag in lab.bench.flags(everything=False)]] = True
    return {
        **ranking(suspicion, called, wrong),
        "flagged": float(called.mean()),
        "wrong labels": float(wrong.mean()),
        "estimated wrong labels": lab.bench.noise_rate(),
        "ECE of P(wrong)": calibration_error(suspicion, wrong),
    }


def _peer(lab: Lab, peer: Flagger, noise: Noise, seed: int) -> dict[str, float]:
    labels = noise.labels(lab.data, seed)
    suspicion, called = peer.flag(lab.data.vectors, labels, seed)
    wrong = labels != lab.data.truth
    return {
        **ranking(suspicion, called, wrong),
        "flagged": float(called.mean()),
        "wrong labels": float(wrong.mean()),
        "ECE of P(wrong)": calibration_error(suspicion, wrong),
    }
