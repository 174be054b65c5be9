"""What BYOL from scratch is worth after some minutes, against the same vision transformer untrained.

python tests/benchmarks/training.py --images DIR [--tile 32 --labels FILE] [--count 5000] [--minutes 10]

Times a few steps of the preset, begins a run of as many as fit in the time given, and prints the k-NN
accuracy (k = 10, leave one out, on all images) before and after. Labels are seen by that figure alone.

A convolutional stem that has seen no image yet normalises by statistics that are none, and its figure is too
low to compare with: the gain is over the untrained transformer that normalises by those of the images.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import accelerate
import torch
from torch import nn

from embed_service.training.backbones import build
from embed_service.training.data.pictures import open_pictures
from embed_service.training.data.source import find
from embed_service.training.loop.description import Images, Run
from embed_service.training.loop.probe import probe
from embed_service.training.loop.run import train
from embed_service.training.loop.settings import Watch
from embed_service.training.presets import PRESETS

TRIAL = 24
"""Steps that are timed beforehand."""


def main() -> None:
    """Run the command."""
    flags = _parser().parse_args()
    preset = PRESETS[flags.preset]
    labels = None if flags.labels is None else str(flags.labels)
    images = Images(str(flags.images), flags.tile, labels, flags.count)

    def run(steps: int, watch: Watch) -> Run:
        warm_up = max(1, steps // 20)
        settings = replace(preset.settings, steps=steps, warm_up=min(warm_up, steps - 1), seed=flags.seed)
        return Run(images, preset.backbone, preset.weights, "crop", settings, watch, flags.cpu)

    cores = len(os.sched_getaffinity(0))
    print(
        f"{platform.machine()}, {cores} cores, torch {torch.__version__}, accelerate {accelerate.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        rate = _rate(run(TRIAL, Watch(log_every=TRIAL // 2, probe_images=2)), Path(folder))
    steps = round(rate * 60 * flags.minutes)
    print(f"{rate:.2f} steps/s of {preset.settings.batch} images: {steps} steps", flush=True)
    started = time.perf_counter()
    watch = Watch(probe_every=max(1, steps // 8), probe_images=flags.probe, checkpoint_every=steps)
    train(run(steps, watch), flags.out)
    seconds = time.perf_counter() - started
    probes = [row for row in _rows(flags.out) if row["knn"]]
    untrained = _untrained(run(steps, watch))
    for row in probes:
        print(f"step {row['step']:>6}  epoch {float(row['epoch']):6.1f}  k-NN {float(row['knn']):.1%}")
    print(f"untrained, normalised by the images' own statistics: k-NN {untrained:.1%}")
    gain = 100 * (float(probes[-1]["knn"]) - untrained)
    print(f"{gain:+.1f} points in {seconds / 60:.1f} minutes, probes included")


def _untrained(run: Run) -> float:
    """k-NN accuracy of the run's encoder before its first step, where each batch is normalised by itself."""
    torch.manual_seed(run.settings.seed)
    encoder, images = build(run.backbone, run.weights, run.fit), run.images
    for module in encoder.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    labels = Path(images.labels) if images.labels else None
    source = find(Path(images.folder), images.tile, labels, images.count)
    pictures = open_pictures(source, encoder.preprocessing, int(images.memory_gib * 2**30), print)
    accuracy = probe(encoder.model, encoder.preprocessing, pictures, run.watch.probe_images, nullcontext())
    assert accuracy is not None, "the images have no classes"
    return accuracy


def _rate(run: Run, folder: Path) -> float:
    """Steps a second, of the second half of a short run: the first half warms up."""
    train(run, folder, quiet=True)
    return float(_rows(folder)[-1]["steps_per_second"])


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--tile", type=int, metavar="SIDE", help="each file is a sheet of such tiles")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="of the tiles, in order")
    parser.add_argument("--count", type=int, default=5000, help="images, from the first")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--preset", default="scratch-tiny", choices=sorted(PRESETS))
    parser.add_argument("--probe", type=int, default=5000, metavar="N", help="images of the k-NN figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    parser.add_argument("--out", type=Path, default=Path(".cache/benchmarks/training"), metavar="DIR")
    return parser


if __name__ == "__main__":
    main()
