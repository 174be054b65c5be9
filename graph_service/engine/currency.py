"""Which revision a read of beliefs is answered from: reads never wait for writes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from graph_service.engine.background import Background
from graph_service.engine.revision.snapshot import Snapshot
from vicinal.wire.errors import ServiceError

__all__ = ["Currency", "PropagationFailed"]

_logger = logging.getLogger(__name__)

_GRACE = 2.0
"""Seconds for which something that is rested after may always be out of date."""


class PropagationFailed(RuntimeError):
    """The propagation that a caller waited for failed, in another thread, whose traceback is in the log."""


class _Run:
    """One revision under way.

    Attributes:
        over: set at its end, however it ended.
        failed_revision: the revision that could not be propagated; 0 while none failed.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self.failed_revision = 0


class Currency:
    """The last finished snapshot of one dataset, and how the next is made. Thread-safe.

    A snapshot is finished when what is read from it, such as its beliefs, is made. One is made at a time,
    always of the newest revision: by the first caller who needs it, while the others wait for it together;
    or, where nobody waits, by a thread of its own. The finished one is held until the next has come.

    Who asked for one revision will soon ask for the next: it is begun when it is written, as far as the
    writer says that it is worth it, so that it is under way, or done, when it is asked for. Of the revisions
    after one that was asked for that is only the first, so that what nobody asks for cannot pile up.

    What takes long to make would keep the machine busy for as long as labels come. With a `rest` it is not
    made anew in the background before so many times its own duration have passed; but one that has been out
    of date for twice as long as that lets it be is not read from any more, and the newest is waited for;
    the next write lets go of it.

    Args:
        name: the dataset's name.
        take: returns the newest snapshot; may block while a write is applied.
        newest: returns the newest revision at once.
        make: makes what is to be read from a snapshot, which keeps it.
        then: what else to do with a finished snapshot, in the background; None: nothing. It is told of the
            newest there is when it has time, and must not raise.
        rest: see above; 0 makes each revision at once, and reads from one however old.
        clock: seconds.

    Attributes:
        failed_revision: the revision whose propagation failed last, 0 once a later try went well.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[], Snapshot],
        newest: Callable[[], int],
        make: Callable[[Snapshot], object],
        *,
        then: Callable[[Snapshot], None] | None = None,
        rest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._take = take
        self._newest = newest
        self._make = make
        self._then = then
        self._rest = rest
        self._clock = clock
        self._seconds = 0.0  # what the last one took
        self._rests_until = 0.0
        self._stale_since: float | None = None
        self._background = Background(f"propagating {name}", self._work)
        self._lock = threading.Lock()  # of the fields below; never held for long
        self._finished: Snapshot | None = None
        self._run: _Run | None = None
        self._wanted = 0
        self._is_new = False  # `then` has not been told of the finished one
        self._is_closed = False
        self._is_forgotten = False
        self._listeners: list[Callable[[], None]] = []
        self._is_asked_for = False
        self.failed_revision = 0

    def has(self, revision: int) -> bool:
        """Say whether this revision, or a later one, is finished."""
        return self._ready(revision) is not None

    def finished(self, least: int = 0) -> Snapshot:
        """Return the last finished snapshot at once.

        Wait only where it is older than revision `least`, or has been out of date for too long. Where it is
        older than the newest revision, the newest is made in the background.

        Raises:
            PropagationFailed, or whatever the propagation failed with.
        """
        return self._at_once(least) or self.reach(least)[0]

    def at_hand(self, revision: int) -> Snapshot | None:
        """Return what `finished` does if nothing has to be waited for."""
        self._is_asked_for = True
        return self._at_once(revision)

    def reach(self, revision: int) -> tuple[Snapshot, bool]:
        """Return a finished snapshot of `revision` or later, and whether it had to be made first.

        Args:
            revision: one that the dataset has reached.

        Raises:
            PropagationFailed, or whatever the propagation failed with; the next call tries again.
        """
        self._is_asked_for = True
        return self._reach(revision)

    def _reach(self, revision: int) -> tuple[Snapshot, bool]:
        waited = False
        while True:
            with self._lock:
                if (finished := self._ready(revision)) is not None:
                    return finished, waited
                is_mine = self._run is None
                run = self._run = self._run or _Run()
            if is_mine:
                return self._carry_out(run), True
            run.over.wait()
            waited = True
            if run.failed_revision >= max(revision, 1):
                raise PropagationFailed(f"dataset {self._name!r}: the propagation waited for has failed")

    def catch_up(self) -> None:
        """See to it that the present revision gets finished in the background.

        One whose propagation failed is not tried again and again, but only when someone waits for it.
        """
        with self._lock:
            self._wanted = max(self._wanted, self._newest())
            if self._has_work():
                self._background.wake()

    def watch(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a propagation ends, and at the close; every write is now propagated."""
        with self._lock:
            self._listeners.append(listener)

    def unwatch(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._listeners.remove(listener)

    def written(self, *, soon: bool = False) -> None:
        """Take note of a new revision.

        Args:
            soon: whether to make it at once if the one before was asked for.
        """
        with self._lock:
            if self._stale_since is None:
                self._stale_since = self._clock()
            if self._is_too_old():
                self._finished = None  # nobody reads it, and it holds a graph and beliefs
        if self._listeners or (soon and self._is_asked_for):
            self._is_asked_for = False
            self.catch_up()

    def passed_on(self, version: int, revision: int) -> None:
        """Take note of a new revision whose snapshot is of the same version as the one before.

        Where that one is finished, so is this, and nothing is made.
        """
        with self._lock:
            finished = self._finished
            is_finished = finished is not None and finished.version == version
            if finished is not None and is_finished:
                self._finished = finished.at(revision)
                self._stale_since = None
        if is_finished:
            self._tell()
        else:
            self.written()

    def close(self, *, forget: bool = False) -> None:
        """Start nothing in the background any more, and tell who watches.

        Args:
            forget: let go of what is finished as well, now and when a propagation under way ends.
        """
        with self._lock:
            self._is_closed = True
            if forget:
                self._is_forgotten, self._finished = True, None
        self._background.close()
        self._tell()

    def _at_once(self, revision: int) -> Snapshot | None:
        finished = self._ready(revision)
        if finished is not None and finished.revision < self._newest():
            self.catch_up()
        return finished

    def _ready(self, revision: int) -> Snapshot | None:
        finished = self._finished
        if finished is None or finished.revision < revision or self._is_too_old():
            return None
        return finished

    def _is_too_old(self) -> bool:
        since = self._stale_since
        if not self._rest or since is None:
            return False
        return self._clock() - since > max(_GRACE, 2 * (1 + self._rest) * self._seconds)

    def _is_behind(self) -> bool:
        finished = self._finished.revision if self._finished is not None else -1
        return not self._is_closed and self._wanted > max(finished, self.failed_revision)

    def _has_work(self) -> bool:
        return self._is_behind() or (self._is_new and not self._is_closed)

    def _work(self) -> None:
        """Do what there is to do in the background."""
        while self._has_work():
            self._pass_on()
            self._catch_up()

    def _pass_on(self) -> None:
        """Tell `then` of the newest that is finished, unless it knows."""
        with self._lock:
            finished, self._is_new = self._finished if self._is_new else None, False
        if self._then is not None and finished is not None:
            self._then(finished)

    def _catch_up(self) -> None:
        """Make the revision that is wanted in the background, if one is."""
        with self._lock:
            wanted = self._wanted if self._is_behind() else 0
        if not wanted or self._background.rest(self._rests_until - self._clock()):
            return
        try:
            self._reach(wanted)
        except ServiceError:
            self.close(forget=True)  # the dataset is deleted
        except PropagationFailed:
            pass  # another's run, whose caller has the error
        except Exception:
            _logger.exception("dataset %r: the propagation of revision %d failed", self._name, wanted)

    def _carry_out(self, run: _Run) -> Snapshot:
        revision, started = self._newest(), self._clock()
        try:
            snapshot = self._take()
            revision = snapshot.revision
            self._make(snapshot)
        except ServiceError:
            raise  # the dataset is deleted; who waits finds out for himself
        except BaseException:
            self.failed_revision = run.failed_revision = max(revision, 1)
            raise
        else:
            with self._lock:
                self.failed_revision = 0
                finished = self._finished
                if finished is not None and finished.revision >= snapshot.revision:
                    pass  # see `passed_on`
                elif not self._is_forgotten:
                    self._finished = snapshot
                self._stale_since = None
                if self._newest() > revision:  # written meanwhile
                    self._stale_since = started
                self._is_new = self._then is not None
                if self._has_work():
                    self._background.wake()
            return snapshot
        finally:
            ended = self._clock()
            self._seconds = ended - started
            self._rests_until = ended + self._rest * self._seconds
            with self._lock:
                self._run = None
            run.over.set()
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
