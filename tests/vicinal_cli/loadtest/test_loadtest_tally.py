"""What was seen of a load, added together over workers, and kept as JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from vicinal_cli.loadtest.result import Phase
from vicinal_cli.loadtest.tally import Tally

SEEN = st.lists(
    st.tuples(
        st.sampled_from(["click", "Classify"]),
        st.floats(0, 5),
        st.one_of(st.floats(0.001, 3), st.sampled_from(["QUEUE_FULL", "UNAVAILABLE"])),
    ),
    max_size=40,
)


def tally(seen):
    found = Tally()
    for name, at, came in seen:
        row = found.row(name)
        row.plan(at)
        if isinstance(came, str):
            row.failed(at, came)
        else:
            row.answered(at, came)
            row.server.add(came / 2)
            row.transport.add(came / 2)
            found.lag.add(came / 100)
    found.unfinished = len(seen) % 3
    return found


def shape(found):
    """All that adding in another order must not change (a sum of floats may)."""
    text = found.to_json()
    for row in text["rows"].values():
        for one in (
            row["latency"],
            row["server"],
            row["transport"],
            *(second[4] for second in row["seconds"]),
        ):
            one.pop("total")
    text["lag"].pop("total")
    return {**text, "unfinished": None, "rows": dict(sorted(text["rows"].items()))}


@given(SEEN, SEEN)
def test_two_workers_together_are_as_one_that_saw_all(some, others):
    together = tally(some)
    together.merge(tally(others))
    assert shape(together) == shape(tally([*some, *others]))
    assert together.unfinished == len(some) % 3 + len(others) % 3
    assert together.errors == sum(isinstance(came, str) for _, _, came in [*some, *others])


@given(SEEN)
def test_json_keeps_all(seen):
    found = tally(seen)
    assert Tally.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_stall_shows_where_it_struck_and_what_is_answered_when_it_ends():
    found = tally([("click", 1.2, 3.0), ("click", 4.0, 0.1), ("click", 4.9, 0.5)])
    seconds = found.row("click").seconds
    assert seconds[1].latency.longest == 3.0
    assert {at: one.done for at, one in seconds.items()} == {1: 0, 4: 2, 5: 1}
    phase = Phase("a load", 5.0, {"click": 0.6}, found)
    assert phase.reached(found.row("click")) == 2 / 5
