"""Vectors: as they come, as they are kept (float16), as they are computed with (float32, unit length)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal.wire.errors import InvalidArgument

__all__ = ["to_keep", "unit"]


def to_keep(array: npt.NDArray[Any], field: str, rows: int, dimension: int | None) -> npt.NDArray[np.float16]:
    """Return `array` as unit rows in float16, the form in which vectors are logged.

    Without a `dimension`, any will do.

    Raises:
        InvalidArgument: BAD_TENSOR when it is not float (rows, dimension); BAD_VECTOR when a row is not
            finite, or is zero.
    """
    if array.dtype.kind != "f":
        raise _bad_tensor(f"{field}.element_type", "FLOAT32 or FLOAT16", array.dtype)
    if dimension is None and array.ndim == 2:
        dimension = array.shape[1]
    if array.shape != (rows, dimension):
        raise _bad_tensor(f"{field}.shape", [rows, dimension or "dimension"], list(array.shape))
    wide = array.astype(np.float64)  # squares of float32 may overflow or vanish in less
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if bad.size:
        where = f"{field}[{bad[0]}]"
        what = "is the zero vector" if norms[bad[0]] == 0 else "holds NaN or infinity"
        raise InvalidArgument("BAD_VECTOR", f"{where} {what}; every row needs a direction", field=where)
    kept: npt.NDArray[np.float16] = (wide / norms[:, None]).astype(np.float16)
    return kept


def unit(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Return kept rows as float32 rows of unit length (rounding to float16 left them slightly off)."""
    wide = vectors.astype(np.float32)
    wide /= np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
    return wide


def _bad_tensor(field: str, expected: object, value: object) -> InvalidArgument:
    message = f"{field} is {value}, expected {expected}"
    return InvalidArgument("BAD_TENSOR", message, field=field, expected=expected, value=value)
