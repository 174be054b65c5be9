"""The audit's estimate, on small datasets labelled many times over."""

import numpy as np
import pytest

from graph_service.engine.answers.suggesting import accuracy, suggestions
from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.revision.snapshot import take
from graph_service.engine.state.tables import Tables
from graph_service.events import DatasetCreated, LabelsAdded, Method, Propagation, SamplesAdded, Trust
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.suggestion.strategies import Reason, Strategy

COUNT = 240


class Dataset:
    """Two classes that overlap; samples have other ids for each seed, and so another audit."""

    def __init__(self, seed, method=Method.SYMMETRIZED, copies=0):
        rng = np.random.default_rng(0)
        self.truth = np.arange(COUNT) % 2
        vectors = rng.normal(size=(COUNT, 6))
        vectors[:, 0] += np.where(self.truth, 1.2, -1.2)
        vectors[COUNT - copies :], self.truth[COUNT - copies :] = vectors[0], self.truth[0]
        self.ids = [f"{seed}-{i}" for i in range(COUNT)]
        created = DatasetCreated("d", 6, "", ("a", "b"), 5, Propagation(method=method))
        self.tables = Tables(created, NeighbourGraph(6, 5, index="exact"))
        kept = to_keep(vectors.astype(np.float32), "vectors", COUNT, 6)
        self.tables.apply(SamplesAdded(tuple(self.ids), kept, (b"",) * COUNT))
        self.revision = 1

    def label(self, ids, trust=Trust.VERIFIED, wrong=False):
        self.state(ids, [int(self.truth[self.ids.index(name)]) ^ wrong for name in ids], trust)

    def state(self, ids, classes, trust):
        self.tables.apply(LabelsAdded(tuple(ids), ("",) * len(ids), tuple(classes), (trust,) * len(ids)))
        self.revision += 1

    def snapshot(self):
        self.tables.nodes.flush()
        return take(self.tables, self.revision, None)

    def suggested(self, count, strategy, audit_share=0.0, exclude=()):
        found = suggestions(
            self.snapshot(), strategy=strategy, count=count, audit_share=audit_share, seed=1, exclude=exclude
        )
        return [one.sample_id for one in found.items]

    def accuracy(self, target=0.9, level=0.95):
        return accuracy(self.snapshot(), target=target, level=level)

    def right(self):
        """The share that the audit estimates: of unlabelled samples with a right belief."""
        snapshot = self.snapshot()
        nodes = snapshot.view.sample_nodes
        unlabelled = ~snapshot.clamped()[nodes]
        return (snapshot.beliefs().classes[nodes] == self.truth)[unlabelled].mean()


def test_the_estimate_is_unbiased_and_its_interval_keeps_its_level():
    errors, held = [], []
    for seed in range(120):
        data = Dataset(seed)
        data.label(data.suggested(8, Strategy.AUTO))
        data.label(data.suggested(40, Strategy.AUDIT))
        found, truth = data.accuracy(), data.right()
        assert found.audited_count >= 40
        errors.append(found.interval.estimate - truth)
        held.append(found.interval.lower <= truth <= found.interval.upper)
    # One estimate's standard error is some 0.05, the mean's 0.005. Four of them, and a hundredth for what
    # the tenth that is held out would have taught.
    assert abs(np.mean(errors)) < 0.03
    assert np.mean(held) > 0.88


def test_labels_that_somebody_picked_do_not_count():
    data = Dataset(3)
    order = data.snapshot().view.audit()
    late = [data.ids[i] for i in order[40::5]]
    data.label(late)
    assert data.accuracy().audited_count == 0
    assert data.accuracy().interval is None
    data.label(data.suggested(20, Strategy.AUDIT))
    assert data.accuracy().audited_count == 20


def test_the_next_of_the_audit_and_one_that_nobody_could_label():
    data = Dataset(4)
    order = [data.ids[i] for i in data.snapshot().view.audit()]
    assert data.suggested(5, Strategy.AUDIT) == order[:5]
    skipped = order[2]
    assert data.suggested(5, Strategy.AUDIT, exclude=[skipped]) == [*order[:2], *order[3:6]]
    data.label([*order[:2], *order[3:6]])
    assert data.accuracy().audited_count == 5
    assert data.suggested(2, Strategy.AUDIT, exclude=[skipped]) == order[6:8]


