"""Scores that make Label Studio serve what vicinal suggests, with as few writes as can be."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from vicinal_label_studio.beliefs import Belief
from vicinal_label_studio.planning import SUGGESTED_BELOW, Wanted, differs, places, wanted_of

SCORES = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, 0.01, 0.02, 0.05, 0.0999999, SUGGESTED_BELOW, 1e-12, 2e-12, 1e-9]),
)
ORDER = st.lists(st.integers(1, 30), max_size=8, unique=True)


@given(ORDER, st.dictionaries(st.integers(1, 30), SCORES))
def test_scores_follow_the_order_below_all_others(order, present):
    placed = places(order, present)
    assert list(placed) != [] or not order
    scores = [placed[task] for task in order]
    assert all(a < b for a, b in pairwise(scores))
    assert all(0 < score < SUGGESTED_BELOW for score in scores)
    assert set(placed) == set(order)


@given(ORDER, st.dictionaries(st.integers(1, 30), st.integers(1, 99).map(lambda n: n / 1000)))
def test_as_many_as_can_be_keep_their_score(order, present):
    placed = places(order, present)
    kept = sum(placed[task] == present.get(task) for task in order)
    known = [task for task in order if task in present]
    longest = max(
        size
        for size in range(len(known) + 1)
        for chosen in combinations(known, size)
        if all(present[a] < present[b] for a, b in pairwise(chosen))
    )
    assert kept >= longest


def test_taking_the_first_moves_nobody():
    placed = places([4, 7, 9, 2], {})
    assert places([7, 9, 2], placed) == {task: placed[task] for task in (7, 9, 2)}
    later = places([7, 9, 2, 5], placed)
    assert later[7] == placed[7]
    assert later[2] < later[5] < SUGGESTED_BELOW


def test_many_insertions_at_one_place_never_run_out_of_room():
    placed = places([1, 2], {})
    for new in range(3, 200):
        order = [1, *range(new, 2, -1), 2][:40]
        placed = places(order, placed)
        assert all(placed[a] < placed[b] for a, b in pairwise(order))


@given(st.floats(0, 1), st.floats(0, 1))
def test_others_are_ordered_by_confidence_above_the_suggested(one, other):
    scores = [wanted_of(1, Belief("a", x), None, ("a",)).score for x in (one, other)]
    assert all(SUGGESTED_BELOW <= score <= 1 for score in scores)
    assert one >= other or scores[0] <= scores[1]


def test_what_the_project_does_not_offer_is_not_predicted():
    assert wanted_of(1, Belief("gone", 0.9), None, ("a", "b")).choice is None
    assert wanted_of(1, Belief("b", 0.9), 0.01, ("a", "b")) == Wanted(1, "b", 0.01)


def test_what_differs():
    high, low = Wanted(1, "a", 0.8), Wanted(1, "a", 0.05)
    assert not differs(high, "a", 0.85)
    assert differs(high, "b", 0.8)
    assert differs(high, "a", 0.65)
    assert differs(Wanted(1, "a", 0.13), "a", 0.09), "it would be served as suggested"
    assert differs(low, "a", 0.051), "an order is exact"
    assert not differs(low, "a", 0.05)
