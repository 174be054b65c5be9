"""Vectors in Parquet files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal_cli.errors import CliError
from vicinal_cli.files.rows import open_parquet
from vicinal_cli.files.vector_set import VectorSet
from vicinal_cli.files.whole import replacing

__all__ = ["read_parquet", "write_parquet"]

_DIGEST = b"vicinal.encoder_digest"


def read_parquet(path: Path) -> VectorSet:
    """Return the vectors of a Parquet file: the column `vector`, else its only column of lists.

    Raises:
        CliError: it cannot be read, or has no such column, or its lists differ in length.
    """
    with closing(open_parquet(path)) as file:
        schema = file.schema_arrow
        vector = _vector_column(path, schema)
        wanted = [name for name in ("id", "content_sha256") if name in schema.names]
        table = file.read(columns=[*wanted, vector])
    ids = [str(value) for value in _cells(path, table, "id")] if "id" in wanted else ()
    hashes = table.column("content_sha256").to_pylist() if "content_sha256" in wanted else None
    if hashes is not None and not all(isinstance(value, bytes | None) for value in hashes):
        raise CliError(f"{path}: `content_sha256` holds no bytes", "leave it out, or store 32 bytes a row")
    return VectorSet(
        ids,
        _matrix(path, table.column(vector)),
        None if hashes is None else [value or b"" for value in hashes],
        (schema.metadata or {}).get(_DIGEST, b"").decode(errors="replace"),
    )


def write_parquet(path: Path, found: VectorSet) -> None:
    """Write everything to `path`."""
    import pyarrow as pa
    from pyarrow import parquet

    dimension = found.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(found.vectors).reshape(-1))
    columns = {
        "id": pa.array(found.ids, pa.string()),
        "vector": pa.FixedSizeListArray.from_arrays(flat, dimension),
    }
    if found.content_sha256 is not None:
        columns["content_sha256"] = pa.array(found.content_sha256, pa.binary())
    table = pa.table(columns)
    with replacing(path) as partial:
        parquet.write_table(table.replace_schema_metadata({_DIGEST: found.encoder_digest.encode()}), partial)


def _vector_column(path: Path, schema: Any) -> str:
    from pyarrow import types

    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    lists = [field.name for field in schema if any(kind(field.type) for kind in kinds)]
    if "vector" in lists:
        return "vector"
    if len(lists) != 1:
        has = ", ".join(lists) or "none"
        raise CliError(
            f"{path}: which column holds the vectors? Those of lists are: {has}",
            "call the right one `vector`",
        )
    return str(lists[0])


def _cells(path: Path, table: Any, name: str) -> list[Any]:
    cells: list[Any] = table.column(name).to_pylist()
    if None in cells:
        raise CliError(f"{path}, row {cells.index(None) + 1}: the {name} is empty")
    return cells


def _matrix(path: Path, column: Any) -> npt.NDArray[Any]:
    from pyarrow import compute

    lengths = compute.unique(compute.list_value_length(column)).to_pylist()
    if len(lengths) > 1 or lengths == [None]:
        raise CliError(f"{path}: vectors of different lengths: {', '.join(map(str, lengths[:5]))}")
    flat = compute.list_flatten(column).to_numpy()
    if flat.dtype.kind not in "fiu":
        raise CliError(f"{path}: the vectors hold {flat.dtype}, expected numbers")
    matrix: npt.NDArray[Any] = flat.reshape(len(column), lengths[0] if lengths else 0)
    return matrix
