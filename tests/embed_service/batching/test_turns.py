"""Interactive before bulk, each in order, and bulk never starved: against a model that counts places."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embed_service.batching.turns import BULK_SHARE, Priority, Turns

INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK


class TurnsModel(RuleBasedStateMachine):
    """Two lists, and what bulk items are owed since they began to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns[int] = Turns()
        self.waiting: dict[Priority, list[int]] = {INTERACTIVE: [], BULK: []}
        self.count = 0
        self.places = self.for_bulk = 0  # given out since bulk items wait without a break

    @rule(priority=st.sampled_from(Priority), count=st.integers(1, 40))
    def put(self, priority: Priority, count: int) -> None:
        for _ in range(count):
            self.turns.put(self.count, priority)
            self.waiting[priority].append(self.count)
            self.count += 1

    @rule(priority=st.sampled_from(Priority), data=st.data())
    def remove(self, priority: Priority, data: st.DataObject) -> None:
        item = data.draw(st.integers(0, self.count))
        self.turns.remove(item, priority)
        if item in self.waiting[priority]:
            self.waiting[priority].remove(item)
        if not self.waiting[BULK]:
            self.places = self.for_bulk = 0

    @rule(most=st.integers(1, 40))
    def take(self, most: int) -> None:
        interactive, bulk = self.waiting[INTERACTIVE], self.waiting[BULK]
        taken = self.turns.take(most)
        first = [item for item in taken if item in interactive]
        second = [item for item in taken if item in bulk]
        assert taken == first + second
        assert len(taken) == min(most, len(interactive) + len(bulk))  # no place is left empty
        assert first == interactive[: len(first)]
        assert second == bulk[: len(second)]
        # Interactive items give way for what bulk has saved up, and for no more.
        passed_over = len(first) < len(interactive)
        if bulk:
            self.places += len(taken)
            self.for_bulk += len(second)
        if passed_over and bulk:
            assert len(second) <= len(taken) // BULK_SHARE + 1
        del interactive[: len(first)], bulk[: len(second)]
        if not bulk:
            self.places = self.for_bulk = 0

    @invariant()
    def bulk_has_its_share(self) -> None:
        assert self.for_bulk >= self.places // BULK_SHARE

    @invariant()
    def all_are_there(self) -> None:
        assert len(self.turns) == sum(map(len, self.waiting.values()))


TestTurns = TurnsModel.TestCase
TestTurns.settings = settings(deadline=None, max_examples=60)


@given(st.integers(1, 8), st.integers(0, 30))
def test_a_crowd_of_interactive_items_does_not_hold_bulk_up_for_ever(most: int, ahead: int) -> None:
    turns: Turns[str] = Turns()
    for _ in range(ahead):
        turns.put("bulk", BULK)
    turns.put("the one", BULK)
    places = 0
    while True:
        for _ in range(most):
            turns.put("interactive", INTERACTIVE)
        taken = turns.take(most)
        places += len(taken)
        if "the one" in taken:
            break
        assert places < (ahead + 2) * BULK_SHARE
