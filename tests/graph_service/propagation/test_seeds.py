"""Sparse seeds against dense ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.pooling.statements import Statements
from graph_service.propagation.seeds import Seeds

NODES, CLASSES = 12, 5
LABELS = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, CLASSES - 1)), max_size=30)
CLAMPED = st.lists(st.booleans(), min_size=NODES, max_size=NODES)


def stated(labels, clamped):
    nodes, classes = np.array(labels, np.int32).reshape(-1, 2).T
    return Seeds.stated(nodes, classes, np.array(clamped)[nodes])


def dense(labels):
    rows = np.zeros((NODES, CLASSES))
    for node, index in labels:
        rows[node, index] += 1
    return rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)


@given(labels=LABELS, clamped=CLAMPED)
def test_each_label_counts_once(labels, clamped):
    seeds, expected = stated(labels, clamped), dense(labels)
    np.testing.assert_array_equal(seeds.nodes, np.flatnonzero(expected.any(axis=1)))
    np.testing.assert_allclose(seeds.dense(CLASSES), expected[seeds.nodes], atol=1e-7)
    np.testing.assert_array_equal(seeds.clamped, np.array(clamped)[seeds.nodes])


@given(labels=LABELS, data=st.data())
def test_given_labels_do_not_count_beside_verified_ones(labels, data):
    verified = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))), np.bool_
    )
    nodes, classes = np.array(labels, np.int32).reshape(-1, 2).T
    seeds, said = Seeds.stated(nodes, classes, verified), Statements(nodes, classes, verified, CLASSES)
    np.testing.assert_array_equal(seeds.nodes, said.labelled)
    np.testing.assert_array_equal(seeds.clamped, said.clamped)
    np.testing.assert_allclose(seeds.dense(CLASSES)[:, said.seen], said.seeds, atol=1e-7)


@given(labels=LABELS, clamped=CLAMPED, others=LABELS, fixed=CLAMPED)
def test_differing_are_those_whose_row_or_clamp_differs(labels, clamped, others, fixed):
    kept = labels[: len(labels) // 2]
    before, after = stated(labels, clamped), stated(kept + others, fixed)
    rows = dense(labels), dense(kept + others)
    apart = np.abs(rows[0] - rows[1]).max(axis=1) > 1e-6
    apart |= rows[0].any(axis=1) & (np.array(clamped) != np.array(fixed))
    np.testing.assert_array_equal(after.differing(before), np.flatnonzero(apart))
    np.testing.assert_array_equal(before.differing(after), np.flatnonzero(apart))
    assert not len(after.differing(after))


@given(labels=LABELS, clamped=CLAMPED, data=st.data())
def test_some_of_the_nodes(labels, clamped, data):
    seeds = stated(labels, clamped)
    places = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(seeds), max_size=len(seeds))))
    some = seeds[places.astype(int)]
    np.testing.assert_array_equal(some.nodes, seeds.nodes[places])
    np.testing.assert_array_equal(some.dense(CLASSES), seeds.dense(CLASSES)[places])
