"""`vicinal train-grid`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from embed_service.training.commands import options
from embed_service.training.errors import TrainingError
from embed_service.training.grid import GRID_CSV, Result, best, cells, run_grid

__all__ = ["grid_command"]

_CHOICES = "Choices (each may be given several times)"
# Launchers of several processes say how many there are.
_PROCESSES = "WORLD_SIZE"


def grid_command(
    images: options.ImagesDir = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help=f"The grid's folder: {GRID_CSV}, and a folder for each cell.")
    ] = Path("encoder-grid"),
    learning_rates: Annotated[
        list[float] | None, typer.Option("--lr", rich_help_panel=_CHOICES, help="Peak of the learning rate.")
    ] = None,
    weight_decays: Annotated[
        list[float] | None, typer.Option("--weight-decay", rich_help_panel=_CHOICES, help="AdamW's.")
    ] = None,
    taus: Annotated[
        list[float] | None,
        typer.Option("--tau", rich_help_panel=_CHOICES, help="The target's momentum at the start."),
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
    steps: options.Steps = 300,
    batch: options.BatchSize = None,
    warm_up: options.WarmUp = None,
    accumulate: options.Accumulate = None,
    clip: options.Clip = None,
    precision: options.PrecisionOption = None,
    seed: options.Seed = None,
    hidden: options.Hidden = None,
    projection: options.Projection = None,
    least_crop: options.LeastCrop = None,
    flip: options.Flip = None,
    probe_images: options.ProbeImages = 2000,
) -> None:
    """Try every combination of some learning rates, weight decays and momenta, each in a short run.

    Without choices: a third, once and three times the preset's learning rate, a tenth and once its weight
    decay, its tau and a tau ten times nearer to 1. The same command goes on with a grid that was stopped.

    Examples:
      vicinal train-grid --images photos/
      vicinal train-grid --images photos/ --lr 1e-5 --lr 3e-5 --tau 0.99 --tau 0.998 --steps 500
    """
    given = dict(locals()) | {"probe_every": 0, "stop_on_collapse": True}
    if int(os.environ.get(_PROCESSES, "1")) > 1:
        raise TrainingError("a grid runs in one process; give `vicinal train` its best cell and several")
    run = options.described(given)
    base = run.settings
    choices = cells(
        learning_rates or [base.learning_rate / 3, base.learning_rate, 3 * base.learning_rate],
        weight_decays or [base.weight_decay / 10, base.weight_decay],
        taus or [base.tau, 1 - (1 - base.tau) / 10],
    )
    # Settings refuse what is out of range: better before the first cell than at the seventh.
    for cell in choices:
        replace(base, **cell._asdict())
    results = run_grid(run, choices, out, lambda sentence: typer.echo(sentence, err=True))
    _show(results, out)
    if len(results) < len(choices):
        raise typer.Exit(130)


def _show(results: Sequence[Result], folder: Path) -> None:
    """Print the table, best first where labels say so, and which cell to take."""
    if not results:
        return
    table = Table("learning rate", "weight decay", "tau", "loss", "spread", "k-NN")
    for result in sorted(results, key=lambda each: each.knn or 0.0, reverse=True):
        accuracy = "" if result.knn is None else f"{result.knn:.2%}"
        verdict = "collapsed" if result.collapsed else accuracy
        table.add_row(
            *(f"{value:g}" for value in result.cell), f"{result.loss:.4f}", f"{result.spread:.3f}", verdict
        )
    Console().print(table)
    typer.echo(f"wrote {folder / GRID_CSV}")
    choice = best(results)
    if choice is None:
        typer.echo(
            "No labels, so nothing says which cell is best: the loss is smallest where an encoder collapses, "
            "and a large spread alone is no merit. Label some images and put them into folders by class."
        )
        return
    rate, decay, tau = choice.cell
    typer.echo(f"best: --lr {rate:g} --weight-decay {decay:g} --tau {tau:g}")
