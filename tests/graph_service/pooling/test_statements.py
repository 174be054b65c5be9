"""Statements against dictionaries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.pooling.statements import Statements

LABELS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 2, 3, 7]), st.booleans()), min_size=1)


def statements(labels):
    nodes, classes, verified = zip(*labels, strict=True)
    return Statements(np.array(nodes, np.int32), np.array(classes, np.int32), np.array(verified), 9)


@given(labels=LABELS)
def test_are_what_the_labels_say(labels):
    found = statements(labels)
    classes = sorted({index for _, index, _ in labels})
    nodes = sorted({node for node, _, _ in labels})
    verified = {node for node, _, trusted in labels if trusted}
    assert len(found) == len(labels)
    assert found.seen.tolist() == classes
    assert found.labelled.tolist() == nodes
    assert [classes[column] for column in found.columns] == [index for _, index, _ in labels]
    assert [nodes[place] for place in found.places] == [node for node, _, _ in labels]
    assert found.clamped.tolist() == [node in verified for node in nodes]
    assert found.counting.tolist() == [trusted or node not in verified for node, _, trusted in labels]


@given(labels=LABELS, most=st.integers(1, 11), renumbered=st.permutations(range(10)))
def test_draws_the_same_nodes_whatever_their_numbers(labels, most, renumbered):
    found = statements(labels)
    drawn = found.labelled[found.drawn(most)].tolist()
    assert len(set(drawn)) == len(drawn) == min(most, len(found.labelled))
    other = statements([(renumbered[node], *rest) for node, *rest in labels])
    assert {renumbered[node] for node in drawn} == set(other.labelled[other.drawn(most)].tolist())


@given(labels=LABELS)
def test_seeds_are_the_shares_of_the_labels_that_count(labels):
    found = statements(labels)
    for node, row in zip(found.labelled, found.seeds, strict=True):
        mine = [(index, trusted) for other, index, trusted in labels if other == node]
        if any(trusted for _, trusted in mine):
            mine = [(index, trusted) for index, trusted in mine if trusted]
        stated = [index for index, _ in mine]
        expected = [stated.count(index) / len(stated) for index in found.seen]
        np.testing.assert_allclose(row, expected, rtol=1e-6)
    assert found.seeds.dtype == np.float32
