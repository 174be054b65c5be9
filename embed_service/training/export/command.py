"""`vicinal export-encoder`: its options, and what it prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from embed_service.training import backbones
from embed_service.training.commands.options import Fit
from embed_service.training.compat import timm
from embed_service.training.data.source import find
from embed_service.training.errors import TrainingError
from embed_service.training.export import images
from embed_service.training.export.images import Examples
from embed_service.training.export.metadata import sha256
from embed_service.training.export.pipeline import Exported, export
from embed_service.training.export.verdict import Precision
from embed_service.training.whitening import IMAGES_A_DIMENSION, whitened
from vicinal.imaging.preprocessing import Preprocessing

__all__ = ["export_encoder"]

_WIDTH = 22
_FITTED = 3 * IMAGES_A_DIMENSION
"""Images a whitened dimension is fitted to, where there are as many."""


def export_encoder(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKPOINT]", help="What `vicinal train` wrote (encoder.pt)."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the encoder.")
    ] = Path("encoder.onnx"),
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "--backbone",
            metavar="NAME",
            help="Instead of a checkpoint: a vision transformer of timm's with timm's own preprocessing, "
            "e.g. vit_base_patch16_224.augreg_in21k, vit_small_patch14_dinov2, beitv2_base_patch16_224.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="With --model: pretrained (timm's, downloaded once; the default), or a checkpoint file.",
        ),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(
            help="float32 serves anywhere. float16 is half the size, for GPUs. int8 is a quarter of the "
            "size and twice as fast on CPUs; it is calibrated on --images."
        ),
    ] = Precision.FLOAT32,
    whiten: Annotated[
        int | None,
        typer.Option(
            metavar="DIM",
            min=2,
            help="Whiten the features to so many dimensions, fitted to --images. Worth trying where training "
            "from scratch leaves them in a narrow cone; look at the k-NN accuracy with and without.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Your images, to calibrate on, whiten by and judge by; sub-folders are classes. Default: "
            "drawn pictures, which say nothing of accuracy.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Classes of --images in order: .npz with `label` or .json with `labels`."
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", min=1, help="--images holds sheets of square tiles of this side."),
    ] = None,
    calibrate: Annotated[
        int, typer.Option(metavar="N", min=images.LEAST, help="Calibrate on so many images.")
    ] = images.CALIBRATED,
    judge: Annotated[
        int, typer.Option(metavar="N", min=images.LEAST, help="Judge by so many others.")
    ] = images.JUDGED,
    image_size: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS", min=1, help="With --model: side of the input, a multiple of the patch's."
        ),
    ] = None,
    fit: Annotated[
        Fit | None,
        typer.Option(
            help="With --model: crop the largest square from a picture's middle, or stretch the whole "
            "picture. Default: as timm does."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The encoder's name, for people.")] = None,
) -> None:
    """Write an encoder as one ONNX file that the embedding service serves.

    The file holds the weights, the preprocessing and where they came from, and
    takes any number of images at a time. It is compared with torch before it is
    kept: float32 must agree to 1e-4, float16 to a cosine of 0.999. Given
    labelled --images, the k-NN accuracy of both is printed; for int8, see that
    it is kept.

    Examples:
      vicinal export-encoder run/encoder.pt --out mine.onnx
      vicinal export-encoder run/encoder.pt --out mine-int8.onnx --precision int8 --images photos
      vicinal export-encoder run/encoder.pt --out mine.onnx --whiten 128 --images photos
      vicinal export-encoder --model vit_small_patch14_dinov2 --image-size 224 --out dinov2.onnx
      vicinal up --encoder mine.onnx
    """
    if (checkpoint is None) == (model is None):
        raise TrainingError("give either a checkpoint (encoder.pt) or --model NAME")
    if checkpoint is None:
        encoder, origin = _stock(str(model), weights or backbones.PRETRAINED, image_size, fit)
    elif (weights, image_size, fit) == (None, None, None):
        encoder, origin = backbones.load_encoder(checkpoint), {"checkpoint_sha256": sha256(checkpoint)}
    else:
        raise TrainingError("--weights, --image-size and --fit go with --model: a checkpoint knows them")
    encoder = encoder._replace(preprocessing=_named(encoder.preprocessing, name, precision, whiten))
    fitted = (whiten or 0) * _FITTED
    examples = _examples(encoder.preprocessing, folder, labels, tile, calibrate, judge, fitted)
    if whiten is not None:
        _tell(f"whitening to {whiten} dimensions, fitted to {len(examples.fitted)} images")
        encoder = whitened(encoder, examples.fitted, whiten)
        origin = {**origin, "whitening": f"{whiten} dimensions, {len(examples.fitted)} images"}
    _show(export(encoder, out, precision, examples, origin, _tell), examples)


def _stock(
    name: str, weights: str, size: int | None, fit: Fit | None
) -> tuple[backbones.Encoder, dict[str, Any]]:
    """A transformer of timm's, and where its weights came from."""
    encoder = backbones.build(backbones.BackboneSpec(name, image_size=size), weights, fit or _fit_of(name))
    if weights == backbones.PRETRAINED:
        return encoder, {"weights": "timm, pretrained", **_published(encoder)}
    if weights == backbones.SCRATCH:
        return encoder, {"weights": "none: torch's random state"}
    return encoder, {"checkpoint_sha256": sha256(Path(weights))}


