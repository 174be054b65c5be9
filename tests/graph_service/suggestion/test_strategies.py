"""What is suggested may be labelled, and is worth it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from graph_service.suggestion.coverage import cover
from graph_service.suggestion.ground import Ground
from graph_service.suggestion.strategies import Reason, State, Strategy, suggest
from graph_service.suggestion.uncertainty import narrowness

CLASSES = 4


def blobs(rng, sizes, spread=0.2):
    truth = np.repeat(np.arange(len(sizes)), sizes)
    features = np.eye(len(sizes), 8)[truth] + spread * rng.normal(size=(len(truth), 8))
    return features.astype(np.float32), truth


def state(features, labelled=(), beliefs=None, unwanted=(), ground=None):
    """The audit's order is that of the nodes, reversed."""
    count = len(features)
    if beliefs is None:
        beliefs = np.zeros((count, CLASSES), np.float32)
    return State(
        ground=ground or grounded(features),
        labelled=np.isin(np.arange(count), labelled),
        unwanted=np.array(unwanted, np.int32),
        class_count=beliefs.shape[1],
        narrowness=lambda: narrowness(beliefs),
        rows=lambda nodes: beliefs[nodes],
    )


def grounded(features):
    everyone = np.arange(len(features), dtype=np.int32)
    keys = np.random.default_rng(4).integers(0, 2**64, len(features), np.uint64)
    return Ground(features, keys, everyone[::-1].copy(), everyone)


def pick(strategy, given, count, *, audit_share=0.0, seed=0):
    return suggest(strategy, count=count, audit_share=audit_share, seed=seed, state=given)


def thinned(features, opened, seed=0):
    """The graph of the first nodes as candidates and the others as labelled."""
    nodes = np.arange(len(features))
    draw = grounded(features).draw(seed)
    return draw.thin(nodes[:opened].astype(np.int32), nodes >= opened)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    strategy=st.sampled_from(Strategy),
    count=st.integers(0, 60),
    share=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    audit_share=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
def test_suggestions_are_candidates_and_repeatable(seed, strategy, count, share, audit_share):
    rng = np.random.default_rng(seed)
    features, _ = blobs(rng, [12, 9, 5, 4])
    labelled = np.flatnonzero(rng.random(30) < share)
    unwanted = np.flatnonzero(rng.random(30) < 0.2)
    candidates = np.setdiff1d(np.arange(30), np.union1d(labelled, unwanted))
    beliefs = rng.dirichlet(np.ones(CLASSES), 30).astype(np.float32)
    now = state(features, labelled, beliefs if len(labelled) else None, unwanted)
    picks, again = (pick(strategy, now, count, audit_share=audit_share, seed=seed) for _ in range(2))
    assert len(picks.nodes) == len(picks.scores) == len(picks.reasons) == len(picks.shares)
    assert len(picks.nodes) == min(count, len(candidates))
    assert len(set(picks.nodes.tolist())) == len(picks.nodes)
    assert np.isin(picks.nodes, candidates).all()
    assert ((picks.scores >= 0) & (picks.scores <= 1)).all()
    assert (picks.nodes.dtype, picks.scores.dtype) == (np.int32, np.float32)
    assert picks.shares.sum() <= 1 + 1e-9
    np.testing.assert_array_equal(picks.nodes, again.nodes)
    audits = [node for node, reason in zip(picks.nodes, picks.reasons, strict=True) if reason is Reason.AUDIT]
    wanted = 1.0 if strategy is Strategy.AUDIT else audit_share
    assert len(audits) == np.ceil(wanted * len(picks.nodes))
    assert audits == candidates[::-1][: len(audits)].tolist()


def test_audited_ones_are_spread_among_the_others():
    features, _ = blobs(np.random.default_rng(0), [100])
    picks = pick(Strategy.RANDOM, state(features), 40, audit_share=0.1)
    places = [i for i, reason in enumerate(picks.reasons) if reason is Reason.AUDIT]
    assert places == [5, 15, 25, 35]


@pytest.mark.parametrize("strategy", [Strategy.COVERAGE, Strategy.AUTO])
def test_the_first_picks_go_where_nobody_was(strategy):
    features, truth = blobs(np.random.default_rng(1), [40, 30, 20, 10], spread=0.05)
    picks = pick(strategy, state(features), 4)
    assert set(truth[picks.nodes]) == {0, 1, 2, 3}
    assert set(picks.reasons) == {Reason.COVERAGE}
    # One region is covered already: the first picks go to the others.
    assert set(truth[pick(strategy, state(features, [0, 1, 2]), 3).nodes]) == {1, 2, 3}


