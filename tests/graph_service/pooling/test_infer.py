"""Pooled inference against a transcription in plain numpy, and what it owes to labels of each trust."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, log_softmax, softmax

from graph_service.classification.pooled import pooled_vote
from graph_service.events import Method
from graph_service.linear.basis import fit_basis
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import Adjacency, adjacency, typical_temperature

# -- the transcription: dense, float64, every part spelled out ---------------------------------------------


def slow_infer(walk, degrees, features, sample, nodes, columns, verified, class_count):
    """Beliefs from P = D⁻¹W (n, n), D (n,), features (n, p), nodes that stand for all, and labels."""
    n, classes = len(walk), columns.max() + 1
    said, labelled = np.zeros((n, classes)), np.unique(nodes)
    clamped = np.isin(np.arange(n), nodes[verified])
    counts = verified | ~clamped[nodes]
    np.add.at(said, (nodes[counts], columns[counts]), 1)
    seeds = said / np.maximum(said.sum(axis=1, keepdims=True), 1)
    given_labels = list(zip(nodes[counts & ~verified], columns[counts & ~verified], strict=True))
    others = np.setdiff1d(sample, labelled)
    weights = np.concatenate([np.ones(len(labelled)), np.full(len(others), 300 / max(len(others), 1))])
    teachers, channel = np.concatenate([labelled, others]), None

    def believed(scores, rows_of_labelled):
        prior = prior_of(rows_of_labelled.sum(axis=0), class_count)
        return np.where(clamped[:, None], seeds, balanced(scores, sample[~clamped[sample]], prior))

    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    beliefs = believed(spread(roots[:, None] * walk / roots, seeds), seeds)
    for turn in range(2):
        posterior = learn(features, teachers, beliefs[teachers], weights)
        own = 0.5 * posterior
        if given_labels:
            channel = noise(normal(beliefs * np.exp(posterior)) if turn == 0 else beliefs, given_labels)
            for node, column in given_labels:
                own[node] += np.log(channel[:, column])
        pooled = np.where(clamped[:, None], seeds, softmax(own, axis=1))
        for _ in range(6):
            following = softmax(own + 0.7 * walk @ np.log(pooled + 0.001), axis=1)
            pooled = np.where(clamped[:, None], seeds, following)
        beliefs = believed(pooled, pooled[labelled])
    return beliefs, channel


def normal(rows):
    return rows / rows.sum(axis=1, keepdims=True)


def spread(normal_weights, seeds):
    """14 products of Chebyshev's semi-iteration for (I - αS) F = αS Y."""
    before = here = 0 * seeds
    omega = 1
    for k in range(14):
        if k:
            omega = 1 / (1 - 0.81 * omega / (2 if k == 1 else 4))
        before, here = here, omega * (0.9 * normal_weights @ (here + seeds) - before) + before
    return np.maximum(here, 0)


def prior_of(said, classes):
    """Of the classes that some label states; the others count as evidence of how unequal classes are."""
    counts = np.r_[said, np.zeros(classes - len(said))]
    a, total = np.geomspace(0.5, 1e4, 60), counts.sum()
    evidence = gammaln(classes * a) - gammaln(classes * a + total)
    evidence += sum(gammaln(count + a) - gammaln(a) for count in counts)
    shares = np.array([(counts + each) / (total + classes * each) for each in a])
    return normal((np.exp(evidence - evidence.max()) @ shares)[None, : len(said)])[0]


def balanced(scores, sample, prior):
    """Twenty rounds of scaling the classes, towards a mean belief of the open sample that is the prior."""
    reached, factors = scores.any(axis=1), np.ones(len(prior))
    heard = scores[sample][reached[sample]]
    for _ in range(20 if len(heard) else 0):
        masses = normal(heard * factors).mean(axis=0)
        factors *= np.where(masses > 0, prior / np.where(masses > 0, masses, 1), 1)
        factors = np.maximum(factors / factors.max(), 1e-4)
    factors = np.maximum(factors, 0.01) ** (len(sample) / (len(sample) + 30))
    rows = np.tile(prior, (len(scores), 1))
    rows[reached] = normal(scores[reached] * factors)
    return rows


