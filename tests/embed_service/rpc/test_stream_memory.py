"""Streams hold what the room counts, and one message each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from embed_service.rpc.servicer import EmbeddingServicer
from vicinal.embed.v1 import embed_pb2

STREAMS, IMAGES, SIZE, HALF = 5, 40, 100_000, 1_000_000
FLAGS = ("--max-image-bytes", str(SIZE), "--max-message-bytes", "110000", "--max-queue-bytes", str(2 * HALF))


async def test_streams_read_one_message_each_beyond_the_room(start: Any, pngs: list[bytes]) -> None:
    """While the encoder is blocked nothing is answered, so whatever was read is held."""
    service = await start(*FLAGS)
    service.encoder.gate.clear()
    servicer = EmbeddingServicer(
        service.pipeline, service.registry, service.pipeline._limits, stream_window=IMAGES
    )
    read = [0] * STREAMS

    async def requests(number: int) -> AsyncIterator[embed_pb2.StreamEmbedRequest]:
        for index in range(IMAGES):
            image = pngs[index].ljust(SIZE, b"\0")  # what follows the end of a PNG is ignored
            read[number] += len(image)
            yield embed_pb2.StreamEmbedRequest(index=index, image=image)

    async def indices(number: int) -> list[int]:
        answers: Any = servicer.StreamEmbed(requests(number), None)  # type: ignore[arg-type]
        return sorted([answer.index async for answer in answers])

    streams = [asyncio.create_task(indices(number)) for number in range(STREAMS)]
    room = service.pipeline._room
    while room.bytes < HALF:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.2)  # whoever reads too far has had the time to
    assert room.bytes == HALF
    assert sum(read) - room.bytes == STREAMS * SIZE
    service.encoder.gate.set()
    assert await asyncio.gather(*streams) == [list(range(IMAGES))] * STREAMS
    assert (room.images, room.bytes) == (0, 0)
