"""Vectors in files: .npy, .npz and Parquet, with their ids and what else is known of them.

.npz      arrays `ids` (text), `vectors` (n, d), and if known `content_sha256` (uint8, n × 32) and
          `encoder_digest`; in a file of others, the one array of two axes and the one of text
.npy      the vectors alone; their ids (and the rest) in NAME.ids.csv beside it
.parquet  columns `id`, `vector` (a list), and if known `content_sha256`; the digest in the metadata
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from vicinal_cli.errors import CliError
from vicinal_cli.files import numpy_vectors, parquet_vectors
from vicinal_cli.files.labels import read_ids
from vicinal_cli.files.vector_set import VectorSet

__all__ = ["check_ending", "is_vector_file", "read_vectors", "write_vectors"]

_READERS = {
    ".npy": numpy_vectors.read_npy,
    ".npz": numpy_vectors.read_npz,
    ".parquet": parquet_vectors.read_parquet,
}
_WRITERS = {
    ".npy": numpy_vectors.write_npy,
    ".npz": numpy_vectors.write_npz,
    ".parquet": parquet_vectors.write_parquet,
}


def is_vector_file(path: Path) -> bool:
    """Return whether the file's ending says that it holds vectors."""
    return path.suffix.lower() in _READERS


def check_ending(path: Path) -> None:
    """Check that `write_vectors` knows how to write `path`, before the work that makes its content.

    Raises:
        CliError: it does not.
    """
    if not is_vector_file(path):
        raise CliError(f"{path}: the ending does not say how to write", f"end it in {', '.join(_WRITERS)}")


def read_vectors(path: Path, *, ids_file: Path | None = None, encoder_digest: str = "") -> VectorSet:
    """Return the vectors of a file with ids: those of `ids_file`, else of the file, else row-0 and so on.

    Args:
        path: the file.
        ids_file: where the ids are, instead of in the file.
        encoder_digest: encoder that made the vectors, when the file does not say it.

    Raises:
        CliError: it cannot be read, ids and vectors are not of one number, an id stands twice, or the file
            names another encoder.
    """
    if not path.is_file():
        raise CliError(f"{path}: no such file")
    found = _READERS[path.suffix.lower()](path)
    if found.vectors.ndim != 2 or found.vectors.dtype.kind not in "fiu":
        given = f"{found.vectors.dtype} {found.vectors.shape}"
        raise CliError(f"{path}: holds {given}", "expected numbers of shape (vectors, dimension)")
    if encoder_digest and found.encoder_digest not in ("", encoder_digest):
        raise CliError(f"{path}: made by the encoder {found.encoder_digest}", "leave --encoder-digest out")
    ids = read_ids(ids_file) if ids_file else found.ids or [f"row-{i}" for i in range(len(found.vectors))]
    if len(ids) != len(found.vectors):
        raise CliError(f"{ids_file or path}: {len(ids)} ids for {len(found.vectors)} vectors")
    if len(set(ids)) != len(ids):
        twice, _ = Counter(ids).most_common(1)[0]
        raise CliError(f"{ids_file or path}: the id {twice!r} stands twice")
    return replace(found, ids=ids, encoder_digest=encoder_digest or found.encoder_digest)


def write_vectors(path: Path, found: VectorSet) -> None:
    """Write vectors and what is known of them, in the form that the file's ending names.

    Raises:
        CliError: the ending is unknown.
    """
    check_ending(path)
    _WRITERS[path.suffix.lower()](path, found)
