"""The size of the rooms: hand-written files stay small enough to be read in one go."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["protos", "embed_service", "graph_service", "clients", "tests"]
LINES = 330
"""About three hundred, blank lines and docstrings included."""

EXCEPTIONS: dict[str, int] = {}
"""File -> the lines it may have, for a reason that stands in the file."""


def generated(path: Path) -> bool:
    return path.stem.endswith(("_pb2", "_pb2_grpc")) or path.parent.name == "_sync"


def test_files_are_short():
    long = {}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text().splitlines())
        if not generated(path) and lines > EXCEPTIONS.get(name, LINES):
            long[name] = lines
    assert not long, f"split these, or say in EXCEPTIONS why not: {long}"
