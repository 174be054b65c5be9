"""FiftyOne's progress bar as the SDK's `Progress`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fiftyone.core.utils as fou

from vicinal_client import Progress

__all__ = ["told"]


@contextmanager
def told(progress: Progress | None, total: int) -> Iterator[Progress]:
    """Yield `progress`, or what moves FiftyOne's bar (which its config may turn off)."""
    if progress is not None:
        yield progress
        return
    with fou.ProgressBar(total=total) as bar:

        def tell(done: int, _total: int, /) -> None:
            bar.set_iteration(done)

        yield tell
