"""What BYOL from scratch is worth after some minutes, against the same vision transformer untrained.

python tests/benchmarks/training.py --images DIR [--tile 32 --labels FILE] [--count 5000] [--minutes 10]

Times a few steps of the preset, begins a run of as many as fit in the time given, and prints the k-NN
accuracy (k = 10, leave one out, on all images) before and after, with the vectors as they are and whitened.
Labels are seen by these figures alone. With --steps nothing is timed, and a run that is finished is only
looked at again.

A convolutional stem that has seen no image yet normalises by statistics that are none. So the untrained
transformer is measured in both ways: as it is, and normalising by the images' own statistics.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import accelerate
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from embed_service.training.backbones import Encoder, build, load_encoder
from embed_service.training.data.pictures import Pictures, open_pictures
from embed_service.training.data.source import find
from embed_service.training.loop.description import Images, Run
from embed_service.training.loop.probe import embedded, knn_accuracy
from embed_service.training.loop.run import ENCODER, train
from embed_service.training.loop.settings import Watch
from embed_service.training.presets import PRESETS
from embed_service.training.whitening import whitening

TRIAL = 24
"""Steps that are timed beforehand."""
WHITENED = 128
"""Dimensions."""


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
    steps = flags.steps
    if steps is None:
        with tempfile.TemporaryDirectory() as folder:
            rate = _rate(run(TRIAL, Watch(log_every=TRIAL // 2, probe_images=2)), Path(folder))
        steps = round(rate * 60 * flags.minutes)
        print(f"{rate:.2f} steps/s of {preset.settings.batch} images: {steps} steps", flush=True)
    started = time.perf_counter()
    watch = Watch(probe_every=max(1, steps // 8), probe_images=flags.probe, checkpoint_every=steps)
    whole = run(steps, watch)
    train(whole, flags.out)
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes, probes included")
    for row in _rows(flags.out):
        if row["knn"]:
            print(f"step {row['step']:>6}  epoch {float(row['epoch']):6.1f}  k-NN {float(row['knn']):.1%}")
    _compare(whole, load_encoder(flags.out / ENCODER))


def _compare(run: Run, trained: Encoder) -> None:
    """Print the figures of the encoder before its first step and after its last."""
    labels = Path(run.images.labels) if run.images.labels else None
    source = find(Path(run.images.folder), run.images.tile, labels, run.images.count)
    pictures = open_pictures(source, trained.preprocessing, int(run.images.memory_gib * 2**30), print)
    torch.manual_seed(run.settings.seed)
    fresh = build(run.backbone, run.weights, run.fit)
    print(f"{'k-NN accuracy':<44}{'as they are':>12}{f'whitened to {WHITENED}':>18}")
    _row("untrained", fresh, pictures)
    for module in fresh.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    _row("untrained, by the images' own statistics", fresh, pictures)
    _row("trained", trained, pictures)


def _row(name: str, encoder: Encoder, pictures: Pictures) -> None:
    assert pictures.labels is not None, "the images have no classes"
    labels = torch.from_numpy(pictures.labels)
    vectors = embedded(encoder.model, encoder.preprocessing, pictures, np.arange(len(pictures)))
    fitted = whitening(vectors, WHITENED)
    white = functional.normalize((vectors - fitted.mean) @ fitted.weight.T, dim=1)
    plain, whitened = knn_accuracy(vectors, labels), knn_accuracy(white, labels)
    print(f"{name:<44}{plain:>12.1%}{whitened:>18.1%}")


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
    parser.add_argument("--steps", type=int, help="instead of as many as fit in --minutes")
    parser.add_argument("--preset", default="scratch-tiny", choices=sorted(PRESETS))
    parser.add_argument("--probe", type=int, default=5000, metavar="N", help="images of the k-NN figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    parser.add_argument("--out", type=Path, default=Path(".cache/benchmarks/training"), metavar="DIR")
    return parser


if __name__ == "__main__":
    main()
