"""Values that an object makes once."""

import gc
import threading
import weakref

import pytest

from graph_service.engine.revision.once import Once


class Thing:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.calls = 0

    @Once
    def value(self):
        """What comes of it."""
        self.calls += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_each_object_makes_its_own_once():
    one, other = Thing([1]), Thing([2])
    assert not one.value.made
    assert one.value() is one.value()
    assert one.value.made
    assert not other.value.made
    assert (one.value(), other.value()) == ([1], [2])
    assert one.calls == other.calls == 1


def test_what_fails_is_tried_again():
    thing = Thing(ValueError("not yet"), 3)
    with pytest.raises(ValueError, match="not yet"):
        thing.value()
    assert not thing.value.made
    assert thing.value() == 3


def test_threads_that_come_together_get_one_value():
    thing, together, found = Thing(*range(8)), threading.Barrier(8), []

    def ask():
        together.wait()
        found.append(thing.value())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 8
    assert thing.calls == 1


@pytest.mark.parametrize("asked", [False, True])
def test_an_object_goes_with_its_last_reference(asked):
    thing = Thing(1)
    if asked:
        thing.value()
    assert thing.value.made is asked
    gone = weakref.ref(thing)
    gc.disable()
    try:
        del thing
        assert gone() is None
    finally:
        gc.enable()
