"""Leases through the engine: several annotators at once, repetitions, what is heeded, what it costs."""

import threading
from contextlib import closing

import numpy as np
import pytest

from graph_service.engine.engine import Engine
from graph_service.engine.leasing import LeaseTerms
from graph_service.engine.requests.limits import Limits
from graph_service.engine.revision.snapshot import Derived
from graph_service.events import DatasetCreated, Method, Propagation, Trust
from graph_service.suggestion.strategies import Strategy
from vicinal.wire.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable

COUNT = 60
COPIES = 10
MINUTE = 60_000


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_engine(store, clock):
    """Return a service on the same log: each call is a restart."""

    def start(limits=None):
        engine = Engine(store, limits, clock=clock)
        engine.open()
        return engine

    return start


@pytest.fixture
def engine(open_engine):
    engine = open_engine()
    settings = Propagation(method=Method.SYMMETRIZED)
    engine.create_dataset("new", DatasetCreated("d", 6, "", ("a", "b"), 4, settings))
    add(engine, COUNT)
    with closing(engine):
        yield engine


def add(engine, count):
    """Add samples, of which the last few are copies of the first: c0 is one of s0, and so on."""
    vectors = np.random.default_rng(0).normal(size=(count, 6))
    ids = [f"s{i}" for i in range(count)] + [f"c{i}" for i in range(COPIES)]
    return engine.add_samples(
        "d",
        "add",
        sample_ids=ids,
        vectors=np.concatenate([vectors, vectors[:COPIES]]),
        encoder_digest="",
        content_hashes=(),
    )


def original(sample):
    return sample.replace("c", "s")


def label(engine, sample, trust=Trust.VERIFIED, who="eve"):
    index = int(sample[1:]) % 2
    return engine.add_labels("d", f"{sample} {trust} {who}", [(sample, who, "ab"[index], trust)])


def suggest(engine, count=5, lease=None, strategy=Strategy.AUTO, exclude=(), least=0):
    return engine.suggest_samples(
        "d", least, strategy=strategy, count=count, audit_share=0.2, seed=1, exclude=exclude, lease=lease
    )


def lease(engine, name, count=5, who="ann", time=10 * MINUTE, **how):
    return suggest(engine, count, LeaseTerms(who, time, name), **how)


def ids(found):
    return [item.sample_id for item in found.items]


def test_two_annotators_never_get_the_same(engine):
    first, second = lease(engine, "one"), lease(engine, "two", who="bob")
    assert first.lease.sample_ids == ids(first)
    assert not set(ids(first)) & set(ids(second))
    assert (second.lease.id, second.lease.annotator) == ("two", "bob")
    assert second.lease.revision == first.lease.revision + 1 == engine.get_dataset("d").revision
    _, found = engine.list_leases("d", 0, None)
    assert [(one.id, one.sample_ids) for one in found] == [("one", ids(first)), ("two", ids(second))]
    assert [one.id for one in engine.list_leases("d", 0, "bob")[1]] == ["two"]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("labels", [0, 9])
def test_no_suggestion_names_what_is_leased_nor_a_copy_of_it(engine, strategy, labels):
    for i in range(labels):
        label(engine, f"s{COUNT - 1 - i}")
    held = {original(name) for name in ids(lease(engine, "one", 30))}
    others = {original(name) for name in ids(suggest(engine, 100, strategy=strategy))}
    assert not held & others
    assert len(held | others) == COUNT - labels
    assert {original(name) for name in ids(lease(engine, "two", 100, strategy=strategy))} == others
    assert not ids(suggest(engine, 100, strategy=strategy))
    assert lease(engine, "three", 5).lease is None


def test_who_waits_for_suggestions_gets_nothing_that_is_leased_meanwhile(engine, monkeypatch):
    dataset = engine._datasets.get("d")
    answer, held = dataset.suggestions.answer, []

    def answer_late(newest, **question):
        held.extend(map(original, ids(lease(engine, "one"))))
        return answer(newest, **question)

    monkeypatch.setattr(dataset.suggestions, "answer", answer_late)
    found = set(map(original, ids(suggest(engine))))
    assert len(held) == len(found) == 5
    assert not set(held) & found


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("labels", [0, 9])
def test_a_repeated_request_gets_what_it_still_holds(engine, clock, strategy, labels):
    for i in range(labels):
        label(engine, f"s{COUNT - 1 - i}")
    first = lease(engine, "one", 12, strategy=strategy)
    gone = ids(first)[3]
    label(engine, gone)
    revision = label(engine, ids(first)[4], Trust.GIVEN)
    clock.now += MINUTE
    again = lease(engine, "one", 3, strategy=strategy, least=revision)
    assert set(ids(again)) == set(ids(first)) - {gone}
    assert again.lease.sample_ids == [name for name in ids(first) if name != gone]
    assert again.lease.expires == first.lease.expires
    assert engine.get_dataset("d").revision == again.lease.revision == revision


