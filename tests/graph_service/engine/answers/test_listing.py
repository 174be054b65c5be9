"""What is told of labels names the right samples, whatever left before them."""

import numpy as np

from graph_service.engine.answers.flags import Cut, flag
from graph_service.engine.answers.listing import labels
from graph_service.engine.revision.rankings import FlagKind
from graph_service.engine.revision.snapshot import take
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    LabelsAdded,
    Method,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
)
from graph_service.neighbours.graph import NeighbourGraph

STATED = [("s1", "x", 0), ("s3", "y", 1), ("s5", "x", 0), ("s5", "y", 1), ("s7", "z", 1)]


def snapshot():
    """Eight samples, of which the first, the third and the fourth leave, and labels of the others."""
    vectors = np.random.default_rng(0).normal(size=(8, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tables = Tables(
        DatasetCreated("d", 4, "", ("a", "b"), 2, Propagation(method=Method.PAPER)),
        NeighbourGraph(4, 2, index="exact"),
    )
    ids = tuple(f"s{i}" for i in range(8))
    tables.apply(SamplesAdded(ids, vectors.astype(np.float16), (b"",) * 8))
    samples, annotators, classes = zip(*STATED, strict=True)
    tables.apply(LabelsAdded(samples, annotators, classes, (Trust.GIVEN,) * len(STATED)))
    tables.flush()
    tables.apply(SamplesRemoved(("s0", "s2", "s3")))
    tables.flush()
    return take(tables, 1, None)


def test_labels_after_samples_have_left():
    found = labels(snapshot(), start=0, count=10)
    told = [(one.sample_id, one.annotator, "ab".index(one.class_name)) for one in found.labels]
    assert told == [one for one in STATED if one[0] != "s3"]
    assert labels(snapshot(), start=2, count=1).labels == found.labels[2:3]
    assert found.total_count == 4


def test_flags_after_samples_have_left():
    found = flag(
        snapshot(), kind=FlagKind.CONTRADICTION, cut=Cut(), evidence_count=5, start=0, count=10
    ).items
    assert {(one.sample_id, one.annotator, one.class_name) for one in found} == {
        ("s5", "x", "a"),
        ("s5", "y", "b"),
    }
    for one in found:
        assert [other.sample_id for other in one.evidence] == ["s5"]
        assert one.evidence[0].class_name != one.class_name


def test_an_odd_sample_is_told_with_its_label():
    found = flag(snapshot(), kind=FlagKind.OUTLIER, cut=Cut(budget=5), evidence_count=0, start=0, count=5)
    told = {one.sample_id: one.class_name for one in found.items}
    assert told == {"s1": "a", "s4": "", "s5": "a", "s6": "", "s7": "b"}
