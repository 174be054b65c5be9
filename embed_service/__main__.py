"""Start the embedding service: `python -m embed_service --help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from dataclasses import fields

import grpc

from embed_service.batching.pipeline import Pipeline
from embed_service.batching.runner import BatchRunner
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder
from embed_service.flags import parser
from embed_service.limits import Limits
from embed_service.rpc.servicer import DOMAIN, SERVICE, EmbeddingServicer
from vicinal.embed.v1 import embed_pb2_grpc
from vicinal.imaging.decode import decode
from vicinal.wire.serving import Server, ServerOptions, serve

logger = logging.getLogger("embed_service")


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal says stop; return the exit status."""
    flags = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        encoder = Encoder(flags.encoder, device=flags.device, threads=flags.threads)
        logger.info("encoder %s, dimension %d, digest %s", encoder.name, encoder.dimension, encoder.digest)
        logger.info("inference on %s", encoder.provider)
        asyncio.run(run(*assemble(flags, encoder)))
    except (EncoderError, OSError, ValueError) as error:
        print(f"embed_service: {error}", file=sys.stderr)
        return 1
    return 0


def assemble(flags: argparse.Namespace, encoder: Encoder) -> tuple[Server, Pipeline]:
    """Return the server and what it answers from, wired up but not started.

    Raises:
        ValueError: the limits in `flags` contradict each other.
    """
    limits = Limits(**{field.name: getattr(flags, field.name) for field in fields(Limits)})
    resized = encoder.preprocessing.resized
    runner = BatchRunner(encoder, max_batch=flags.max_batch, timeout=flags.inference_timeout)
    pipeline = Pipeline(runner, lambda data: resized(decode(data, limits)), limits, decoders=flags.decoders)
    servicer = EmbeddingServicer(pipeline, encoder, limits, stream_window=flags.stream_window)

    def register(server: grpc.aio.Server) -> None:
        embed_pb2_grpc.add_EmbeddingServiceServicer_to_server(servicer, server)

    options = ServerOptions(
        host=flags.host,
        port=flags.port,
        max_message_bytes=limits.max_message_bytes,
        max_concurrent_rpcs=flags.max_calls,
        grace=flags.grace,
        port_file=flags.port_file,
    )
    return Server(options, domain=DOMAIN, services=[SERVICE], register=register), pipeline


async def run(server: Server, pipeline: Pipeline) -> None:
    """Serve until a signal says stop."""
    await serve(
        server,
        on_start=lambda: pipeline.start(server.set_serving),
        on_drain=pipeline.drain,
        on_stop=pipeline.close,
    )


if __name__ == "__main__":
    raise SystemExit(main())
