"""Open Inference Protocol: requests → images or inputs, vectors → responses, encoders → models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from embed_service.batching.outcome import Outcome
from embed_service.batching.turns import Priority
from embed_service.encoder.model import Encoder
from embed_service.limits import Limits
from vicinal.embed.v1 import embed_pb2
from vicinal.inference.v2 import inference_pb2
from vicinal.wire.errors import InvalidArgument
from vicinal.wire.inference import BYTES, Tensor, bad_tensor, unpack_floats, unpack_strings

__all__ = ["checked_outputs", "given", "metadata", "priority_of", "response", "vectors_of"]

IMAGES = "images"
EMBEDDINGS = "embeddings"

Given = list[bytes] | npt.NDArray[np.floating[Any]]
"""Encoded images, or inputs of the encoder, (n, 3, size, size) of its type."""

_TOLD_LIMITS = tuple(embed_pb2.Limits.DESCRIPTOR.fields_by_name)
_PICTURES = ("FP32", "FP16")
_NOT_SPOKEN = ("shared_memory_region", "classification")
"""Parameters of tensors that would change what an answer means or where it goes."""


def metadata(
    encoder: Encoder, versions: Sequence[str], limits: Limits
) -> inference_pb2.ModelMetadataResponse:
    """Return what a caller must know to use `encoder`, of whose name there are `versions`."""
    of = inference_pb2.ModelMetadataResponse.TensorMetadata
    properties = {
        "encoder_digest": encoder.digest,
        "preprocessing_json": encoder.preprocessing.to_json(),
        "provider": encoder.provider,
    }
    return inference_pb2.ModelMetadataResponse(
        name=encoder.name,
        versions=versions,
        platform="onnxruntime_onnx",
        inputs=[
            of(name=IMAGES, datatype=BYTES, shape=[-1]),
            of(name=encoder.input_name, datatype="FP32", shape=[-1, *encoder.input_shape]),
        ],
        outputs=[of(name=EMBEDDINGS, datatype="FP32", shape=[-1, encoder.dimension])],
        properties=properties | {name: str(getattr(limits, name)) for name in _TOLD_LIMITS},
    )


def given(request: inference_pb2.ModelInferRequest, encoder: Encoder, most: int) -> Given:
    """Return what is to be embedded: 1 to `most` encoded images, or as many inputs of the encoder.

    Slow where numbers are not raw: 20 ms for each megabyte of them.

    Raises:
        InvalidArgument: UNKNOWN_TENSOR, BAD_TENSOR, FIELD_REQUIRED, TOO_MANY_ITEMS.
    """
    tensor, raw = _only_input(request, encoder)
    shape = list(tensor.shape)
    encoded = tensor.datatype == BYTES
    fits = shape[1:] in ([], [1]) if encoded else shape[1:] == list(encoder.input_shape)
    if not shape or not fits:
        expected = "[n]" if encoded else f"[n, {', '.join(map(str, encoder.input_shape))}]"
        raise bad_tensor("inputs[0].shape", expected, shape[:8])
    if shape[0] == 0:
        raise InvalidArgument("FIELD_REQUIRED", "inputs[0] is empty: give at least one", field="inputs[0]")
    if shape[0] > most:
        message = f"inputs[0] holds {shape[0]} images, at most {most} are allowed in one call"
        raise InvalidArgument("TOO_MANY_ITEMS", message, field="inputs[0]", limit=most, value=shape[0])
    field = "inputs[0]" if raw is None else "raw_input_contents[0]"
    if encoded:
        return unpack_strings(tensor, raw, field)
    with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite
        batch = unpack_floats(tensor, raw, field).astype(encoder.input_type, copy=False)
    if not np.isfinite(batch).all():  # some encoders do not run on them, and that would be everyone's trouble
        expected = f"numbers that are finite in {encoder.input_type}"
        raise bad_tensor(field, expected, "infinite or not a number in places")
    return batch


def checked_outputs(request: inference_pb2.ModelInferRequest) -> None:
    """Check that nothing is asked for but the embeddings.

    Raises:
        InvalidArgument: UNKNOWN_TENSOR, BAD_TENSOR.
    """
    for i, output in enumerate(request.outputs):
        if output.name != EMBEDDINGS:
            raise _unknown(f"outputs[{i}].name", EMBEDDINGS, output.name)
        _check_parameters(f"outputs[{i}]", output.parameters)


def priority_of(request: inference_pb2.ModelInferRequest, default: Priority) -> Priority:
    """Return how urgent `request` is: 1 is the most urgent, as Triton has it, and 0 says nothing.

    Raises:
        InvalidArgument: BAD_TENSOR when its priority is no whole number.
    """
    if "priority" not in request.parameters:
        return default
    parameter = request.parameters["priority"]
    kind = parameter.WhichOneof("parameter_choice")
    if kind not in ("int64_param", "uint64_param"):
        raise bad_tensor("parameters[priority]", "a whole number", kind)
    level: int = getattr(parameter, kind)
    if level == 0:
        return default
    return Priority.INTERACTIVE if level == 1 else Priority.BULK


def vectors_of(outcomes: Sequence[Outcome]) -> npt.NDArray[np.float32]:
    """Return the vectors of all images, float32 (n, dimension).

    Raises:
        InvalidArgument: one of them was refused, for its reason.
    """
    for i, outcome in enumerate(outcomes):
        if outcome.refusal is not None:
            refusal = outcome.refusal
            field = f"{IMAGES}[{i}]"
            error = InvalidArgument(refusal.reason, f"{field}: {refusal.message}", field=field)
            error.metadata |= refusal.metadata
            raise error
    return np.stack([outcome.vector for outcome in outcomes if outcome.vector is not None])


def response(
    request: inference_pb2.ModelInferRequest, encoder: Encoder, vectors: npt.NDArray[np.float32]
) -> inference_pb2.ModelInferResponse:
    """Return the answer to `request`: `vectors`, raw when its inputs were.

    Raises:
        InvalidArgument: NOT_EMBEDDABLE when a row is zeros.
    """
    for i in np.flatnonzero(~vectors.any(axis=1)):
        field = f"{encoder.input_name}[{i}]"
        message = f"{field}: the encoder gives a zero or non-finite vector for it"
        raise InvalidArgument("NOT_EMBEDDABLE", message, field=field)
    answer = inference_pb2.ModelInferResponse(
        model_name=encoder.name, model_version=encoder.digest, id=request.id
    )
    output = answer.outputs.add(name=EMBEDDINGS, datatype="FP32", shape=vectors.shape)
    if request.raw_input_contents:
        answer.raw_output_contents.append(vectors.astype("<f4", copy=False).tobytes())
    else:
        output.contents.fp32_contents.extend(vectors.ravel().tolist())
    return answer


def _only_input(request: inference_pb2.ModelInferRequest, encoder: Encoder) -> tuple[Tensor, bytes | None]:
    """Return the one input, which is one that `encoder` has, and its raw content if it is raw."""
    expected = f"one of {IMAGES} (BYTES) and {encoder.input_name} ({' or '.join(_PICTURES)})"
    if len(request.inputs) != 1:
        names = ", ".join(tensor.name for tensor in request.inputs[:8])
        raise _unknown("inputs", expected, names or "empty")
    tensor, raw = request.inputs[0], request.raw_input_contents
    name = {BYTES: IMAGES, **dict.fromkeys(_PICTURES, encoder.input_name)}.get(tensor.datatype)
    if tensor.name not in (IMAGES, encoder.input_name):
        raise _unknown("inputs[0].name", expected, tensor.name)
    if tensor.name != name:
        raise bad_tensor("inputs[0].datatype", expected, f"{tensor.name} ({tensor.datatype})")
    _check_parameters("inputs[0]", tensor.parameters)
    if len(raw) > 1 or (raw and tensor.HasField("contents")):
        found = f"{len(raw)}, and contents in the input" if tensor.HasField("contents") else len(raw)
        raise bad_tensor("raw_input_contents", "one, or contents in the input", found)
    return tensor, raw[0] if raw else None


def _check_parameters(field: str, parameters: Any) -> None:
    for name in _NOT_SPOKEN:
        if name in parameters:
            raise bad_tensor(f"{field}.parameters[{name}]", "none: this service does not speak it", "given")


def _unknown(field: str, expected: str, value: str) -> InvalidArgument:
    message = f"{field} is {value}, expected {expected}"
    return InvalidArgument("UNKNOWN_TENSOR", message, field=field, expected=expected, value=value)
