"""The order of the audit: random, and the same for every caller, so that nothing needs to be remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

__all__ = ["AuditKeys", "audit_keys", "audit_order", "audited"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
UInt64 = npt.NDArray[np.uint64]

_KEY = b"vicinal audit 1"
_LEAST_LABELLED = 0.75


def audit_keys(sample_ids: Iterable[str]) -> UInt64:
    """Return a keyed hash of each sample's id, uint64 (n,); 1 s for a million.

    The hash knows nothing of what a sample shows.
    """
    digests = b"".join(blake2b(name.encode(), digest_size=8, key=_KEY).digest() for name in sample_ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


class AuditKeys:
    """The keys of samples that have numbers for good, each made once. Safe to use from many threads."""

    def __init__(self) -> None:
        self._keys: UInt64 = np.zeros(0, np.uint64)
        self._made: Bools = np.zeros(0, np.bool_)
        self._lock = threading.Lock()

    def of(self, numbers: Ints, sample_ids: Sequence[str]) -> UInt64:
        """Return the keys of the samples with these numbers and ids, uint64 (n,); see `audit_keys`."""
        with self._lock:
            lacking = int(numbers.max(initial=-1)) + 1 - len(self._keys)
            if lacking > 0:
                room = max(lacking, len(self._keys))
                self._keys = np.append(self._keys, np.zeros(room, np.uint64))
                self._made = np.append(self._made, np.zeros(room, np.bool_))
            places = np.flatnonzero(~self._made[numbers])
            self._keys[numbers[places]] = audit_keys(sample_ids[place] for place in places.tolist())
            self._made[numbers[places]] = True
            return self._keys[numbers]


def audit_order(keys: UInt64) -> Ints:
    """Return the places of the samples with these keys, int64 (n,), in the order of the audit.

    As the keys are random, the first m of the order are m samples drawn uniformly without replacement. A
    sample's place among the others never changes: one that is added later takes a random place between them,
    and an audit that was half done stays the beginning of the order but for those. O(n log n).
    """
    return np.argsort(keys, kind="stable")


def audited(labelled: Bools) -> Ints:
    """Return the places, rising, of the labelled samples in the part of the order that the audit has covered.

    That part is the longest beginning of which at least three in four are labelled: then one that nobody
    could label, or whose answer has not come yet, does not stop the audit. Labels further on are there
    because somebody picked the sample, not chance, and are left out.

    Args:
        labelled: bool (n,), whether each sample holds a verified label, in the order of the audit.
    """
    counts = np.cumsum(labelled)
    enough = np.flatnonzero(counts >= _LEAST_LABELLED * np.arange(1, len(labelled) + 1))
    covered = labelled[: enough[-1] + 1] if enough.size else labelled[:0]
    return np.flatnonzero(covered)
