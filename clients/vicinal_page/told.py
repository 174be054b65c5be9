"""Pictures, suggestions and flags as the JSON that the page's scripts read. Shares are 0 to 1."""

from __future__ import annotations

from typing import Any

from vicinal_client import Evidence, Flag, Interval, Suggestion
from vicinal_page.board import Picture
from vicinal_page.desk import Desk
from vicinal_page.house import Room
from vicinal_page.settings import AUDIT_SHARE, SURE, TARGETS

__all__ = ["desk_of", "flag_of", "state_of"]


def state_of(picture: Picture) -> dict[str, Any]:
    """Return a dataset as it stands; points of the curve are [labels, sure, estimate, lower, upper]."""
    dataset = picture.dataset
    return {
        "dataset": dataset.name,
        "revision": dataset.revision,
        "samples": dataset.sample_count,
        "verified": dataset.verified_label_count,
        "given": dataset.given_label_count,
        "classes": dataset.classes,
        "masses": picture.masses,
        "unreached": picture.unreached,
        "histogram": picture.histogram,
        "sure": picture.sure,
        "sureFrom": SURE,
        "auditShare": AUDIT_SHARE,
        "audited": picture.accuracies[0].audited_count,
        "right": picture.accuracies[0].right_count,
        "accuracy": _interval(picture.accuracies[0].accuracy),
        "budgets": [
            {"target": target, "reached": found.target_reached, "needed": found.audits_needed}
            for target, found in zip(TARGETS, picture.accuracies, strict=True)
        ],
        "noise": _interval(picture.noise),
        "curve": [
            (point.labels, point.sure, point.estimate, point.lower, point.upper) for point in picture.curve
        ],
        "trouble": picture.trouble,
    }


def desk_of(room: Room, desk: Desk) -> dict[str, Any]:
    """Return what lies ready on a desk, and how many labels may be taken back."""
    return {"items": [_item(room, item) for item in desk.held], "undos": desk.undos}


def flag_of(room: Room, flag: Flag) -> dict[str, Any]:
    """Return a flag with its evidence."""
    return {
        "sample": flag.label.sample_id,
        "annotator": flag.label.annotator,
        "class": flag.label.class_name,
        "trust": flag.label.trust.value,
        "suspicion": flag.suspicion,
        "suggested": flag.suggested_class,
        "evidence": [_evidence(room, one) for one in flag.evidence],
    }


def _item(room: Room, item: Suggestion) -> dict[str, Any]:
    believed, confidence = room.board.belief(item.sample_id) or (item.class_index, item.confidence)
    return {
        "id": item.sample_id,
        "class": believed,
        "confidence": confidence,
        "rival": item.rival_class_index if believed == item.class_index else -1,
        "reason": item.reason.value,
        "represents": item.represents,
        "neighbours": [_neighbour(room, near) for near in item.evidence],
    }


def _neighbour(room: Room, near: Evidence) -> dict[str, Any]:
    believed = room.board.belief(near.sample_id)
    classes = room.board.classes
    known = believed is not None and 0 <= believed[0] < len(classes)
    return _evidence(room, near) | {
        "class": classes[believed[0]] if believed is not None and known else near.class_name,
        "confidence": believed[1] if believed else None,
    }


def _evidence(room: Room, one: Evidence) -> dict[str, Any]:
    return {
        "id": one.sample_id,
        "class": one.class_name,
        "similarity": one.similarity,
        "weight": one.weight,
        "labelled": room.statements.verified(one.sample_id),
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"estimate": interval.estimate, "lower": interval.lower, "upper": interval.upper}
