"""What is kept from one call to the next changes no answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.suggestion.doubt import doubtful
from graph_service.suggestion.drawing import first, random_order
from graph_service.suggestion.ground import Ground
from graph_service.suggestion.nearest import NearestLists
from graph_service.suggestion.standing import Standing
from graph_service.suggestion.strategies import State, Strategy, suggest
from graph_service.suggestion.uncertainty import narrowness
from graph_service.suggestion.whole import products, whole

COUNT, K = 60, 3
SETS = st.lists(st.sets(st.integers(0, COUNT - 1)), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**32 - 1)


def random_features(seed):
    """Few directions, so that many are equally near, and some of no length."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1, 2, (COUNT, 3)).astype(np.float32)


def changing(seed, rounds):
    """Nodes in random order, of which a few change from one round to the next."""
    rng = np.random.default_rng(seed)
    inside = rng.random(COUNT) < 0.6
    for _ in range(rounds):
        inside[rng.integers(0, COUNT, rng.integers(0, 8))] ^= True
        yield rng.permutation(np.flatnonzero(inside)).astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, sets=SETS)
def test_lists_are_those_of_all_pairs(seed, sets):
    features = random_features(seed)
    rank = np.random.default_rng(seed).permutation(COUNT).astype(np.int32)
    kept = NearestLists(features, rank, K)
    rows = whole(features).astype(np.int64)
    for nodes in [*changing(seed, 12), *(np.array(sorted(one), np.int32) for one in sets)]:
        nearness = rows[nodes] @ rows[nodes].T
        np.fill_diagonal(nearness, -(2**40))
        expected = np.lexsort((np.broadcast_to(rank[nodes], nearness.shape), -nearness))[:, :-1][:, :K]
        np.testing.assert_array_equal(kept.lists(nodes), expected)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, sets=SETS)
def test_standing_is_that_of_all_pairs(seed, sets):
    features = random_features(seed)
    rng = np.random.default_rng(seed)
    sample = rng.permutation(COUNT)[:40].astype(np.int32)
    kept = Standing(features, sample)
    rows = whole(features)
    for nodes in [*changing(seed, 12), *(np.array(sorted(one), np.int32) for one in sets)]:
        labelled = np.isin(np.arange(COUNT), nodes)
        picks = rng.permutation(np.flatnonzero(~labelled))[:5].astype(np.int32)
        nearness = rows[sample] @ rows[picks].T
        before = (rows[sample] @ rows[nodes].T).max(axis=1, initial=-np.inf)
        taken = nearness.argmax(axis=1)[nearness.max(axis=1) > before] if len(picks) else []
        expected = np.bincount(np.array(taken, np.int64), minlength=len(picks)) / len(sample)
        np.testing.assert_array_equal(kept.represented(labelled, picks), expected)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, strategies=st.lists(st.sampled_from(Strategy), min_size=1, max_size=6))
def test_an_answer_depends_on_the_state_alone(seed, strategies):
    rng = np.random.default_rng(seed)
    features = random_features(seed) + 0.1 * rng.normal(size=(COUNT, 3)).astype(np.float32)
    keys = rng.integers(0, 2**64, COUNT, np.uint64)
    audit, sample = (rng.permutation(COUNT).astype(np.int32) for _ in range(2))
    warm = Ground(features, keys, audit, sample)
    for strategy, nodes in zip(strategies, changing(seed, 6), strict=False):
        beliefs = rng.dirichlet(np.ones(3), COUNT).astype(np.float32)
        answers = []
        for ground in (warm, Ground(features, keys, audit, sample)):
            state = State(
                ground=ground,
                labelled=np.isin(np.arange(COUNT), nodes),
                unwanted=nodes[:3],
                class_count=3,
                narrowness=lambda beliefs=beliefs: narrowness(beliefs),
                rows=lambda nodes, beliefs=beliefs: beliefs[nodes],
            )
            picks = suggest(strategy, count=8, audit_share=0.1, seed=int(seed % 3), state=state)
            answers.append(
                (picks.nodes.tolist(), picks.scores.tolist(), picks.reasons, picks.shares.tolist())
            )
        assert answers[0] == answers[1]


@given(
    levels=st.lists(st.integers(0, 8), min_size=1, max_size=60),
    least=st.integers(0, 20),
    extra=st.integers(0, 60),
)
def test_the_doubtful_hold_a_quarter_of_all_doubt(levels, least, extra):
    doubt = np.array(levels, np.float32) / 8
    nodes = np.random.default_rng(0).permutation(len(doubt)).astype(np.int32)
    closed = np.zeros(len(doubt), np.bool_)
    closed[nodes[: len(doubt) // 4]] = True
    candidates = nodes[len(doubt) // 4 :]
    least = min(least, len(candidates))
    order = np.argsort(-doubt[candidates], kind="stable")
    part = doubt[candidates].sum() / 4
    held = np.cumsum(doubt[candidates][order])
    enough = int(np.searchsorted(held, part)) + 1 if part > 0 else 0
    expected = candidates[np.sort(order[: max(enough, least)])]
    found = doubtful(doubt, closed, nodes, least, least + extra)
    assert found.tolist() == expected[: least + extra].tolist()


@given(keys=st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=30), seed=st.integers(0, 2**64 - 1))
def test_a_node_that_is_added_leaves_the_order_of_the_others(keys, seed):
    held = np.array(keys, np.uint64)
    order = random_order(held, seed)
    assert sorted(order) == list(range(len(keys)))
    fewer = len(keys) // 2
    assert random_order(held[:fewer], seed).tolist() == order[order < fewer].tolist()


def test_seeds_draw_different_ones():
    keys = np.random.default_rng(0).integers(0, 2**64, 10_000, np.uint64)
    drawn = [set(random_order(keys, seed)[:1000].tolist()) for seed in (0, 1, 2, 2**63)]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            # A tenth of 1,000 by chance; the standard deviation is some 9.
            assert abs(len(one & other) - 100) < 45


@given(mask=st.lists(st.booleans(), max_size=30), wanted=st.booleans(), most=st.integers(0, 40))
def test_the_first_of_an_order(mask, wanted, most):
    order = np.random.default_rng(0).permutation(len(mask)).astype(np.int32)
    expected = [node for node in order.tolist() if mask[node] == wanted][:most]
    assert first(order, np.array(mask, np.bool_), wanted, most).tolist() == expected


@pytest.mark.parametrize("count", [1, 64, 300])
def test_whole_products_are_exact(count):
    rng = np.random.default_rng(count)
    rows, columns = (whole(rng.normal(size=(m, 127)).astype(np.float32)) for m in (count, 90))
    assert np.abs(np.linalg.norm(rows, axis=1) - 4000).max() < 6
    np.testing.assert_array_equal(
        products(rows, np.ascontiguousarray(columns.T)), rows.astype(int) @ columns.T
    )


def test_a_row_without_direction_is_near_nobody():
    assert not whole(np.zeros((2, 3), np.float32)).any()


@given(st.integers(1, 6), SEEDS)
def test_narrowness_is_what_the_lead_leaves(classes, seed):
    rows = np.random.default_rng(seed).dirichlet(np.ones(classes), 20).astype(np.float32)
    rows[::5] = 0
    ordered = np.sort(rows, axis=1)
    second = ordered[:, -2] if classes > 1 else np.zeros(20)
    np.testing.assert_allclose(narrowness(rows), 1 - (ordered[:, -1] - second), atol=1e-7)
