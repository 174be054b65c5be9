"""What the commands ask for, and the run that the answers describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from embed_service.training.backbones import spec_of
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.errors import TrainingError
from embed_service.training.loop.description import Images, Run
from embed_service.training.loop.settings import Settings, Watch
from embed_service.training.presets import PRESETS

_DATA, _BACKBONE, _METHOD, _WATCH = "Images", "Backbone", "Method", "While it runs"


class Fit(StrEnum):
    """How pictures that are not square become so; see `Preprocessing`."""

    CROP = "crop"
    STRETCH = "stretch"


class Pool(StrEnum):
    """What the features are."""

    AVG = "avg"
    TOKEN = "token"  # noqa: S105


class Stem(StrEnum):
    """What tokens come from."""

    PATCH = "patch"
    CONV = "conv"


class Precision(StrEnum):
    """Of the networks' products."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def _option(panel: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=text, **more)


ImagesDir = Annotated[
    Path | None,
    _option(
        _DATA,
        "Folder of images, at any depth. Sub-folders are taken for classes, which only the probe looks at.",
        metavar="DIR",
    ),
]
Tile = Annotated[
    int | None,
    _option(_DATA, "Each file is a sheet of square tiles of so many pixels.", metavar="SIDE", min=1),
]
LabelsFile = Annotated[
    Path | None,
    _option(
        _DATA,
        "For the probe: .npz with `label`, or .json with `labels`, in the images' order.",
        metavar="FILE",
    ),
]
Count = Annotated[
    int | None,
    _option(
        _DATA, "Only the first so many by path: with a folder a class, those of the first classes.", min=2
    ),
]
Memory = Annotated[
    float, _option(_DATA, "Pictures that need more are read again each time.", metavar="GIB", min=0)
]
HeldOut = Annotated[
    int,
    _option(_DATA, "So many are not trained on, and the probe looks at these alone.", metavar="COUNT", min=0),
]
FitOption = Annotated[Fit, _option(_DATA, "How pictures become square, in training and in serving.")]

PresetName = Annotated[
    str, typer.Option(metavar="NAME", help=f"Gives every value that is not given: {', '.join(PRESETS)}.")
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Use no GPU.")]

Backbone = Annotated[
    str | None, _option(_BACKBONE, "A vision transformer of timm: vit_*, beit*, deit*, eva*.", metavar="NAME")
]
Weights = Annotated[
    str | None,
    _option(
        _BACKBONE, "pretrained (timm's, downloaded once), scratch, or a checkpoint file.", metavar="WHAT"
    ),
]
ImageSize = Annotated[int | None, _option(_BACKBONE, "Side of the input.", metavar="PIXELS", min=1)]
PatchSize = Annotated[int | None, _option(_BACKBONE, "Side of a patch.", metavar="PIXELS", min=1)]
Dimension = Annotated[int | None, _option(_BACKBONE, "Of the features.", min=1)]
Depth = Annotated[int | None, _option(_BACKBONE, "Number of blocks.", min=1)]
Heads = Annotated[int | None, _option(_BACKBONE, "Of the attention.", min=1)]
PoolOption = Annotated[Pool | None, _option(_BACKBONE, "Features are the patches' mean or the class token.")]
StemOption = Annotated[
    Stem | None,
    _option(_BACKBONE, "Tokens come from patches, or from convolutions, which learn faster on few images."),
]

Steps = Annotated[int | None, _option(_METHOD, "Of the optimiser.")]
BatchSize = Annotated[int | None, _option(_METHOD, "Images a step, over all processes.")]
WarmUp = Annotated[int | None, _option(_METHOD, "Steps in which the learning rate rises.")]
Accumulate = Annotated[int | None, _option(_METHOD, "Parts that a batch is done in, to save memory.")]
Clip = Annotated[float | None, _option(_METHOD, "Largest length of the gradient; 0: any.")]
PrecisionOption = Annotated[Precision | None, _option(_METHOD, "Of the networks' products.")]
Seed = Annotated[int | None, _option(_METHOD, "Of weights, order and views.", min=0)]
Hidden = Annotated[int | None, _option(_METHOD, "Hidden units of projector and predictor.", min=1)]
Projection = Annotated[int | None, _option(_METHOD, "Dimension of the projection.", min=1)]
LeastCrop = Annotated[float | None, _option(_METHOD, "Least share of a picture that a view shows.")]
Flip = Annotated[float | None, _option(_METHOD, "Probability that a view is mirrored.")]

LogEvery = Annotated[int, _option(_WATCH, "A row of metrics.csv.", metavar="STEPS", min=1)]
ProbeEvery = Annotated[
    int,
    _option(_WATCH, "k-NN accuracy, where classes are known; 0: at the end only.", metavar="STEPS", min=0),
]
ProbeImages = Annotated[int, _option(_WATCH, "Most images a probe takes.", min=20)]
CheckpointEvery = Annotated[int, _option(_WATCH, "Save, to resume from.", metavar="STEPS", min=1)]
StopOnCollapse = Annotated[
    bool, _option(_WATCH, "End the run when all embeddings become one.", "--stop-on-collapse")
]


def described(given: Mapping[str, Any]) -> Run:
    """Return the run that the options describe; what is None or missing comes from the preset.

    Args:
        given: options by the names of `Settings`, `BackboneSpec`, `Watch` and `Images`, beside `preset`,
            `images`, `fit`, `weights`, `backbone`, `hidden`, `projection` and `cpu`.

    Raises:
        TrainingError: there are no images, no such preset, or a value is out of its range.
    """
    preset = PRESETS.get(given["preset"])
    if preset is None:
        raise TrainingError(f"there is no preset {given['preset']!r}; known are {', '.join(PRESETS)}")
    if given["images"] is None:
        raise TrainingError("say which images with --images DIR")
    base = preset.settings
    heads = HeadSizes(given["hidden"] or base.heads.hidden, given["projection"] or base.heads.output)
    changed = _said(Settings, given, but="heads")
    # Another length keeps the share of its warm-up.
    changed.setdefault("warm_up", base.warm_up * changed.get("steps", base.steps) // base.steps)
    weights = given["weights"] or preset.weights
    # What was trained here before says what it is.
    begun = spec_of(weights) or preset.backbone
    spec = replace(begun, name=given["backbone"] or begun.name)
    labels = given["labels"]
    return Run(
        Images(
            str(given["images"].absolute()),
            given["tile"],
            labels and str(labels.absolute()),
            given["count"],
            given["memory_gib"],
            given["held_out"],
        ),
        replace(spec, **_said(type(spec), given, but="name")),
        weights,
        given["fit"].value,
        replace(base, heads=heads, **changed),
        Watch(**_said(Watch, given)),
        given["cpu"],
    )


def _said(kind: type[Any], given: Mapping[str, Any], but: str = "") -> dict[str, Any]:
    """Those of the fields of `kind` that were given."""
    names = [field.name for field in fields(kind) if field.name != but]
    values = {name: given[name] for name in names if given.get(name) is not None}
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in values.items()}