@pytest.mark.parametrize("method", Method)
def test_a_label_does_not_vouch_for_itself(method):
    """The count is that of taking each audited label back by hand, and its copies' with it."""
    data = Dataset(5, method, copies=30)
    order = [data.ids[i] for i in data.snapshot().view.audit()]
    data.label(order[20:60], Trust.GIVEN)
    data.label(order[:8:2])
    data.label(order[1:8:2], wrong=True)
    found = data.accuracy()
    assert 8 <= found.audited_count < 20
    nodes = data.snapshot().view.sample_nodes
    judged = [name for name in order[:20] if nodes[data.ids.index(name)] in labelled_nodes(data)]
    right = 0
    for name in judged[: found.audited_count]:
        i = data.ids.index(name)
        stated = data.snapshot().labels
        like_it = {data.ids[row] for row in np.flatnonzero(nodes == nodes[i])}
        named = stated.rows()
        kept = [place for place in range(len(stated)) if data.ids[named[place]] not in like_it]
        other = Dataset(5, method, copies=30)
        for place in kept:
            name_of = data.ids[named[place]]
            other.state([name_of], [int(stated.classes[place])], Trust(int(stated.trusts[place])))
        verified = stated.classes[(nodes[named] == nodes[i]) & (stated.trusts == Trust.VERIFIED)]
        right += other.snapshot().beliefs().classes[other.snapshot().view.sample_nodes[i]] == verified[0]
    assert found.right_count == right


def labelled_nodes(data):
    return np.flatnonzero(data.snapshot().clamped())


def test_copies_share_a_fold_and_each_counts():
    data = Dataset(6, copies=200)
    snapshot = data.snapshot()
    order = [data.ids[i] for i in snapshot.view.audit()]
    data.label([data.ids[0]])
    counted = data.accuracy()
    # One label vouches for most of the order, and without it nothing is known.
    assert counted.audited_count > 100
    assert counted.right_count == 0
    assert order


def test_when_to_stop():
    data = Dataset(7)
    before = data.accuracy(target=0.6)
    assert (before.interval, before.target_reached) == (None, False)
    assert before.audits_needed == 6
    data.label(data.suggested(60, Strategy.AUDIT))
    found = data.accuracy(target=0.6)
    assert found.interval.lower < found.interval.estimate < found.interval.upper
    assert found.target_reached == (found.interval.lower >= 0.6)
    assert found.target_reached
    assert found.audits_needed == 0
    assert data.accuracy(target=0.9999).audits_needed is None
    nearly = data.accuracy(target=found.interval.estimate - 0.01)
    assert not nearly.target_reached
    assert nearly.audits_needed > 60


def test_what_a_suggestion_says():
    data = Dataset(8)
    first = suggestions(
        data.snapshot(), strategy=Strategy.AUTO, count=5, audit_share=0.2, seed=0, exclude=()
    ).items
    assert [one.reason for one in first].count(Reason.AUDIT) == 1
    assert [one.reason for one in first].count(Reason.COVERAGE) == 4
    assert sum(one.represents for one in first) == COUNT
    assert {(one.class_index, one.rival_class_index) for one in first} == {(-1, -1)}
    data.label([one.sample_id for one in first])
    later = suggestions(
        data.snapshot(), strategy=Strategy.MARGIN, count=5, audit_share=0, seed=0, exclude=()
    ).items
    assert {one.reason for one in later} == {Reason.UNCERTAIN}
    assert all({one.class_index, one.rival_class_index} == {0, 1} for one in later)


def test_a_suggestion_shows_the_samples_that_are_nearest_to_it():
    data = Dataset(9)
    data.label(data.ids[:20])
    snapshot = data.snapshot()
    asked = {"strategy": Strategy.AUTO, "count": 3, "audit_share": 0, "seed": 0, "exclude": ()}
    assert all(not one.evidence for one in suggestions(snapshot, **asked).items)
    view, beliefs = snapshot.view, snapshot.beliefs()
    for one in suggestions(snapshot, **asked, evidence_count=4).items:
        node = view.sample_nodes[data.ids.index(one.sample_id)]
        cosines = sorted(view.similarities[node].tolist(), reverse=True)[:4]
        assert [near.similarity for near in one.evidence] == cosines
        for near in one.evidence:
            other = view.sample_nodes[data.ids.index(near.sample_id)]
            assert view.similarity(node, other) == near.similarity
            assert near.class_name == "ab"[beliefs.classes[other]]
            assert near.weight == 0.25
