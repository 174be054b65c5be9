"""Refuse changes to the contract that would break callers, with `buf breaking` and no network.

Run `make lint`. The .proto files as they are on disk are compared with an earlier contract:
that of `--base REVISION`, or else the first of these that there is

    the last commit       when files of the contract have changes that are not committed
    the fork from main    on a branch (origin/main, or main)
    the contract before   on main itself: the version before the last commit that touched it

Where there is no earlier contract (a first commit, a shallow clone, no git) there is nothing to break.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CONTRACT = (":(glob)**/*.proto", "buf.yaml")


def git(root: Path, *words: str) -> bytes | None:
    """Return what git prints when run in `root`, or None when it fails or is not installed."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def line(root: Path, *words: str) -> str:
    """Return the first line of what git prints, or "" when there is none."""
    return next(iter((git(root, *words) or b"").decode().splitlines()), "")


def earlier(root: Path) -> str:
    """Return the commit whose contract that in `root` must not break, or "" when there is none."""
    head = line(root, "rev-parse", "HEAD")
    if line(root, "status", "--porcelain", "--", *CONTRACT):
        return head
    for main in ("origin/main", "main"):
        fork = line(root, "merge-base", "HEAD", main)
        if fork and fork != head:
            return fork
    last = line(root, "log", "-1", "--format=%H", "--", *CONTRACT)
    return line(root, "rev-parse", "--verify", "--quiet", f"{last}^") if last else ""


def extract(root: Path, revision: str, target: Path) -> bool:
    """Write the contract of `revision` under `target`; return False when it had none."""
    packed = git(root, "archive", "--format=tar", revision, "--", ".")
    if packed is None:
        return False
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none
        archive.extractall(target)  # noqa: S202, of our own repository
    return any(target.rglob("*.proto"))


def main() -> int:
    """Compare the contract with an earlier one; return buf's exit status, 0 when nothing is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="folder of the contract, inside a git checkout"
    )
    parser.add_argument("--base", metavar="REVISION", help="commit, branch or tag to compare with")
    args = parser.parse_args()
    if args.base and not line(args.root, "rev-parse", "--verify", "--quiet", f"{args.base}^{{commit}}"):
        parser.error(f"no such revision: {args.base}")
    base = args.base or earlier(args.root)
    with tempfile.TemporaryDirectory() as folder:
        if not base or not extract(args.root, base, Path(folder)):
            print("no earlier contract to compare with")
            return 0
        buf = Path(sys.executable).with_name("buf")
        command = [str(buf), "breaking", str(args.root), "--against", folder]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
