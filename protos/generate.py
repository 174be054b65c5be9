"""Regenerate the stubs under protos/vicinal from the .proto files beside them.

Run `make stubs`. With `--check` nothing is written: the exit status is 1 and the
files are named when the committed stubs differ from what the contract gives.
"""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
STUBS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate(target: Path) -> None:
    """Write the stubs of every .proto file under `target`."""
    protos = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*.proto"))
    well_known = str(files("grpc_tools") / "_proto")
    flags = [f"--{kind}_out={target}" for kind in ("python", "grpc_python")]
    for kind in ("mypy", "mypy_grpc"):
        plugin = Path(sys.executable).with_name(f"protoc-gen-{kind}")  # need not be on the PATH
        flags += [f"--plugin=protoc-gen-{kind}={plugin}", f"--{kind}_out=quiet:{target}"]
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{well_known}", *flags, *protos]) != 0:
        raise SystemExit("protoc failed; its message stands above")
    for path in target.rglob("*_grpc.py*"):  # a file without a service has nothing to import
        if "Stub" not in path.read_text():
            path.unlink()


def stubs(root: Path) -> set[Path]:
    """Return the stubs under `root`, relative to it."""
    return {p.relative_to(root) for pattern in STUBS for p in root.rglob(pattern)}


def drift(fresh: Path) -> list[Path]:
    """Return the stubs that differ between `fresh` and the committed ones."""
    both = stubs(fresh) & stubs(ROOT)
    changed = {p for p in both if not filecmp.cmp(fresh / p, ROOT / p, shallow=False)}
    return sorted(changed | (stubs(fresh) ^ stubs(ROOT)))


def main() -> int:
    """Write the stubs, or with --check say which are stale; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only report stubs that are out of date")
    args = parser.parse_args()
    if not args.check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = drift(Path(folder))
    for path in stale:
        print(f"out of date: protos/{path} (run `make stubs`)", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
