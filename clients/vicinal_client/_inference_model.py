"""How one model of a server of the Open Inference Protocol is used: its tensors, its batches, its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from vicinal.inference.v2.inference_pb2 import ModelMetadataResponse
from vicinal.wire.inference import BYTES, FLOATS, UINT8
from vicinal_client._bulk import MESSAGE_BYTES
from vicinal_client._embed_types import EmbedLimits, Model
from vicinal_client._exceptions import FailedPrecondition

if TYPE_CHECKING:
    from vicinal_client._pictures import Pictures

__all__ = ["Usage", "Wish", "usage"]

Tensor = ModelMetadataResponse.TensorMetadata

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DEFAULT_LIMITS = {
    "max_image_bytes": 16 * 2**20,
    "max_pixels": 50_000_000,
    "max_message_bytes": MESSAGE_BYTES,
}


@dataclass(frozen=True)
class Wish:
    """What the caller says of the model; whatever is empty is taken from its metadata.

    Attributes:
        name: its name.
        version: its version.
        preprocessing: how pictures become its input, as JSON; given, they are preprocessed on this side.
        output: name of the output that holds the vectors.
        encoder_digest: what to call the encoder.
        batch: most images in one request.
    """

    name: str
    version: str
    preprocessing: str
    output: str
    encoder_digest: str
    batch: int


@dataclass(frozen=True)
class Usage:
    """How a model is used.

    Attributes:
        model: what is told of it.
        version: the version that every request names, so that all vectors come from one.
        input: what images go into: BYTES and UINT8 take them encoded, another as `pictures` makes them.
        output: name of what vectors come from.
        pictures: preprocesses on this side, or None.
        batch: most images in one request.
    """

    model: Model
    version: str
    input: Tensor
    output: str
    pictures: Pictures | None
    batch: int


def usage(metadata: ModelMetadataResponse, wish: Wish) -> Usage:
    """Return how to use the model that `metadata` describes.

    Raises:
        FailedPrecondition: MODEL_UNUSABLE, it takes no images or gives no vectors that the client
            understands, or its preprocessing is not known; the message says what to do.
    """
    source = _input(metadata, wish)
    target = _output(metadata, wish)
    version = _version(metadata, wish)
    limits = _limits(metadata, source, wish.batch)
    preprocessing = wish.preprocessing or metadata.properties.get("preprocessing_json", "")
    pictures = None
    if not _takes_files(source):
        pictures = _pictures(source, preprocessing, limits)
        preprocessing = pictures.preprocessing_json
    model = Model(
        encoder_digest=wish.encoder_digest or _digest(metadata, version, source, target, preprocessing),
        name=metadata.name,
        dimension=target.shape[1],
        preprocessing_json=preprocessing,
        provider=metadata.properties.get("provider", metadata.platform),
        limits=limits,
    )
    return Usage(model, version, source, target.name, pictures, limits.max_images)


def _input(metadata: ModelMetadataResponse, wish: Wish) -> Tensor:
    """Return the input for images: that of encoded ones unless preprocessing is given."""
    encoded = [t for t in metadata.inputs if _takes_files(t)]
    ready = [t for t in metadata.inputs if t.datatype in ("FP32", "FP16") and _is_picture(t.shape)]
    found = ready if wish.preprocessing else [*encoded, *ready]
    if not found:
        kinds = "FP32 or FP16 [n, 3, size, size]" + (
            "" if wish.preprocessing else ", BYTES [n] or UINT8 [n, -1]"
        )
        raise _unusable(metadata, f"has no input of {kinds}, but {_listed(metadata.inputs)}")
    return found[0]


def _output(metadata: ModelMetadataResponse, wish: Wish) -> Tensor:
    fitting = [t for t in metadata.outputs if t.datatype in FLOATS and len(t.shape) == 2 and t.shape[1] > 0]
    found = [t for t in fitting if wish.output in ("", t.name)]
    if len(found) != 1:
        named = f" {wish.output!r}" if wish.output else ""
        what = f"has {len(found)} outputs{named} of floating-point numbers [n, dimension], expected one"
        raise _unusable(
            metadata, f"{what}, among {_listed(metadata.outputs)}: name it, or state its dimension"
        )
    return found[0]


def _version(metadata: ModelMetadataResponse, wish: Wish) -> str:
    """Return the version asked for, else the one described, as ours tells it, else the newest."""
    described = metadata.properties.get("encoder_digest", "")
    if wish.version or not metadata.versions:
        return wish.version
    if described in metadata.versions:
        return described
    return max(metadata.versions, key=lambda version: (int(version) if version.isdecimal() else -1, version))


def _limits(metadata: ModelMetadataResponse, source: Tensor, batch: int) -> EmbedLimits:
    """Return the limits in force: the server's where it tells them, else what is sensible."""
    told = {key: int(value) for key, value in metadata.properties.items() if value.isdecimal()}
    fixed = source.shape[0] if source.shape[0] > 0 else batch
    if source.datatype == UINT8:  # files of different lengths are no tensor
        fixed = 1
    most = max(1, min(batch, fixed, told.get("max_images", batch)))
    values = {
        field.name: told.get(field.name, _DEFAULT_LIMITS.get(field.name, 0)) for field in fields(EmbedLimits)
    }
    return EmbedLimits(**values | {"max_images": most})


