"""The command line of `python -m embed_service`."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from embed_service.limits import Limits

__all__ = ["parser"]

_STARTER = Path(__file__).parent / "starter" / "efficientnet_lite0_128_int8.onnx"
_LIMITS = Limits()


def parser() -> argparse.ArgumentParser:
    """Return the parser; every flag has a default that works on a laptop."""
    parser = argparse.ArgumentParser(
        prog="python -m embed_service",
        description="Serve an ONNX encoder: images in, unit vectors out, over gRPC "
        "(vicinal.embed.v1.EmbeddingService, with health and reflection).",
        epilog="The encoder's preprocessing stands in its metadata or in FILE.json beside it; "
        "`python -m embed_service.encoder.describe FILE` shows or writes it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_encoder(parser.add_argument_group("encoder"))
    _add_address(parser.add_argument_group("address"))
    _add_limits(parser.add_argument_group("limits (GetModel tells callers of them)"))
    _add_work(parser.add_argument_group("work"))
    return parser


def _add_encoder(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--encoder",
        type=Path,
        default=_STARTER,
        metavar="FILE",
        help="the ONNX file; its vectors are bound to it",
    )
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="auto takes a GPU if ONNX Runtime can use one, gpu refuses to start without",
    )
    group.add_argument(
        "--threads", type=_count, default=0, metavar="N", help="of one inference on the CPU; 0: one a core"
    )


def _add_address(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 or :: for all")
    group.add_argument("--port", type=_count, default=50051, help="0 lets the system choose")
    group.add_argument(
        "--port-file",
        type=Path,
        metavar="PATH",
        help="write the port there once listening, for scripts that say --port 0; removed at the stop",
    )
    group.add_argument(
        "--grace",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="for calls under way when told to stop",
    )


def _add_limits(group: argparse._ArgumentGroup) -> None:
    for name, meaning in (
        ("max_images", "images in one Embed call"),
        ("max_image_bytes", "bytes of one encoded image"),
        ("max_pixels", "width × height of one image, checked before decoding"),
        ("max_message_bytes", "bytes of one message"),
        ("max_queue", "images inside the service at one time; beyond it calls are refused, streams wait"),
        ("max_queue_bytes", "encoded bytes of those images; messages that wait at the door are not counted"),
    ):
        flag = "--" + name.replace("_", "-")
        group.add_argument(flag, type=_positive, default=getattr(_LIMITS, name), metavar="N", help=meaning)
    group.add_argument(
        "--max-calls",
        type=_positive,
        default=128,
        metavar="N",
        help="calls and streams under way at one time; each may hold one message at the door of the queue",
    )


def _add_work(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--max-batch", type=_positive, default=32, metavar="N", help="images in one run of the encoder"
    )
    group.add_argument(
        "--decoders",
        type=_positive,
        default=min(os.cpu_count() or 1, 8),
        metavar="N",
        help="threads that decode",
    )
    group.add_argument(
        "--stream-window",
        type=_positive,
        default=64,
        metavar="N",
        help="images of one stream inside at one time, as far as the queue has room",
    )
    group.add_argument(
        "--inference-timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="a run of the encoder that takes longer counts as failed",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return number
