"""Leases against a plain model: who holds what at every moment, and that a replay finds the same."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graph_service.engine.requests.limits import Limits
from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.state.leases import SamplesTaken
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    LabelsAdded,
    LeaseReleased,
    LeaseRenewed,
    Propagation,
    SamplesAdded,
    SamplesLeased,
    SamplesRemoved,
    Trust,
)
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import NotFound, ResourceExhausted

IDS = [f"s{i}" for i in range(8)]
MOST = 6
LIMITS = Limits(max_leased_samples=MOST)
TIMES = st.integers(1, 20)
CHOICES = st.lists(st.sampled_from(IDS), min_size=1, unique=True, max_size=4)


def tables() -> Tables:
    created = DatasetCreated("d", 4, "", ("a", "b"), 3, Propagation())
    return Tables(created, NeighbourGraph(4, 3, index="exact"))


def added(ids) -> SamplesAdded:
    vectors = np.random.default_rng(len(ids)).normal(size=(len(ids), 4))
    return SamplesAdded(tuple(ids), to_keep(vectors, "vectors", len(ids), 4), (b"",) * len(ids))


def standing(held):
    return held.lease_id, held.annotator, list(held.samples.values()), held.expires


class Leasing(RuleBasedStateMachine):
    """The model is a list of leases, each [id, annotator, samples, expiry], in order of their making."""

    @initialize()
    def start(self):
        self.tables = tables()
        self.history: list = []
        self.now = 1000
        self.count = 0
        self.leases: list = []
        self.labelled: set[str] = set()
        self.there: list[str] = []
        self.add(IDS)

    def happen(self, event):
        self.tables.check(event, LIMITS)
        self.tables.apply(event)
        self.tables.flush()
        self.history.append(event)

    def live(self):
        return [lease for lease in self.leases if lease[3] > self.now]

    def forget(self):
        self.leases = self.live()

    def let_go(self, sample):
        for lease in self.leases:
            if sample in lease[2]:
                lease[2].remove(sample)
        self.leases = [lease for lease in self.leases if lease[2]]

    @rule(ids=CHOICES)
    def add(self, ids):
        self.happen(added(ids))
        self.there += [name for name in ids if name not in self.there]

    @rule(by=st.integers(-5, 15))
    def time_passes(self, by):
        """Also backwards, as the clock of a machine may be set."""
        self.now += by

    @rule(ids=CHOICES, time=TIMES, who=st.sampled_from(["ann", "bob"]))
    def lease(self, ids, time, who):
        self.count += 1
        event = SamplesLeased(f"L{self.count}", who, tuple(ids), self.now, time)
        held = {sample for lease in self.live() for sample in lease[2]}
        taken = [name for name in ids if name in held | self.labelled or name not in self.there]
        if taken:
            with pytest.raises(SamplesTaken) as refusal:
                self.happen(event)
            assert refusal.value.sample_ids == taken
        elif len(held) + len(ids) > MOST:
            with pytest.raises(ResourceExhausted) as full:
                self.happen(event)
            assert (full.value.reason, full.value.metadata) == ("QUEUE_FULL", {"limit": str(MOST)})
        else:
            self.happen(event)
            self.forget()
            for sample in ids:
                self.let_go(sample)
            self.leases.append([event.lease_id, who, list(ids), self.now + time])

    @precondition(lambda self: self.count)
    @rule(data=st.data(), time=TIMES)
    def renew(self, data, time):
        name = f"L{data.draw(st.integers(1, self.count))}"
        if self.happens_to(name, LeaseRenewed(name, self.now, time)):
            next(lease for lease in self.leases if lease[0] == name)[3] = self.now + time
            self.forget()

    @precondition(lambda self: self.count)
    @rule(data=st.data(), ids=st.just([]) | CHOICES)
    def release(self, data, ids):
        name = f"L{data.draw(st.integers(1, self.count))}"
        if self.happens_to(name, LeaseReleased(name, tuple(ids), self.now)):
            held = next(lease for lease in self.leases if lease[0] == name)[2]
            for sample in [sample for sample in held if sample in ids or not ids]:
                self.let_go(sample)

    def happens_to(self, name, event):
        """Let it happen if the lease lives, else see it refused."""
        if any(lease[0] == name for lease in self.live()):
            self.happen(event)
            return True
        with pytest.raises(NotFound) as refusal:
            self.happen(event)
        found = refusal.value.reason, refusal.value.metadata
        assert found == ("UNKNOWN_LEASE", {"field": "lease_id", "value": name})
        return False

    @precondition(lambda self: self.there)
    @rule(data=st.data(), trust=st.sampled_from(Trust), who=st.sampled_from(["ann", "eve"]))
    def label(self, data, trust, who):
        sample = data.draw(st.sampled_from(self.there))
        self.happen(LabelsAdded((sample,), (who,), (0,), (trust,)))
        if trust is Trust.VERIFIED:
            self.labelled.add(sample)
            self.let_go(sample)
        elif not self.tables.labels.is_verified(self.tables.row_of[sample]):
            self.labelled.discard(sample)  # the annotator's own verified label was replaced

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def remove(self, data):
        sample = data.draw(st.sampled_from(self.there))
        self.happen(SamplesRemoved((sample,)))
        self.there.remove(sample)
        self.labelled.discard(sample)
        self.let_go(sample)

    @invariant()
    def is_what_the_model_says(self):
        self.compare(self.tables)

    @invariant()
    def a_replay_finds_the_same(self):
        fresh = tables()
        for event in self.history:
            fresh.apply(event)
        self.compare(fresh)

    def compare(self, it):
        live, leases = self.live(), it.leases
        assert [list(standing(held)) for held in leases.live(self.now)] == live
        for lease in live:
            assert list(standing(leases.get(lease[0], self.now))) == lease
        held = [sample for lease in live for sample in lease[2]]
        assert len(held) == len(set(held))
        assert sorted(it.ids[row] for row in leases.rows(self.now).tolist()) == sorted(held)
        assert {name for name in self.there if leases.has(it.row_of[name], self.now)} == set(held)


Leasing.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLeasing = Leasing.TestCase


def test_memory_is_given_back():
    it = tables()
    it.apply(added(IDS))
    for turn in range(100):
        it.apply(SamplesLeased(f"L{turn}", "", tuple(IDS[:3]), 10 * turn, 10))
    leases = it.leases
    assert (len(leases._leases), len(leases._holder), len(leases._by_expiry)) == (1, 3, 1)