def test_with_labels_the_default_goes_where_belief_is_divided():
    rng = np.random.default_rng(2)
    features, truth = blobs(rng, [60, 60, 60, 60], spread=0.1)
    beliefs = np.eye(CLASSES, dtype=np.float32)[truth]
    border = np.flatnonzero(truth == 2)
    beliefs[border, 2:] = [0.55, 0.45]
    labelled = np.concatenate([np.flatnonzero(truth == c)[:3] for c in range(CLASSES)])
    now = state(features, labelled, beliefs)
    picks = pick(Strategy.AUTO, now, 5)
    assert set(truth[picks.nodes]) == {2}
    # Nothing in doubt is worse than anything else: all are open again.
    assert (
        len(pick(Strategy.AUTO, state(features, labelled, np.eye(4, dtype=np.float32)[truth]), 5).nodes) == 5
    )


def test_a_pick_stands_for_what_is_nearest_to_it():
    features, _ = blobs(np.random.default_rng(3), [50, 30, 20], spread=0.01)
    everyone = np.arange(100)

    def shares(labelled, picks):
        found = grounded(features).represented(np.isin(everyone, labelled), np.array(picks, np.int32))
        return found.tolist()

    assert shares([], [0, 60, 90]) == [0.5, 0.3, 0.2]
    assert shares([0], [60, 90]) == [0.3, 0.2]
    assert shares([0, 60, 90], [1])[0] < 0.5
    assert shares(everyone[1:], [0]) == [0.01]
    assert shares([], []) == []


def test_few_nodes_and_none_with_features():
    for count in (1, 2, 3):
        features = np.zeros((count, 2), np.float32)
        for strategy in Strategy:
            assert sorted(pick(strategy, state(features), 5).nodes) == list(range(count))


@pytest.mark.parametrize(
    ("strategy", "expected"), [(Strategy.MARGIN, "margin"), (Strategy.ENTROPY, "entropy")]
)
def test_uncertainty(strategy, expected):
    rows = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.6, 0.3, 0.1], [0, 0, 0], [1 / 3] * 3], np.float32)
    by_hand = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1)) / np.log(3)
    worth = {"margin": [0, 1, 0.7, 1, 1], "entropy": [0, np.log(2) / np.log(3), by_hand, 1, 1]}[expected]
    picks = pick(strategy, state(np.eye(5, dtype=np.float32), beliefs=rows), 5)
    np.testing.assert_allclose(picks.scores, np.array(worth)[picks.nodes], atol=1e-6)
    assert (np.diff(picks.scores) <= 0).all()
    assert set(picks.reasons) == {Reason.UNCERTAIN}


def test_small_parts_wait_for_the_large_ones():
    """Six bursts of 12 alike, which no edge joins to the rest, do not come before two regions of 150."""
    sizes = [150, 150, *[12] * 6]
    rng = np.random.default_rng(9)
    part_of = np.repeat(np.arange(len(sizes)), sizes)
    features = np.eye(len(sizes), dtype=np.float32)[part_of]
    features[:300] += 0.3 * rng.normal(size=(300, len(sizes)))
    graph = thinned(features, len(features))
    places, gains = cover(graph, 12)
    assert set(part_of[graph.nodes[places[:2]]]) == {0, 1}
    assert (part_of[graph.nodes[places]] < 2).sum() >= 6
    assert (gains >= 0).all()


def test_walkers_that_survive_choose_the_next():
    """One walker a node, moved by the dense transition matrix, gone where covered."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(80, 6)).astype(np.float32)
    graph = thinned(features, 60)
    assert graph.open_count == 60
    edges = csr_array((np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(80, 80)).toarray()
    assert edges.max() == 1
    assert (edges == edges.T).all()
    assert (edges.sum(axis=1) >= 10).all()
    covered = np.arange(80) >= 60
    expected = []
    for _ in range(5):
        walkers = np.where(covered, 0.0, 1.0)
        for _ in range(20):
            walkers = np.where(covered, 0, (edges / edges.sum(axis=1, keepdims=True)).T @ walkers)
        gain = np.where(covered, -1, walkers / edges.sum(axis=1) ** 0.75)
        expected.append(int(gain.argmax()))
        covered[expected[-1]] = True
    assert cover(graph, 5)[0].tolist() == expected
