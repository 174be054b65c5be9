"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vicinal_cli.errors import CliError

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file to write beside `path`; it becomes `path` when the block ends well, else it goes.

    Raises:
        CliError: the folder is not there; a mistyped one is not made.
        OSError: the place cannot be written.
    """
    if not path.parent.is_dir():
        raise CliError(f"there is no folder {path.parent}", "make it first, or correct the path")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
