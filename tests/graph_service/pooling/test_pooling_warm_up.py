"""Nobody waits for a compiler once the service serves."""

import subprocess
import sys

AFTER_THE_WARM_UP = """
import numpy as np
from numba.core import event
from graph_service.events import Method
from graph_service.linear import warm_up as linear
from graph_service.linear.classifier import Lesson, log_posterior
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.pooling import warm_up as pooling
from graph_service.propagation.adjacency import adjacency

linear.warm_up()
pooling.warm_up()
rng = np.random.default_rng(0)
lists = ((np.arange(200)[:, None] + np.arange(1, 4)) % 200).astype(np.int32)
cosines = rng.uniform(0, 1, (200, 3)).astype(np.float32)
adj = adjacency(lists, cosines, method=Method.POOLED, temperature=0.1)
features = rng.normal(size=(200, 5)).astype(np.float32)
with event.install_recorder("numba:compile") as compiled:
    for classes in (1, 5, 16, 17, 70, 150):
        for kind in (np.int32, np.int64):
            nodes, stated = (rng.integers(0, most, 180).astype(kind) for most in (200, classes))
            labels = Statements(nodes, stated, rng.random(180) < 0.5, classes)
            found = infer(adj, features, rng.permutation(200)[:100].astype(kind), labels)
        log_posterior(features[::2], found.classifier)
    x, targets = np.ones((9000, 128), np.float32), np.full((9000, 40), 1 / 40, np.float32)
    Lesson(x, x[:, 0], 0.1).learn(targets)
print({item.data["dispatcher"].__name__ for _, item in compiled.buffer} or "nothing")
"""


def test_nothing_is_compiled_after_the_warm_up():
    outcome = subprocess.run(
        [sys.executable, "-c", AFTER_THE_WARM_UP], capture_output=True, text=True, check=False
    )
    assert outcome.stdout == "nothing\n", outcome.stdout + outcome.stderr
