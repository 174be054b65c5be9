"""Whether the fields of a request keep to their ranges. Nothing here looks at a dataset's contents."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy.typing as npt

from vicinal.wire.errors import Aborted, FailedPrecondition, InvalidArgument

__all__ = [
    "content_hashes",
    "dataset_name",
    "digest",
    "dimension",
    "distinct",
    "encoder",
    "encoder_mismatch",
    "in_range",
    "item_count",
    "reached",
    "request_id",
    "text",
    "within",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def in_range(value: float, field: str, low: float, high: float) -> None:
    """Refuse a number outside [low, high] (or NaN)."""
    if not low <= value <= high:
        message = f"{field} is {value}; it must be {low} to {high}"
        raise InvalidArgument("OUT_OF_RANGE", message, field=field, limit=f"{low}..{high}", value=value)


def within(value: float, field: str, low: float, high: float) -> None:
    """Refuse a number outside the open interval (low, high), or NaN."""
    if not low < value < high:
        message = f"{field} is {value}; it must be above {low} and below {high}"
        raise InvalidArgument("OUT_OF_RANGE", message, field=field, limit=f"{low}..{high}", value=value)


def item_count(count: int, field: str, most: int) -> None:
    """Refuse an empty batch, and one of more than `most` items."""
    if count == 0:
        raise InvalidArgument("FIELD_REQUIRED", f"{field} is empty; give at least one", field=field)
    if count > most:
        message = f"{field} has {count} items; one request takes at most {most}, so send several"
        raise InvalidArgument("TOO_MANY_ITEMS", message, field=field, limit=most, value=count)


def text(value: str, field: str, most: int, *, empty: bool = False) -> None:
    """Refuse an id or name that is empty (unless `empty`), over `most` bytes of UTF-8, or holds a NUL."""
    if not value and not empty:
        raise InvalidArgument("FIELD_REQUIRED", f"{field} is empty", field=field)
    size = len(value.encode())
    if size > most:
        message = f"{field} has {size} bytes; at most {most} are allowed"
        raise InvalidArgument("OUT_OF_RANGE", message, field=field, limit=most, value=size)
    if "\0" in value:
        raise InvalidArgument("MALFORMED", f"{field} holds a NUL character", field=field)


def dataset_name(value: str, field: str) -> None:
    """Refuse what cannot name a dataset."""
    text(value, field, 128)
    if not _NAME.fullmatch(value):
        message = f"{field} may hold letters, digits, '.', '_' and '-', and begins with a letter or digit"
        raise InvalidArgument("MALFORMED", message, field=field)


def request_id(value: str, field: str = "request_id") -> None:
    """Refuse what cannot be a request id."""
    text(value, field, 128)
    if not value.isprintable():
        message = f"{field} holds a character that cannot be printed"
        raise InvalidArgument("MALFORMED", message, field=field)


def digest(value: str, field: str) -> None:
    """Refuse an encoder digest that is neither empty nor 64 lower-case hex digits."""
    if value and not _DIGEST.fullmatch(value):
        message = f"{field} must be 64 lower-case hex digits, or empty"
        raise InvalidArgument("MALFORMED", message, field=field)


def encoder(value: str, bound: str) -> None:
    """Refuse vectors of another encoder than the dataset's."""
    digest(value, "encoder_digest")
    if value != bound:
        message = (
            f"the dataset holds vectors of encoder {bound or '(none bound)'}, these are of "
            f"{value or '(none named)'}; vectors of different encoders cannot be compared"
        )
        raise encoder_mismatch(message, bound, value)


def encoder_mismatch(message: str, expected: str, value: str) -> FailedPrecondition:
    """Return the refusal of an encoder; `expected` is empty where none would do."""
    return FailedPrecondition(
        "ENCODER_MISMATCH", message, field="encoder_digest", expected=expected, value=value
    )


def dimension(vectors: npt.NDArray[Any], expected: int) -> None:
    """Refuse vectors (n, d) whose d is not the one expected."""
    if vectors.shape[1] != expected:
        message = f"vectors have dimension {vectors.shape[1]}, expected {expected}"
        raise InvalidArgument(
            "BAD_TENSOR", message, field="vectors.shape", expected=expected, value=vectors.shape[1]
        )


def reached(min_revision: int, newest: int) -> None:
    """Refuse a revision that does not exist yet."""
    if min_revision > newest:
        message = f"min_revision is {min_revision}; the newest revision is {newest}"
        raise Aborted(
            "REVISION_AHEAD",
            message,
            retry_after=0.1,
            field="min_revision",
            limit=newest,
            value=min_revision,
        )


def distinct(values: Iterable[Hashable], field: str) -> None:
    """Refuse a batch that names the same thing twice."""
    seen: set[Hashable] = set()
    for i, value in enumerate(values):
        if value in seen:
            where = f"{field}[{i}]"
            raise InvalidArgument(
                "DUPLICATE_ID", f"{where} stands twice in this request", field=where, value=value
            )
        seen.add(value)


def content_hashes(hashes: Sequence[bytes], rows: int) -> tuple[bytes, ...]:
    """Return one content hash a row, empty ones where none are given at all."""
    field = "content_sha256"
    if not hashes:
        return (b"",) * rows
    if len(hashes) != rows:
        message = f"{field} has {len(hashes)} items for {rows} samples; give none, or one a sample"
        raise InvalidArgument("OUT_OF_RANGE", message, field=field, limit=rows, value=len(hashes))
    for i, value in enumerate(hashes):
        if len(value) not in (0, 32):
            message = f"{field}[{i}] has {len(value)} bytes; SHA-256 has 32"
            raise InvalidArgument("MALFORMED", message, field=f"{field}[{i}]")
    return tuple(hashes)
