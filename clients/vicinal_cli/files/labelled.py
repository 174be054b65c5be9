"""Labels of the vectors in a file, by column: the true classes, and others that may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal_cli.errors import CliError
from vicinal_cli.files.rows import Row, read_rows

__all__ = ["Columns", "columns_beside", "columns_in"]

_TRUTH = "labels"


@dataclass(frozen=True, eq=False)
class Columns:
    """Class indices of n samples.

    Attributes:
        truth: (n,).
        classes: names, in the order of the index; empty when the file has none.
        noisy: further columns by name, (n,) each.
    """

    truth: npt.NDArray[np.int64]
    classes: Sequence[str]
    noisy: Mapping[str, npt.NDArray[np.int64]]


def columns_in(path: Path, noisy: Sequence[str]) -> Columns:
    """Return the columns that a file of vectors holds besides them.

    Args:
        path: .npz with `labels` (class indices, or names), if wanted `classes` (names) and further columns;
            or Parquet with the column `label` (names) and further ones.
        noisy: names of the further columns; empty takes every one of whole numbers of an .npz, none of
            Parquet.

    Raises:
        CliError: a column is missing or is not one.
    """
    if path.suffix.lower() == ".parquet":
        return _of_rows(list(read_rows(path, required=("label", *noisy))), noisy)
    if path.suffix.lower() != ".npz":
        raise CliError(
            f"{path} holds no labels", "name a file of them: --labels FILE.csv (columns id, label)"
        )
    with np.load(path, allow_pickle=False) as archive:  # it was read before, so it can be
        arrays = {name: archive[name] for name in archive.files if archive[name].ndim == 1}
    if _TRUTH not in arrays:
        raise CliError(
            f"{path}: no array `labels` in it", "it holds each vector's class; or use --labels FILE.csv"
        )
    if arrays[_TRUTH].dtype.kind in "US":
        return _of_names({name: arrays[name].astype(str) for name in (_TRUTH, *_named(path, arrays, noisy))})
    like = len(arrays[_TRUTH])
    chosen = _named(path, arrays, noisy) or [
        name
        for name, array in arrays.items()
        if name != _TRUTH and array.dtype.kind in "iu" and len(array) == like
    ]
    classes = [str(name) for name in arrays.get("classes", ())]
    truth, *others = (_whole(path, name, arrays[name]) for name in (_TRUTH, *chosen))
    return Columns(truth, classes, dict(zip(chosen, others, strict=True)))


def columns_beside(path: Path, ids: Sequence[str], noisy: Sequence[str]) -> Columns:
    """Return the columns of a .csv or .parquet file of labels, in the order of `ids`.

    Args:
        path: columns id and label, and those named `noisy`; rows in any order.
        ids: of the samples, all of which the file must have.
        noisy: names of the further columns.

    Raises:
        CliError: a column or a sample is missing.
    """
    rows = {row.values["id"]: row for row in read_rows(path, required=("id", "label", *noisy))}
    missing = next((name for name in ids if name not in rows), None)
    if missing is not None:
        raise CliError(f"{path}: no label of {missing!r}", "every sample needs its true class")
    return _of_rows([rows[name] for name in ids], noisy)


def _of_rows(rows: Sequence[Row], noisy: Sequence[str]) -> Columns:
    for row in rows:
        empty = [name for name in ("label", *noisy) if not row.values[name]]
        if empty:
            raise CliError(f"{row.where}: the {empty[0]} is empty")
    names = {_TRUTH: np.array([row.values["label"] for row in rows])}
    return _of_names(names | {name: np.array([row.values[name] for row in rows]) for name in noisy})


def _of_names(columns: Mapping[str, npt.NDArray[np.str_]]) -> Columns:
    classes = sorted({str(name) for column in columns.values() for name in np.unique(column)})
    found = {name: np.searchsorted(classes, column) for name, column in columns.items()}
    return Columns(found.pop(_TRUTH), classes, found)


def _named(path: Path, arrays: Mapping[str, npt.NDArray[Any]], noisy: Sequence[str]) -> list[str]:
    missing = [name for name in noisy if name not in arrays]
    if missing:
        raise CliError(f"{path}: no column {missing[0]!r} in it", f"its columns: {', '.join(arrays)}")
    return list(noisy)


def _whole(path: Path, name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise CliError(f"{path}: `{name}` is {array.dtype}, expected class indices")
    return array.astype(np.int64)
