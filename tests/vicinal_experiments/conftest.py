"""Blobs: a few hundred vectors whose classes are easy, but not without error."""

import numpy as np
import pytest

from vicinal_experiments.data import checked
from vicinal_experiments.neighbours import nearest


def make_blobs(count=300, classes=4, dimension=24, spread=1.0, seed=0):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(classes, dimension))
    truth = random.integers(0, classes, count)
    vectors = centres[truth] + spread * random.normal(size=(count, dimension))
    human = np.where(random.random(count) < 0.2, (truth + 1) % classes, truth)
    return checked(vectors, truth, [f"class {i}" for i in range(classes)], {"human": human})


@pytest.fixture(scope="session")
def blobs():
    return make_blobs()


@pytest.fixture(scope="session")
def blob_lists(blobs):
    return nearest(None, blobs.vectors, 20)
