"""`vicinal train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embed_service.training.commands import options
from embed_service.training.errors import TrainingError
from embed_service.training.loop.description import read_run
from embed_service.training.loop.run import CHECKPOINT, DESCRIPTION, ENCODER, Outcome, train

__all__ = ["train_command"]


def train_command(
    images: options.ImagesDir = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The run's folder: encoder.pt, checkpoint.pt, metrics.csv.")
    ] = Path("encoder-run"),
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with the run in this folder; other options do not count."),
    ] = None,
    preset: options.PresetName = "cifar10",
    cpu: options.Cpu = False,
    tile: options.Tile = None,
    labels: options.LabelsFile = None,
    count: options.Count = None,
    held_out: options.HeldOut = 0,
    memory_gib: options.Memory = 4.0,
    fit: options.FitOption = options.Fit.CROP,
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    image_size: options.ImageSize = None,
    patch_size: options.PatchSize = None,
    dimension: options.Dimension = None,
    depth: options.Depth = None,
    heads: options.Heads = None,
    pool: options.PoolOption = None,
    stem: options.StemOption = None,
    steps: options.Steps = None,
    batch: options.BatchSize = None,
    learning_rate: Annotated[
        float | None, typer.Option("--lr", rich_help_panel="Method", help="Peak of the learning rate.")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(rich_help_panel="Method", help="AdamW's.")] = None,
    tau: Annotated[
        float | None, typer.Option(rich_help_panel="Method", help="The target's momentum at the start.")
    ] = None,
    warm_up: options.WarmUp = None,
    accumulate: options.Accumulate = None,
    clip: options.Clip = None,
    precision: options.PrecisionOption = None,
    seed: options.Seed = None,
    hidden: options.Hidden = None,
    projection: options.Projection = None,
    least_crop: options.LeastCrop = None,
    flip: options.Flip = None,
    log_every: options.LogEvery = 20,
    probe_every: options.ProbeEvery = 500,
    probe_images: options.ProbeImages = 2000,
    checkpoint_every: options.CheckpointEvery = 500,
    stop_on_collapse: options.StopOnCollapse = False,
) -> None:
    """Adapt a vision transformer to your images with BYOL; no labels are needed.

    Ctrl-C saves and stops; --resume goes on. For several GPUs put
    `torchrun --nproc-per-node 4 -m embed_service.training`, or `accelerate
    launch -m embed_service.training`, in the place of `vicinal`.

    Examples:
      vicinal train --images photos/
      vicinal train --images photos/ --preset scratch-tiny --out runs/tiny
      vicinal train --resume runs/tiny
      vicinal export-encoder runs/tiny/encoder.pt --out encoder.onnx
    """
    given = dict(locals())
    if resume is not None:
        _tell(train(read_run(resume / DESCRIPTION), resume), resume)
        return
    if (out / CHECKPOINT).exists():
        raise TrainingError(f"{out} holds a run: go on with it by --resume {out}, or choose another --out")
    _tell(train(options.described(given), out), out)


def _tell(outcome: Outcome, folder: Path) -> None:
    """Say how it ended. A run that was stopped exits with 130, one that collapsed with 1."""
    if not outcome.main:
        return
    if outcome.knn is not None:
        typer.echo(f"k-NN accuracy {outcome.knn:.2%}")
    if (folder / ENCODER).exists():
        typer.echo(f"wrote {folder / ENCODER}")
    if not outcome.finished:
        raise typer.Exit(1 if outcome.collapsed else 130)
