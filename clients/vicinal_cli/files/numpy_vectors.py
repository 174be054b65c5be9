"""Vectors in .npy and .npz files. Nothing is unpickled."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal_cli.errors import CliError
from vicinal_cli.files.rows import read_rows
from vicinal_cli.files.vector_set import VectorSet
from vicinal_cli.files.whole import replacing

__all__ = ["ids_beside", "read_npy", "read_npz", "write_npy", "write_npz"]

_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError)
"""What numpy raises for files that are not what they say."""


_NO_IDS = ("classes", "labels")
"""Arrays of text that are known to be something else."""


def ids_beside(path: Path) -> Path:
    """Return where the ids of an .npy file stand: NAME.ids.csv beside NAME.npy."""
    return path.with_suffix(".ids.csv")


def read_npy(path: Path) -> VectorSet:
    """Return the vectors of an .npy file, with the ids beside it if there are any.

    Raises:
        CliError: it cannot be read.
    """
    vectors = _loaded(path)
    if not isinstance(vectors, np.ndarray):
        raise CliError(f"{path}: no .npy file, but an .npz archive", "give it the ending .npz")
    beside = ids_beside(path)
    if not beside.exists():
        return VectorSet((), vectors)
    rows = list(read_rows(beside, required=("id",), optional=("content_sha256", "encoder_digest")))
    digests = {row.values["encoder_digest"] for row in rows}
    if len(digests) > 1:
        raise CliError(
            f"{beside}: it names {len(digests)} encoders", "vectors of one encoder belong together"
        )
    return VectorSet(
        [row.values["id"] for row in rows],
        vectors,
        _hashes(beside, [row.values["content_sha256"] for row in rows]),
        digests.pop() if digests else "",
    )


def write_npy(path: Path, found: VectorSet) -> None:
    """Write the vectors to `path` and the rest to `ids_beside(path)`."""
    hashes = found.content_sha256 or [b""] * len(found.ids)
    with replacing(ids_beside(path)) as partial, partial.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(("id", "content_sha256", "encoder_digest"))
        for name, content in zip(found.ids, hashes, strict=True):
            writer.writerow((name, content.hex(), found.encoder_digest))
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, found.vectors, allow_pickle=False)


def read_npz(path: Path) -> VectorSet:
    """Return the vectors of an .npz file, with the rest that is in it.

    Raises:
        CliError: it cannot be read, or which of its arrays are the vectors is not clear.
    """
    archive = _loaded(path)
    if isinstance(archive, np.ndarray):
        raise CliError(f"{path}: no .npz archive, but an .npy file", "give it the ending .npy")
    with archive:
        try:
            arrays = {name: archive[name] for name in archive.files}
        except _UNREADABLE as error:
            raise CliError(f"{path}: an array in it cannot be read: {error}") from error
    vectors = _the_one(path, arrays, "vectors", lambda array: array.ndim == 2 and array.dtype.kind in "fiu")
    if vectors is None:
        raise CliError(
            f"{path}: no array of vectors in it", "save them as `vectors`, of shape (n, dimension)"
        )
    others = {name: array for name, array in arrays.items() if name not in _NO_IDS}
    ids = _the_one(path, others, "ids", lambda array: array.ndim == 1 and array.dtype.kind in "US")
    hashes = arrays.get("content_sha256")
    if hashes is not None and (hashes.dtype != np.uint8 or hashes.shape != (len(vectors), 32)):
        raise CliError(f"{path}: `content_sha256` is {hashes.dtype} {hashes.shape}, expected uint8 (n, 32)")
    return VectorSet(
        () if ids is None else _texts(path, ids),
        vectors,
        None if hashes is None else [row.tobytes() for row in hashes],
        str(arrays["encoder_digest"]) if "encoder_digest" in arrays else "",
    )


def write_npz(path: Path, found: VectorSet) -> None:
    """Write everything to `path`."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": np.array(found.ids, dtype=np.str_),
        "vectors": found.vectors,
        "encoder_digest": np.array(found.encoder_digest),
    }
    if found.content_sha256 is not None:
        arrays["content_sha256"] = np.frombuffer(b"".join(found.content_sha256), np.uint8).reshape(-1, 32)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        why = "it holds Python objects" if "pickle" in str(error) else str(error)
        raise CliError(
            f"{path}: numpy cannot read it: {why}", "save plain arrays with numpy.save or savez"
        ) from error


def _the_one(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], name: str, fits: Any
) -> npt.NDArray[Any] | None:
    """Return the array called `name`, else the only one that fits, else None."""
    if name in arrays:
        return arrays[name]
    fitting = [found for found, array in arrays.items() if fits(array)]
    if len(fitting) > 1:
        raise CliError(
            f"{path}: {', '.join(fitting)} could each be the {name}", f"name the one that is meant `{name}`"
        )
    return arrays[fitting[0]] if fitting else None


def _texts(path: Path, ids: npt.NDArray[Any]) -> list[str]:
    if ids.ndim != 1:
        raise CliError(f"{path}: `ids` has {ids.ndim} axes, expected one")
    try:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in ids.tolist()]
    except UnicodeDecodeError as error:
        raise CliError(f"{path}: an id is not UTF-8") from error


def _hashes(path: Path, texts: Sequence[str]) -> list[bytes] | None:
    if not any(texts):
        return None
    try:
        return [bytes.fromhex(text) for text in texts]
    except ValueError as error:
        raise CliError(f"{path}: a content_sha256 is not hexadecimal") from error
