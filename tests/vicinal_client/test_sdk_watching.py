"""What a client makes of a stream of changes, also of one that breaks."""

from itertools import islice

import numpy as np
import pytest

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import pack
from vicinal_client import (
    Aborted,
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    TransportError,
    Unavailable,
)


def part(revision, ids=(), left=(), *, is_last=True):
    return graph_pb2.WatchBeliefsResponse(
        revision=revision,
        left_sample_ids=left,
        sample_ids=ids,
        classes=pack(np.arange(len(ids), dtype=np.int32)),
        confidences=pack(np.linspace(0, 1, len(ids), dtype=np.float32)),
        is_last=is_last,
    )


def tell(script, *streams):
    """Let the calls answer with these parts, one call after the other; an exception is raised in its turn."""
    streams = iter(streams)

    async def answers(request, context):
        for one in next(streams):
            if isinstance(one, Exception):
                raise one
            yield one

    script.answers["WatchBeliefs"] = answers


def test_the_parts_of_a_revision_are_one_item(graph, graph_script):
    parts = [
        part(3, left=["x"], is_last=False),
        part(3, ["a", "b"], is_last=False),
        part(3, ["c"]),
        part(5),
        part(6, ["b"], ["a"]),
        NotFound("UNKNOWN_DATASET", "it is gone"),
    ]
    tell(graph_script, parts)
    found = graph.watch_beliefs("d")
    first, second, third = islice(found, 3)
    assert (first.revision, first.sample_ids, first.left, first.is_whole) == (
        3,
        ("a", "b", "c"),
        ("x",),
        True,
    )
    assert first.classes.tolist() == [0, 1, 0]
    assert first.confidences.tolist() == [0, 1, 0]
    assert (second.revision, second.sample_ids, second.left, second.is_whole) == (5, (), (), False)
    assert (third.sample_ids, third.left) == (("b",), ("a",))
    with pytest.raises(NotFound):
        next(found)
    assert len(graph_script.requests("WatchBeliefs")) == 1


def test_what_is_asked(graph, graph_script):
    tell(graph_script, [part(7)], [part(8)])
    assert not next(graph.watch_beliefs("d", min_change=0.25, changes_only=True)).is_whole
    assert next(graph.watch_beliefs("d", min_revision=4)).is_whole
    asked, other = graph_script.requests("WatchBeliefs")
    assert (asked.min_change, asked.changes_only, asked.min_revision) == (0.25, True, 0)
    assert (other.min_change, other.changes_only, other.min_revision) == (0.05, False, 4)


@pytest.mark.parametrize("changes_only", [False, True])
def test_a_broken_stream_is_opened_again_with_everything(graph, graph_script, changes_only):
    away = Unavailable("SHUTTING_DOWN", "away")
    tell(
        graph_script,
        [part(3, ["a"]), part(4, ["b"]), part(5, ["half"], is_last=False), away],
        [away],
        [],
        [part(6, ["a", "b"]), part(7), NotFound("UNKNOWN_DATASET", "it is gone")],
    )
    found = graph.watch_beliefs("d", changes_only=changes_only)
    items = list(islice(found, 4))
    assert [item.revision for item in items] == [3, 4, 6, 7]
    assert [item.is_whole for item in items] == [not changes_only, False, True, False]
    assert items[2].sample_ids == ("a", "b")
    asked = graph_script.requests("WatchBeliefs")
    assert [one.changes_only for one in asked] == [changes_only, False, False, False]
    assert [one.min_revision for one in asked] == [0, 4, 4, 4]
    with pytest.raises(NotFound):
        next(found)


@pytest.mark.parametrize(
    "refusal",
    [
        NotFound("UNKNOWN_DATASET", "no"),
        InvalidArgument("OUT_OF_RANGE", "no"),
        ResourceExhausted("QUEUE_FULL", "no"),
        Aborted("REVISION_AHEAD", "no"),
    ],
)
def test_refusals_are_final(graph, graph_script, refusal):
    tell(graph_script, [refusal])
    with pytest.raises(type(refusal)):
        next(graph.watch_beliefs("d"))
    assert len(graph_script.requests("WatchBeliefs")) == 1


def test_it_gives_up_in_the_end(graph, graph_script):
    tell(graph_script, [part(3)], *[[]] * 4)
    found = graph.watch_beliefs("d")
    next(found)
    with pytest.raises(ConnectionFailed):
        next(found)
    assert len(graph_script.requests("WatchBeliefs")) == 4


def test_a_defect_of_the_service_is_told(graph, graph_script):
    tell(graph_script, [part(3), ZeroDivisionError()])
    found = graph.watch_beliefs("d")
    next(found)
    with pytest.raises(TransportError, match="INTERNAL"):
        next(found)


def test_what_was_told_is_read_by_later_calls(graph, graph_script):
    tell(graph_script, [part(12)])
    graph_script.answers["Propagate"] = lambda request: graph_pb2.PropagateResponse(revision=12)
    next(graph.watch_beliefs("d"))
    graph.propagate("d")
    assert graph_script.requests("Propagate")[0].min_revision == 12
