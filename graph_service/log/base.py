"""What the engine sees of the log. Nothing here knows where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from graph_service.events import Event
from vicinal.wire.errors import ServiceError

__all__ = ["DatasetLog", "Entry", "Receipt", "Store", "Write"]


@dataclass(frozen=True)
class Write:
    """An event to append, under the request id that makes its repetition harmless.

    Attributes:
        request_id: 1 to 128 printable characters, unique to this write among those of its dataset.
        event: what is to happen. Equal requests must make events that are equal `as_asked`.
    """

    request_id: str
    event: Event


@dataclass(frozen=True)
class Receipt:
    """Where a write stands.

    Attributes:
        revision: the log position of the write, 1 for the first.
        repeated: the request id was known, so nothing was appended; `revision` is that of the first time.
    """

    revision: int
    repeated: bool


@dataclass(frozen=True)
class Entry:
    """One event that happened.

    Attributes:
        revision: its position; the entries of a log have 1, 2, 3, ... without a gap.
        request_id: that of the write which brought it.
        event: what happened.
    """

    revision: int
    request_id: str
    event: Event


class DatasetLog(Protocol):
    """The log of one dataset, open for one writer at a time. Safe to share among threads.

    Every method raises Unavailable (LOG_UNAVAILABLE) when the store cannot be reached or cannot answer.
    """

    @property
    def name(self) -> str:
        """The dataset's name."""

    @property
    def uid(self) -> str:
        """What tells this dataset apart: it differs when one is deleted and made again under its name."""

    def append(self, writes: Sequence[Write], *, after: int | None = None) -> list[Receipt | ServiceError]:
        """Append `writes` in order, in one round trip and one fsync; return the outcome of each, in order.

        A write whose request id is known is not appended again. All that is new is appended together or
        not at all. What is returned is durable.

        Args:
            writes: the writes; a later one may repeat an earlier one's request id.
            after: the head that the writes were checked against. When another entry came after it (an
                earlier append of unknown fate that arrived late), nothing is appended and Unavailable is
                raised: read up and check again. None appends wherever the head is.

        Returns:
            A receipt for each write, or InvalidArgument (REQUEST_ID_REUSED) in the place of one whose
            request id was used for another event.

        Raises:
            Aborted: FENCED, another writer has opened this log; nothing was appended.
            Unavailable: LOG_UNAVAILABLE; the writes were appended, all of them, or they were not.
            DataLoss: LOG_DAMAGED, the log's length and its last entry do not agree.
        """

    def read(self, after: int) -> Iterator[Entry]:
        """Yield the entries of revisions above `after`, in order, a few MiB in memory at a time.

        Raises:
            DataLoss: LOG_DAMAGED at the first entry that is missing or cannot be decoded.
        """

    def find(self, write: Write) -> Receipt | None:
        """Return the receipt `write` got when it was first made, or None if it is new (or 7 days old).

        Raises:
            InvalidArgument: REQUEST_ID_REUSED, its request id was used for another event.
        """

    def head(self) -> int:
        """Return the newest revision; 0 when the log is gone."""


class Store(Protocol):
    """Holds the logs of all datasets. Safe to share among threads.

    Every method raises Unavailable (LOG_UNAVAILABLE) when the store cannot be reached or cannot answer.
    """

    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""

    def create(self, write: Write) -> tuple[Receipt, DatasetLog]:
        """Make the dataset that a DatasetCreated event describes, and open its log.

        Repeated with the same request id, it returns the log which this store already holds open for
        that dataset, and otherwise opens it.

        Raises:
            AlreadyExists: DATASET_EXISTS, made by another request.
            InvalidArgument: REQUEST_ID_REUSED, made under this request id with other properties.
        """

    def open(self, name: str) -> DatasetLog:
        """Open a dataset's log for writing. From now on, appends by whoever opened it before are FENCED.

        Raises:
            NotFound: UNKNOWN_DATASET.
            DataLoss: LOG_DAMAGED, the dataset is listed but its log is gone.
        """

    def delete(self, name: str) -> None:
        """Forget a dataset and its log. Appends to a log that is still open are FENCED.

        What goes is the dataset whose log this store opened last under that name, and no other. When it
        has opened none, it opens the log first, as `open` does.

        Raises:
            NotFound: UNKNOWN_DATASET; what a repetition of a delete that succeeded gets.
            Aborted: FENCED, another store has opened that log since, or deleted the dataset and made
                another of its name; nothing was deleted.
            DataLoss: LOG_DAMAGED, as from `open`.
            Unavailable: LOG_UNAVAILABLE; the dataset was deleted, or it was not.
        """

    def ping(self) -> None:
        """Return when the store answers."""

    def close(self) -> None:
        """Let go of all connections. The store itself stays as it is."""
