"""The limits in force."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What one request, and one dataset, may hold. The contract's `Limits` says what each means."""

    max_id_bytes: int = 512
    max_samples_per_request: int = 1_000
    max_labels_per_request: int = 10_000
    max_samples: int = 2_000_000
    max_classes: int = 10_000
    max_dimension: int = 4_096
    max_neighbours: int = 100
    max_suggestions: int = 1_000
    max_page_size: int = 50_000
    max_scores: int = 200_000_000
    max_watchers: int = 64
    max_leased_samples: int = 20_000
    max_message_bytes: int = 32 * 1024 * 1024