@pytest.mark.parametrize("strategy", Strategy)
def test_a_repeated_request_gets_what_it_holds_though_a_copy_was_verified(engine, strategy):
    first = lease(engine, "one", 100, strategy=strategy)
    assert "s3" in ids(first)
    revision = label(engine, "c3")
    again = lease(engine, "one", 100, strategy=strategy, least=revision)
    assert set(ids(again)) == set(again.lease.sample_ids) == set(ids(first))


def test_a_request_id_is_one_annotators(engine):
    lease(engine, "one")
    with pytest.raises(InvalidArgument) as refusal:
        lease(engine, "one", who="bob")
    assert (refusal.value.reason, refusal.value.field) == ("REQUEST_ID_REUSED", "lease.request_id")
    label(engine, "s0")
    with pytest.raises(InvalidArgument) as refusal:
        lease(engine, f"s0 {Trust.VERIFIED} eve")
    assert (refusal.value.reason, refusal.value.field) == ("REQUEST_ID_REUSED", "lease.request_id")


@pytest.mark.parametrize("end", ["expiry", "labels", "release"])
def test_the_request_of_a_lease_that_is_over_is_told_so(engine, clock, end):
    first = lease(engine, "one", 3)
    if end == "expiry":
        clock.now += 10 * MINUTE
    elif end == "labels":
        for name in ids(first):
            label(engine, name)
    else:
        engine.release_lease("d", "give back", "one", ())
    before = engine.get_dataset("d").revision
    for _ in range(2):
        with pytest.raises(NotFound) as refusal:
            lease(engine, "one", 3)
        assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_LEASE", "lease.request_id")
    assert engine.get_dataset("d").revision == before
    assert len(ids(lease(engine, "two", 3))) == 3


def test_the_request_of_a_lease_that_is_over_is_told_so_though_nothing_is_left(engine):
    for name in ids(lease(engine, "one", 100)):
        label(engine, name)
    revision = engine.get_dataset("d").revision
    assert lease(engine, "two", least=revision).lease is None
    with pytest.raises(NotFound) as refusal:
        lease(engine, "one", 100, least=revision)
    assert refusal.value.reason == "UNKNOWN_LEASE"
    assert engine.get_dataset("d").revision == revision


def test_an_abandoned_batch_comes_back(engine, clock):
    first = lease(engine, "one", 5, time=MINUTE)
    assert first.lease.expires == clock.now + MINUTE
    clock.now += MINUTE - 1
    assert not set(ids(first)) & set(ids(suggest(engine)))
    clock.now += 1
    assert ids(suggest(engine)) == ids(first)
    assert ids(lease(engine, "two", 5)) == ids(first)
    assert [one.id for one in engine.list_leases("d", 0, None)[1]] == ["two"]


def test_renewing(engine, clock):
    first = lease(engine, "one", 5, time=MINUTE)
    clock.now += MINUTE - 1
    renewed = engine.renew_lease("d", "renew", "one", 3 * MINUTE)
    assert (renewed.expires, renewed.sample_ids) == (clock.now + 3 * MINUTE, ids(first))
    clock.now += MINUTE
    assert engine.renew_lease("d", "renew", "one", 3 * MINUTE) == renewed  # which repeats the first
    clock.now += 2 * MINUTE
    with pytest.raises(NotFound):
        engine.renew_lease("d", "renew again", "one", 3 * MINUTE)
    with pytest.raises(InvalidArgument, match="request_id"):
        engine.renew_lease("d", "renew", "one", 4 * MINUTE)


def test_releasing(engine):
    first = lease(engine, "one", 5)
    some = ids(first)[:2]
    revision = engine.release_lease("d", "some", "one", [*some, "nobody", "s59"])
    assert set(some) <= set(ids(suggest(engine, 100)))
    assert not set(ids(first)[2:]) & set(ids(suggest(engine, 100)))
    engine.release_lease("d", "all", "one", ())
    assert engine.list_leases("d", 0, None) == (revision + 1, [])
    assert engine.release_lease("d", "some", "one", [*some, "nobody", "s59"]) == revision
    with pytest.raises(NotFound, match="live lease"):
        engine.release_lease("d", "more", "one", ())


def test_labels_and_removals_release(engine):
    first = lease(engine, "one", 4)
    given, verified, removed, held = ids(first)
    label(engine, given, Trust.GIVEN)
    label(engine, verified, Trust.VERIFIED)
    engine.remove_samples("d", "remove", [removed])
    assert engine.list_leases("d", 0, None)[1][0].sample_ids == [given, held]


def test_leases_outlive_a_restart_and_expire_by_the_clock(engine, open_engine, clock):
    lease(engine, "over", 5, time=MINUTE)
    first = lease(engine, "one", 5, time=20 * MINUTE)
    engine.renew_lease("d", "renew", "one", 5 * MINUTE)
    clock.now += MINUTE
    with closing(open_engine()) as other:
        _, found = other.list_leases("d", 0, None)
        assert [(one.id, one.expires) for one in found] == [("one", clock.now + 4 * MINUTE)]
        assert not set(ids(first)) & set(ids(suggest(other, 100)))
        assert lease(other, "one", time=20 * MINUTE).lease.sample_ids == ids(first)
        clock.now += 4 * MINUTE
        assert set(ids(first)) <= set(ids(suggest(other, 100)))


