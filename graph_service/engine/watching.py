"""What moved between finished revisions, for those who watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.engine.currency import PropagationFailed
from graph_service.engine.dataset import Dataset
from graph_service.engine.revision.snapshot import Derived, Snapshot

__all__ = ["Changes", "State", "Watch", "difference"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Changes:
    """What moved: ids of n samples, their classes int32 (n,) and confidences float32 (n,).

    Attributes:
        left: ids of the samples that are gone. One that was added again since is among `sample_ids` too.
        is_last: whether this is the last of the parts that tell of its revision.
    """

    revision: int
    sample_ids: list[str]
    classes: Int32
    confidences: Float32
    left: list[str]
    is_last: bool = True

    @classmethod
    def none(cls, revision: int) -> Changes:
        """Return that nothing moved."""
        return cls(revision, [], np.zeros(0, np.int32), np.zeros(0, np.float32), [])

    def parts(self, size: int) -> Iterator[Changes]:
        """Yield the same in parts of at most `size` samples, those that left first; at least one part."""
        gone, total = len(self.left), len(self.left) + len(self.sample_ids)
        for start in range(0, max(total, 1), size):
            stop = start + size
            moved = slice(max(start - gone, 0), max(stop - gone, 0))
            yield Changes(
                self.revision,
                self.sample_ids[moved],
                self.classes[moved],
                self.confidences[moved],
                self.left[start:stop],
                is_last=stop >= total,
            )


@dataclass(frozen=True, eq=False)
class State:
    """A class and a confidence for each of n samples, in order of arrival.

    Attributes:
        ids: the samples.
        rows: int64 (n,), rising; a number of each that no other sample ever gets.
        classes: int32 (n,), -1 where unreached.
        confidences: float32 (n,), 0 to 1.
    """

    ids: list[str]
    rows: Ints
    classes: Int32
    confidences: Float32

    @classmethod
    def of(cls, snapshot: Snapshot) -> State:
        """Return what is believed in a snapshot."""
        view, beliefs = snapshot.view, snapshot.beliefs()
        nodes = view.sample_nodes
        return cls(view.ids, view.rows, beliefs.classes[nodes], beliefs.confidences[nodes])

    @classmethod
    def empty(cls) -> State:
        """Return the state of no samples."""
        return cls([], np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


def difference(told: State, now: State, min_change: float) -> tuple[Ints, Ints, State]:
    """Return what must be told to someone who was told a state, O(n log n).

    Args:
        told: what he holds.
        now: what is believed.
        min_change: confidences that moved by less are passed over, until they have moved by so much in all.

    Returns:
        The samples of `now` that are new or moved and the samples of `told` that left, int64 places, rising;
        and what he holds then.
    """
    places = np.minimum(np.searchsorted(told.rows, now.rows), max(len(told.rows) - 1, 0))
    known = told.rows[places] == now.rows if len(told.rows) else np.zeros(len(now.rows), np.bool_)
    left = np.ones(len(told.rows), np.bool_)
    left[places[known]] = False
    held = places[known]
    moved = np.ones(len(now.rows), np.bool_)
    change = np.abs(now.confidences[known] - told.confidences[held])
    moved[known] = (now.classes[known] != told.classes[held]) | ((change >= min_change) & (change > 0))
    confidences = now.confidences.copy()
    confidences[known] = np.where(moved[known], confidences[known], told.confidences[held])
    holds = State(now.ids, now.rows, now.classes, confidences)
    return np.flatnonzero(moved), np.flatnonzero(left), holds


class Watch:
    """One who watches a dataset. `changes` is called by one thread at a time; 8 bytes a sample are held.

    Args:
        dataset: whose beliefs.
        check: raises what ends the watch, if anything does.
        min_revision: the first revision told of is this one or later.
        min_change: see `difference`.
        changes_only: pass over the first state, and tell of what moves from then on.
        on_news: called, from any thread, when `changes` may have something to say; must return at once.
        on_close: called once, at the close.
    """

    def __init__(
        self,
        dataset: Dataset,
        check: Callable[[], None],
        *,
        min_revision: int,
        min_change: float,
        changes_only: bool,
        on_news: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._dataset = dataset
        self._currency = dataset.currency[Derived.BELIEFS]
        self._check = check
        self._least = min_revision
        self._min_change = min_change
        self._changes_only = changes_only
        self._on_news = on_news
        self._on_close = on_close
        self._revision = 0
        self._version = -1
        self._told = State.empty()
        self._currency.watch(on_news)

    def changes(self) -> Changes | None:
        """Return what moved since the last call, or None where no newer revision is finished.

        The first call waits for a revision to be finished; later ones do not wait.

        Raises:
            NotFound: the dataset was deleted.
            Unavailable: SHUTTING_DOWN.
            Aborted: REVISION_AHEAD.
            PropagationFailed: a newer revision could not be propagated.
        """
        self._check()
        snapshot = self._dataset.finished(self._least)
        if snapshot.revision <= self._revision:
            if self._currency.failed_revision > self._revision:
                raise PropagationFailed(f"dataset {self._dataset.name!r}: the propagation watched has failed")
            return None
        is_first, self._revision, self._least = not self._revision, snapshot.revision, 0
        if snapshot.version == self._version:  # only leases changed
            return Changes.none(snapshot.revision)
        self._version = snapshot.version
        now, told = State.of(snapshot), self._told
        moved, left, self._told = difference(told, now, self._min_change)
        if is_first and self._changes_only:
            moved = moved[:0]
        return Changes(
            snapshot.revision,
            [now.ids[i] for i in moved.tolist()],
            now.classes[moved],
            now.confidences[moved],
            [told.ids[i] for i in left.tolist()],
        )

    def close(self) -> None:
        """Watch no more."""
        self._currency.unwatch(self._on_news)
        self._on_close()
