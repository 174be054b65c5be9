"""Whoever asks is told of every call: how long it took, here and there, and how it ended."""

from __future__ import annotations

import pytest

from vicinal.graph.v1 import graph_pb2
from vicinal_client import NotFound, Unavailable


@pytest.fixture
def told():
    return []


@pytest.fixture
def graph(connect, graph_script, told):
    graph_script.answers["UpdateDataset"] = lambda _: graph_pb2.UpdateDatasetResponse(revision=5)
    return connect("graph", graph_script.address, on_call=told.append)


def test_an_answered_call_tells_both_times(graph, told):
    graph.update_dataset("pets", steps=7)
    (call,) = told
    assert call.method == "UpdateDataset"
    assert call.error is None
    assert 0 < call.server_seconds < call.seconds < 30


def test_each_repeat_is_a_call_of_its_own(graph, graph_script, told):
    graph_script.failures.append(Unavailable("LOG_UNAVAILABLE", "away", retry_after=0.01))
    assert graph.update_dataset("pets", steps=7) == 5
    assert [type(call.error) for call in told] == [Unavailable, type(None)]
    assert told[0].server_seconds is None


def test_a_refusal_is_told_and_still_raised(graph, graph_script, told):
    graph_script.failures.append(NotFound("UNKNOWN_DATASET", "not here"))
    with pytest.raises(NotFound):
        graph.get_dataset("pets")
    assert [(call.method, call.error.reason) for call in told] == [("GetDataset", "UNKNOWN_DATASET")]