def test_choosing_again_when_labels_came_between(engine):
    """The finished revision does not know them yet."""
    old = suggest(engine, 10)
    dataset = engine._datasets.get("d")
    dataset.currency[Derived.BELIEFS].close()  # nothing newer is finished
    for name in ids(old)[:4]:
        label(engine, name)
    engine.remove_samples("d", "remove", [ids(old)[4]])
    found = lease(engine, "one", 10)
    assert found.revision == old.revision
    assert len(ids(found)) == 10
    assert not set(ids(found)) & set(ids(old)[:5])


def test_a_lease_whose_append_was_not_answered_is_made_once(engine, monkeypatch):
    log = engine._datasets.get("d")._log
    append = type(log).append

    def lose(self, writes, *, after=None):
        append(self, writes, after=after)
        raise Unavailable("LOG_UNAVAILABLE", "the answer is lost")

    monkeypatch.setattr(type(log), "append", lose)
    with pytest.raises(Unavailable):
        lease(engine, "one")
    monkeypatch.undo()
    before = engine.get_dataset("d").revision
    again = lease(engine, "one")
    assert set(again.lease.sample_ids) == set(ids(again))
    assert engine.get_dataset("d").revision == before + 1 == again.lease.revision
    assert not set(ids(again)) & set(ids(lease(engine, "two")))


def test_no_more_than_may_be_leased(open_engine, engine):
    with closing(open_engine(Limits(max_leased_samples=7))) as other:
        lease(other, "one", 5)
        with pytest.raises(ResourceExhausted) as refusal:
            lease(other, "two", 3)
        assert (refusal.value.reason, refusal.value.metadata["limit"]) == ("QUEUE_FULL", "7")
        lease(other, "two", 2)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (LeaseTerms("ann", MINUTE, ""), "lease.request_id"),
        (LeaseTerms("ann", MINUTE, "x" * 129), "lease.request_id"),
        (LeaseTerms("ann", 999, "one"), "lease.time_to_live"),
        (LeaseTerms("ann", 24 * 60 * MINUTE + 1, "one"), "lease.time_to_live"),
        (LeaseTerms("a" * 513, MINUTE, "one"), "lease.annotator"),
    ],
)
def test_terms_are_checked(engine, terms, field):
    with pytest.raises(InvalidArgument) as refusal:
        suggest(engine, lease=terms)
    assert refusal.value.field == field


def test_a_lease_costs_no_propagation(engine):
    for i in range(4):
        label(engine, f"s{i}")
    engine.propagate("d", 0)
    dataset = engine._datasets.get("d")
    before = {what: dataset.finished(0, what) for what in Derived}
    made = {what: (it.beliefs(), it.audit(), it.judging.judgement()) for what, it in before.items()}
    found = lease(engine, "one")
    revision = engine.renew_lease("d", "renew", "one", MINUTE).revision
    for what in Derived:
        assert not engine.must_wait("d", revision, what)
        after = dataset.finished(revision, what)
        assert after.revision == revision == found.lease.revision + 1
        assert after.view is before[what].view
        assert (after.beliefs(), after.audit(), after.judging.judgement()) == made[what]
        assert before[what].revision == found.revision
    assert engine.propagate("d", revision).seconds == 0
    assert dataset.snapshot().beliefs() is made[Derived.BELIEFS][0]


def test_a_lease_before_anything_is_propagated_shares_what_is_made_later(engine):
    label(engine, "s1")
    dataset = engine._datasets.get("d")
    first = dataset.snapshot()
    lease(engine, "one")
    second = dataset.snapshot()
    assert (second is not first, second.revision) == (True, first.revision + 1)
    assert second.beliefs() is first.beliefs()
    assert first.audit() is second.audit()


def test_many_at_once(engine, clock, callers):
    """Half of them label what they hold, the others let it be; eve labels at random meanwhile."""
    told: list = []
    done = threading.Event()

    def annotate(number):
        mine = []
        for turn in range(4):
            found = lease(engine, f"{number}-{turn}", 2, who=f"ann{number}")
            if not ids(found):
                break
            told.append((found.lease.id, ids(found)))
            mine += ids(found)
            if number % 2:
                for name in ids(found):
                    label(engine, name, who=f"ann{number}")
        return mine

    def disturb():
        for i in range(COUNT):
            if done.is_set():
                return
            label(engine, f"s{i}", Trust.GIVEN if i % 3 else Trust.VERIFIED)

    disturber = callers.submit(disturb)
    batches = list(callers.map(annotate, range(8)))
    done.set()
    disturber.result()
    everything = [name for batch in batches for name in batch]
    assert len(everything) == len(set(everything))
    held = {name for one in engine.list_leases("d", 0, None)[1] for name in one.sample_ids}
    assert held <= set(everything)
    assert not held & set(ids(suggest(engine, 100)))
