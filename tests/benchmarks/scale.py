"""A large dataset through the whole service: time, memory and recall, beside hnswlib alone.

python tests/benchmarks/scale.py --samples 1000000 --dimension 384 --classes 100 --k 15

Starts a graph service on a new folder and adds clustered vectors through the SDK, several requests under way;
labels 1% and propagates, labels one more and propagates again; compares the lists of some nodes with
exact ones; kills service and store, and waits until they serve again. hnswlib then, in a process of its
own, does the inserts and the queries of the same batches with the parameters that the service has.
The vectors are made before and read from a file. Linux only: memory is VmHWM, the most a process ever held.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import hnswlib
import numpy as np
import numpy.typing as npt
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graph_service.index import SWITCH_AT, HnswIndex, VectorTable
from vicinal_cli.loadtest.synthetic import Synthetic
from vicinal_client import AsyncGraphClient, Method

HERE = Path(__file__).parent
BATCH = 1000
DATASET = "scale"
QUERIED = 1000
"""Nodes whose lists are compared with exact ones."""

Ids = npt.NDArray[np.str_]
Vectors = npt.NDArray[np.float16]


class Service:
    """The graph service and its store, on one folder, however often they are killed.

    Attributes:
        address: HOST:PORT.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flags = ["--data-dir", folder / "data", "--log-level", "warning", "--max-scores", 2_000_000_000]

    def start(self) -> float:
        """Start it and return the seconds until it said SERVING."""
        started = time.perf_counter()
        port, lists = self._folder / "port", self._folder / "lists.npz"
        port.unlink(missing_ok=True)
        command = [sys.executable, HERE / "scale_service.py", "--port", 0, "--port-file", port, *self._flags]
        environment = os.environ | {"LISTS_TO": str(lists)}
        self._process = subprocess.Popen([str(word) for word in command], env=environment)
        while not port.exists():
            self._check()
        self.address = f"127.0.0.1:{port.read_text()}"
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest()
            while stub.Check(asked, wait_for_ready=True).status != health_pb2.HealthCheckResponse.SERVING:
                self._check()
        return time.perf_counter() - started

    def _check(self) -> None:
        if self._process.poll() is not None:
            raise SystemExit("the service ended")
        time.sleep(0.02)

    def kill(self) -> None:
        """Kill service and store at once."""
        for pid in self._pids():
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def lists(self) -> tuple[npt.NDArray[np.int32], Ids]:
        """Return whom each sample lists, int32 (samples, k), and the samples' ids."""
        path = self._folder / "lists.npz"
        path.unlink(missing_ok=True)
        os.kill(self._process.pid, signal.SIGUSR1)
        while not path.exists():
            self._check()
        with np.load(path) as found:
            return found["neighbours"], found["ids"]

    def memory(self) -> str:
        """Return what service and store hold and have held at most, in words."""
        words = []
        for name, pid in zip(("service", "store"), self._pids(), strict=True):
            status = Path(f"/proc/{pid}/status").read_text()
            now, most = (int(status.split(f"{key}:")[1].split()[0]) / 2**20 for key in ("VmRSS", "VmHWM"))
            words.append(f"{name} {now:.2f} GiB, at most {most:.2f}")
        return "; ".join(words)

    def _pids(self) -> list[int]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@contextmanager
def made_once(folder: Path, source: Synthetic, samples: int) -> Iterator[Path]:
    """Write the vectors to a file, as they will be added."""
    path = folder / "vectors.npy"
    shape = samples, source.dimension
    vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
    for start in range(0, samples, BATCH):
        vectors[start : start + BATCH] = source.vectors(start, min(start + BATCH, samples))
    vectors.flush()
    yield path


async def add(client: AsyncGraphClient, source: Synthetic, vectors: Vectors, under_way: int) -> float:
    """Add all samples with so many requests under way; return the seconds that took."""
    starts = iter(range(0, len(vectors), BATCH))

    async def adder() -> None:
        for start in starts:
            stop = min(start + BATCH, len(vectors))
            await client.add_samples(DATASET, source.ids(start, stop), vectors[start:stop])
            if start % 50_000 == 0:
                print(f"  {start:9,} samples after {time.perf_counter() - begun:7.1f} s", flush=True)

    begun = time.perf_counter()
    await asyncio.gather(*(adder() for _ in range(under_way)))
    return time.perf_counter() - begun


async def propagate(client: AsyncGraphClient, source: Synthetic, ids: Ids) -> None:
    """Label 1%, propagate, label one more, propagate again, and so on; print what each took."""
    truth = np.array([source.class_of(name) for name in ids.tolist()])
    labelled = source.labelled(len(ids), 0.01)
    for when in ("first", "second", "third"):
        named = {str(ids[i]): f"c{truth[i]}" for i in labelled}
        await client.add_labels(DATASET, named, annotator="bench")
        started = time.perf_counter()
        found = await client.propagate(DATASET, include_beliefs=True)
        seconds, right = time.perf_counter() - started, 100 * np.mean(found.classes == truth)
        print(f"{when} Propagate: {seconds:.2f} s, {right:.1f}% right", flush=True)
        labelled = [labelled[0] + 1]