def _fit_of(name: str) -> Fit:
    """How timm makes pictures square for the model; a name it does not know is told of elsewhere."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return Fit.STRETCH if config is not None and config.crop_mode == "squash" else Fit.CROP


def _published(encoder: backbones.Encoder) -> dict[str, str]:
    """What timm says of the pretrained weights."""
    config: dict[str, Any] = getattr(encoder.model, "pretrained_cfg", None) or {}
    keys = ("architecture", "tag", "hf_hub_id", "url", "license", "origin_url")
    return {f"timm_{key}": str(config[key]) for key in keys if config.get(key)}


def _named(form: Preprocessing, name: str | None, precision: Precision, whiten: int | None) -> Preprocessing:
    white = f"-w{whiten}" if whiten else ""
    suffix = "" if precision is Precision.FLOAT32 else f"-{precision}"
    return replace(form, name=name or f"{form.name or 'encoder'}{white}{suffix}")


def _examples(
    form: Preprocessing,
    folder: Path | None,
    labels: Path | None,
    tile: int | None,
    calibrate: int,
    judge: int,
    fitted: int,
) -> Examples:
    if folder is None:
        if labels is not None or tile is not None or fitted:
            raise TrainingError("--labels, --tile and --whiten go with --images")
        return images.drawn(form, calibrate)
    return images.of_source(find(folder, tile, labels), form, _tell, calibrate, judge, fitted)


def _tell(sentence: str) -> None:
    typer.secho(sentence, err=True, dim=True)


def _show(exported: Exported, examples: Examples) -> None:
    for what, value in _rows(exported, examples):
        typer.echo(f"{what:<{_WIDTH}}{value}")
    for note in exported.notes:
        typer.secho(f"note: {note}", err=True, fg=typer.colors.YELLOW)
    typer.echo(f"serve it: vicinal up --encoder {exported.path}")


def _rows(exported: Exported, examples: Examples) -> Iterator[tuple[str, str]]:
    verdict = exported.verdict
    least, mean = verdict.cosine
    yield "file", f"{exported.path} ({exported.size / 1e6:.1f} MB)"
    yield "name", exported.name
    yield "digest", exported.digest
    yield "dimension", str(exported.dimension)
    yield "compared on", f"{len(examples.judged)} {examples.what}"
    yield "off torch by at most", f"{verdict.difference:.1e} (batches of 1, 3 and 8)"
    yield "cosine with torch", f"least {least:.5f}, mean {mean:.5f}"
    yield "same 10 neighbours", f"{verdict.agreement:.1%}"
    if verdict.accuracy is not None:
        yield "k-NN accuracy", f"torch {verdict.accuracy.torch:.2%}, this file {verdict.accuracy.onnx:.2%}"
    yield "one image alone", f"{verdict.milliseconds:.1f} ms on this CPU"
