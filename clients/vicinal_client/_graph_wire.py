"""Messages of vicinal.graph.v1 <-> the client's own types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import unpack
from vicinal_client import _lease_wire as leases
from vicinal_client._dataset_types import Dataset, GraphLimits
from vicinal_client._flag_types import AnnotatorNoise, Flag, FlagKind, Noise
from vicinal_client._graph_types import (
    Accuracy,
    Beliefs,
    Classification,
    Evidence,
    Interval,
    Label,
    LabelKey,
    Method,
    Propagation,
    Reason,
    Strategy,
    Suggestion,
    Suggestions,
    Trust,
)
from vicinal_client._watch_types import BeliefChanges

__all__ = [
    "accuracy",
    "belief_changes",
    "beliefs",
    "classification",
    "dataset",
    "flag",
    "flag_kind_value",
    "join_beliefs",
    "join_classifications",
    "label",
    "label_keys",
    "label_message",
    "limits",
    "noise",
    "propagation",
    "settings",
    "strategy_value",
    "suggestions",
]


def settings(
    method: Method | None, temperature: float | None, steps: int | None
) -> graph_pb2.PropagationSettings:
    """Return the settings that are given; None leaves one unset."""
    chosen = graph_pb2.METHOD_UNSPECIFIED
    if method is not None:
        chosen = graph_pb2.Method.Value(f"METHOD_{Method(method).name}")
    return graph_pb2.PropagationSettings(method=chosen, temperature=temperature, steps=steps)


def strategy_value(strategy: Strategy | None) -> graph_pb2.Strategy.ValueType:
    """Return the enum value of `strategy`; None asks for the service's default."""
    if strategy is None:
        return graph_pb2.STRATEGY_UNSPECIFIED
    return graph_pb2.Strategy.Value(f"STRATEGY_{Strategy(strategy).name}")


def flag_kind_value(kind: FlagKind | None) -> graph_pb2.FlagKind.ValueType:
    """Return the enum value of `kind`; None asks for the service's default."""
    if kind is None:
        return graph_pb2.FLAG_KIND_UNSPECIFIED
    return graph_pb2.FlagKind.Value(f"FLAG_KIND_{FlagKind(kind).name}")


def label_message(label: Label) -> graph_pb2.Label:
    """Return `label` as a message."""
    return graph_pb2.Label(
        sample_id=label.sample_id,
        class_name=label.class_name,
        annotator=label.annotator,
        trust=graph_pb2.Trust.Value(f"TRUST_{Trust(label.trust).name}"),
    )


def label(message: graph_pb2.Label) -> Label:
    """Return the label in `message`; one without a trust stands in a flag that concerns no label."""
    trust = graph_pb2.Trust.Name(message.trust or graph_pb2.TRUST_GIVEN).removeprefix("TRUST_")
    return Label(message.sample_id, message.class_name, message.annotator, Trust[trust])


def label_keys(labels: Iterable[Label | LabelKey | str], annotator: str) -> list[LabelKey]:
    """Return the keys that `labels` name; a bare sample id names that of `annotator`."""
    return [
        LabelKey(label, annotator) if isinstance(label, str) else LabelKey(label.sample_id, label.annotator)
        for label in labels
    ]


def dataset(message: graph_pb2.Dataset) -> Dataset:
    """Return the dataset that `message` describes."""
    return Dataset(
        name=message.name,
        dimension=message.dimension,
        encoder_digest=message.encoder_digest,
        classes=tuple(message.classes),
        neighbours=message.neighbours,
        method=Method[graph_pb2.Method.Name(message.propagation.method).removeprefix("METHOD_")],
        temperature=message.propagation.temperature,
        steps=message.propagation.steps,
        revision=message.revision,
        sample_count=message.sample_count,
        node_count=message.node_count,
        verified_label_count=message.verified_label_count,
        given_label_count=message.given_label_count,
        index=message.index,
        staged_encoder_digest=message.staged_encoder_digest,
        staged_count=message.staged_count,
    )


def limits(message: graph_pb2.Limits) -> GraphLimits:
    """Return the limits in `message`."""
    return GraphLimits(**{field.name: getattr(message, field.name) for field in fields(GraphLimits)})


def propagation(message: graph_pb2.PropagateResponse) -> Propagation:
    """Return the outcome in `message`."""
    return Propagation(
        revision=message.revision,
        labelled_count=message.labelled_count,
        reached_count=message.reached_count,
        unreached_count=message.unreached_count,
        seconds=message.propagation_time.ToNanoseconds() / 1e9,
        classes=unpack(message.classes, "classes") if message.HasField("classes") else None,
        confidences=unpack(message.confidences, "confidences") if message.HasField("confidences") else None,
    )


