"""Concurrent callers with some images each, in a process of their own; says in JSON what they met.

python tests/benchmarks/callers.py {grpc,http} HOST:PORT --images FILE.pickle --callers N --each M

Both clients send requests that were encoded before and leave the answers as they come, so that they take as
little of the machine as they can: the services have to share it with them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import pickle
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import grpc

from vicinal.embed.v1 import embed_pb2

Call = Callable[[bytes], Awaitable[bytes]]
"""Sends an encoded request, returns the encoded answer; raises when it is a refusal."""

SHOWN = 8
"""So many vectors are handed back, to be compared."""


async def grpc_calls(address: str, callers: int, stack: AsyncExitStack) -> list[Call]:
    """Our service: all callers share one channel, as users of one client do."""
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
    await channel.channel_ready()
    method = channel.unary_unary("/vicinal.embed.v1.EmbeddingService/Embed")

    async def call(request: bytes) -> bytes:
        answer: bytes = await method(request, timeout=600)
        return answer

    return [call] * callers


def grpc_request(images: Sequence[bytes]) -> bytes:
    """`images` as an Embed call."""
    return embed_pb2.EmbedRequest(images=images).SerializeToString()


def grpc_vector(answer: bytes) -> bytes:
    """The float32 vectors in an answer."""
    return bytes(embed_pb2.EmbedResponse.FromString(answer).embeddings.data)


async def http_calls(address: str, callers: int, stack: AsyncExitStack) -> list[Call]:
    """LitServe: each caller has a connection of its own, kept alive."""
    host, port = address.split(":")

    async def connected() -> Call:
        reader, writer = await asyncio.open_connection(host, int(port))
        stack.callback(writer.close)

        async def call(request: bytes) -> bytes:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(f"refused: {body[:200]!r}")
            return body

        return call

    return [await connected() for _ in range(callers)]


def http_request(images: Sequence[bytes]) -> bytes:
    """The only one of `images` as LitServe's own examples send it: base64 in JSON."""
    (image,) = images
    body = json.dumps({"image": base64.b64encode(image).decode()}).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


def http_vector(answer: bytes) -> bytes:
    """The float32 vector in an answer."""
    return base64.b64decode(json.loads(answer)["vector"])


PROTOCOLS = {
    "grpc": (grpc_calls, grpc_request, grpc_vector),
    "http": (http_calls, http_request, http_vector),
}


async def one_caller(call: Call, requests: Sequence[bytes], first: int, each: int) -> list[float]:
    """Send `each` requests one after the other; return how long each took, in seconds."""
    taken = []
    for number in range(first, first + each):
        sent = time.perf_counter()
        await call(requests[number % len(requests)])
        taken.append(time.perf_counter() - sent)
    return taken


async def measure(
    protocol: str, address: str, images: Sequence[bytes], callers: int, each: int, together: int
) -> dict[str, object]:
    """Warm up with one request a caller, then time all of them from the first request to the last answer."""
    connect, encode, decode = PROTOCOLS[protocol]
    requests = [encode(images[start : start + together]) for start in range(0, len(images), together)]
    async with AsyncExitStack() as stack:
        calls = await connect(address, callers, stack)
        shown = [decode(await calls[0](encode([image]))) for image in images[:SHOWN]]
        await asyncio.gather(*(one_caller(call, requests, 7 * n, 1) for n, call in enumerate(calls)))
        cpu, started = time.process_time(), time.perf_counter()
        runs = [one_caller(call, requests, n * each, each) for n, call in enumerate(calls)]
        taken = sorted(seconds for run in await asyncio.gather(*runs) for seconds in run)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "images": together * (len(taken) + callers) + len(shown),
        "rate": together * len(taken) / wall,
        "p50": statistics.median(taken),
        "p95": taken[int(0.95 * len(taken))],
        "client_cpu": cpu / (together * len(taken)),
        "vectors": base64.b64encode(b"".join(shown)).decode(),
    }


def main() -> None:
    """Run and print one JSON object: images a second, latencies and CPU an image in seconds, some vectors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("address")
    parser.add_argument("--images", type=Path, required=True, help="a pickled list of encoded images")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--each", type=int, default=4, help="requests a caller sends one after the other")
    parser.add_argument(
        "--together", type=int, default=1, help="images in a request; must divide their number"
    )
    flags = parser.parse_args()
    images = pickle.loads(flags.images.read_bytes())
    if len(images) % flags.together:
        parser.error(f"{len(images)} images cannot be sent {flags.together} at a time")
    work = measure(flags.protocol, flags.address, images, flags.callers, flags.each, flags.together)
    print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
