"""Every dataset of one store, held in memory while it is there."""

from __future__ import annotations

import logging
import threading

from graph_service.engine.dataset import Dataset
from graph_service.engine.requests.limits import Limits
from graph_service.engine.revision.snapshot import Derived
from graph_service.log.base import Store, Write
from vicinal.wire.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable

__all__ = ["Catalogue"]

_logger = logging.getLogger(__name__)


class Catalogue:
    """The datasets by name. Thread-safe. Refuses everything before `open` is done and after `close`.

    A create or delete whose answer was lost may have happened in the store: whatever the store says next
    about that name sets the memory right.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._datasets: dict[str, Dataset] = {}
        self._closed: str | None = "STARTING"
        self._lock = threading.Lock()

    def open(self) -> None:
        """Rebuild every dataset from its log.

        Raises:
            ServiceError: LOG_UNAVAILABLE or LOG_DAMAGED; SHUTTING_DOWN when `close` came meanwhile.
        """
        for name in self._store.names():
            if self._closed == "SHUTTING_DOWN":
                self.refuse_unless_open()
            dataset = self._hold(Dataset(self._store.open(name), self._limits))
            summary = dataset.summary
            _logger.info("dataset %s: revision %d, %d samples", name, summary.revision, summary.sample_count)
        self._closed = None

    def close(self) -> None:
        """Refuse what comes from now on; begin nothing in the background, and wake who watches."""
        self._closed = "SHUTTING_DOWN"
        for dataset in list(self._datasets.values()):
            dataset.close()

    def trouble(self) -> str | None:
        """Say why writes cannot be acknowledged; None when the log answers and every dataset takes them."""
        try:
            self._store.ping()
        except Unavailable as error:
            return error.message
        return next((it.trouble for it in list(self._datasets.values()) if it.trouble), None)

    def all(self) -> list[Dataset]:
        """Return every dataset, ordered by name."""
        self.refuse_unless_open()
        return [dataset for _, dataset in sorted(self._datasets.items())]

    def get(self, name: str) -> Dataset:
        """Return a dataset.

        Raises:
            InvalidArgument: FIELD_REQUIRED, `name` is empty.
            NotFound: UNKNOWN_DATASET.
        """
        self.refuse_unless_open()
        if not name:
            raise InvalidArgument("FIELD_REQUIRED", "dataset is empty", field="dataset")
        dataset = self._datasets.get(name)
        if dataset is None:
            message = f"there is no dataset {name!r}; ListDatasets names those there are"
            raise NotFound("UNKNOWN_DATASET", message, field="dataset", value=name)
        return dataset

    def must_wait(self, name: str, revision: int, of: Derived) -> bool:
        """Say whether this revision of a dataset is not finished; False where there is no such dataset."""
        dataset = self._datasets.get(name)
        return dataset is not None and not dataset.currency[of].has(revision)

    def create(self, name: str, write: Write) -> Dataset:
        """Make a dataset; repeated with the same request id, return the one that was made."""
        self.refuse_unless_open()
        with self._lock:
            try:
                _, log = self._store.create(write)
            except AlreadyExists:
                if name not in self._datasets:
                    self._hold(Dataset(self._store.open(name), self._limits))
                raise
            held = self._datasets.get(name)
            if held is not None and held.uid == log.uid:
                return held
            self._drop(name)
            return self._hold(Dataset(log, self._limits))

    def delete(self, name: str) -> None:
        """Delete a dataset with its log; one that is not held here may be another service's by now."""
        with self._lock:
            self.get(name)
            try:
                self._store.delete(name)
            except NotFound:
                self._drop(name)
                raise
            self._drop(name)

    def refuse_unless_open(self) -> None:
        """Raise Unavailable, STARTING or SHUTTING_DOWN, before `open` is done and after `close`."""
        if self._closed:
            doing = "reading its log" if self._closed == "STARTING" else "stopping"
            raise Unavailable(self._closed, f"the service is {doing}", retry_after=0.5)

    def _hold(self, dataset: Dataset) -> Dataset:
        self._datasets[dataset.name] = dataset
        return dataset

    def _drop(self, name: str) -> None:
        if dataset := self._datasets.pop(name, None):
            dataset.mark_deleted()
