"""Regenerate vicinal_client/_sync from vicinal_client/_async, which is written by hand.

Run `make sync-client`. With `--check` nothing is written: the exit status is 1 and the files are named when
the committed ones differ from what `_async` gives.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

PACKAGE = Path(__file__).parent.resolve() / "vicinal_client"
TWIN = "_backend.py"
"""Written by hand on both sides: what asyncio and threads do differently."""

NAMES = {
    "_async": "_sync",
    "aclosing": "closing",
    **{
        f"Async{name}": name
        for name in (
            "Connection",
            "DatasetCalls",
            "EmbedClient",
            "EncoderCalls",
            "FlagCalls",
            "GraphClient",
            "ImageCalls",
            "InferenceClient",
            "LeaseCalls",
            "ListCalls",
            "Pages",
            "ReadCalls",
            "Run",
            "WatchCalls",
            "WriteCalls",
        )
    },
}


def generate(target: Path) -> None:
    """Write the synchronous modules into the folder `target`, formatted like the rest."""
    with tempfile.TemporaryDirectory() as raw:
        rule = unasync.Rule(str(PACKAGE / "_async"), raw, additional_replacements=NAMES)
        unasync.unasync_files(
            [str(PACKAGE / "_async" / name) for name in generated(PACKAGE / "_async")], [rule]
        )
        for path in Path(raw).glob("*.py"):
            code = formatted(path.read_text("utf-8"), PACKAGE / "_sync" / path.name)
            (target / path.name).write_text(code, "utf-8")


def formatted(code: str, home: Path) -> str:
    """Return `code` as ruff would have it in the file `home`."""
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(home), "-"]
        code = subprocess.run(ruff, input=code, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    return code


def generated(folder: Path) -> set[str]:
    """Return the names of the modules in `folder` that are not written by hand."""
    return {path.name for path in folder.glob("*.py")} - {TWIN}


def drift(fresh: Path) -> list[str]:
    """Return the modules that differ between `fresh` and the committed ones."""
    committed = PACKAGE / "_sync"
    both = generated(fresh) & generated(committed)
    changed = {name for name in both if not filecmp.cmp(fresh / name, committed / name, shallow=False)}
    return sorted(changed | (generated(fresh) ^ generated(committed)))


def main() -> int:
    """Generate, or check with `--check`; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only report modules that are out of date")
    args = parser.parse_args()
    if not args.check:
        generate(PACKAGE / "_sync")
        for name in generated(PACKAGE / "_sync") - generated(PACKAGE / "_async"):
            (PACKAGE / "_sync" / name).unlink()
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = drift(Path(folder))
    for name in stale:
        print(f"out of date: clients/vicinal_client/_sync/{name} (run `make sync`)", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
