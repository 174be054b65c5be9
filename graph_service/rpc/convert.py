"""proto <-> domain, message by message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeVar

from graph_service.engine.answers import listing, suggesting
from graph_service.engine.requests.limits import Limits
from graph_service.engine.state.summary import Summary
from graph_service.events import DatasetCreated, DatasetUpdated, Method, Propagation, Trust
from graph_service.suggestion.strategies import Reason, Strategy
from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.wire.errors import InvalidArgument

__all__ = [
    "accuracy_to",
    "created_from",
    "dataset_to",
    "known",
    "label_from",
    "label_to",
    "limits_to",
    "listed_to",
    "suggestion_to",
    "updated_from",
    "wanted_from",
]

T = TypeVar("T")

_DEFAULT_NEIGHBOURS = 10
_DEFAULT_SUGGESTIONS = 10

# Proto values equal those of the domain enums (a test holds that); 0 is "not set".
_METHODS = {0: Propagation.method, **{int(m): m for m in Method}}
_TRUSTS = {0: Trust.VERIFIED, **{int(t): t for t in Trust}}
_STRATEGIES: dict[int, Strategy] = {
    pb.STRATEGY_UNSPECIFIED: Strategy.AUTO,
    pb.STRATEGY_RANDOM: Strategy.RANDOM,
    pb.STRATEGY_MARGIN: Strategy.MARGIN,
    pb.STRATEGY_ENTROPY: Strategy.ENTROPY,
    pb.STRATEGY_COVERAGE: Strategy.COVERAGE,
    pb.STRATEGY_AUTO: Strategy.AUTO,
    pb.STRATEGY_AUDIT: Strategy.AUDIT,
}
_REASONS = {
    Reason.RANDOM: pb.REASON_RANDOM,
    Reason.UNCERTAIN: pb.REASON_UNCERTAIN,
    Reason.COVERAGE: pb.REASON_COVERAGE,
    Reason.AUDIT: pb.REASON_AUDIT,
}


def created_from(request: pb.CreateDatasetRequest) -> DatasetCreated:
    """Return the event that a CreateDatasetRequest asks for."""
    settings = request.propagation
    defaults = Propagation()
    return DatasetCreated(
        name=request.name,
        dimension=request.dimension,
        encoder_digest=request.encoder_digest,
        classes=tuple(request.classes),
        neighbours=request.neighbours if request.HasField("neighbours") else _DEFAULT_NEIGHBOURS,
        propagation=Propagation(
            method=known(_METHODS, settings.method, "propagation.method"),
            temperature=settings.temperature if settings.HasField("temperature") else defaults.temperature,
            steps=settings.steps if settings.HasField("steps") else defaults.steps,
        ),
    )


def updated_from(request: pb.UpdateDatasetRequest) -> DatasetUpdated:
    """Return the event that an UpdateDatasetRequest asks for; what is not set stays None."""
    settings = request.propagation
    return DatasetUpdated(
        method=known(_METHODS, settings.method, "propagation.method") if settings.method else None,
        temperature=settings.temperature if settings.HasField("temperature") else None,
        steps=settings.steps if settings.HasField("steps") else None,
        new_classes=tuple(request.new_classes),
    )


def label_from(label: pb.Label, field: str) -> tuple[str, str, str, Trust]:
    """Return a label as (sample id, annotator, class name, trust)."""
    trust = known(_TRUSTS, label.trust, f"{field}.trust")
    return label.sample_id, label.annotator, label.class_name, trust


def label_to(label: listing.Label) -> pb.Label:
    """Return one label."""
    return pb.Label(
        sample_id=label.sample_id,
        class_name=label.class_name,
        annotator=label.annotator,
        trust=pb.Trust.ValueType(label.trust),
    )


def wanted_from(request: pb.SuggestSamplesRequest) -> suggesting.Wanted:
    """Return what is to be suggested."""
    return {
        "strategy": known(_STRATEGIES, request.strategy, "strategy"),
        "count": request.count if request.HasField("count") else _DEFAULT_SUGGESTIONS,
        "audit_share": request.audit_share,
        "seed": request.seed,
        "evidence_count": request.evidence_count,
    }


def dataset_to(summary: Summary) -> pb.Dataset:
    """Return a dataset as it stands."""
    created, propagation = summary.created, summary.propagation
    return pb.Dataset(
        name=created.name,
        dimension=summary.encoder.dimension,
        encoder_digest=summary.encoder.digest,
        classes=summary.classes,
        neighbours=created.neighbours,
        propagation=pb.PropagationSettings(
            method=pb.Method.ValueType(propagation.method),
            temperature=propagation.temperature,
            steps=propagation.steps,
        ),
        revision=summary.revision,
        sample_count=summary.sample_count,
        node_count=summary.node_count,
        verified_label_count=summary.verified_label_count,
        given_label_count=summary.given_label_count,
        index=summary.index,
        staged_encoder_digest=summary.staged_encoder_digest,
        staged_count=summary.staged_count,
    )


def listed_to(summary: Summary) -> pb.Dataset:
    """Return a dataset as it stands in a list: without its classes, which can be many."""
    dataset = dataset_to(summary)
    dataset.ClearField("classes")
    return dataset


def limits_to(limits: Limits) -> pb.Limits:
    """Return the limits in force."""
    return pb.Limits(**asdict(limits))


def suggestion_to(suggestion: suggesting.Suggestion) -> pb.Suggestion:
    """Return one suggestion."""
    fields = {**asdict(suggestion), "reason": _REASONS[suggestion.reason]}
    fields["evidence"] = [pb.Evidence(**one) for one in fields["evidence"]]
    return pb.Suggestion(**fields)


def accuracy_to(found: suggesting.Accuracy) -> pb.EstimateAccuracyResponse:
    """Return the estimate of the audit."""
    return pb.EstimateAccuracyResponse(
        revision=found.revision,
        audited_count=found.audited_count,
        right_count=found.right_count,
        accuracy=pb.Interval(**asdict(found.interval)) if found.interval else None,
        target_reached=found.target_reached,
        audits_needed=-1 if found.audits_needed is None else found.audits_needed,
    )


def known(values: Mapping[int, T], value: int, field: str) -> T:
    """Return what an enum's value names.

    Raises:
        InvalidArgument: OUT_OF_RANGE when it names nothing.
    """
    if value not in values:
        message = f"{field} is {value}, which names nothing"
        limit = ", ".join(str(known) for known in values)
        raise InvalidArgument("OUT_OF_RANGE", message, field=field, limit=limit, value=value)
    return values[value]
