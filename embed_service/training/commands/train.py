"""`vicinal train`."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from embed_service.training.byol.heads import HeadSizes
from embed_service.training.errors import TrainingError
from embed_service.training.loop.description import Images, Run, read_run
from embed_service.training.loop.run import CHECKPOINT, DESCRIPTION, ENCODER, train
from embed_service.training.loop.settings import Settings, Watch
from embed_service.training.presets import PRESETS

__all__ = ["train_command"]

_DATA, _BACKBONE, _METHOD, _WATCH = "Images", "Backbone", "Method", "While it runs"

PresetName = StrEnum("PresetName", {name: name for name in PRESETS})  # type: ignore[misc]
Fit = StrEnum("Fit", {"crop": "crop", "stretch": "stretch"})
Pool = StrEnum("Pool", {"avg": "avg", "token": "token"})
Precision = StrEnum("Precision", {name: name for name in ("auto", "float32", "bfloat16", "float16")})


def train_command(
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=_DATA,
            help="Folder of images, at any depth. Sub-folders "
            "are taken for classes, which only the probe looks at.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The run's folder: encoder.pt, checkpoint.pt, metrics.csv.")
    ] = Path("encoder-run"),
    preset: Annotated[
        PresetName,
        typer.Option(
            help="Where values come from that are not given: "
            + "; ".join(f"{name}, {each.what}" for name, each in PRESETS.items())
            + "."
        ),
    ] = PresetName("cifar10"),
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Go on with the run in this folder, as it was begun. Takes no other option."
        ),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Use no GPU.")] = False,
    tile: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="SIDE",
            rich_help_panel=_DATA,
            help="Each file is a sheet of square tiles of so many pixels.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_DATA,
            help="For the probe: .npz with `label`, or .json with `labels`, in the images' order.",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=2, rich_help_panel=_DATA, help="Only so many images, from the first.")
    ] = None,
    memory: Annotated[
        float,
        typer.Option(
            metavar="GIB",
            min=0,
            rich_help_panel=_DATA,
            help="Pictures that need more are read again each time.",
        ),
    ] = 4.0,
    fit: Annotated[
        Fit,
        typer.Option(
            rich_help_panel=_DATA, help="How pictures become square, when training and when serving."
        ),
    ] = Fit("crop"),
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_BACKBONE,
            help="A vision transformer of timm: vit_*, beit*, deit*, eva*.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            rich_help_panel=_BACKBONE,
            help="pretrained (timm's, downloaded once), scratch, or a checkpoint file.",
        ),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="PIXELS", rich_help_panel=_BACKBONE, help="Side of the input."),
    ] = None,
    patch_size: Annotated[
        int | None, typer.Option(min=1, metavar="PIXELS", rich_help_panel=_BACKBONE, help="Side of a patch.")
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_BACKBONE, help="Of the features.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_BACKBONE, help="Number of blocks.")
    ] = None,
    heads: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_BACKBONE, help="Of the attention.")
    ] = None,
    pool: Annotated[
        Pool | None,
        typer.Option(rich_help_panel=_BACKBONE, help="Features are the patches' mean or the class token."),
    ] = None,
    steps: Annotated[int | None, typer.Option(rich_help_panel=_METHOD, help="Of the optimiser.")] = None,
    batch: Annotated[
        int | None, typer.Option(rich_help_panel=_METHOD, help="Images a step, over all processes.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--lr", rich_help_panel=_METHOD, help="Peak of the learning rate.")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(rich_help_panel=_METHOD, help="AdamW's.")] = None,
    tau: Annotated[
        float | None, typer.Option(rich_help_panel=_METHOD, help="The target's momentum at the start.")
    ] = None,
    warm_up: Annotated[
        int | None, typer.Option(rich_help_panel=_METHOD, help="Steps in which the learning rate rises.")
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(rich_help_panel=_METHOD, help="Parts that a batch is done in, to save memory."),
    ] = None,
    clip: Annotated[
        float | None, typer.Option(rich_help_panel=_METHOD, help="Largest length of the gradient; 0: any.")
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(rich_help_panel=_METHOD, help="Of the networks' products.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, rich_help_panel=_METHOD, help="Of weights, order and views.")
    ] = None,
    hidden: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=_METHOD, help="Hidden units of projector and predictor."),
    ] = None,
    projection: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_METHOD, help="Dimension of the projection.")
    ] = None,
    least_crop: Annotated[
        float | None,
        typer.Option(rich_help_panel=_METHOD, help="Least share of a picture that a view shows."),
    ] = None,
    flip: Annotated[
        float | None, typer.Option(rich_help_panel=_METHOD, help="Probability that a view is mirrored.")
    ] = None,
    log_every: Annotated[
        int, typer.Option(min=1, metavar="STEPS", rich_help_panel=_WATCH, help="A row of metrics.csv.")
    ] = 20,
    probe_every: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="STEPS",
            rich_help_panel=_WATCH,
            help="k-NN accuracy, where classes are known; 0: at the end only.",
        ),
    ] = 500,
    probe_images: Annotated[
        int, typer.Option(min=20, rich_help_panel=_WATCH, help="Most images a probe takes.")
    ] = 2000,
    checkpoint_every: Annotated[
        int, typer.Option(min=1, metavar="STEPS", rich_help_panel=_WATCH, help="Save, to resume from.")
    ] = 500,
    stop_on_collapse: Annotated[
        bool,
        typer.Option(
            "--stop-on-collapse", rich_help_panel=_WATCH, help="End the run when all embeddings become one."
        ),
    ] = False,
) -> None:
    """Adapt a vision transformer to your images with BYOL; no labels are needed.

    Ctrl-C saves and stops; --resume goes on. Several GPUs: put
    `accelerate launch -m embed_service.training` in the place of `vicinal`.

    Examples:
      vicinal train --images photos/
      vicinal train --images photos/ --preset scratch-tiny --steps 20000 --out runs/tiny
      vicinal train --resume runs/tiny
      vicinal export-encoder runs/tiny/encoder.pt encoder.onnx
    """
    if resume is not None:
        outcome = train(read_run(resume / DESCRIPTION), resume)
    else:
        given = dict(locals())
        if images is None:
            raise TrainingError("say which images with --images DIR")
        if (out / CHECKPOINT).exists():
            raise TrainingError(
                f"{out} holds a run: go on with it by --resume {out}, or choose another --out"
            )
        run = _described(given)
        outcome = train(run, out)
    folder = resume or out
    if outcome.knn is not None:
        typer.echo(f"k-NN accuracy {outcome.knn:.2%}")
    typer.echo(f"wrote {folder / ENCODER}")
    if not outcome.finished:
        raise typer.Exit(1 if outcome.collapsed else 130)


def _described(given: dict[str, Any]) -> Run:
    """The run that the options describe; what was not given comes from the preset."""
    preset = PRESETS[given["preset"]]
    heads = preset.settings.heads
    heads = HeadSizes(given["hidden"] or heads.hidden, given["projection"] or heads.output)
    settings = replace(preset.settings, heads=heads, **_said(Settings, given, but=("heads",)))
    named = given["backbone"] is not None and given["backbone"] != preset.backbone.name
    base = replace(preset.backbone, name=given["backbone"]) if given["backbone"] else preset.backbone
    del named
    backbone = replace(base, **_said(type(base), given, but=("name",)))
    return Run(
        Images(
            str(given["images"]),
            given["tile"],
            given["labels"] and str(given["labels"]),
            given["count"],
            given["memory"],
        ),
        backbone,
        given["weights"] or preset.weights,
        given["fit"].value,
        settings,
        Watch(**_said(Watch, given)),
        given["cpu"],
    )


def _said(kind: type[Any], given: dict[str, Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    names = [field.name for field in fields(kind) if field.name not in but]
    values = {name: given[name] for name in names if given.get(name) is not None}
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in values.items()}
