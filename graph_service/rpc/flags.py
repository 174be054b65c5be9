"""proto <-> domain of the flags and of the labels' noise."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from graph_service.engine.answers.flags import Cut, Estimates, Flag, Noise
from graph_service.engine.revision.rankings import FlagKind
from graph_service.rpc.convert import known
from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.wire import tensors

__all__ = ["cut_from", "flag_to", "kind_from", "noise_to"]

# Proto values equal those of the domain enum (a test holds that); 0 is "not set".
_KINDS = {0: FlagKind.WRONG_LABEL, **{int(kind): kind for kind in FlagKind}}


def kind_from(value: int) -> FlagKind:
    """Return the kind asked for, or the default."""
    return known(_KINDS, value, "kind")


def cut_from(request: pb.FlagErrorsRequest) -> Cut:
    """Return where the list of flags is asked to end."""
    field = request.WhichOneof("cut")
    return Cut(**{field: getattr(request, field)}) if field else Cut()


def flag_to(flag: Flag) -> pb.Flag:
    """Return one flag with its evidence."""
    return pb.Flag(
        label=pb.Label(
            sample_id=flag.sample_id,
            class_name=flag.class_name,
            annotator=flag.annotator,
            trust=pb.Trust.ValueType(flag.trust or 0),
        ),
        suspicion=flag.suspicion,
        suggested_class=flag.suggested_class,
        evidence=[pb.Evidence(**asdict(evidence)) for evidence in flag.evidence],
    )


def noise_to(noise: Noise) -> pb.EstimateNoiseResponse:
    """Return how many labels are wrong."""
    matrices = {}
    if noise.transition:
        matrices = {
            "transition": tensors.pack(noise.transition.estimate.astype(np.float32)),
            "transition_lower": tensors.pack(noise.transition.lower.astype(np.float32)),
            "transition_upper": tensors.pack(noise.transition.upper.astype(np.float32)),
        }
    return pb.EstimateNoiseResponse(
        revision=noise.revision,
        noise_rate=_interval(noise.rate),
        **matrices,
        annotators=[
            pb.AnnotatorNoise(
                annotator=name, label_count=int(noise.counts[i]), noise_rate=_interval(noise.rates, i)
            )
            for i, name in enumerate(noise.annotators)
        ],
    )


def _interval(estimates: Estimates, *index: int) -> pb.Interval:
    """Return one of the estimates."""
    return pb.Interval(
        estimate=float(estimates.estimate[index]),
        lower=float(estimates.lower[index]),
        upper=float(estimates.upper[index]),
    )
