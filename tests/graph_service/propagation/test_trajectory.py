"""What is made anew after labels came, changed and went, against a propagation from the start."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scipy.sparse import csr_array

from graph_service.events import Method
from graph_service.propagation import trajectory
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.beliefs import beliefs
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Dense, Heaviest
from graph_service.propagation.trajectory import Trajectory

NODES = 60


def lists(seed, n=NODES, parts=3, k=4):
    """Lists of neighbours within parts that no edge joins; some nodes have none."""
    rng = np.random.default_rng(seed)
    part_of = rng.integers(0, parts, n)
    alone = rng.random(n) < 0.05
    cosines = rng.uniform(0, 1, (n, n))
    cosines = (cosines + cosines.T) / 2
    cosines[(part_of[:, None] != part_of) | alone[:, None] | alone] = -np.inf
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1)[:, :k].astype(np.int32)
    similarities = np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)
    neighbours[np.isinf(similarities)] = -1
    return neighbours, similarities


def in_float64(adj, seeds, classes, steps):
    """Z ← P Z from the start."""
    n = len(adj)
    walk = csr_array((adj.weights.astype(float), adj.indices, adj.indptr), shape=(n, n))
    start = np.zeros((n, classes))
    degrees = adj.log_degrees - adj.log_degrees.max()
    sent = np.where(np.isfinite(degrees), np.exp(-np.nan_to_num(degrees, neginf=0) / 2), 0)
    start[seeds.nodes] = seeds.dense(classes) * sent[seeds.nodes, None]
    clamped = seeds.nodes[seeds.clamped]
    scores = start
    for _ in range(steps):
        scores = walk @ scores
        scores[clamped] = start[clamped]
    alone = clamped[sent[clamped] == 0]
    scores[alone] = seeds.dense(classes)[np.searchsorted(seeds.nodes, alone)]
    return scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-300)


class Labelling(RuleBasedStateMachine):
    """One annotator after another adds, changes and removes labels of both trusts."""

    coldest = 0.1

    @initialize(
        seed=st.integers(0, 2**16),
        method=st.sampled_from([Method.PAPER, Method.SYMMETRIZED]),
        classes=st.sampled_from([2, 5, 17, 40, 64]),
        steps=st.sampled_from([1, 3, 20]),
        warm=st.booleans(),
    )
    def begin(self, seed, method, classes, steps, warm):
        self.adj = adjacency(*lists(seed), method=method, temperature=1 if warm else self.coldest)
        self.classes, self.steps = classes, steps
        self.labels = {}
        self.made = Trajectory.full(self.adj, self.seeds(), self.states())
        self.before = self.now()

    def states(self):
        return Dense(NODES, self.classes, self.steps, kept=self.steps + 1)

    def now(self):
        """The scores, and what may be missing of a row."""
        return self.made.states.scores(np.arange(NODES)), np.zeros(NODES)

    def seeds(self):
        nodes = np.array(sorted(self.labels), int)
        classes, clamped = np.array([self.labels[node] for node in nodes.tolist()], int).reshape(-1, 2).T
        return Seeds.stated(nodes, classes, clamped.astype(bool))

    @rule(
        changes=st.lists(
            st.tuples(st.integers(0, NODES - 1), st.integers(0, 63), st.booleans()), min_size=1, max_size=4
        )
    )
    def label(self, changes):
        self.labels |= {node: (index % self.classes, verified) for node, index, verified in changes}
        self.update()

    @rule(data=st.data())
    def unlabel(self, data):
        if self.labels:
            for node in data.draw(st.sets(st.sampled_from(sorted(self.labels)), max_size=3)):
                del self.labels[node]
        self.update()

    def update(self):
        changed = self.made.update(self.seeds())
        now = self.now()
        assert np.isin(np.flatnonzero((now[0] != self.before[0]).any(axis=1)), changed).all()
        self.before = now

    @invariant()
    def is_what_a_full_run_makes(self):
        expected = in_float64(self.adj, self.seeds(), self.classes, self.steps)
        scores, missing = self.before
        masses = scores.sum(axis=1) + missing
        masses[masses == 0] = 1
        bound = 2 * ((1 + self.made.states.tolerance) ** self.steps - 1) + 1e-5 + missing / masses
        assert (np.abs(scores / masses[:, None] - expected).sum(axis=1) <= bound).all()
        np.testing.assert_array_equal(scores.any(axis=1), expected.any(axis=1))


TestLabelling = Labelling.TestCase
TestLabelling.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


class KeepingTheHeaviest(Labelling):
    """The same of the heaviest classes: what is missing is known."""

    def states(self):
        return Heaviest(NODES, self.classes, self.steps, kept=self.steps + 1)

    def now(self):
        classes, scores, lost = self.made.states.scores(np.arange(NODES))
        rows = np.zeros((NODES, self.classes))
        for kept, found, row in zip(classes, scores, rows, strict=True):
            assert len(set(kept[found > 0])) == (found > 0).sum()
            row[kept[found > 0]] = found[found > 0]
        assert (np.diff(scores, axis=1) <= 0).all()
        return rows, lost


TestKeepingTheHeaviest = KeepingTheHeaviest.TestCase
TestKeepingTheHeaviest.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


class InFloat64(KeepingTheHeaviest):
    """The same where masses differ by more than float32 holds."""

    coldest = 0.002

    def states(self):
        return Heaviest(NODES, self.classes, self.steps, kept=self.steps + 1, dtype=np.float64)


TestInFloat64 = InFloat64.TestCase
TestInFloat64.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


class SweepingSooner(Labelling):
    """The same, where most updates end in a sweep."""

    def update(self):
        most, trajectory.REMADE_COST = trajectory.REMADE_COST, 30
        try:
            super().update()
        finally:
            trajectory.REMADE_COST = most


TestSweepingSooner = SweepingSooner.TestCase
TestSweepingSooner.settings = settings(max_examples=20, stateful_step_count=8, deadline=None)


def ring(n=20_000, k=4):
    """Each node lists the next k; so a label concerns what is near it."""
    neighbours = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    cosines = np.random.default_rng(0).uniform(0.5, 1, (n, k))
    return neighbours.astype(np.int32), cosines.astype(np.float32)


def made_of(kind, adj, seeds, classes, steps=20):
    return Trajectory.full(adj, seeds, kind(len(adj), classes, steps, kept=steps + 1))


@pytest.mark.parametrize("kind", [Dense, Heaviest])
@pytest.mark.parametrize("method", [Method.PAPER, Method.SYMMETRIZED])
def test_a_label_costs_what_it_concerns(method, kind, monkeypatch):
    adj = adjacency(*ring(), method=method, temperature=0.1)
    nodes = np.arange(0, 20_000, 50)
    made = made_of(kind, adj, Seeds.stated(nodes, nodes % 3, nodes >= 0), 3)
    written = []
    real = kind.follow
    monkeypatch.setattr(kind, "follow", lambda *args: written.append(real(*args)) or written[-1])
    more = np.append(nodes, 10_025)
    changed = made.update(Seeds.stated(more, more % 3, more >= 0))
    assert 0 < written[0].made < 20_000
    assert np.isin(10_025, changed)
    assert len(changed) < 200


def many(classes):
    """A graph large enough for all cores, and labels of both trusts."""
    adj = adjacency(*ring(), method=Method.PAPER, temperature=0.1)
    nodes = np.arange(0, 20_000, 7)
    return adj, Seeds.stated(nodes, nodes // 7 % classes, nodes % 2 == 0)


@pytest.mark.parametrize("classes", [1, 16, 48, 64, 100])
def test_many_rows_by_all_cores(classes):
    adj, seeds = many(classes)
    expected = in_float64(adj, seeds, classes, 20)
    full = made_of(Dense, adj, seeds, classes)
    np.testing.assert_allclose(beliefs(full.states.scores(np.arange(20_000))), expected, atol=1e-5)
    updated = made_of(Dense, adj, seeds[np.arange(len(seeds) - 300)], classes)
    updated.update(seeds)
    found = beliefs(updated.states.scores(np.arange(20_000)))
    assert np.abs(found - expected).sum(axis=1).max() < 2 * ((1 + Dense.tolerance) ** 20 - 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kept", [2, 21])
def test_the_heaviest_of_many_classes(dtype, kept):
    adj, seeds = many(1000)
    expected = in_float64(adj, seeds, 1000, 20)
    made = Trajectory.full(adj, seeds, Heaviest(20_000, 1000, 20, kept=kept, dtype=dtype))
    classes, scores, lost = made.states.scores(np.arange(20_000))
    masses = scores.sum(axis=1) + lost
    assert scores.dtype == dtype
    true = np.take_along_axis(expected, classes.astype(int), axis=1)
    found, share = scores / masses[:, None], lost / masses
    assert (found <= true + 1e-5)[scores > 0].all()
    assert (true <= found + share[:, None] + 1e-5)[scores > 0].all()
    sure = scores[:, 0] - scores[:, 1] > lost
    assert sure.mean() > 0.3
    np.testing.assert_array_equal(classes[sure, 0], expected[sure].argmax(axis=1))


def test_a_node_of_more_labels_than_are_kept():
    """Ten annotators state ten classes, the last one twice."""
    adj = adjacency(*ring(40), method=Method.PAPER, temperature=0.1)
    nodes, classes = np.zeros(11, int), np.append(np.arange(10), 9)
    made = made_of(Heaviest, adj, Seeds.stated(nodes, classes, nodes == 0), 10)
    kept, scores, lost = made.states.scores(nodes[:1])
    assert kept[0, 0] == 9
    np.testing.assert_allclose(scores[0] / scores[0, 0], [1] + [0.5] * 7)
    np.testing.assert_allclose(lost[0] / scores[0, 0], 1)


def test_says_when_float32_is_not_enough():
    adj = adjacency(*lists(0), method=Method.PAPER, temperature=0.001)
    nodes = np.arange(20)
    seeds = Seeds.stated(nodes, nodes % 3, nodes >= 0)
    assert made_of(Dense, adj, seeds, 3) is None
    assert made_of(Heaviest, adj, seeds, 3) is None


def test_a_later_label_may_be_too_heavy():
    """Degrees e^(0.05 / T) to e^(1 / T): the label of the node of least degree outweighs the others'."""
    neighbours = np.array([[1], [0], [3], [2]], np.int32)
    cosines = np.array([[1], [1], [0.05], [0.05]], np.float32)
    adj = adjacency(neighbours, cosines, method=Method.PAPER, temperature=0.005)
    heavy, light = np.array([0]), np.array([0, 2])
    made = made_of(Dense, adj, Seeds.stated(heavy, heavy, heavy >= 0), 2, 3)
    assert made.update(Seeds.stated(light, light // 2, light >= 0)) is None
