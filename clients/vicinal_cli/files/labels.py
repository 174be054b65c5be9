"""Labels, ids and class names, each from a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vicinal_cli.errors import CliError
from vicinal_cli.files.rows import Row, read_rows
from vicinal_client import Label, Trust

__all__ = ["class_names", "classes_of", "read_ids", "read_labels"]


def read_labels(path: Path, *, annotator: str, trust: Trust) -> list[Label]:
    """Return the labels that stand in a .csv or .parquet file.

    Args:
        path: columns id and label, and if wanted annotator and trust ("verified" or "given"). A row whose
            label is empty is one that nobody has labelled yet.
        annotator: who says so where the file does not.
        trust: how far to believe it where the file does not say.

    Raises:
        CliError: the file cannot be read, has no labels, or a row is wrong; the message names it.
    """
    labels: dict[tuple[str, str], Label] = {}
    for row in read_rows(path, required=("id", "label"), optional=("annotator", "trust")):
        if not row.values["label"]:
            continue
        label = _label(row, annotator, trust)
        key = (label.sample_id, label.annotator)
        if key in labels:
            raise CliError(
                f"{row.where}: {label.sample_id!r} is labelled twice", "keep one row a sample and annotator"
            )
        labels[key] = label
    if not labels:
        raise CliError(f"{path}: no labels in it", "fill in its column label")
    return list(labels.values())


def read_ids(path: Path) -> list[str]:
    """Return the ids in a text file (one a line) or in the column `id` of a .csv or .parquet file.

    Raises:
        CliError: the file cannot be read, or an id is empty.
    """
    if path.suffix.lower() in (".csv", ".parquet"):
        return [_required(row, "id") for row in read_rows(path, required=("id",))]
    try:
        ids = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise CliError(f"{path}: not UTF-8 text at byte {error.start}") from error
    if ids[-1] == "":
        ids.pop()
    return [_required(Row(f"{path}, line {i}", {"id": ids[i - 1]}), "id") for i in range(1, len(ids) + 1)]


def class_names(text: str) -> list[str]:
    """Return the names in `text`, which is a list with commas or the path of a text file with one a line.

    Raises:
        CliError: a name is empty or stands twice.
    """
    path = Path(text)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else text.split(",")
    names = [line.strip() for line in lines if line.strip() or not path.is_file()]
    if "" in names or len(set(names)) != len(names):
        raise CliError(
            f"--classes {text!r}: a name is empty or stands twice", "for example --classes cat,dog"
        )
    return names


def classes_of(labels: Iterable[Label]) -> Sequence[str]:
    """Return the distinct classes of the labels, in order."""
    return sorted({label.class_name for label in labels})


def _label(row: Row, annotator: str, trust: Trust) -> Label:
    said = row.values["trust"]
    try:
        believed = Trust(said.lower()) if said else trust
    except ValueError as error:
        raise CliError(f"{row.where}: the trust is {said!r}", "it must be verified or given") from error
    return Label(_required(row, "id"), row.values["label"], row.values["annotator"] or annotator, believed)


def _required(row: Row, column: str) -> str:
    if not row.values[column]:
        raise CliError(f"{row.where}: the {column} is empty")
    return row.values[column]
