"""Durations in logarithmic buckets: small, quick to add to, mergeable, percentiles exact to 1%."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["GROWTH", "LEAST", "Histogram", "edge"]

LEAST = 1e-6
"""Seconds at the lower edge of bucket 0, which takes everything shorter, too."""
GROWTH = 1.01
"""Each bucket is longer than the one before by this factor; its middle is within 0.5% of all it holds."""

_LOG_GROWTH = math.log(GROWTH)


@dataclass
class Histogram:
    """How often durations of each length occurred.

    Attributes:
        buckets: bucket number → durations in it; bucket i holds those from LEAST · GROWTH^i seconds up to
            LEAST · GROWTH^(i+1).
        total: seconds of all together.
        longest: seconds of the longest.
    """

    buckets: Counter[int] = field(default_factory=Counter)
    total: float = 0.0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """Durations added."""
        return self.buckets.total()

    @property
    def mean(self) -> float | None:
        """Mean in seconds; None when there is nothing."""
        return self.total / self.count if self.buckets else None

    def add(self, seconds: float) -> None:
        """Count a duration; what is below `LEAST` or negative counts as `LEAST`."""
        seconds = max(seconds, LEAST)
        self.buckets[int(math.log(seconds / LEAST) / _LOG_GROWTH)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def merge(self, other: Histogram) -> None:
        """Count what the other has counted, as if all had been added here."""
        self.buckets.update(other.buckets)
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    def quantile(self, share: float) -> float | None:
        """Return the seconds that this share of the durations does not exceed, to 0.5%; None of nothing.

        Args:
            share: 0 to 1; 1 gives the longest, exactly.
        """
        if not self.buckets:
            return None
        if share >= 1:
            return self.longest
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return min(edge(bucket + 0.5), self.longest)
        raise AssertionError("the rank is at most the count")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "buckets": [[bucket, self.buckets[bucket]] for bucket in sorted(self.buckets)],
            "total": self.total,
            "longest": self.longest,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what `to_json` was made from."""
        buckets = Counter({int(bucket): int(count) for bucket, count in found["buckets"]})
        return cls(buckets, float(found["total"]), float(found["longest"]))


def edge(bucket: float) -> float:
    """Return the seconds at the lower edge of a bucket."""
    return float(LEAST * GROWTH**bucket)
