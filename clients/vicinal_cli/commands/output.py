"""Where a command's result goes, and the rows that several of them write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vicinal_cli.console import note, stdout
from vicinal_cli.files.formats import Format, format_for
from vicinal_cli.files.results import Column, Result, write_result

__all__ = ["Destination", "belief_columns", "belief_rows", "class_name"]


@dataclass(frozen=True)
class Destination:
    """A file and a format that fit together.

    Attributes:
        output: the file; None is stdout.
        form: how it is written.
    """

    output: Path | None
    form: Format

    @classmethod
    def of(cls, output: Path | None, form: Format | None) -> Self:
        """Return where the flags --output and --format say. Ask before the work, so that it is not in vain.

        Raises:
            CliError: they do not fit together.
        """
        return cls(output, format_for(output, form, watched=stdout.is_terminal))

    @property
    def is_terminal(self) -> bool:
        """Whether it is a table for people, which must be narrow."""
        return self.form is Format.TABLE

    def write(self, result: Result) -> None:
        """Write `result` there."""
        write_result(result, self.form, self.output, stdout)
        if self.output is not None:
            note(f"wrote {self.output}")


def class_name(classes: Sequence[str], index: int) -> str | None:
    """Return the class of that index, None where it is −1 (unreached)."""
    return classes[index] if index >= 0 else None


def belief_columns(classes: Sequence[str], *, whole: bool) -> list[Column]:
    """Return the columns of `belief_rows`; with `whole`, one more for each class: belief.NAME."""
    more = [Column(f"belief.{name}", float) for name in classes] if whole else []
    return [Column("id", str), Column("class", str), Column("confidence", float), *more]


def belief_rows(
    ids: Sequence[str],
    classes: Sequence[str],
    indices: npt.NDArray[np.int32],
    confidences: npt.NDArray[np.float32],
    beliefs: npt.NDArray[np.float32] | None,
) -> Iterator[tuple[Any, ...]]:
    """Yield one row a sample: id, class (None when unreached), confidence, and its whole belief if given."""
    for i, name in enumerate(ids):
        more = () if beliefs is None else beliefs[i].tolist()
        yield name, class_name(classes, int(indices[i])), float(confidences[i]), *more
