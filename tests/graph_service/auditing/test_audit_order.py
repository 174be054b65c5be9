"""The audit is a fair draw that nobody has to remember."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.auditing.order import AuditKeys, audit_keys, audit_order, audited


@given(st.lists(st.text(min_size=1), unique=True, max_size=40), st.randoms())
def test_the_order_of_samples_depends_on_their_ids_alone(names, random):
    ordered = [names[i] for i in audit_order(audit_keys(names))]
    assert sorted(ordered) == sorted(names)
    shuffled = random.sample(names, len(names))
    assert [shuffled[i] for i in audit_order(audit_keys(shuffled))] == ordered
    # What comes or goes leaves the others as they were.
    fewer = names[: len(names) // 2]
    assert [fewer[i] for i in audit_order(audit_keys(fewer))] == [
        name for name in ordered if name in set(fewer)
    ]


def test_every_sample_is_as_likely_to_come_early():
    names = [f"class-{i % 2}/{i}.png" for i in range(20_000)]
    first = audit_order(audit_keys(names))[:5_000]
    # Of 5,000 uniform draws, deviations below are 4 standard errors.
    assert abs((first % 2).mean() - 0.5) < 4 * 0.5 / np.sqrt(5_000)
    assert abs(first.mean() / 20_000 - 0.5) < 4 / np.sqrt(12 * 5_000)


def test_one_that_nobody_could_label_does_not_stop_the_audit():
    done = np.array([1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0], bool)
    assert audited(done).tolist() == [0, 1, 3, 4]  # the tenth was picked for another reason


@given(st.lists(st.booleans(), max_size=50))
def test_the_part_audited_is_three_quarters_labelled_and_no_longer_one_is(done):
    done = np.array(done, bool)
    places = audited(done)
    assert done[places].all()
    lengths = [m for m in range(1, len(done) + 1) if 4 * done[:m].sum() >= 3 * m]
    assert places.tolist() == np.flatnonzero(done[: max(lengths, default=0)]).tolist()


@given(asked=st.lists(st.lists(st.integers(0, 40), unique=True), max_size=6))
def test_keys_that_were_made_are_kept(asked):
    kept = AuditKeys()
    for numbers in asked:
        names = [f"sample {number}" for number in numbers]
        np.testing.assert_array_equal(kept.of(np.array(numbers, np.int64), names), audit_keys(names))
