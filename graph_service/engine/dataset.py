"""One dataset in memory: its log, the tables derived from it, and snapshots of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from functools import partial

from graph_service.engine.answers.pages import Pins
from graph_service.engine.answers.searching import Search
from graph_service.engine.answers.suggesting import Suggestions, suggestions
from graph_service.engine.currency import Currency
from graph_service.engine.requests import checks
from graph_service.engine.requests.limits import Limits
from graph_service.engine.revision.foresight import Foresight
from graph_service.engine.revision.snapshot import Derived, Snapshot, take
from graph_service.engine.state.leases import LeaseTable, SamplesTaken
from graph_service.engine.state.replay import replay
from graph_service.engine.state.sharing import together
from graph_service.engine.state.staging import Encoder
from graph_service.engine.state.summary import Summary
from graph_service.engine.writer import Outcome, VectorWrite, Writer
from graph_service.events import DatasetCreated, Event
from graph_service.log.base import DatasetLog, Receipt, Write
from vicinal.wire.errors import Aborted, DataLoss, InvalidArgument, NotFound, ServiceError, Unavailable

__all__ = ["Dataset"]

_logger = logging.getLogger(__name__)

_REST = 4.0
"""Times as long as judging the labels took, until it is done again with nobody waiting for it."""


class Dataset:
    """One dataset. Thread-safe.

    Writes are checked, appended and applied one commit after another (`Writer`). The lock guards the tables:
    a commit holds it while it applies, and so does who takes a snapshot; computing happens outside it. Reads
    of beliefs are answered from the last finished snapshot (`Currency`), without the lock.

    Args:
        log: the dataset's log, opened for writing.
        limits: limits in force.

    Attributes:
        name: the dataset's name.
        uid: that of its log; another when the dataset is deleted and made again.
        revision: the newest revision.
        currency: its last finished snapshot, and the next; of each thing that is read from snapshots.
        suggestions: what to label next.
        leasing: held by who chooses samples and leases them, so that two do not choose the same.
        pins: the snapshots held for pages.
        summary: the dataset as it stands.
        search: finds the nodes nearest to vectors.

    Raises:
        DataLoss: LOG_DAMAGED when the log does not begin with the dataset's creation.
    """

    def __init__(self, log: DatasetLog, limits: Limits) -> None:
        self.name = log.name
        self.uid = log.uid
        self._log = log
        self._limits = limits
        self._lock = threading.Lock()
        self._writer = Writer(self._commit, self._together)
        self._behind = False
        self._deleted = False
        self._refusal: ServiceError | None = None
        self._snapshot: Snapshot | None = None
        self.leasing = threading.Lock()
        self.pins = Pins()
        self.suggestions: Foresight[Suggestions] = Foresight(suggestions)
        self.currency = {what: self._currency_of(what) for what in Derived}
        self._tables, self.revision = replay(log)
        self.summary = Summary(self._tables, self.revision)
        self.search = Search(
            self._tables,
            self._lock,
            finished=self.finished,
            current=lambda: self.finished(self.revision),
            newest=self._take_newest,
        )

    # -- writes ------------------------------------------------------------------------------------------

    def write(self, write: Write) -> int:
        """Make a write durable, apply it and return its revision.

        Raises:
            SamplesTaken: see `Tables.check`.
            ServiceError: what `Tables.check` refuses; REQUEST_ID_REUSED; LOG_UNAVAILABLE, after which the
                write's fate is unknown and it may be repeated; FENCED; LOG_DAMAGED.
        """
        return self._writer.submit(write)

    @property
    def trouble(self) -> str | None:
        """Why no write is taken any more, or None."""
        return self._refusal.message if self._refusal else None

    def mark_deleted(self) -> None:
        """Refuse what comes from now on, and let go of every snapshot."""
        self._deleted = True
        self.close(forget=True)
        self.pins.clear()
        self._snapshot = None

    def close(self, *, forget: bool = False) -> None:
        """Begin nothing in the background any more, and wake who watches; `forget` what is finished."""
        for currency in self.currency.values():
            currency.close(forget=forget)

    def _together(self, writes: Sequence[Write]) -> int:
        """How many of the writes may share a commit."""
        if self._behind:  # what they are checked against is not known yet
            return 1
        return together([write.event for write in writes], self._tables, self._limits)

    def _commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Check, append and apply writes; only ever called by the one leading thread."""
        self.refuse_if_deleted()
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
            except (ServiceError, SamplesTaken) as refusal:
                outcomes[i] = self._first_answer(write, refusal)
        sound = [i for i in range(len(writes)) if i not in outcomes]
        if sound:
            answers = self._append([writes[i] for i in sound])
            outcomes.update(zip(sound, answers, strict=True))
        return [outcomes[i] for i in range(len(writes))]

    def _first_answer(self, write: Write, refusal: Exception) -> Outcome:
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
        version, samples = self._tables.version, self._tables.sample_version
        try:
            with self._lock:
                try:
                    for revision, event in events:
                        self._tables.apply(event)
                        self.revision = revision
                finally:
                    if self._tables.pending:
                        self._tables.flush()
                    self.summary = Summary(self._tables, self.revision)
        except ServiceError:
            raise  # the log could not be read further; what was read is applied
        except Exception:
            # A defect of ours. The log has the event, so a restart brings it back; nothing more is taken.
            message = f"dataset {self.name!r} could not apply an event; restart the service"
            _logger.exception("%s", message)
            self._refusal = Aborted("FENCED", message)
            raise
        finally:
            # After samples come more samples; after labels someone wants to know what follows.
            soon = self._tables.sample_version == samples
            for what, currency in self.currency.items():
                if self._tables.version == version:
                    currency.passed_on(version, self.revision)
                else:
                    currency.written(soon=soon and what is Derived.BELIEFS)

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
        """Return the newest state, whose beliefs may yet have to be made.

        Raises:
            Aborted: REVISION_AHEAD when `min_revision` is not reached.
        """
        checks.reached(min_revision, self.revision)
        with self._lock:
            return self._take_newest()

    def finished(self, min_revision: int = 0, of: Derived = Derived.BELIEFS) -> Snapshot:
        """Return the last state of which this is made, at once; see `Currency.finished` for when it waits.

        Raises:
            Aborted: REVISION_AHEAD when `min_revision` is not reached.
        """
        self.refuse_if_deleted()
        checks.reached(min_revision, self.revision)
        return self.currency[of].finished(min_revision)

    def at_hand(self, min_revision: int) -> Snapshot | None:
        """Return what `finished` does if nothing has to be waited for.

        Raises:
            Aborted: REVISION_AHEAD when `min_revision` is not reached.
        """
        self.refuse_if_deleted()
        checks.reached(min_revision, self.revision)
        return self.currency[Derived.BELIEFS].at_hand(min_revision)

    def propagated(self, min_revision: int = 0) -> tuple[Snapshot, bool]:
        """Return a state whose beliefs are made, by default the newest, and whether they had to be first.

        Raises:
            Aborted: REVISION_AHEAD when `min_revision` is not reached.
        """
        self.refuse_if_deleted()
        checks.reached(min_revision, self.revision)
        return self.currency[Derived.BELIEFS].reach(min_revision or self.revision)

    def class_index(self, name: str) -> int | None:
        """Return the index of a class, None if there is none. An index holds for ever: classes only grow."""
        return self._tables.class_index.get(name)

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return len(self._tables.classes)

    @property
    def leases(self) -> LeaseTable:
        """Who holds which samples."""
        return self._tables.leases

    @property
    def created(self) -> DatasetCreated:
        """The settings as it was made; its name and neighbours are fixed for good."""
        return self._tables.created

    @property
    def encoder(self) -> Encoder:
        """The encoder of the vectors, which a write may change."""
        return self._tables.encoder

    def refuse_if_deleted(self) -> None:
        """Raise NotFound, UNKNOWN_DATASET, once the dataset is deleted."""
        if self._deleted:
            message = f"there is no dataset {self.name!r}"
            raise NotFound("UNKNOWN_DATASET", message, field="dataset", value=self.name)

    def _currency_of(self, what: Derived) -> Currency:
        """Return what keeps this current: the beliefs of each revision, and opinions of those believed."""
        is_basic = what is Derived.BELIEFS
        return Currency(
            self.name,
            take=self.snapshot if is_basic else lambda: self.propagated()[0],
            newest=lambda: self.revision,
            make=partial(Snapshot.derive, what=what),
            then=self.suggestions.prepare if is_basic else None,
            rest=0 if is_basic else _REST,
        )

    def _take_newest(self) -> Snapshot:
        """Take a snapshot, or return the one there is of this revision; the caller holds the lock."""
        self.refuse_if_deleted()
        snapshot = self._snapshot
        if snapshot is None or snapshot.revision != self.revision:
            snapshot = self._snapshot = take(self._tables, self.revision, snapshot)
        return snapshot
