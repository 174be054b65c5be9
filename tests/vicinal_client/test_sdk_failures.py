"""What goes wrong arrives as the documented exception; what may be repeated is."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vicinal_client
from vicinal.embed.v1 import embed_pb2
from vicinal.graph.v1 import graph_pb2
from vicinal.wire import errors
from vicinal.wire.status import CODES
from vicinal_client import (
    Aborted,
    AsyncGraphClient,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    ResourceExhausted,
    RetryPolicy,
    ServiceError,
    TransportError,
    Unavailable,
    VicinalError,
)

UPDATED = {"UpdateDataset": lambda _: graph_pb2.UpdateDatasetResponse(revision=5)}


@pytest.mark.parametrize("kind", [kind for kind in CODES if kind is not Unavailable])
def test_a_refusal_keeps_class_reason_field_and_metadata_and_is_not_repeated(graph, graph_script, kind):
    graph_script.failures.append(
        kind("SOME_REASON", "what and why", field="labels[3].trust", limit=7, retry_after=2.5)
    )
    with pytest.raises(kind) as caught:
        graph.get_dataset("pets")
    error = caught.value
    assert isinstance(error, ServiceError)
    assert (error.reason, error.message) == ("SOME_REASON", "what and why")
    assert (error.field, error.metadata["limit"]) == ("labels[3].trust", "7")
    assert error.retry_after == 2.5
    assert len(graph_script.seen) == 1


def test_unavailable_is_repeated_with_the_same_request_and_id(graph, graph_script):
    graph_script.answers.update(UPDATED)
    graph_script.failures.extend(Unavailable("LOG_UNAVAILABLE", "away", retry_after=0.01) for _ in range(2))
    assert graph.update_dataset("pets", steps=7) == 5
    first, *repeats = graph_script.requests("UpdateDataset")
    assert first.request_id
    assert repeats == [first, first]


def test_each_write_gets_an_id_of_its_own_unless_one_is_given(graph, graph_script):
    graph_script.answers.update(UPDATED)
    graph.update_dataset("pets", steps=7)
    graph.update_dataset("pets", steps=7)
    graph.update_dataset("pets", steps=7, request_id="mine")
    ids = [request.request_id for request in graph_script.requests("UpdateDataset")]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


def test_repeating_ends_after_the_attempts(graph, graph_script):
    graph_script.failures.extend(Unavailable("SHUTTING_DOWN", "stopping") for _ in range(10))
    with pytest.raises(Unavailable) as caught:
        graph.list_datasets()
    assert caught.value.reason == "SHUTTING_DOWN"
    assert len(graph_script.seen) == 4


def test_no_repeat_starts_after_the_timeout(connect, graph_script):
    client = connect("graph", graph_script.address, timeout=5.0)
    graph_script.failures.append(Unavailable("LOG_UNAVAILABLE", "away", retry_after=60.0))
    with pytest.raises(Unavailable):
        client.list_datasets()
    assert len(graph_script.seen) == 1


def test_all_tries_share_one_deadline(graph, graph_script):
    graph_script.answers.update(UPDATED)
    graph_script.failures.append(Unavailable("LOG_UNAVAILABLE", "away", retry_after=0.5))
    graph.update_dataset("pets", steps=7, timeout=5.0)
    first, second = (call.seconds for call in graph_script.seen)
    assert first <= 5.1  # gRPC rounds a deadline up a little when it sends it
    assert second <= first - 0.4


def test_a_service_that_does_not_answer_exceeds_the_deadline(graph, graph_script):
    graph_script.answers["ListDatasets"] = lambda _: asyncio.sleep(60)
    with pytest.raises(DeadlineExceeded) as caught:
        graph.list_datasets(timeout=0.2)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert len(graph_script.seen) == 1


def test_a_deadline_in_the_past_is_exceeded(graph, graph_script):
    with pytest.raises(DeadlineExceeded):
        graph.list_datasets(timeout=-1.0)
    assert graph_script.seen == []


def test_nobody_there_is_a_failed_connection(connect):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    client = connect("graph", f"127.0.0.1:{port}")
    with pytest.raises(ConnectionFailed) as caught:
        client.list_datasets()
    assert caught.value.code == "UNAVAILABLE"
    with pytest.raises(ConnectionFailed):
        client.wait_until_ready(timeout=0.5)


def test_other_failures_of_the_transport_tell_their_code(graph, graph_script):
    graph_script.answers["ListDatasets"] = lambda _: None  # no message: a defect of the service
    with pytest.raises(TransportError) as caught:
        graph.list_datasets()
    assert caught.value.code in ("INTERNAL", "UNKNOWN")


def test_closing_the_client_cancels_what_is_under_way_and_what_comes_later(graph, graph_script):
    under_way = threading.Event()

    async def hang(_):
        under_way.set()
        await asyncio.sleep(60)

    graph_script.answers["ListDatasets"] = hang
    closer = threading.Thread(target=lambda: (under_way.wait(20), graph.close()))
    closer.start()
    with pytest.raises(Cancelled):
        graph.list_datasets()
    closer.join()
    with pytest.raises(Cancelled):
        graph.list_datasets()
    with pytest.raises(Cancelled):
        graph.wait_until_ready()


async def test_cancelling_the_task_is_no_error_of_the_client(graph_script, background):
    graph_script.answers["ListDatasets"] = lambda _: asyncio.sleep(60)
    async with AsyncGraphClient(graph_script.address) as client:
        call = asyncio.ensure_future(client.list_datasets())
        while not graph_script.seen:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


def test_an_overlong_message_is_a_transport_error(embed):
    with pytest.raises(TransportError) as caught:
        embed.embed([bytes(70 * 2**20)])
    assert caught.value.code == "RESOURCE_EXHAUSTED"


def test_messages_of_forty_megabytes_pass(embed, embed_script):
    embed_script.answers["Embed"] = lambda request: embed_pb2.EmbedResponse(
        encoder_digest=str(len(request.images[0]))
    )
    with pytest.raises(errors.InvalidArgument):  # the answer holds no tensor, but it came
        embed.embed([bytes(40 * 2**20)])
    assert len(embed_script.requests("Embed")[0].images[0]) == 40 * 2**20


def test_not_serving_is_not_ready_until_it_is(connect, background, graph_script):
    server = graph_script.server
    background.run(server.set_serving(False))
    client = connect("graph", graph_script.address)
    with pytest.raises(DeadlineExceeded):
        client.wait_until_ready(timeout=0.3)

    async def later():
        await asyncio.sleep(0.3)
        await server.set_serving(True)

    asyncio.run_coroutine_threadsafe(later(), background.loop)
    client.wait_until_ready(timeout=20)


def test_the_tree_is_as_drawn():
    picture = vicinal_client._exceptions.__doc__
    for name in vicinal_client.__all__:
        value = getattr(vicinal_client, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert f"─ {name} " in picture or name == "VicinalError"
            assert issubclass(value, VicinalError)
    assert set(CODES) == set(ServiceError.__subclasses__())
    assert set(TransportError.__subclasses__()) == {Cancelled, ConnectionFailed, DeadlineExceeded}


policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 12),
    initial_backoff=st.floats(0, 10),
    max_backoff=st.floats(0, 10),
)


@given(policies, st.integers(0, 2000), st.none() | st.floats(0, 100))
def test_waits_are_jittered_within_bounds_and_honour_the_service(policy, repeats, asked):
    delay = policy.delay(repeats, Unavailable("QUEUE", "later", retry_after=asked))
    if repeats + 1 >= policy.attempts:
        assert delay is None
    else:
        assert asked or delay >= 0
        least = asked or 0.0
        assert least <= delay <= least + min(policy.max_backoff, policy.initial_backoff * 2.0**repeats)


@given(policies, st.integers(0, 10))
def test_only_unavailable_is_repeated(policy, repeats):
    finals = [
        Aborted("REVISION_AHEAD", "not yet", retry_after=0.1),
        ResourceExhausted("QUEUE_FULL", "later", retry_after=0.1),
        DeadlineExceeded("DEADLINE_EXCEEDED", "late"),
        Cancelled("CANCELLED", "stop"),
        TransportError("INTERNAL", "defect"),
    ]
    assert all(policy.delay(repeats, failure) is None for failure in finals)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"initial_backoff": -1.0}, {"max_backoff": -0.1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="attempts"):
        RetryPolicy(**wrong)