def _pictures(source: Tensor, preprocessing: str, limits: EmbedLimits) -> Pictures:
    if not preprocessing:
        raise FailedPrecondition(
            "MODEL_UNUSABLE",
            f"the model takes {source.datatype} {list(source.shape)}, so pictures must be preprocessed on "
            "this side, and its metadata does not say how: give the preprocessing as JSON",
        )
    try:
        from vicinal_client._pictures import Pictures
    except ImportError as error:
        message = f"preprocessing pictures on this side needs {error.name}: pip install 'vicinal[images]'"
        raise FailedPrecondition("MODEL_UNUSABLE", message) from error
    return Pictures(preprocessing, source, limits)


def _digest(
    metadata: ModelMetadataResponse, version: str, source: Tensor, target: Tensor, preprocessing: str
) -> str:
    """Return the digest that the server tells, else one over all that is known of the encoder.

    The latter is the SHA-256 over the canonical JSON (sorted keys, no spaces) of the model's name and
    version, its inputs, the output, and the preprocessing. It does not see the weights: a server that
    replaces them must give the model a new version.
    """
    told = metadata.properties
    if _DIGEST.fullmatch(told.get("encoder_digest", "")) and preprocessing == told.get("preprocessing_json"):
        return told["encoder_digest"]
    known = {
        "model": metadata.name,
        "version": version,
        "inputs": [_as_json(tensor) for tensor in metadata.inputs],
        "input": source.name,
        "output": _as_json(target),
        "preprocessing": preprocessing,
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _as_json(tensor: Tensor) -> dict[str, object]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _takes_files(tensor: Tensor) -> bool:
    """Whether `tensor` takes encoded files: as strings, or each as a row of bytes, as DALI's decoders do."""
    axes = list(tensor.shape)
    return (tensor.datatype == BYTES and axes[1:] in ([], [-1], [1]) and bool(axes)) or (
        tensor.datatype == UINT8 and len(axes) == 2 and axes[1] == -1
    )


def _is_picture(shape: Iterable[int]) -> bool:
    axes = list(shape)
    return len(axes) == 4 and axes[1] == 3


def _listed(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"{t.name} ({t.datatype} {list(t.shape)})" for t in tensors) or "none"


def _unusable(metadata: ModelMetadataResponse, what: str) -> FailedPrecondition:
    return FailedPrecondition("MODEL_UNUSABLE", f"the model {metadata.name!r} {what}")
