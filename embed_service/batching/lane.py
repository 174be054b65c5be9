"""One encoder's way through the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from embed_service.batching.runner import BatchRunner, Input

__all__ = ["Lane"]


@dataclass(frozen=True, eq=False)
class Lane:
    """What the pipeline needs of an encoder that is served.

    Attributes:
        digest: of the encoder.
        shape: of one input, (3, size, size).
        prepare: encoded image → the encoder's input, or an `ImageRefused`; called in many threads.
        runner: runs inputs through the encoder.
    """

    digest: str
    shape: tuple[int, int, int]
    prepare: Callable[[bytes], Input]
    runner: BatchRunner
