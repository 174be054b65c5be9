"""What every store must know again: a request whose event holds what the service put in."""

import pytest

from graph_service.events import DatasetCreated, LeaseReleased, LeaseRenewed, Propagation, SamplesLeased
from graph_service.log.base import Receipt, Write

CREATED = DatasetCreated("cats", 3, "ab" * 32, ("cat", "dog"), 10, Propagation())


@pytest.mark.parametrize(
    ("first", "again", "other"),
    [
        (
            SamplesLeased("request-1", "ann", ("a", "b"), 5, 10),
            SamplesLeased("request-1", "ann", ("c",), 7, 10),
            SamplesLeased("request-1", "bob", ("a", "b"), 5, 10),
        ),
        (LeaseRenewed("x", 5, 10), LeaseRenewed("x", 6, 10), LeaseRenewed("x", 5, 11)),
        (LeaseReleased("x", ("a",), 5), LeaseReleased("x", ("a",), 6), LeaseReleased("x", (), 5)),
    ],
)
def test_a_repetition_is_known_whatever_the_service_put_in(store, first, again, other):
    """The time, and which samples it leased."""
    _, log = store.create(Write("create", CREATED))
    log.append([Write("request-1", first)])
    assert log.find(Write("request-1", again)) == Receipt(2, True)
    known, reused = log.append([Write("request-1", again), Write("request-1", other)])
    assert known == Receipt(2, True)
    assert reused.reason == "REQUEST_ID_REUSED"
    assert [entry.event for entry in log.read(1)] == [first]
