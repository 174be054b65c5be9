"""What takes long is made anew now and then, and not read from for ever; after leases nothing is made."""

import weakref

import pytest

VERSION = 7
"""That of all snapshots here."""


@pytest.fixture
def slow(make_source):
    """One where everything takes ten seconds, and is rested after for thirty."""
    slow = make_source(rest=3.0, takes=10.0)
    slow.currency.reach(1)
    yield slow
    slow.currency.close()
    slow.settle()


def test_what_takes_long_is_not_made_anew_at_once(slow):
    slow.write()
    for _ in range(5):
        assert slow.currency.finished().revision == 1
    assert slow.taken == [1]


def test_after_the_rest_it_is_made_anew_without_waiting(slow):
    slow.write()
    slow.time += 30
    assert slow.currency.finished().revision == 1
    slow.settle()
    assert slow.currency.finished().revision == 2


def test_what_was_out_of_date_for_too_long_is_waited_for(slow):
    slow.write()
    slow.time += 81  # twice ten seconds and thirty
    assert not slow.currency.has(0)
    assert slow.currency.finished().revision == 2


def test_what_was_out_of_date_for_too_long_is_not_good_enough_for_who_names_an_old_revision(slow):
    slow.write()
    slow.time += 81
    assert slow.currency.finished(1).revision == 2


def test_what_was_out_of_date_for_too_long_is_let_go(slow):
    first = weakref.ref(slow.currency.finished())
    slow.write()
    slow.time += 79
    slow.write()
    assert first() is not None
    slow.time += 2
    slow.write()
    assert first() is None


def test_what_is_current_does_not_age(slow):
    slow.time += 10_000
    assert slow.currency.finished().revision == 1
    assert slow.taken == [1]


def test_what_only_leases_followed_does_not_age(make_source):
    slow = make_source(rest=3.0, takes=10.0)
    take = slow.take

    def take_while_a_lease_is_written():
        snapshot = take()
        slow.newest += 1
        slow.currency.passed_on(VERSION, slow.newest)
        return snapshot

    slow.currency._take = take_while_a_lease_is_written
    assert slow.currency.finished().revision == 1
    slow.newest += 1
    slow.currency.passed_on(VERSION, slow.newest)
    slow.time += 10_000
    assert slow.currency.finished().revision == slow.newest == 3
    assert slow.taken == [1]


def test_a_run_that_began_earlier_does_not_take_back_what_was_passed_on(source):
    source.finish(1)
    take = source.take

    def take_while_leases_are_written():
        snapshot = take()
        for _ in range(2):
            source.newest += 1
            source.currency.passed_on(VERSION, source.newest)
        return snapshot

    source.newest = 2
    source.currency._take = take_while_leases_are_written
    assert source.currency.reach(2)[0].revision == 2
    assert source.currency.finished().revision == 4


def test_who_names_a_revision_waits_for_no_rest(slow):
    slow.write()
    assert slow.currency.finished(2).revision == 2


def test_a_close_ends_a_rest(slow):
    slow.write()
    slow.currency.finished()
    slow.currency.close()
    slow.settle()
    assert slow.taken == [1]
