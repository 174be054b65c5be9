"""Images of one request -> messages of the Open Inference Protocol -> the client's own types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from vicinal.inference.v2.inference_pb2 import ModelInferRequest, ModelInferResponse
from vicinal.wire.inference import BYTES, FLOATS, UINT8, bad_tensor, pack_strings, unpack_floats
from vicinal.wire.vectors import unit_rows
from vicinal_client._embed_types import Embedded, ImageError, Timing
from vicinal_client._exceptions import InvalidArgument, ServiceError, TransportError, VicinalError
from vicinal_client._inference_model import Usage

__all__ = ["Item", "embedded", "refused", "refuses_images", "request"]

Key = TypeVar("Key")

_SPLITS = {"INVALID_ARGUMENT", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"}
"""What servers answer when they cannot take one of several images, or not so many at once."""
_NOT_IMAGES = {"UNKNOWN_TENSOR", "BAD_TENSOR", "FIELD_REQUIRED"}


@dataclass(frozen=True, eq=False)
class Item(Generic[Key]):
    """One image that is to be sent.

    Attributes:
        key: the caller's name for it.
        content: the file, or the encoder's input (3, size, size).
        content_sha256: of the file.
        seconds: what decoding and preprocessing took on this side.
    """

    key: Key
    content: bytes | npt.NDArray[Any]
    content_sha256: bytes
    seconds: float

    @property
    def size(self) -> int:
        """Bytes in a message."""
        content = self.content
        return len(content) + 4 if isinstance(content, bytes) else content.nbytes


def request(items: Sequence[Item[Key]], usage: Usage) -> ModelInferRequest:
    """Return the request for the vectors of `items`."""
    message = ModelInferRequest(model_name=usage.model.name, model_version=usage.version)
    tensor = message.inputs.add(name=usage.input.name, datatype=usage.input.datatype)
    if usage.input.datatype == BYTES:
        tensor.shape.extend([len(items)] + [1] * (len(usage.input.shape) - 1))
        message.raw_input_contents.append(pack_strings(bytes(item.content) for item in items))
    elif usage.input.datatype == UINT8:
        (file,) = (bytes(item.content) for item in items)
        tensor.shape.extend([1, len(file)])
        message.raw_input_contents.append(file)
    else:
        batch = np.stack([item.content for item in items])
        tensor.shape.extend(batch.shape)
        message.raw_input_contents.append(batch.tobytes())
    message.outputs.add(name=usage.output)
    return message


def embedded(
    items: Sequence[Item[Key]], response: ModelInferResponse, usage: Usage, seconds: float
) -> list[Embedded[Key]]:
    """Return the outcomes of `items` from the answer, which took `seconds`.

    Raises:
        InvalidArgument: BAD_TENSOR, the server's answer is not what its metadata promised.
    """
    rows = unit_rows(_features(response, usage, len(items)))
    return [_outcome(item, row, usage, seconds) for item, row in zip(items, rows, strict=True)]


def refused(item: Item[Key], failure: VicinalError, usage: Usage) -> Embedded[Key]:
    """Return the outcome of `item`, for which alone the server refused a request.

    Where the server gives no reason of ours, the status code's name is the reason, and all it said stands in
    the metadata as `details`.
    """
    if isinstance(failure, ServiceError):
        error = ImageError(failure.reason, failure.message, failure.metadata | {"field": "image"})
    else:
        code = failure.code if isinstance(failure, TransportError) else "UNKNOWN"
        said = str(failure)  # some servers send a whole traceback
        error = ImageError(code, said.partition("\n")[0], {"field": "image", "details": said})
    timing = Timing(0.0, item.seconds, 0.0)
    return Embedded(item.key, None, error, item.content_sha256, usage.model.encoder_digest, timing)


def refuses_images(failure: VicinalError) -> bool:
    """Whether a request may have failed for one of its images, or for being too large."""
    if isinstance(failure, ServiceError):
        return isinstance(failure, InvalidArgument) and failure.reason not in _NOT_IMAGES
    return isinstance(failure, TransportError) and failure.code in _SPLITS


def _outcome(item: Item[Key], row: npt.NDArray[np.float32], usage: Usage, seconds: float) -> Embedded[Key]:
    error = None
    if not row.any():
        message = "the encoder gives a zero or non-finite vector for this image"
        error = ImageError("NOT_EMBEDDABLE", message, {"field": "image"})
    return Embedded(
        key=item.key,
        vector=row if error is None else None,
        error=error,
        content_sha256=item.content_sha256,
        encoder_digest=usage.model.encoder_digest,
        timing=Timing(0.0, item.seconds, seconds),
    )


def _features(response: ModelInferResponse, usage: Usage, count: int) -> npt.NDArray[Any]:
    names = [output.name for output in response.outputs]
    if usage.output not in names:
        raise bad_tensor("outputs", usage.output, names)
    index = names.index(usage.output)
    output, raw = response.outputs[index], response.raw_output_contents
    expected = [count, usage.model.dimension]
    if output.datatype not in FLOATS or list(output.shape) != expected:
        raise bad_tensor(f"outputs[{index}]", f"FP32 {expected}", f"{output.datatype} {list(output.shape)}")
    return unpack_floats(output, raw[index] if index < len(raw) else None, f"outputs[{index}]")
