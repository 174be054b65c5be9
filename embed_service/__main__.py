"""Start the embedding service: `python -m embed_service --help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import grpc

from embed_service.batching.lane import Lane
from embed_service.batching.pipeline import Pipeline
from embed_service.batching.runner import BatchRunner
from embed_service.cache.base import VectorCache
from embed_service.cache.choice import open_cache
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder
from embed_service.encoders.folder import EncoderFolder
from embed_service.encoders.registry import Registry
from embed_service.flags import parser
from embed_service.limits import Limits
from embed_service.rpc import inference
from embed_service.rpc.servicer import DOMAIN, SERVICE, EmbeddingServicer
from embed_service.starter import STARTER_ENCODER
from vicinal.embed.v1 import embed_pb2_grpc
from vicinal.imaging.decode import decode
from vicinal.wire.serving import Server, ServerOptions, serve

logger = logging.getLogger("embed_service")

Load = Callable[[Path], Encoder]


@dataclass(frozen=True)
class Service:
    """The server and what it answers from, wired up."""

    server: Server
    registry: Registry
    pipeline: Pipeline
    cache: VectorCache

    async def start(self) -> None:
        """Warm up and begin to answer."""
        await self.registry.start(self.server.set_serving)

    async def close(self) -> None:
        """Let nobody wait, and release everything."""
        self.pipeline.close()
        await self.registry.close()
        self.cache.close()


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal says stop; return the exit status."""
    flags = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    load = partial(
        Encoder,
        device=flags.device,
        threads=flags.threads,
        float16=flags.float16,
        engines=flags.engine_folder,
    )
    try:
        encoders = [load(path) for path in flags.encoder or [STARTER_ENCODER]]
        for encoder in encoders:
            logger.info(
                "encoder %s, dimension %d, digest %s", encoder.name, encoder.dimension, encoder.digest
            )
        logger.info("inference on %s", encoders[0].provider)
        asyncio.run(run(flags, encoders, load))
    except (EncoderError, OSError, ValueError) as error:
        print(f"embed_service: {error}", file=sys.stderr)
        return 1
    return 0


async def run(flags: argparse.Namespace, encoders: Sequence[Encoder], load: Load) -> None:
    """Serve until a signal says stop."""
    service = assemble(flags, encoders, load)
    await serve(
        service.server, on_start=service.start, on_drain=service.pipeline.drain, on_stop=service.close
    )


def assemble(flags: argparse.Namespace, encoders: Sequence[Encoder], load: Load) -> Service:
    """Return the service, not started yet; `load` reads the encoders that come later.

    Raises:
        ValueError: the limits in `flags` contradict each other, or the encoders.
        OSError: the cache's folder cannot be used.
    """
    limits = Limits(**{field.name: getattr(flags, field.name) for field in fields(Limits)})

    def lane(encoder: Encoder) -> Lane:
        runner = BatchRunner(
            encoder, max_batch=flags.max_batch, timeout=flags.inference_timeout, max_wait=flags.max_wait
        )
        return Lane(
            encoder.digest,
            encoder.input_shape,
            prepare=lambda data: encoder.input_of(decode(data, limits)),
            runner=runner,
        )

    folder = EncoderFolder(flags.encoder_folder)
    registry = Registry(encoders, lane=lane, load=load, folder=folder, most=limits.max_models)
    cache = open_cache(flags.cache_folder, flags.cache_bytes)
    pipeline = Pipeline(limits, decoders=flags.decoders, cache=cache)
    servicer = EmbeddingServicer(pipeline, registry, limits, stream_window=flags.stream_window)
    inferring = inference.InferenceServicer(pipeline, registry, limits)

    def register(server: grpc.aio.Server) -> None:
        embed_pb2_grpc.add_EmbeddingServiceServicer_to_server(servicer, server)
        inference.add_to_server(inferring, server)

    options = ServerOptions(
        host=flags.host,
        port=flags.port,
        max_message_bytes=limits.max_message_bytes,
        max_concurrent_rpcs=flags.max_calls,
        grace=flags.grace,
        port_file=flags.port_file,
    )
    server = Server(options, domain=DOMAIN, services=[SERVICE, inference.SERVICE], register=register)
    return Service(server, registry, pipeline, cache)


if __name__ == "__main__":
    raise SystemExit(main())
