"""The command line of `python -m embed_service`."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import get_args

from embed_service.encoder.session import Device
from embed_service.fashion import FASHION_ENCODER
from embed_service.limits import Limits
from embed_service.starter import STARTER_ENCODER

__all__ = ["parser"]

_LIMITS = Limits()
_INCLUDED = {"starter": STARTER_ENCODER, "fashion": FASHION_ENCODER}
"""Encoders that come with the project, by the names that may stand for their files."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; every flag has a default that works on a laptop."""
    parser = argparse.ArgumentParser(
        prog="python -m embed_service",
        description="Serve ONNX encoders: images in, unit vectors out, over gRPC "
        "(vicinal.embed.v1.EmbeddingService, with health and reflection).",
        epilog="The encoder's preprocessing stands in its metadata or in FILE.json beside it; "
        "`python -m embed_service.encoder.describe FILE` shows or writes it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_encoder(parser.add_argument_group("encoder"))
    _add_cache(parser.add_argument_group("cache of vectors, by content hash and encoder"))
    _add_address(parser.add_argument_group("address"))
    _add_limits(parser.add_argument_group("limits (GetModel tells callers of them)"))
    _add_work(parser.add_argument_group("work"))
    return parser


def _add_encoder(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--encoder",
        type=_encoder,
        action="append",
        metavar="FILE",
        help="an ONNX file to serve, or one that comes with the project by its name: "
        f"{', '.join(_INCLUDED)}. Its vectors are bound to it. May be given several times: the first is the "
        "default for callers who name none. Without it the starter encoder is served",
    )
    group.add_argument(
        "--encoder-folder",
        type=Path,
        metavar="DIR",
        help="callers may load the ONNX files in it while the service runs (LoadModel); without it none",
    )
    group.add_argument(
        "--device",
        choices=get_args(Device),
        default="auto",
        help="auto takes CUDA if ONNX Runtime can use it; gpu, which is cuda, and tensorrt refuse to start "
        "without",
    )
    group.add_argument(
        "--threads", type=_count, default=0, metavar="N", help="of one inference on the CPU; 0: one a core"
    )
    group.add_argument(
        "--float16",
        action="store_true",
        help="with --device tensorrt: compute in float16 whatever the file says",
    )
    group.add_argument(
        "--engine-folder",
        type=Path,
        metavar="DIR",
        help="with --device tensorrt: keep the engines it builds, which takes minutes each time",
    )


def _add_cache(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cache-folder",
        type=Path,
        metavar="DIR",
        help="keep vectors there across restarts; without it in memory",
    )
    group.add_argument(
        "--cache-bytes",
        type=_count,
        metavar="N",
        help="most bytes of vectors; 0 keeps none. Default: 64 MiB in memory, 2 GiB in a folder",
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
        ("max_models", "encoders in memory at one time"),
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
        "--max-wait",
        type=_seconds_or_none,
        default=0.002,
        metavar="SECONDS",
        help="just after a run a batch may wait so long for the callers who were answered to come back, "
        "where that pays; 0 never waits",
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


def _encoder(text: str) -> Path:
    return _INCLUDED.get(text, Path(text))


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


def _seconds_or_none(text: str) -> float:
    return 0.0 if float(text) == 0 else _seconds(text)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return number