def suggestions(message: graph_pb2.SuggestSamplesResponse) -> Suggestions:
    """Return the suggestions in `message`."""
    items = (
        Suggestion(
            sample_id=item.sample_id,
            score=item.score,
            class_index=item.class_index,
            confidence=item.confidence,
            reason=Reason[graph_pb2.Reason.Name(item.reason).removeprefix("REASON_")],
            represents=item.represents,
            rival_class_index=item.rival_class_index,
            evidence=_evidence(item.evidence),
        )
        for item in message.suggestions
    )
    held = leases.lease(message.lease) if message.HasField("lease") else None
    return Suggestions(message.revision, tuple(items), held)


def accuracy(message: graph_pb2.EstimateAccuracyResponse) -> Accuracy:
    """Return the estimate in `message`."""
    found = message.accuracy if message.HasField("accuracy") else None
    return Accuracy(
        revision=message.revision,
        audited_count=message.audited_count,
        right_count=message.right_count,
        accuracy=_interval(found) if found else None,
        target_reached=message.target_reached,
        audits_needed=None if message.audits_needed < 0 else message.audits_needed,
    )


def flag(message: graph_pb2.Flag) -> Flag:
    """Return the flag in `message`."""
    return Flag(
        label=label(message.label),
        suspicion=message.suspicion,
        suggested_class=message.suggested_class,
        evidence=_evidence(message.evidence),
    )


def noise(message: graph_pb2.EstimateNoiseResponse) -> Noise:
    """Return the estimates in `message`."""
    return Noise(
        revision=message.revision,
        noise_rate=_interval(message.noise_rate),
        transition=_optional(message, "transition"),
        transition_lower=_optional(message, "transition_lower"),
        transition_upper=_optional(message, "transition_upper"),
        annotators=tuple(
            AnnotatorNoise(one.annotator, one.label_count, _interval(one.noise_rate))
            for one in message.annotators
        ),
    )


def classification(message: graph_pb2.ClassifyResponse) -> Classification:
    """Return the classes in `message`."""
    return Classification(
        revision=message.revision,
        classes=unpack(message.classes, "classes"),
        confidences=unpack(message.confidences, "confidences"),
        beliefs=_optional(message, "beliefs"),
    )


def join_classifications(parts: Sequence[Classification]) -> Classification:
    """Return the parts of one input as one; at least one part."""
    return Classification(
        revision=min(part.revision for part in parts),
        classes=np.concatenate([part.classes for part in parts]),
        confidences=np.concatenate([part.confidences for part in parts]),
        beliefs=_join([part.beliefs for part in parts]),
    )


def beliefs(message: graph_pb2.ExportBeliefsResponse) -> Beliefs:
    """Return the page of beliefs in `message`."""
    return Beliefs(
        revision=message.revision,
        sample_ids=tuple(message.sample_ids),
        classes=unpack(message.classes, "classes"),
        confidences=unpack(message.confidences, "confidences"),
        beliefs=_optional(message, "beliefs"),
        total_count=message.total_count,
    )


def join_beliefs(pages: Sequence[Beliefs]) -> Beliefs:
    """Return the pages of one export as one; at least one page."""
    return Beliefs(
        revision=pages[0].revision,
        sample_ids=tuple(sample for page in pages for sample in page.sample_ids),
        classes=np.concatenate([page.classes for page in pages]),
        confidences=np.concatenate([page.confidences for page in pages]),
        beliefs=_join([page.beliefs for page in pages]),
        total_count=pages[0].total_count,
    )


def belief_changes(parts: Sequence[graph_pb2.WatchBeliefsResponse], *, is_whole: bool) -> BeliefChanges:
    """Return the parts of one revision as one; at least one part."""
    return BeliefChanges(
        revision=parts[0].revision,
        sample_ids=tuple(sample for part in parts for sample in part.sample_ids),
        classes=np.concatenate([unpack(part.classes, "classes") for part in parts]),
        confidences=np.concatenate([unpack(part.confidences, "confidences") for part in parts]),
        left=tuple(sample for part in parts for sample in part.left_sample_ids),
        is_whole=is_whole,
    )


def _evidence(messages: Iterable[graph_pb2.Evidence]) -> tuple[Evidence, ...]:
    return tuple(Evidence(one.sample_id, one.weight, one.class_name, one.similarity) for one in messages)


def _interval(message: graph_pb2.Interval) -> Interval:
    return Interval(message.estimate, message.lower, message.upper)


def _optional(message: Message, field: str) -> npt.NDArray[np.float32] | None:
    return unpack(getattr(message, field), field) if message.HasField(field) else None


def _join(parts: Sequence[npt.NDArray[np.float32] | None]) -> npt.NDArray[np.float32] | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None
