"""The compiled steps: every width of a row, both ways to count, any number of callers."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.beliefs import beliefs
from graph_service.propagation.propagate import propagate

NODES, STEPS = 400, 15


def lists(least):
    """Lists of 8 random neighbours with cosines from `least` to 1."""
    rng = np.random.default_rng(1)
    neighbours = np.array([rng.permutation(NODES - 1)[:8] for _ in range(NODES)])
    neighbours += neighbours >= np.arange(NODES)[:, np.newaxis]
    return neighbours.astype(np.int32), rng.uniform(least, 1, (NODES, 8)).astype(np.float32)


def some_labels(classes):
    rng = np.random.default_rng(2)
    seeds = rng.random((NODES, classes)) * (rng.random((NODES, 1)) < 0.2)
    return seeds, rng.random(NODES) < 0.15


def in_float64(adj, seeds, clamped):
    """Z ← P Z on Z = D^-1/2 Y."""
    walk = csr_array((adj.exact_weights(), adj.indices, adj.indptr), shape=(NODES, NODES))
    start = seeds * np.exp(-(adj.log_degrees - adj.log_degrees.max()) / 2)[:, np.newaxis]
    scores = start
    for _ in range(STEPS):
        scores = np.where(clamped[:, np.newaxis], start, walk @ scores)
    return beliefs(scores)


@pytest.mark.parametrize("classes", [1, 2, 15, 16, 17, 48, 64, 65, 100, 128, 129, 200, 300])
@pytest.mark.parametrize("temperature", [0.1, 0.01])  # float32 suffices; exponents are needed
def test_every_width_of_a_row(classes, temperature):
    neighbours, similarities = lists(0.0)
    adj = adjacency(neighbours, similarities, method=Method.SYMMETRIZED, temperature=temperature)
    seeds, clamped = some_labels(classes)
    found = beliefs(propagate(adj, seeds, clamped, STEPS))
    assert found.shape == (NODES, classes)
    np.testing.assert_allclose(found, in_float64(adj, seeds, clamped), atol=1e-5)


def test_a_factor_of_all_labels_cancels():
    neighbours, similarities = lists(0.0)
    adj = adjacency(neighbours, similarities, method=Method.PAPER, temperature=0.1)
    seeds, clamped = some_labels(5)
    plain = beliefs(propagate(adj, seeds, clamped, STEPS))
    for factor in (1e-200, 1e200):
        scaled = beliefs(propagate(adj, seeds * factor, clamped, STEPS))
        np.testing.assert_allclose(plain, scaled, atol=1e-6)


def test_verified_labels_stay_and_given_ones_do_not():
    neighbours, similarities = lists(0.0)
    adj = adjacency(neighbours, similarities, method=Method.SYMMETRIZED, temperature=0.1)
    seeds, _ = some_labels(5)
    labelled = seeds.any(axis=1)
    kept = beliefs(propagate(adj, seeds, labelled, STEPS))
    np.testing.assert_allclose(kept[labelled], beliefs(seeds)[labelled], atol=1e-6)
    moved = beliefs(propagate(adj, seeds, ~np.ones(NODES, bool), STEPS))
    assert (np.abs(moved - beliefs(seeds))[labelled].max(axis=1) > 0.01).all()


def test_arrays_of_any_layout():
    neighbours, similarities = lists(0.0)
    seeds, clamped = some_labels(20)
    plain = adjacency(neighbours, similarities, method=Method.SYMMETRIZED, temperature=0.1)
    expected = propagate(plain, seeds, clamped, STEPS)
    for array in (neighbours, similarities, seeds, clamped):
        array.setflags(write=False)
    adj = adjacency(
        np.asfortranarray(neighbours),
        np.asfortranarray(similarities),
        method=Method.SYMMETRIZED,
        temperature=0.1,
    )
    found = propagate(adj, np.asfortranarray(seeds), np.repeat(clamped, 2)[::2], STEPS)
    np.testing.assert_array_equal(found, expected)


AFTER_THE_WARM_UP = """
import numpy as np
from numba.core import event
from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.propagate import propagate
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Dense, Heaviest
from graph_service.propagation.trajectory import Trajectory
from graph_service.propagation.warm_up import warm_up

warm_up()
lists = ((np.arange(50)[:, None] + np.arange(1, 4)) % 50).astype(np.int32)
cosines = np.linspace(-1, 1, 150, dtype=np.float32).reshape(50, 3)
some = np.arange(50) < 7
for array in (lists, cosines, some):
    array.setflags(write=False)
with event.install_recorder("numba:compile") as compiled:
    for method in Method:
        for temperature in (1.0, 0.001):
            adj = adjacency(np.asfortranarray(lists), cosines, method=method, temperature=temperature)
            for seeds in (np.eye(50, 3), np.eye(50, 200, dtype=np.float32)):
                rows = propagate(adj, seeds, some, np.int64(4))
            propagate(adj, seeds[:, ::2], some[::-1], 4)
    for nodes in (50, 2500):  # one core's, all cores'
        ring = ((np.arange(nodes)[:, None] + np.arange(1, 4)) % nodes).astype(np.int32)
        adj = adjacency(ring, np.ones((nodes, 3), np.float32), method=Method.PAPER, temperature=1.0)
        doubled = Heaviest(nodes, 3, 4, kept=5, dtype=np.float64)
        for states in (Dense(nodes, 3, 4, kept=5), Heaviest(nodes, 3, 4, kept=5), doubled):
            kept = Trajectory.full(adj, Seeds.stated(np.arange(2), np.arange(2), some[:2]), states)
            kept.update(Seeds.stated(np.array([2]), np.array([2]), some[:1]))
print({item.data["dispatcher"].__name__ for _, item in compiled.buffer} or "nothing")
"""


def test_nothing_is_compiled_after_the_warm_up():
    outcome = subprocess.run(
        [sys.executable, "-c", AFTER_THE_WARM_UP], capture_output=True, text=True, check=False
    )
    assert outcome.stdout == "nothing\n", outcome.stdout + outcome.stderr


CALLERS = """
import threading
import numpy as np
from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.propagate import propagate

lists = ((np.arange(2000)[:, None] + np.arange(1, 9)) % 2000).astype(np.int32)
cosines = np.ones((2000, 8), np.float32)
def work():
    for _ in range(40):
        adj = adjacency(lists, cosines, method=Method.SYMMETRIZED, temperature=1)
        propagate(adj, np.eye(2000, 3), np.zeros(2000, bool), 5)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done")
"""


def test_threads_do_not_end_the_process_on_any_threading_layer(monkeypatch):
    """numba's workqueue layer aborts when two threads run parallel kernels at once."""
    monkeypatch.setenv("NUMBA_THREADING_LAYER", "workqueue")
    outcome = subprocess.run([sys.executable, "-c", CALLERS], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout) == (0, "done\n"), outcome.stderr
