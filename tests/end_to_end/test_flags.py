"""Flags of every kind, their cuts, and the labels' noise, over a real socket."""

import numpy as np
import pytest

from graph_service.engine.revision.rankings import FlagKind as Domain
from vicinal.graph.v1 import graph_pb2
from vicinal_client import FailedPrecondition, FlagKind, Label, Method, Trust

CLASSES = ["a", "b", "c"]
SAMPLES = 300


@pytest.fixture(scope="module")
def noisy():
    """Three clusters with their classes; `hasty` errs on every third sample of theirs, `careful` never."""
    rng = np.random.default_rng(4)
    truth = np.arange(SAMPLES) % 3
    vectors = np.eye(3, 12)[truth] * 2 + 0.35 * rng.normal(size=(SAMPLES, 12))
    ids = [f"s{i:03}" for i in range(SAMPLES)]
    by = np.where(np.arange(SAMPLES) < 150, "careful", "hasty")
    wrong = (by == "hasty") & (rng.random(SAMPLES) < 0.3)
    stated = np.where(wrong, (truth + 1) % 3, truth)
    labels = [
        Label(ids[i], CLASSES[stated[i]], str(by[i]), Trust.GIVEN if i % 2 else Trust.VERIFIED)
        for i in range(SAMPLES)
    ]
    return ids, vectors, truth, wrong, labels


@pytest.fixture(params=[Method.POOLED, Method.SYMMETRIZED], ids=lambda method: method.value)
def graph_of(graph, noisy, request):
    ids, vectors, *_, labels = noisy
    graph.create_dataset("d", dimension=12, classes=[*CLASSES, "unused"], method=request.param)
    graph.add_samples("d", ids, vectors)
    with pytest.raises(FailedPrecondition) as refusal:
        graph.estimate_noise("d")
    assert refusal.value.reason == "NOTHING_TO_PROPAGATE"
    graph.add_labels("d", labels)
    return graph


def test_wrong_labels(graph_of, noisy):
    ids, _, truth, wrong, _ = noisy
    planted = {ids[i] for i in np.flatnonzero(wrong)}
    flags = graph_of.flag_errors("d")
    found = {flag.label.sample_id for flag in flags}
    assert len(found & planted) / len(found | planted) > 0.8
    for flag in flags:
        assert flag.suggested_class != flag.label.class_name
        if flag.label.sample_id in planted:
            assert flag.suggested_class == CLASSES[truth[ids.index(flag.label.sample_id)]]
    every = graph_of.flag_errors("d", min_suspicion=0)
    suspicions = [flag.suspicion for flag in every]
    assert len(every) == SAMPLES
    assert suspicions == sorted(suspicions, reverse=True)
    assert graph_of.flag_errors("d", budget=7).items == every[:7]
    sure = graph_of.flag_errors("d", target_precision=0.9)
    assert np.mean([flag.suspicion for flag in sure]) >= 0.9
    assert np.mean([flag.suspicion for flag in every[: len(sure) + 1]]) < 0.9
    least = every[9].suspicion
    assert [flag.suspicion >= least for flag in every] == [True] * len(
        graph_of.flag_errors("d", min_suspicion=least)
    ) + [False] * (SAMPLES - len(graph_of.flag_errors("d", min_suspicion=least)))
    with pytest.raises(ValueError, match="at most one"):
        graph_of.flag_errors("d", budget=1, min_suspicion=0.5)


def test_the_noise(graph_of, noisy):
    *_, wrong, _ = noisy
    found = graph_of.estimate_noise("d")
    assert found.noise_rate.estimate == pytest.approx(wrong.mean(), abs=0.05)
    assert found.noise_rate.lower <= wrong.mean() <= found.noise_rate.upper
    assert found.transition.shape == (4, 4)
    np.testing.assert_allclose(found.transition.sum(axis=1), [1, 1, 1, 0], atol=1e-5)
    assert (found.transition_lower <= found.transition).all()
    assert (found.transition <= found.transition_upper).all()
    assert found.transition[0, 1] > 4 * found.transition[0, 2]
    rates = {one.annotator: one for one in found.annotators}
    assert rates["careful"].noise_rate.upper < rates["hasty"].noise_rate.lower
    assert rates["hasty"].label_count == 150
    narrow = graph_of.estimate_noise("d", level=0.5).noise_rate
    assert narrow.upper - narrow.lower < found.noise_rate.upper - found.noise_rate.lower


def test_copies_strays_and_contradictions(graph_of, noisy):
    ids, vectors, truth, _, labels = noisy
    for kind in (FlagKind.NEAR_DUPLICATE, FlagKind.CONTRADICTION):
        assert not len(graph_of.flag_errors("d", kind=kind)), kind
    near = vectors[5] + 1e-3 * np.eye(12)[3]
    graph_of.add_samples("d", ["copy", "near", "stray"], np.stack([vectors[5], near, -np.ones(12)]))
    repeats = {flag.label.sample_id: flag for flag in graph_of.flag_errors("d", kind=FlagKind.NEAR_DUPLICATE)}
    assert repeats.keys() == {"copy", "near"}
    assert repeats["copy"].suspicion == 1
    assert repeats["copy"].evidence[0].sample_id == repeats["near"].evidence[0].sample_id == ids[5]
    assert repeats["copy"].label.class_name == ""
    (stray,) = graph_of.flag_errors("d", kind=FlagKind.OUTLIER, budget=1)
    assert stray.label.sample_id == "stray"
    other = CLASSES[(truth[5] + 2) % 3]
    graph_of.add_labels("d", [Label("near", other, "hasty", Trust.GIVEN)])
    found = graph_of.flag_errors("d", kind=FlagKind.CONTRADICTION)
    assert {flag.label.sample_id for flag in found} == {"near", ids[5]}
    assert found[0].label.sample_id == "near"
    assert found[0].evidence[0].class_name == labels[5].class_name


def test_the_kinds_are_those_of_the_contract():
    assert {f"FLAG_KIND_{kind.name}": int(kind) for kind in Domain} == {
        name: value for name, value in graph_pb2.FlagKind.items() if value
    }
    assert {kind.name for kind in FlagKind} == {kind.name for kind in Domain}


def test_the_noise_of_more_classes_than_a_message_holds_pairs_of(graph, noisy):
    ids, vectors, *_, labels = noisy
    graph.create_dataset("many", dimension=12, classes=[*CLASSES, *(f"more {i}" for i in range(1_446))])
    graph.add_samples("many", ids, vectors)
    graph.add_labels("many", labels)
    found = graph.estimate_noise("many")
    assert found.transition is found.transition_lower is found.transition_upper is None
    assert found.noise_rate.estimate > 0.05
    assert [one.annotator for one in found.annotators] == ["careful", "hasty"]