def recall(neighbours: npt.NDArray[np.int32], ids: Ids, vectors: Vectors) -> float:
    """Return the share of the exact neighbours of some samples that their lists hold."""
    number = np.array([int(name.rpartition("-")[2]) for name in ids])
    asked = np.random.default_rng(0).choice(len(ids), min(QUERIED, len(ids)), replace=False)
    table = VectorTable(vectors.shape[1])
    table.put(np.arange(len(vectors), dtype=np.int32), vectors)
    cosines = np.empty((len(asked), len(vectors)), np.float32)
    for low in range(0, len(vectors), 8192):
        high = min(low + 8192, len(vectors))
        cosines[:, low:high] = table.similarities(table[number[asked].astype(np.int32)], low, high)
    cosines[np.arange(len(asked)), number[asked]] = -2
    k = neighbours.shape[1]
    border = np.partition(cosines, -k, axis=1)[:, -k, None]
    listed = np.take_along_axis(cosines, number[neighbours[asked]], axis=1)
    return float(np.mean(listed >= border - 1e-6))


async def served(
    service: Service, source: Synthetic, vectors: Vectors, arguments: argparse.Namespace
) -> float:
    """Measure the service; return the seconds that adding took."""
    print(f"empty service SERVING after {service.start():.1f} s; {service.memory()}")
    async with AsyncGraphClient(service.address, timeout=3600) as client:
        await client.create_dataset(
            DATASET,
            dimension=source.dimension,
            classes=[f"c{i}" for i in range(source.classes)],
            neighbours=arguments.k,
            method=arguments.method,
        )
        seconds = await add(client, source, vectors, arguments.under_way)
        print(f"added in {seconds:.1f} s: {len(vectors) / seconds:,.0f} samples/s; {service.memory()}")
        neighbours, ids = service.lists()
        print(f"recall@{arguments.k} of the lists: {recall(neighbours, ids, vectors):.4f}", flush=True)
        await propagate(client, source, ids)
    print(f"with beliefs: {service.memory()}", flush=True)
    service.kill()
    print(f"killed; SERVING again after {service.start():.1f} s; {service.memory()}")
    print(f"recall@{arguments.k} of the lists made anew: {recall(*service.lists(), vectors):.4f}", flush=True)
    async with AsyncGraphClient(service.address, timeout=3600) as client:
        await propagate(client, source, ids)
        while len(vectors) > SWITCH_AT and (await client.get_dataset(DATASET)).index == "exact":
            await asyncio.sleep(1)
    print(f"with beliefs, and the HNSW graph there again: {service.memory()}", flush=True)
    return seconds


def bare(path: Path) -> None:
    """Print the seconds that hnswlib takes for the inserts and the queries."""
    vectors = np.load(path, mmap_mode="r")
    ours = HnswIndex(VectorTable(vectors.shape[1]))
    graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
    graph.init_index(len(vectors), M=ours.links, ef_construction=ours.ef_construction)
    graph.set_ef(ours.ef_search)
    inserts = queries = 0.0
    for start in range(0, len(vectors), BATCH):
        batch = vectors[start : start + BATCH].astype(np.float32)
        begun = time.perf_counter()
        graph.add_items(batch)
        between = time.perf_counter()
        graph.knn_query(batch, k=min(ours.ef_search, graph.element_count))
        inserts, queries = inserts + between - begun, queries + time.perf_counter() - between
    print(inserts, queries)


def main() -> None:
    """Run all of it and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flag = parser.add_argument
    add_flag("--samples", type=int, default=20_000)
    add_flag("--dimension", type=int, default=384)
    add_flag("--classes", type=int, default=100)
    add_flag("--k", type=int, default=15)
    add_flag("--method", type=Method, default=Method.POOLED, help="paper, symmetrized or pooled")
    add_flag("--under-way", type=int, default=4, help="requests at a time")
    add_flag("--folder", type=Path, help="where the data lie meanwhile; a temporary folder by default")
    add_flag("--bare", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        bare(arguments.bare)
        return
    source = Synthetic(arguments.dimension, arguments.classes)
    print(f"{arguments.samples:,} x {arguments.dimension}, {arguments.classes} classes, k = {arguments.k}")
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        made_once(Path(folder), source, arguments.samples) as path,
    ):
        service = Service(Path(folder))
        try:
            seconds = asyncio.run(served(service, source, np.load(path, mmap_mode="r"), arguments))
        finally:
            service.kill()
        command = [sys.executable, __file__, "--bare", path]
        told = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    inserts, queries = map(float, told.stdout.split())
    print(f"hnswlib alone: {inserts:.1f} s of inserts, {queries:.1f} s of queries")
    print(f"the service took {seconds / (inserts + queries):.2f} times as long")


if __name__ == "__main__":
    main()
