"""One dataset in memory: its log, the tables derived from it, and the present snapshot."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from graph_service.engine import checks
from graph_service.engine.limits import Limits
from graph_service.engine.snapshot import Snapshot, take
from graph_service.engine.staging import Encoder
from graph_service.engine.tables import Tables
from graph_service.engine.writer import Outcome, VectorWrite, Writer
from graph_service.events import DatasetCreated, Event, Trust
from graph_service.log.base import DatasetLog, Receipt, Write
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import Aborted, DataLoss, InvalidArgument, NotFound, ServiceError, Unavailable

__all__ = ["Dataset", "Summary"]

_logger = logging.getLogger(__name__)

_REPLAY_FLUSH = 20_000
"""Replay updates the graph once for about so many sample rows: few large products, bounded memory."""
_PINNED = 4
"""Revisions held for pages that are still being read."""


class Dataset:
    """One dataset. Thread-safe.

    Writes are checked, appended and applied one commit after another (`Writer`). The lock guards the tables:
    a commit holds it while it applies, a read while it takes the snapshot; computing happens outside it.

    Args:
        log: the dataset's log, opened for writing.
        limits: limits in force.

    Attributes:
        name: the dataset's name.
        uid: that of its log; another when the dataset is deleted and made again.
        revision: the newest revision.

    Raises:
        DataLoss: LOG_DAMAGED when the log does not begin with the dataset's creation.
    """

    def __init__(self, log: DatasetLog, limits: Limits) -> None:
        self.name = log.name
        self.uid = log.uid
        self._log = log
        self._limits = limits
        self._lock = threading.Lock()
        self._writer = Writer(self._commit)
        self._behind = False
        self._deleted = False
        self._refusal: ServiceError | None = None
        self._snapshot: Snapshot | None = None
        self._pinned: OrderedDict[int, Snapshot] = OrderedDict()
        self._replay()

    # -- writes ------------------------------------------------------------------------------------------

    def write(self, write: Write) -> int:
        """Make a write durable, apply it and return its revision.

        Raises:
            ServiceError: what `Tables.check` refuses; REQUEST_ID_REUSED; LOG_UNAVAILABLE, after which the
                write's fate is unknown and it may be repeated; FENCED; LOG_DAMAGED.
        """
        return self._writer.submit(write)

    @property
    def trouble(self) -> str | None:
        """Why no write is taken any more, or None."""
        return self._refusal.message if self._refusal else None

    def mark_deleted(self) -> None:
        """Refuse what comes from now on."""
        self._deleted = True

    def _commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Check, append and apply writes; only ever called by the one leading thread."""
        self._refuse_if_deleted()
        if self._refusal:
            raise self._refusal
        if self._behind:
            self._catch_up()
        outcomes: dict[int, Outcome] = {}
        for i, write in enumerate(writes):
            try:
                if isinstance(write, VectorWrite):
                    checks.encoder(write.encoder_digest, self._tables.encoder.digest)
                self._tables.check(write.event, self._limits)
            except ServiceError as refusal:
                outcomes[i] = self._first_answer(write, refusal)
        sound = [i for i in range(len(writes)) if i not in outcomes]
        if sound:
            answers = self._append([writes[i] for i in sound])
            outcomes.update(zip(sound, answers, strict=True))
        return [outcomes[i] for i in range(len(writes))]

    def _first_answer(self, write: Write, refusal: ServiceError) -> Outcome:
        """Answer a write that no longer fits the tables: it may be the repetition of one that did."""
        try:
            receipt = self._log.find(write)
        except InvalidArgument as reused:
            return reused
        return receipt.revision if receipt else refusal

    def _append(self, writes: list[Write]) -> list[Outcome]:
        try:
            answers = self._log.append(writes, after=self.revision)
        except Unavailable:
            self._behind = True  # some of it may be in the log
            raise
        except (Aborted, DataLoss) as refusal:
            self._refusal = refusal
            raise
        self._apply(
            (answer.revision, write.event)
            for answer, write in zip(answers, writes, strict=True)
            if isinstance(answer, Receipt) and not answer.repeated
        )
        return [answer.revision if isinstance(answer, Receipt) else answer for answer in answers]

    def _apply(self, events: Iterable[tuple[int, Event]]) -> None:
        try:
            with self._lock:
                try:
                    for revision, event in events:
                        self._tables.apply(event)
                        self.revision = revision
                finally:
                    self._tables.flush()
        except ServiceError:
            raise  # the log could not be read further; what was read is applied
        except Exception:
            # A defect of ours. The log has the event, so a restart brings it back; nothing more is taken.
            message = f"dataset {self.name!r} could not apply an event; restart the service"
            _logger.exception("%s", message)
            self._refusal = Aborted("FENCED", message)
            raise

    # -- truth -------------------------------------------------------------------------------------------

    def _replay(self) -> None:
        """Build the tables from the log."""
        entries = self._log.read(0)
        first = next(entries, None)
        if first is None or not isinstance(first.event, DatasetCreated):
            raise DataLoss(
                "LOG_DAMAGED", f"the log of dataset {self.name!r} does not begin with its creation"
            )
        created = first.event
        self._tables = Tables(created, NeighbourGraph(created.dimension, created.neighbours))
        self.revision = first.revision
        for entry in entries:
            self._tables.apply(entry.event)
            self.revision = entry.revision
            if self._tables.pending >= _REPLAY_FLUSH:
                self._tables.flush()
                _logger.info("dataset %s: %d samples replayed", self.name, len(self._tables.row_of))
        self._tables.flush()

    def _catch_up(self) -> None:
        """Apply what an append of unknown fate left in the log."""
        head = self._log.head()
        if head < self.revision:
            message = (
                f"the log of dataset {self.name!r} ends at revision {head}, but {self.revision} was "
                "acknowledged: the store lost data; restore it before writing again"
            )
            self._refusal = DataLoss("LOG_DAMAGED", message)
            raise self._refusal
        self._apply((entry.revision, entry.event) for entry in self._log.read(self.revision))
        self._behind = False

    # -- reads -------------------------------------------------------------------------------------------

    def snapshot(self, min_revision: int = 0) -> Snapshot:
        """Return the present state.

        Raises:
            Aborted: REVISION_AHEAD when `min_revision` is not reached.
        """
        with self._lock:
            return self._take(min_revision)

    def search(
        self, vectors: npt.NDArray[np.float32], k: int, min_revision: int, encoder_digest: str
    ) -> tuple[Snapshot, npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return the present state, and the k nearest nodes of each vector in just that state.

        Raises:
            Aborted: REVISION_AHEAD.
            FailedPrecondition: ENCODER_MISMATCH, the vectors are not of that state's encoder.
            InvalidArgument: BAD_TENSOR, they are not of its dimension.
        """
        with self._lock:
            snapshot = self._take(min_revision)
            checks.encoder(encoder_digest, self._tables.encoder.digest)
            checks.dimension(vectors, self._tables.encoder.dimension)
            slots, similarities = self._tables.nodes.graph.search(vectors, k)
        return snapshot, np.where(slots >= 0, snapshot.view.node_of_slot[slots], -1), similarities

    def pin(self, snapshot: Snapshot) -> None:
        """Hold a snapshot for the pages to come; the oldest of several gives way."""
        with self._lock:
            self._pinned[snapshot.revision] = snapshot
            self._pinned.move_to_end(snapshot.revision)
            while len(self._pinned) > _PINNED:
                self._pinned.popitem(last=False)

    def pinned(self, revision: int) -> Snapshot:
        """Return a pinned snapshot.

        Raises:
            Aborted: PAGE_EXPIRED when it gave way.
        """
        with self._lock:
            self._refuse_if_deleted()
            if revision not in self._pinned:
                message = f"revision {revision} is no longer held; start again at the first page"
                raise Aborted("PAGE_EXPIRED", message, field="page_token")
            return self._pinned[revision]

    def summary(self) -> Summary:
        """Return the dataset as it stands."""
        with self._lock:
            return Summary(self._tables, self.revision)

    def class_index(self, name: str) -> int | None:
        """Return the index of a class, None if there is none. An index holds for ever: classes only grow."""
        return self._tables.class_index.get(name)

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return len(self._tables.classes)

    @property
    def created(self) -> DatasetCreated:
        """The settings as it was made; its name and neighbours are fixed for good."""
        return self._tables.created

    @property
    def encoder(self) -> Encoder:
        """The encoder of the vectors, which a write may change."""
        return self._tables.encoder

    def _take(self, min_revision: int) -> Snapshot:
        self._refuse_if_deleted()
        if min_revision > self.revision:
            message = f"min_revision is {min_revision}; the newest revision is {self.revision}"
            raise Aborted(
                "REVISION_AHEAD",
                message,
                retry_after=0.1,
                field="min_revision",
                limit=self.revision,
                value=min_revision,
            )
        if self._snapshot is None or self._snapshot.revision != self.revision:
            self._snapshot = take(self._tables, self.revision, self._snapshot)
        return self._snapshot

    def _refuse_if_deleted(self) -> None:
        if self._deleted:
            message = f"there is no dataset {self.name!r}"
            raise NotFound("UNKNOWN_DATASET", message, field="dataset", value=self.name)


class Summary:
    """A dataset in numbers; the contract's `Dataset` says what each means."""

    def __init__(self, tables: Tables, revision: int) -> None:
        self.created = tables.created
        self.encoder = tables.encoder
        self.staged_encoder_digest = tables.staging.encoder.digest if tables.staging is not None else ""
        self.staged_count = len(tables.staging) if tables.staging is not None else 0
        self.propagation = tables.propagation
        self.classes = tuple(tables.classes)
        self.revision = revision
        self.sample_count = len(tables.row_of)
        self.node_count = len(tables.nodes)
        self.verified_label_count = tables.labels.count(Trust.VERIFIED)
        self.given_label_count = tables.labels.count(Trust.GIVEN)
        self.index = tables.nodes.graph.index_name
