"""The whole way: an encoder in torch → a file that is served, and what it is worth."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder, sidecar_of
from embed_service.training import backbones
from embed_service.training.errors import TrainingError
from embed_service.training.export.graph import traced
from embed_service.training.export.half import halved
from embed_service.training.export.images import Examples
from embed_service.training.export.integer import quantised
from embed_service.training.export.metadata import describe, versions
from embed_service.training.export.observation import Batch
from embed_service.training.export.verdict import Precision, Verdict, check, doubts, judge
from vicinal.imaging.preprocessing import Pixels, Preprocessing

__all__ = ["Exported", "export"]

_BATCH = 4  # what calibration looks at is large: every product's input of the batch at once
_LOOKED_AT = 2  # batches that float16's range is checked on


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: of the file.
        name: of the encoder.
        digest: which datasets are bound to.
        dimension: of the vectors.
        size: of the file in bytes.
        verdict: how it compares with torch.
        notes: sentences on what was done or should be looked at.
    """

    path: Path
    name: str
    digest: str
    dimension: int
    size: int
    verdict: Verdict
    notes: tuple[str, ...]


def export(
    encoder: backbones.Encoder,
    out: Path,
    precision: Precision,
    examples: Examples,
    origin: Mapping[str, Any],
    tell: Callable[[str], None],
) -> Exported:
    """Write `encoder` as one ONNX file; one that fails the comparison with torch is not kept.

    The same input gives the same bytes on one machine with the same versions.

    Args:
        encoder: on the CPU; its preprocessing, name included, goes into the file.
        out: where to write; `out` holds either the old file or the whole new one.
        precision: what the file computes in.
        examples: what to calibrate on and judge by.
        origin: where the weights came from, for the file's provenance.
        tell: is told in a few words what is being done.

    Raises:
        TrainingError: the encoder cannot be exported, or is not what it was any more.
        OSError: the file cannot be written.
    """
    if sidecar_of(out).exists():
        raise TrainingError(f"{sidecar_of(out)} would speak for the new file too: remove it first")
    encoder = encoder._replace(model=copy.deepcopy(encoder.model).eval().float())
    tell("tracing")
    model = traced(encoder.model, encoder.preprocessing.size)
    tell(f"converting to {precision}")
    model, notes = _converted(model, precision, examples, encoder.preprocessing)
    described = {"architecture": encoder.spec.name, "precision": str(precision), "versions": versions()}
    if precision is Precision.INT8:
        described["calibration"] = f"{len(examples.calibration)} {examples.what}"
    describe(model, encoder.preprocessing, {**described, **origin})
    partial = out.with_name(f"{out.name}.partial")
    try:
        partial.write_bytes(model.SerializeToString(deterministic=True))
        tell(f"comparing with torch on {len(examples.judged)} {examples.what}")
        served = Encoder(partial, device="cpu")
        verdict = judge(model, served, encoder, examples)
        check(verdict, precision)
        partial.replace(out)
    except EncoderError as error:
        raise TrainingError(f"what was exported cannot be served: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return Exported(
        path=out,
        name=served.name,
        digest=served.digest,
        dimension=served.dimension,
        size=out.stat().st_size,
        verdict=verdict,
        notes=(*notes, *doubts(verdict, precision)),
    )


def _converted(
    model: onnx.ModelProto, precision: Precision, examples: Examples, form: Preprocessing
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The graph in another precision, and a sentence on it where there is something to say."""
    if precision is Precision.FLOAT32:
        return model, ()
    batches = _batches(examples.calibration, form)
    if precision is Precision.FLOAT16:
        return halved(model, batches[:_LOOKED_AT]), ()
    rounded = quantised(model, batches)
    if not rounded.kept:
        return rounded.model, ()
    note = (
        f"{len(rounded.kept)} of {rounded.products} products stay float32, for their inputs have a few huge "
        f"values: {', '.join(rounded.kept)}"
    )
    return rounded.model, (note,)


def _batches(pixels: Pixels, form: Preprocessing) -> list[Batch]:
    return [form.normalised(pixels[start : start + _BATCH]) for start in range(0, len(pixels), _BATCH)]
