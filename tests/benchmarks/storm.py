"""Good, corrupt, huge and cancelled requests all at once, for minutes, to a service that is started here.

make storm      (or: python tests/benchmarks/storm.py --help)

Every good image must get its own vector (compared with ONNX Runtime's, one image at a time), every bad one
and every bad call the reason that the contract documents, and calls that are cancelled, out of time or whose
caller has vanished must leave nothing behind: at the end a call as large as the whole queue is answered. The
service's memory is printed, and may not grow after the first minute. The exit status is 1 where any of this
fails.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
from servers import Server, our_server, stop_in_order
from storm_images import Stock
from storm_traffic import LONGEST_MESSAGE, TOLERANCE, Caller, Findings

from embed_service.limits import Limits
from embed_service.starter import STARTER_ENCODER
from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc

MIB = 1024 * 1024
LIMITS = Limits(
    max_images=48,
    max_image_bytes=MIB,
    max_pixels=2_000_000,
    max_message_bytes=LONGEST_MESSAGE,
    max_queue=48,
    max_queue_bytes=16 * MIB,
)
"""Small ones, so that all are met, and one call can fill the queue."""
SETTLED = 60.0
"""Seconds after which memory may not grow any more."""
MOST_GROWTH = 0.05
LEAST_READINGS = 60
"""They are taken each second."""


@dataclass
class Memory:
    """The service's resident bytes over time."""

    server: Server
    every: float
    started: float = field(default_factory=time.monotonic)
    seen: list[tuple[float, int]] = field(default_factory=list)

    async def watch(self, stop: asyncio.Event) -> None:
        """Look each second and print now and then, until `stop`."""
        shown = -self.every
        while not stop.is_set():
            age, held = time.monotonic() - self.started, self.server.resident_bytes()
            self.seen.append((age, held))
            if age - shown >= self.every:
                print(
                    f"{age:6.0f} s  {held / MIB:7.1f} MiB, {self.server.open_files()} files open", flush=True
                )
                shown = age
            await asyncio.sleep(1)

    def growth(self) -> float | None:
        """Return by which part a line through all that was held rises over the settled time.

        From second to second it swings by a fifth, with the sizes of the calls under way: two moments, or two
        half minutes, tell nothing.
        """
        settled = [(age, held) for age, held in self.seen if age >= SETTLED]
        if len(settled) < LEAST_READINGS:
            return None
        ages, held = zip(*settled, strict=True)
        slope, _ = statistics.linear_regression(ages, held)
        return slope * (ages[-1] - ages[0]) / statistics.mean(held)


async def storm(server: Server, stock: Stock, memory: Memory, flags: argparse.Namespace) -> Findings:
    """Let the callers call for as long as is asked."""
    findings, stop = Findings(), asyncio.Event()
    asyncio.get_running_loop().call_later(60 * flags.minutes, stop.set)
    callers = [
        Caller(server.address, stock, findings, flags.seed + number) for number in range(flags.callers)
    ]
    await asyncio.gather(memory.watch(stop), *(caller.run(stop) for caller in callers))
    await check_empty(server.address, stock, findings)
    return findings


async def check_empty(address: str, stock: Stock, findings: Findings) -> None:
    """Fill the queue with one call, which is refused if anything is left in it."""
    sent = stock.full_call()
    request = embed_pb2.EmbedRequest(images=[one.data for one in sent])
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            answer = await embed_pb2_grpc.EmbeddingServiceStub(channel).Embed(request, timeout=60)
        except grpc.aio.AioRpcError as error:
            findings.wrongs.append(f"something is left in the queue: {error.details()}")
            return
    vectors = np.frombuffer(answer.embeddings.data, np.float32).reshape(len(sent), -1)
    if np.abs(vectors - np.stack([one.vector for one in sent])).max() > TOLERANCE:
        findings.wrongs.append("wrong vectors after the storm")


def verdict(findings: Findings, memory: Memory, said: str) -> bool:
    """Print what came of it; whether all was right."""
    for name, count in sorted(findings.counts.items()):
        print(f"{count:9,} {name}")
    growth = memory.growth()
    if growth is None:
        print("memory: too short a storm to tell")
    else:
        print(f"memory after the first minute: {growth:+.1%}, at most {MOST_GROWTH:+.0%} is right")
        if growth > MOST_GROWTH:
            findings.wrongs.append("memory grows")
    if "Traceback" in said:
        findings.wrongs.append(f"the service's log has a traceback:\n{said[-3000:]}")
    print(f"{len(findings.wrongs)} wrong", *findings.wrongs[:10], sep="\n  ")
    return not findings.wrongs


def main() -> int:
    """Start the service, let the storm loose, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=24, help="at one time")
    parser.add_argument("--encoder", type=Path, default=STARTER_ENCODER)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two lines on memory")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    stop_in_order()
    limits = [
        word for name in vars(LIMITS) for word in (f"--{name.replace('_', '-')}", getattr(LIMITS, name))
    ]
    with tempfile.TemporaryDirectory(prefix="vicinal-storm-") as name:
        folder = Path(name)
        cache = ["--cache-folder", folder / "vectors", "--cache-bytes", 32 * MIB]
        stock = Stock(flags.encoder, LIMITS)
        with our_server(folder, "--encoder", flags.encoder, *cache, *limits) as server:
            memory = Memory(server, flags.every)
            findings = asyncio.run(storm(server, stock, memory, flags))
            if not server.alive:
                findings.wrongs.append("the service has ended")
            return 0 if verdict(findings, memory, server.said()) else 1


if __name__ == "__main__":
    sys.exit(main())
