"""Cutting bulk input into requests that fit, and telling errors of a part in terms of the whole."""

from __future__ import annotations

import re
import uuid
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal_client._dataset_types import GraphLimits
from vicinal_client._exceptions import InvalidArgument, ServiceError, VicinalError

__all__ = [
    "MESSAGE_BYTES",
    "check_samples",
    "fitting",
    "matrix",
    "message_budget",
    "new_request_id",
    "part_id",
    "refuse_duplicates",
    "split",
    "text_sizes",
    "told_as_whole",
]

MESSAGE_BYTES = 64 * 2**20
"""Longest message the client sends or takes."""

_ENVELOPE = 16 * 2**10
"""Bytes kept free in a message for what stands beside its items."""

_INDEX = re.compile(r"\[(\d+)\]")


def message_budget(served: int) -> int:
    """Return the bytes of items that one message may carry where the service takes `served` bytes."""
    return max(1, min(served, MESSAGE_BYTES) - _ENVELOPE)


def fitting(limits: GraphLimits, item_bytes: int, wanted: int | None = None) -> int:
    """Return how many items of at most `item_bytes` to ask for in one page, at least 1."""
    most = min(limits.max_page_size, message_budget(limits.max_message_bytes) // item_bytes)
    return max(1, most if wanted is None else min(most, wanted))


def matrix(vectors: npt.ArrayLike) -> npt.NDArray[np.float16] | npt.NDArray[np.float32]:
    """Return `vectors` as (n, d) float16 if they are so already, else float32.

    Raises:
        InvalidArgument: BAD_TENSOR when they are not numbers on two axes.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        given = f"{array.dtype} {list(array.shape)}"
        message = f"vectors are {given}, expected numbers on two axes (vectors, dimension)"
        raise InvalidArgument("BAD_TENSOR", message, field="vectors", expected="2 axes", value=given)
    if array.dtype == np.float16:
        return array
    with np.errstate(over="ignore"):  # infinity is the service's to refuse, with the row's number
        return array.astype(np.float32, copy=False)


def text_sizes(texts: Sequence[str], field: str) -> npt.NDArray[np.int64]:
    """Return an upper bound of the bytes that each string takes in a message, tag and length included.

    Raises:
        InvalidArgument: MALFORMED when one cannot be written as UTF-8 (a lone surrogate).
    """
    sizes = np.empty(len(texts), np.int64)
    for i, text in enumerate(texts):
        try:
            sizes[i] = len(text.encode()) + 8
        except UnicodeEncodeError as error:
            path = f"{field}[{i}]"
            raise InvalidArgument("MALFORMED", f"{path} is not UTF-8: {error}", field=path) from None
    return sizes


def split(sizes: npt.NDArray[np.int64], most_items: int, most_bytes: int) -> Iterator[slice]:
    """Cut items of these sizes into consecutive slices of at most `most_items` and `most_bytes`.

    An item larger than `most_bytes` stands alone (the service refuses it with its limit); no items at all
    give one empty slice (the service refuses that too).
    """
    ends = np.cumsum(sizes)
    start = 0
    while True:
        before = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, before + most_bytes, side="right"))
        stop = min(max(fitting, start + 1), start + most_items, len(sizes))
        yield slice(start, stop)
        if stop >= len(sizes):
            return
        start = stop


def refuse_duplicates(names: Sequence[Hashable], field: str) -> None:
    """Check that no item stands twice, also where a cut would part the two.

    Raises:
        InvalidArgument: DUPLICATE_ID with the path of the second one.
    """
    if len(set(names)) == len(names):
        return
    seen: set[Hashable] = set()
    for i, name in enumerate(names):
        if name in seen:
            path = f"{field}[{i}]"
            raise InvalidArgument("DUPLICATE_ID", f"{path}, {name}, stands twice", field=path, value=name)
        seen.add(name)


def check_samples(ids: Sequence[str], rows: npt.NDArray[Any], content_sha256: Sequence[bytes] | None) -> None:
    """Check that ids, vectors and hashes are of one length and the ids distinct.

    Raises:
        InvalidArgument: BAD_TENSOR, OUT_OF_RANGE or DUPLICATE_ID.
    """
    if len(ids) != len(rows):
        message = f"there are {len(ids)} sample ids but {len(rows)} vectors"
        raise InvalidArgument(
            "BAD_TENSOR",
            message,
            field="vectors.shape",
            expected=f"[{len(ids)}, dimension]",
            value=list(rows.shape),
        )
    if content_sha256 is not None and len(content_sha256) != len(ids):
        message = f"there are {len(ids)} sample ids but {len(content_sha256)} content hashes"
        raise InvalidArgument(
            "OUT_OF_RANGE", message, field="content_sha256", limit=len(ids), value=len(content_sha256)
        )
    refuse_duplicates(ids, "sample_ids")


def new_request_id(given: str) -> str:
    """Return `given`, or a fresh id when it is empty."""
    return given or uuid.uuid4().hex


def part_id(request_id: str, start: int) -> str:
    """Return the request id of the part that begins at item `start` of a bulk write."""
    return f"{request_id}-{start}"


@contextmanager
def told_as_whole(start: int, total: int) -> Iterator[None]:
    """Raise errors of the part from item `start` with indices that count from the whole input.

    A note on the exception says how many items were finished before.
    """
    try:
        yield
    except VicinalError as error:
        if start:
            error.add_note(f"The first {start} of {total} items were finished before this error.")
            if isinstance(error, ServiceError) and error.field:
                _shift(error, error.field, start)
        raise


def _shift(error: ServiceError, field: str, start: int) -> None:
    index = _INDEX.search(field)
    if index is None:
        return
    there = field[: index.end()]
    here = f"{field[: index.start()]}[{int(index[1]) + start}]"
    error.metadata["field"] = here + field[index.end() :]
    error.message = error.message.replace(there, here)
    error.args = (error.message,)
