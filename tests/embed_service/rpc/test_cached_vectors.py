"""What is sent again comes from the cache, bit for bit; refusals never do; services share a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from embed_service.cache.disk import LEAST_BYTES, DiskCache
from vicinal.embed.v1 import embed_pb2, errors_pb2


async def embedded(service: Any, images: Sequence[bytes]) -> embed_pb2.EmbedResponse:
    response: embed_pb2.EmbedResponse = await service.stub.Embed(embed_pb2.EmbedRequest(images=images))
    return response


async def test_embed_and_streams_answer_from_one_cache(start: Any, pngs: list[bytes]) -> None:
    service = await start()
    first = await embedded(service, pngs[:5])
    service.encoder.forget()
    again = await embedded(service, pngs[:5])

    async def requests() -> AsyncIterator[embed_pb2.StreamEmbedRequest]:
        for index, image in enumerate(pngs[:6]):
            yield embed_pb2.StreamEmbedRequest(index=index, image=image)

    streamed = {answer.index: answer async for answer in service.stub.StreamEmbed(requests())}
    assert service.encoder.batches == [1], "only the sixth image is new"
    assert [result.cached for result in first.results] == [False] * 5
    assert [result.cached for result in again.results] == [True] * 5
    assert [streamed[index].result.cached for index in range(6)] == [True] * 5 + [False]
    assert again.embeddings == first.embeddings
    size = len(first.embeddings.data) // 5
    for index in range(5):
        vector = first.embeddings.data[index * size : (index + 1) * size]
        assert streamed[index].embedding.data == vector
    assert [result.content_sha256 for result in again.results] == [r.content_sha256 for r in first.results]
    assert not again.timing.inference_time.ToNanoseconds()


async def test_refusals_are_not_kept(start: Any, pngs: list[bytes]) -> None:
    service = await start()
    for _ in range(2):
        answer = await embedded(service, [pngs[0][:50], b"text"])
        assert [result.cached for result in answer.results] == [False, False]
        assert [errors_pb2.ErrorReason.Name(result.error.reason) for result in answer.results] == [
            "ERROR_REASON_IMAGE_CORRUPT",
            "ERROR_REASON_UNSUPPORTED_FORMAT",
        ]


async def test_no_bytes_turn_it_off(start: Any, pngs: list[bytes]) -> None:
    service = await start("--cache-bytes", "0")
    for _ in range(2):
        assert not any(result.cached for result in (await embedded(service, pngs[:3])).results)


async def test_services_share_a_folder(start: Any, pngs: list[bytes], tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    one, other = [await start("--cache-folder", str(folder)) for _ in range(2)]
    first = await embedded(one, pngs[:5])
    with closing(DiskCache(folder, LEAST_BYTES)) as looking:
        async with asyncio.timeout(60):
            while looking.get(first.encoder_digest, first.results[-1].content_sha256) is None:
                await asyncio.sleep(0.02)
    again = await embedded(other, pngs[:5])
    assert all(result.cached for result in again.results)
    assert again.embeddings == first.embeddings