def learn(features, teachers, targets, weights):
    """log softmax([x 1] W) after twenty accelerated steps, each over Böhning's bound of the curvature."""
    x, shares = np.column_stack([features, np.ones(len(features))]), weights / weights.sum()
    ridge = np.diag(np.r_[np.full(features.shape[1], 0.1 / weights.sum()), 1e-3])
    bound = (x[teachers].T * shares) @ x[teachers] / 2 + ridge
    here = ahead = np.zeros((x.shape[1], targets.shape[1]))
    momentum = 1.0
    for _ in range(20):
        errors = softmax(x[teachers] @ ahead, axis=1) - targets
        there = ahead - np.linalg.solve(bound, (x[teachers].T * shares) @ errors + ridge @ ahead)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, here = there + (momentum - 1) / following * (there - here), there
        momentum = following
    return log_softmax(x @ here, axis=1)


def noise(beliefs, given_labels):
    classes = beliefs.shape[1]
    counts = np.full((classes, classes), 1 / max(classes - 1, 1))
    np.fill_diagonal(counts, 9)
    for node, column in given_labels:
        counts[:, column] += beliefs[node]
    return normal(counts)


# -- worlds -------------------------------------------------------------------------------------------------


class World:
    """Blobs on a sphere, their exact neighbour graph and features; `truth` is the blob of each node."""

    def __init__(self, lists, seed, n=300, classes=4, spread=0.9, k=8):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(classes, 12))
        self.truth = rng.integers(0, classes, n)
        vectors = centres[self.truth] + spread * rng.normal(size=(n, 12))
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.neighbours, self.similarities = lists(self.vectors, k)
        self.sample = rng.permutation(n)[: n * 2 // 3].astype(np.int32)
        self.features = fit_basis(self.vectors[self.sample]).project(self.vectors)
        self.temperature = typical_temperature(self.similarities)

    @property
    def adj(self) -> Adjacency:
        return adjacency(
            self.neighbours, self.similarities, method=Method.POOLED, temperature=self.temperature
        )

    def dense(self):
        """P and D."""
        n = len(self.truth)
        weights = np.zeros((n, n))
        for i, p in np.argwhere(self.neighbours >= 0):
            j = self.neighbours[i, p]
            weights[i, j] = weights[j, i] = np.exp(float(self.similarities[i, p]) / self.temperature)
        degrees = weights.sum(axis=1)
        return weights / np.where(degrees > 0, degrees, 1)[:, None], degrees

    def infer(self, statements):
        return infer(self.adj, self.features, self.sample, statements)

    def isolate(self, nodes):
        """Take all edges from nodes."""
        self.neighbours[nodes] = -1
        self.neighbours[np.isin(self.neighbours, nodes)] = -1
        self.similarities[self.neighbours < 0] = -np.inf


def stated(nodes, classes, verified, class_count=4):
    return Statements(nodes, classes, verified, class_count)


@pytest.fixture
def world(exact_neighbours):
    return World(exact_neighbours, 1)


def label(world, rng, count, verified_share, wrong_share=0.0):
    """Labels of random nodes, some nodes twice, some wrong (to the next class)."""
    nodes = rng.choice(len(world.truth), count)
    classes = (world.truth[nodes] + (rng.random(count) < wrong_share)) % (world.truth.max() + 1)
    return stated(nodes, classes, rng.random(count) < verified_share)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([4, 30, 150, 600]),
    verified=st.sampled_from([0.0, 0.5, 1.0]),
    wrong=st.sampled_from([0.0, 0.3]),
)
def test_equals_the_transcription(exact_neighbours, seed, count, verified, wrong):
    it = World(exact_neighbours, seed)
    rng = np.random.default_rng(seed)
    it.isolate(rng.permutation(len(it.truth))[:5])
    labels = label(it, rng, count, verified, wrong)
    found = it.infer(labels)
    columns = labels.nodes, labels.columns, labels.verified, labels.class_count
    expected, channel = slow_infer(*it.dense(), it.features.astype(float), it.sample, *columns)
    assert (found.beliefs.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    np.testing.assert_allclose(found.beliefs, expected, atol=0.01)
    assert found.beliefs.dtype == np.float32
    np.testing.assert_allclose(found.beliefs.sum(axis=1), 1, rtol=1e-5)
    if channel is None:
        assert found.transition is None
    else:
        np.testing.assert_allclose(found.transition, channel, atol=1e-3)


def test_verified_labels_are_clamped_and_equals_share_the_row(world):
    nodes, classes = np.array([3, 8, 8, 20, 20, 20]), np.array([0, 1, 2, 3, 3, 0])
    found = world.infer(stated(nodes, classes, np.ones(6, bool)))
    rows = found.beliefs[[3, 8, 20]]
    np.testing.assert_allclose(rows, [[1, 0, 0, 0], [0, 0.5, 0.5, 0], [1 / 3, 0, 0, 2 / 3]], atol=1e-6)


def test_a_verified_label_overrules_a_given_one(world):
    rng = np.random.default_rng(2)
    labels = label(world, rng, 60, 0.5)
    node = int(np.setdiff1d(np.arange(300), labels.nodes)[0])
    right, wrong = 1, 2

    def beliefs(*more):
        extra = [np.array(column) for column in zip(*more, strict=True)]
        columns = (labels.nodes, labels.classes, labels.verified)
        return world.infer(stated(*map(np.append, columns, extra))).beliefs

    verified_alone = beliefs((node, right, True))
    np.testing.assert_array_equal(beliefs((node, right, True), (node, wrong, False)), verified_alone)
    assert verified_alone[node].argmax() == right


def test_a_class_that_nobody_states_gets_nothing(world):
    some = np.flatnonzero(np.isin(world.truth, [0, 2]))[:40]
    found = world.infer(stated(some, world.truth[some] * 5, np.zeros(40, bool), 12))
    assert found.seen.tolist() == [0, 10]
    assert found.beliefs.shape == (300, 2)
    assert found.classifier.shape == (world.features.shape[1] + 1, 2)
    assert found.transition.shape == (2, 2)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("count", [1, 5])
def test_one_class_is_all_there_is(world, count, verified):
    found = world.infer(stated(np.arange(count), np.full(count, 3), np.full(count, verified)))
    assert found.seen.tolist() == [3]
    np.testing.assert_array_equal(found.beliefs, np.ones((300, 1)))


def test_labels_of_nobody_else(exact_neighbours):
    """Every node labelled, or none that the sample holds; nodes without a single edge."""
    it = World(exact_neighbours, 3)
    it.isolate(np.arange(300))
    for verified in (True, False):
        found = it.infer(stated(np.arange(300), it.truth, np.full(300, verified)))
        assert (found.beliefs.argmax(axis=1) == it.truth).mean() > 0.9
    it.sample = it.sample[:0]
    found = it.infer(stated(np.arange(40), it.truth[:40], np.zeros(40, bool)))
    assert np.isfinite(found.beliefs).all()


def test_the_order_of_nodes_and_of_labels_does_not_matter(exact_neighbours, world):
    rng = np.random.default_rng(4)
    labels, order = label(world, rng, 80, 0.3, 0.2), rng.permutation(300)
    place = np.argsort(order).astype(np.int32)
    plain = world.infer(labels)
    other = World(exact_neighbours, 1)
    other.neighbours = np.where(world.neighbours >= 0, place[world.neighbours], -1)[order].astype(np.int32)
    other.similarities, other.features = world.similarities[order], world.features[order]
    other.sample = place[world.sample]
    shuffled = rng.permutation(80)
    moved = other.infer(
        stated(place[labels.nodes][shuffled], labels.classes[shuffled], labels.verified[shuffled])
    )
    np.testing.assert_allclose(moved.beliefs, plain.beliefs[order], atol=1e-3)


def test_a_given_label_stated_twice_counts_twice(world):
    rng = np.random.default_rng(5)
    labels = label(world, rng, 200, 0.2)
    sure = world.infer(labels).beliefs
    free = np.setdiff1d(np.arange(300), labels.nodes)
    node = int(free[np.argsort(sure[free].max(axis=1))[10]])
    other = int(np.argsort(sure[node])[-2])

    def belief(times):
        columns = (labels.nodes, labels.classes, labels.verified)
        extra = np.full(times, node), np.full(times, other), np.zeros(times, bool)
        return world.infer(stated(*map(np.append, columns, extra))).beliefs[node, other]

    assert sure[node, other] < belief(1) < belief(2)


@pytest.mark.parametrize("seed", range(3))
def test_beliefs_are_better_than_the_given_labels_they_come_from(exact_neighbours, seed):
    """All nodes labelled, three labels of ten wrong: most of the wrong are overruled, few of the right."""
    it = World(exact_neighbours, seed, n=900, spread=0.5)
    rng = np.random.default_rng(seed)
    noisy = np.where(rng.random(900) < 0.3, (it.truth + rng.integers(1, 4, 900)) % 4, it.truth)
    found = it.infer(stated(np.arange(900), noisy, np.zeros(900, bool)))
    believed = found.beliefs.argmax(axis=1)
    wrong = noisy != it.truth
    assert (believed == it.truth)[wrong].mean() > 0.85
    assert (believed == it.truth)[~wrong].mean() > 0.97
    shares = np.array([[(noisy[it.truth == a] == b).mean() for b in range(4)] for a in range(4)])
    np.testing.assert_allclose(found.transition, shares, atol=0.06)


def test_the_same_labels_give_the_same_bits(world):
    labels = label(world, np.random.default_rng(6), 100, 0.5, 0.2)
    first, second = world.infer(labels), world.infer(labels)
    np.testing.assert_array_equal(first.beliefs, second.beliefs)
    np.testing.assert_array_equal(first.classifier, second.classifier)
    np.testing.assert_array_equal(first.transition, second.transition)


def test_a_given_label_that_the_classifier_thinks_impossible(exact_neighbours):
    """Beyond what float32 holds, e^-103, and nobody the node can hear states another class."""
    it = World(exact_neighbours, 7, n=1200, classes=2, spread=0.2)
    it.isolate(np.array([0, 1]))
    it.neighbours[:2, 0], it.similarities[:2, 0] = [1, 0], 0.9
    it.features[:] = np.where(it.truth == 1, 1, -1)[:, None]
    it.features[0] = 100
    it.truth[:2] = 0
    it.sample = np.setdiff1d(np.arange(1200), [0, 1])
    found = it.infer(stated(np.arange(1200), it.truth, np.zeros(1200, bool)))
    assert np.isfinite(found.beliefs).all()
    assert np.isfinite(found.transition).all()


def test_verified_nodes_do_not_drive_the_masses(world):
    """With every node verified there is nothing to balance, however unequal the classes are."""
    everyone = np.arange(len(world.truth))
    few = everyone[(world.truth > 0) | (everyone % 4 == 0)]
    world.sample = few.astype(np.int32)
    found = world.infer(stated(few, world.truth[few], np.ones(len(few), bool)))
    np.testing.assert_array_equal(found.factors, np.ones(4))


@pytest.mark.parametrize("verified", [True, False])
def test_samples_outside_are_classified_where_every_sample_is_labelled(exact_neighbours, verified):
    """The end of a labelling job: masses that nothing can change must not bend what is classified."""
    world = World(exact_neighbours, 3, n=400)
    inside, outside = np.arange(100), np.arange(100, 400)
    lists = exact_neighbours(world.vectors[inside], 8)
    adj = adjacency(*lists, method=Method.POOLED, temperature=world.temperature)
    basis = fit_basis(world.vectors[inside])
    statements = stated(inside, world.truth[inside], np.full(100, verified))
    found = infer(adj, basis.project(world.vectors[inside]), inside, statements)
    cosines = world.vectors[outside] @ world.vectors[inside].T
    nearest = np.argsort(-cosines, axis=1)[:, :8].astype(np.int32)
    beliefs = pooled_vote(
        basis.project(world.vectors[outside]),
        found.classifier,
        found.factors,
        nearest,
        np.take_along_axis(cosines, nearest, axis=1),
        found.beliefs,
        world.temperature,
    )
    by_nearest = (world.truth[nearest[:, 0]] == world.truth[outside]).mean()
    assert (beliefs.argmax(axis=1) == world.truth[outside]).mean() >= by_nearest
