"""Time encoder files against each other on this CPU, turn by turn, so that a busy machine slows all alike.

    vicinal export-encoder run/encoder.pt --out float32.onnx
    vicinal export-encoder run/encoder.pt --out int8.onnx --precision int8 --images DIR
    python tests/benchmarks/precisions.py float32.onnx int8.onnx

Prints the median and the least time an image, and how many times as fast as the first file each is.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embed_service.encoder.model import Encoder


def main() -> None:
    """Run the command."""
    flags = _parser().parse_args()
    encoders = [Encoder(path, device="cpu", threads=flags.threads) for path in flags.files]
    for count in flags.batches:
        runs = [_run(encoder, count) for encoder in encoders]
        times = interleaved(runs, flags.rounds)
        print(f"{count} at a time, {flags.threads or 'all'} threads, {flags.rounds} rounds")
        for path, spent in zip(flags.files, times, strict=True):
            ratio = statistics.median(times[0]) / statistics.median(spent)
            median, least = (1000 * value / count for value in (statistics.median(spent), min(spent)))
            print(f"  {path.name:<30}{median:8.2f} ms an image (least {least:.2f})   {ratio:.2f} ×")


def interleaved(runs: list[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Return the seconds of each of `runs` in each of `rounds`, after one that is not counted."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for run, spent in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            spent.append(time.perf_counter() - start)
    return [spent[1:] for spent in times]


def _run(encoder: Encoder, count: int) -> Callable[[], object]:
    side = encoder.preprocessing.size
    noise = np.random.default_rng(0).normal(size=(count, 3, side, side)).astype(encoder.input_type)
    return lambda: encoder.embed(list(noise))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.onnx")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[1, 8], metavar="N", help="images at a time"
    )
    parser.add_argument("--threads", type=int, default=0, help="of one inference; 0: all cores")
    parser.add_argument("--rounds", type=int, default=30)
    return parser


if __name__ == "__main__":
    main()
