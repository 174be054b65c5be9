"""Accuracy when every sample has a label and some of the labels are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from vicinal_client import Trust
from vicinal_experiments.lab import Lab, right
from vicinal_experiments.metrics import calibration_error
from vicinal_experiments.noise import Noise
from vicinal_experiments.peers.base import Peer
from vicinal_experiments.peers.choice import SLOW, for_noise
from vicinal_experiments.peers.cleaning import OutOfSample
from vicinal_experiments.settings import Setting
from vicinal_experiments.tasks import Task, single

__all__ = ["EXPERIMENT", "LABELS", "tasks"]

EXPERIMENT = "label-noise"
LABELS = "the labels as they are"


def tasks(lab: Lab, out_of_sample: OutOfSample) -> Iterator[Task]:
    """Yield the tasks: the service's settings, all labels GIVEN, then the peers on the same labels."""
    for noise in lab.options.noises:
        for seed in _seeds(lab, noise):
            for setting in lab.options.settings:
                measure = partial(_spread, lab, setting, noise, seed)
                yield single(EXPERIMENT, noise.name, setting.name, seed, noise.rate, measure)
    if lab.options.peers:
        yield from _peer_tasks(lab, out_of_sample)


def _seeds(lab: Lab, noise: Noise) -> range:
    """A column is the same in every draw."""
    return range(1) if noise.kind == "column" else range(lab.options.seeds)


def _peer_tasks(lab: Lab, out_of_sample: OutOfSample) -> Iterator[Task]:
    peers = for_noise(len(lab.data.classes), lab.lists, out_of_sample)
    for noise in lab.options.noises:
        for seed in _seeds(lab, noise):
            measure = partial(_as_they_are, lab, noise, seed)
            yield single(EXPERIMENT, noise.name, LABELS, seed, noise.rate, measure, service=False)
            for peer in peers:
                if peer.name not in SLOW or seed in lab.options.slow():
                    run = partial(_predicted, lab, peer, noise, seed)
                    yield single(EXPERIMENT, noise.name, peer.name, seed, noise.rate, run, service=False)


def _spread(lab: Lab, setting: Setting, noise: Noise, seed: int) -> dict[str, float]:
    lab.bench.label(noise.labels(lab.data, seed), Trust.GIVEN)
    lab.bench.use(setting)
    classes, confidences = lab.bench.propagate()
    true = classes == lab.data.truth
    found = {"accuracy": float(true.mean()), "ECE": calibration_error(confidences, true)}
    if len(lab.queries) and seed in lab.options.slow():
        found["held-out accuracy"] = right(lab.bench.classify(lab.queries.vectors), lab.queries.truth)
    return found


def _as_they_are(lab: Lab, noise: Noise, seed: int) -> dict[str, float]:
    return {"accuracy": right(noise.labels(lab.data, seed), lab.data.truth)}


def _predicted(lab: Lab, peer: Peer, noise: Noise, seed: int) -> dict[str, float]:
    labels = noise.labels(lab.data, seed)
    if not peer.inductive:
        classes = peer.fit_predict(lab.data.vectors, labels, seed).argmax(axis=1)
        return {"accuracy": right(classes.astype(np.int32), lab.data.truth)}
    classes = peer.fit_predict(lab.everything, lab.padded(labels), seed).argmax(axis=1)
    found = {"accuracy": right(classes[: len(lab.data)].astype(np.int32), lab.data.truth)}
    if len(lab.queries):
        found["held-out accuracy"] = right(classes[len(lab.data) :].astype(np.int32), lab.queries.truth)
    return found
