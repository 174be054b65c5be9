"""Workers against a service that follows a script: what stalls, fails or is too much is told as it is."""

import asyncio
import multiprocessing
import os
import signal

import pytest

from vicinal.graph.v1 import graph_pb2, graph_pb2_grpc
from vicinal.wire.errors import ResourceExhausted
from vicinal.wire.serving import Server, ServerOptions
from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.crew import Crew
from vicinal_cli.loadtest.histogram import edge
from vicinal_cli.loadtest.orders import Job, Load, Subject

READ = "SuggestSamples alone"


class Scripted(graph_pb2_grpc.GraphServiceServicer):
    """Suggests one sample; stalls all who ask while `held` is set."""

    def __init__(self):
        self.error = None
        self.free = asyncio.Event()
        self.free.set()
        self.labels = []

    async def GetDataset(self, request, context):  # noqa: N802
        limits = graph_pb2.Limits(
            max_id_bytes=64,
            max_labels_per_request=100,
            max_samples_per_request=100,
            max_page_size=100,
            max_message_bytes=2**20,
        )
        return graph_pb2.GetDatasetResponse(dataset=graph_pb2.Dataset(name=request.dataset), limits=limits)

    async def AddLabels(self, request, context):  # noqa: N802
        self.labels += [(one.sample_id, one.class_name, one.annotator) for one in request.labels]
        return graph_pb2.AddLabelsResponse(revision=len(self.labels))

    async def Propagate(self, request, context):  # noqa: N802
        await asyncio.sleep(0.05)
        return graph_pb2.PropagateResponse(revision=request.min_revision)

    async def SuggestSamples(self, request, context):  # noqa: N802
        await self.free.wait()
        if self.error:
            raise self.error
        suggested = graph_pb2.Suggestion(
            sample_id="loadtest-00000004", class_index=0, reason=graph_pb2.REASON_COVERAGE
        )
        return graph_pb2.SuggestSamplesResponse(revision=request.min_revision, suggestions=[suggested])


@pytest.fixture
async def scripted():
    return Scripted()


@pytest.fixture
async def address(scripted):
    server = Server(
        ServerOptions(grace=0.0),
        domain="graph.vicinal",
        services=["vicinal.graph.v1.GraphService"],
        register=lambda it: graph_pb2_grpc.add_GraphServiceServicer_to_server(scripted, it),
    )
    await server.start()
    await server.set_serving(True)
    yield server.address
    await server.stop()


def jobs(address, workers=1, most=1000):
    subject = Subject(address, "pets", ("a", "b", "c"), 4, "", 1, ("loadtest-00000002",), 0)
    return [Job(subject, one, workers, range(one, 3, workers), 1, 2, 20.0, most) for one in range(workers)]


async def loaded(crew_of, load, meanwhile=None):
    """Run a load and 20 echoes in a thread, as they block; `meanwhile` begins when the workers are ready."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()

    def run():
        with Crew(crew_of) as crew:
            loop.call_soon_threadsafe(ready.set)
            return crew.load(load), crew.echo(20)

    running = asyncio.ensure_future(asyncio.to_thread(run))
    begun = asyncio.ensure_future(ready.wait())
    await asyncio.wait({running, begun}, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    if meanwhile:
        await meanwhile()
    return await running


def longer(histogram, seconds):
    """How many durations were longer."""
    return sum(count for bucket, count in histogram.buckets.items() if edge(bucket) > seconds)


async def test_a_stall_is_waited_for_by_all_who_come_meanwhile(address, scripted):
    async def stall():
        await asyncio.sleep(0.3 + 0.5)
        scripted.free.clear()
        await asyncio.sleep(1.0)
        scripted.free.set()

    tally, echo = await loaded(jobs(address), Load(2.5, {READ: 40}, seed=1), stall)
    row = tally.rows[READ]
    assert row.planned == row.latency.count == 100
    assert not row.errors
    # A closed loop would have seen one slow answer; here those of half a second and more wait.
    assert longer(row.latency, 0.4) >= 15
    assert longer(row.server, 0.4) >= 15
    assert row.server.count == 100
    assert row.server.longest <= row.latency.longest
    assert echo.count == 20


async def test_what_the_generator_itself_begins_late_counts_from_when_it_was_planned(address):
    async def stop_the_worker():
        (worker,) = multiprocessing.active_children()
        await asyncio.sleep(0.3 + 0.5)
        os.kill(worker.pid, signal.SIGSTOP)
        await asyncio.sleep(1.0)
        os.kill(worker.pid, signal.SIGCONT)

    tally, _ = await loaded(jobs(address), Load(2.5, {READ: 40}, seed=1), stop_the_worker)
    assert tally.rows[READ].latency.count == 100
    assert longer(tally.rows[READ].latency, 0.4) >= 15
    assert longer(tally.lag, 0.4) >= 15
    assert longer(tally.rows[READ].server, 0.4) == 0


async def test_clicks_label_what_was_suggested_with_its_true_class(address, scripted):
    tally, _ = await loaded(jobs(address, workers=2), Load(1.5, {}, seed=1, closed=True))
    assert set(scripted.labels) == {("loadtest-00000004", "b", f"loadtest-{one}") for one in range(3)}
    click = tally.rows["click"]
    assert click.latency.count == click.planned == len(scripted.labels) >= 3
    for step in ("AddLabels", "Propagate", "SuggestSamples"):
        assert tally.rows[step].latency.count == click.planned
        assert tally.rows[step].transport.count == click.planned
    assert tally.rows["Propagate"].server.quantile(0.0) >= 0.045
    assert click.latency.quantile(0.0) > 0.05


async def test_failures_are_counted_by_reason(address, scripted):
    async def fail():
        scripted.error = ResourceExhausted("QUEUE_FULL", "later", retry_after=0.1)

    tally, _ = await loaded(jobs(address), Load(1.0, {READ: 20, "click": 5}, seed=1), fail)
    assert tally.rows[READ].errors == {"QUEUE_FULL": 20}
    assert tally.rows["click"].errors == {"QUEUE_FULL": 5}
    assert tally.rows["SuggestSamples"].errors == {"QUEUE_FULL": 5}
    assert tally.errors == 25
    assert tally.rows["AddLabels"].latency.count == 5
    assert tally.rows["click"].latency.count == 0
    assert sum(one.errors for one in tally.rows[READ].seconds.values()) == 20


async def test_what_is_beyond_the_cap_is_dropped_and_told(address, scripted):
    async def stall():
        scripted.free.clear()
        await asyncio.sleep(3.0)
        scripted.free.set()

    tally, _ = await loaded(jobs(address, most=4), Load(0.5, {READ: 40}, seed=1), stall)
    assert tally.rows[READ].latency.count == 4
    assert tally.rows[READ].errors == {"dropped: 4 were under way": 16}


async def test_reads_without_a_propagation_have_a_row_of_their_own(address):
    load = Load(2.0, {READ: 30, "click": 2}, seed=1, split=True)
    tally, _ = await loaded(jobs(address), load)
    during, between = tally.rows[READ], tally.rows[f"{READ}, no propagation"]
    assert during.planned + between.planned == 60
    assert between.planned > during.planned > 0  # 4 propagations of 50 ms in 2 s
    assert during.server.count == during.planned


async def test_workers_that_cannot_connect_are_an_error_and_gone():
    def run():
        with Crew(jobs("127.0.0.1:1")):
            pass

    with pytest.raises(CliError, match="cannot go on"):
        await asyncio.to_thread(run)
