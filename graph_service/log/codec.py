"""Events <-> bytes.

An encoded event is the CRC-32 of what follows (4 bytes, little-endian), then one MessagePack array:
the format's version, the kind of event, and the event's columns. Vectors are their raw float16 bytes, and
each distinct annotator is written once. A label with an 8-character sample id costs 12 bytes in a batch, and
alone 25 and its annotator. A lease costs 24 bytes and those of its id, annotator and sample ids.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, cast

import msgpack
import numpy as np
import numpy.typing as npt

from graph_service import events
from graph_service.events import Event, LeaseEvent, Method, Propagation, Trust

__all__ = ["VERSION", "decode", "encode"]

VERSION = 1
_CHECKSUM_BYTES = 4
_FLOAT16 = np.dtype("<f2")

# The numbers are on disk for ever: never use one again for something else.
_CREATED, _UPDATED, _SAMPLES_ADDED, _SAMPLES_REMOVED, _LABELS_ADDED, _LABELS_REMOVED = range(1, 7)
_VECTORS_STAGED, _VECTORS_DISCARDED, _ENCODER_CHANGED = range(7, 10)
_LEASE_KINDS: dict[int, type[LeaseEvent]] = {
    10: events.SamplesLeased,
    11: events.LeaseRenewed,
    12: events.LeaseReleased,
}
"""Their columns are their fields as they are."""
_LEASE_NUMBERS = {kind: number for number, kind in _LEASE_KINDS.items()}


def encode(event: Event) -> bytes:
    """Return the bytes of `event`. Equal events give equal bytes. O(size).

    Raises:
        TypeError: vectors that are not float16, so that no precision is lost unseen.
    """
    body = cast("bytes", msgpack.packb([VERSION, *_columns(event)]))
    return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") + body


def decode(data: bytes) -> Event:
    """Return the event that `encode` made `data` from. Its vectors are read-only. O(size).

    Raises:
        ValueError: the bytes are damaged, or of a version that this code does not know.
    """
    checksum, body = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if checksum != zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little"):
        raise ValueError("its checksum does not match its bytes")
    try:
        version, kind, *columns = msgpack.unpackb(body, use_list=False)
        if version == VERSION:
            return _event(kind, columns)
    except Exception as error:  # the bytes are as they were written, but not by `encode`
        raise ValueError(f"it is not an encoded event: {error!r}") from error
    raise ValueError(f"it has format version {version}, and this program knows version {VERSION}")


def _columns(event: Event) -> list[Any]:
    if isinstance(event, events.LeaseEvent):
        return [_LEASE_NUMBERS[type(event)], *vars(event).values()]
    match event:
        case events.DatasetCreated(name, dimension, digest, classes, neighbours, spread):
            spreads = [spread.method, spread.temperature, spread.steps]
            return [_CREATED, name, dimension, digest, classes, neighbours, spreads]
        case events.DatasetUpdated(method, temperature, steps, new_classes):
            return [_UPDATED, method, temperature, steps, new_classes]
        case events.SamplesAdded(ids, vectors, hashes):
            return [_SAMPLES_ADDED, ids, *_raw(vectors), hashes]
        case events.SamplesRemoved(ids):
            return [_SAMPLES_REMOVED, ids]
        case events.VectorsStaged() | events.VectorsDiscarded() | events.EncoderChanged():
            return _encoder_columns(event)
        case events.LabelsAdded(samples, annotators, classes_of, trusts):
            return [_LABELS_ADDED, samples, *_distinct(annotators), classes_of, trusts]
        case events.LabelsRemoved(samples, annotators):
            return [_LABELS_REMOVED, samples, *_distinct(annotators)]


def _encoder_columns(
    event: events.VectorsStaged | events.VectorsDiscarded | events.EncoderChanged,
) -> list[Any]:
    match event:
        case events.VectorsStaged(digest, ids, vectors, hashes):
            return [_VECTORS_STAGED, digest, ids, *_raw(vectors), hashes]
        case events.VectorsDiscarded(digest):
            return [_VECTORS_DISCARDED, digest]
        case events.EncoderChanged(digest):
            return [_ENCODER_CHANGED, digest]


def _event(kind: int, columns: Sequence[Any]) -> Event:
    if kind in _LEASE_KINDS:
        return _LEASE_KINDS[kind](*columns)
    if kind == _CREATED:
        name, dimension, digest, names, neighbours, (method, temperature, steps) = columns
        spread = Propagation(Method(method), temperature, steps)
        return events.DatasetCreated(name, dimension, digest, names, neighbours, spread)
    if kind == _UPDATED:
        method, temperature, steps, new_classes = columns
        return events.DatasetUpdated(
            None if method is None else Method(method), temperature, steps, new_classes
        )
    if kind == _SAMPLES_ADDED:
        ids, dimension, raw, hashes = columns
        return events.SamplesAdded(ids, _rows(raw, ids, dimension), hashes)
    if kind == _SAMPLES_REMOVED:
        (ids,) = columns
        return events.SamplesRemoved(ids)
    if kind in (_VECTORS_STAGED, _VECTORS_DISCARDED, _ENCODER_CHANGED):
        return _encoder_event(kind, columns)
    if kind == _LABELS_ADDED:
        samples, names, places, classes, trusts = columns
        return events.LabelsAdded(samples, _spread(names, places), classes, tuple(map(Trust, trusts)))
    if kind == _LABELS_REMOVED:
        samples, names, places = columns
        return events.LabelsRemoved(samples, _spread(names, places))
    raise ValueError(f"unknown kind {kind}")


def _encoder_event(kind: int, columns: Sequence[Any]) -> Event:
    if kind == _VECTORS_STAGED:
        digest, ids, dimension, raw, hashes = columns
        return events.VectorsStaged(digest, ids, _rows(raw, ids, dimension), hashes)
    (digest,) = columns
    return events.VectorsDiscarded(digest) if kind == _VECTORS_DISCARDED else events.EncoderChanged(digest)


def _raw(vectors: npt.NDArray[np.float16]) -> tuple[int, bytes]:
    """Return the dimension of `vectors` and their bytes."""
    if vectors.dtype != np.float16:
        raise TypeError(f"vectors must be float16, not {vectors.dtype}")
    return vectors.shape[1], np.ascontiguousarray(vectors, dtype=_FLOAT16).tobytes()


def _rows(raw: bytes, ids: Sequence[str], dimension: int) -> npt.NDArray[np.float16]:
    return np.frombuffer(raw, dtype=_FLOAT16).reshape(len(ids), dimension)


def _distinct(column: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the distinct values of `column` in order of appearance, and each row's place among them."""
    places: dict[str, int] = {}
    rows = [places.setdefault(value, len(places)) for value in column]
    return list(places), rows


def _spread(values: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(values[row] for row in rows)
