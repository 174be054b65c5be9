"""The labels as columns, however they came to be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.engine.state.labels import LabelTable
from graph_service.events import Trust

NAMES = ["x", "y", "z"]


def stated(table):
    """What the columns say, in their order."""
    found = table.columns()
    rows = zip(found.rows(), found.annotators(), found.classes, found.trusts, strict=True)
    return [((int(row), int(who)), int(index), Trust(int(trust))) for row, who, index, trust in rows]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_columns_are_in_order_after_every_change(data):
    table, labels, codes = LabelTable(), {}, {}
    for _ in range(data.draw(st.integers(1, 25))):
        what = data.draw(st.sampled_from(["put", "put", "put", "drop", "sample", "look"]))
        row, who = data.draw(st.integers(0, 6)), data.draw(st.sampled_from(NAMES))
        key = row, codes.get(who, -1)
        if what == "put":
            index, trust = data.draw(st.integers(0, 2)), data.draw(st.sampled_from(Trust))
            table.put(row, who, index, trust)
            labels[row, codes.setdefault(who, len(codes))] = index, trust
        elif what == "drop" and key in labels:
            table.drop(row, who)
            del labels[key]
        elif what == "sample":
            table.drop_sample(row)
            labels = {other: label for other, label in labels.items() if other[0] != row}
        elif what == "look":
            assert stated(table) == [(key, *labels[key]) for key in sorted(labels)]
        verified = [key[0] for key, (_, trust) in labels.items() if trust is Trust.VERIFIED]
        assert table.has(row, who) == ((row, codes.get(who, -1)) in labels)
        assert table.is_verified(row) == (row in verified)
        assert table.count(Trust.VERIFIED) == len(verified)
        assert table.count(Trust.GIVEN) == len(labels) - len(verified)
    assert stated(table) == [(key, *labels[key]) for key in sorted(labels)]


def test_columns_after_a_few_changes_and_after_many():
    rng = np.random.default_rng(0)
    table, labels = LabelTable(), {}
    for count in (5_000, 3, 1_000, 1_500, 1, 0):
        before = table.columns()
        copies = [column.copy() for column in (before.keys, before.classes)]
        for row in rng.permutation(6_000)[:count].tolist():
            if (row, 0) in labels and row % 3 == 0:
                table.drop(row, "x")
                del labels[row, 0]
            else:
                table.put(row, "x", row % 7, Trust.GIVEN)
                labels[row, 0] = row % 7, Trust.GIVEN
        assert stated(table) == [(key, *labels[key]) for key in sorted(labels)]
        # What was handed out stays as it was.
        np.testing.assert_array_equal(before.keys, copies[0])
        np.testing.assert_array_equal(before.classes, copies[1])
