"""How far the back end is: numbers and sentences for people and for Prometheus."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["Status", "metrics_text"]

_REMEMBERED = 20
_FAILURES_SHOWN = 200
_ACTIONS = frozenset(
    {
        "ANNOTATION_CREATED",
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "TASKS_CREATED",
        "TASKS_DELETED",
        "PROJECT_UPDATED",
        "START_TRAINING",
    }
)


@dataclass
class Status:
    """What the back end did and sees. One is kept as long as the process lives.

    Attributes:
        project: Label Studio's number of the project.
        dataset: the dataset that stands for it.
        model_version: of the predictions.
        tasks: tasks that the project has.
        imported: tasks whose image the dataset has.
        failed: task -> why its image could not be imported.
        unknown: task -> a choice that is no class of the dataset.
        labels: labels in the dataset that come from this project.
        added: labels written since the start.
        removed: labels taken back since the start.
        predictions: predictions written since the start.
        suspected: labels that look wrong now.
        working: what is being done now; None while there is nothing to do.
        queued: tasks that are marked to be looked at.
        to_import: images that wait to be imported.
        webhooks: events received since the start, by action.
        surveys: full comparisons since the start.
        surveyed_at: when the last one ended.
        connected_at: when Label Studio was connected to the back end, as it says.
        trouble: what went wrong last and is being repeated; None while all is well.
        notes: what happened lately, for people.
    """

    project: int
    dataset: str
    model_version: str
    tasks: int = 0
    imported: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    unknown: dict[int, str] = field(default_factory=dict)
    labels: int = 0
    added: int = 0
    removed: int = 0
    predictions: int = 0
    suspected: int = 0
    working: str | None = "starting"
    queued: int = 0
    to_import: int = 0
    webhooks: dict[str, int] = field(default_factory=dict)
    surveys: int = 0
    surveyed_at: datetime | None = None
    connected_at: datetime | None = None
    trouble: str | None = None
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def hear(self, action: str) -> None:
        """Count an event."""
        word = action if action in _ACTIONS else "OTHER"
        self.webhooks[word] = self.webhooks.get(word, 0) + 1

    def note(self, text: str) -> None:
        """Remember what happened."""
        self.notes.append(f"{datetime.now(UTC):%H:%M:%S} {text}")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        plain = {name: value for name, value in vars(self).items() if name not in ("failed", "unknown")}
        return {
            **plain,
            "surveyed_at": self.surveyed_at and self.surveyed_at.isoformat(),
            "connected_at": self.connected_at and self.connected_at.isoformat(),
            "notes": list(self.notes),
            "failed_count": len(self.failed),
            "failed": dict(list(self.failed.items())[:_FAILURES_SHOWN]),
            "unknown_choices": dict(list(self.unknown.items())[:_FAILURES_SHOWN]),
        }


_GAUGES = {
    "tasks": ("tasks of the project", "tasks"),
    "imported": ("tasks whose image the dataset has", "imported_tasks"),
    "labels": ("labels in the dataset that come from the project", "labels"),
    "suspected": ("labels that look wrong", "suspected_labels"),
    "queued": ("tasks that are marked to be looked at", "queued_tasks"),
    "to_import": ("images that wait to be imported", "waiting_images"),
}
_COUNTERS = {
    "added": ("labels written", "labels_added"),
    "removed": ("labels taken back", "labels_removed"),
    "predictions": ("predictions written", "predictions_written"),
    "surveys": ("full comparisons", "surveys"),
}


def metrics_text(status: Status) -> str:
    """Return the status in Prometheus's text format, version 0.0.4."""
    lines = []
    for kind, table, ending in (("gauge", _GAUGES, ""), ("counter", _COUNTERS, "_total")):
        for attribute, (meaning, word) in table.items():
            lines += _metric(f"{word}{ending}", kind, meaning, [("", getattr(status, attribute))])
    lines += _metric(
        "failed_images", "gauge", "images that could not be imported", [("", len(status.failed))]
    )
    lines += _metric(
        "in_trouble", "gauge", "1 while something is repeated", [("", int(bool(status.trouble)))]
    )
    received = [(f'{{action="{action}"}}', count) for action, count in sorted(status.webhooks.items())]
    lines += _metric("webhooks_total", "counter", "events received", received)
    return "\n".join(lines) + "\n"


def _metric(word: str, kind: str, meaning: str, values: list[tuple[str, int]]) -> list[str]:
    name = f"vicinal_label_studio_{word}"
    head = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    return [*head, *(f"{name}{labels} {value}" for labels, value in values)]
