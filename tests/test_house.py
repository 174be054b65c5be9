"""The size of the rooms: hand-written files stay small enough to be read in one go."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {
    "protos": 320,
    "embed_service": 320,
    "graph_service": 320,
    "clients": 320,
    "docker": 100,
    "tests": 400,
}
"""Folder -> lines of a file, blank lines and docstrings included: about 300, in tests a few more."""


def generated(path: Path) -> bool:
    return path.stem.endswith(("_pb2", "_pb2_grpc")) or path.parent.name == "_sync"


def test_files_are_short():
    long = {}
    for folder, limit in LIMITS.items():
        for path in (ROOT / folder).rglob("*.py"):
            lines = len(path.read_text().splitlines())
            if lines > limit and not generated(path):
                long[path.relative_to(ROOT).as_posix()] = lines
    assert not long, f"split these by what they are about: {long}"
