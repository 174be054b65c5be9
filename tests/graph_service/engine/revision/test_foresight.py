"""What is asked again and again is answered before it is asked."""

import threading
from dataclasses import dataclass, field
from functools import partial

import pytest

from graph_service.engine.revision.foresight import Foresight


@dataclass
class State:
    revision: int
    answers: dict = field(default_factory=dict)


class Answers:
    """Answers with the question, and counts."""

    def __init__(self):
        self.made = []

    def __call__(self, snapshot, **question):
        self.made.append((snapshot.revision, question))
        if question.get("fails"):
            raise MemoryError
        return snapshot.revision, question


class Held:
    """Answers with the revision, once the gate is open."""

    def __init__(self):
        self.made = []
        self.began = threading.Event()
        self.gate = threading.Event()

    def __call__(self, snapshot, **question):
        self.made.append(snapshot.revision)
        self.began.set()
        assert self.gate.wait(30)
        return snapshot.revision


def at(state):
    return lambda: state


@pytest.fixture
def answers():
    return Answers()


def test_equal_questions_are_answered_once(answers):
    foresight, state = Foresight(answers), State(1)
    for _ in range(3):
        assert foresight.answer(at(state), a=1, b="x") == (1, {"a": 1, "b": "x"})
        assert foresight.answer(at(state), b="x", a=1) == (1, {"a": 1, "b": "x"})
    foresight.answer(at(state), a=2, b="x")
    assert len(answers.made) == 2


def test_the_last_question_is_answered_ahead_once_for_each_time_it_was_asked(answers):
    foresight = Foresight(answers)
    foresight.answer(at(State(1)), a=1)
    foresight.answer(at(State(1)), a=2)
    second, third = State(2), State(3)
    foresight.prepare(second)
    foresight.prepare(third)
    assert foresight.at_hand(second, a=1) is None
    assert foresight.at_hand(second, a=2) == (2, {"a": 2})
    assert foresight.at_hand(third, a=2) is None
    assert len(answers.made) == 3
    foresight.prepare(third)
    assert foresight.at_hand(third, a=2) == (3, {"a": 2})


def test_states_of_two_revisions_that_share_their_room_have_answers_of_their_own(answers):
    foresight, first = Foresight(answers), State(1)
    second = State(2, first.answers)
    assert foresight.answer(at(first), a=1)[0] == 1
    assert foresight.at_hand(second, a=1) is None
    assert foresight.answer(at(second), a=1)[0] == 2


def test_who_asks_while_it_is_made_waits_for_it(callers):
    held, state = Held(), State(2)
    foresight = Foresight(held)
    asking = [callers.submit(foresight.answer, at(state), a=1)]
    assert held.began.wait(30)
    assert foresight.at_hand(state, a=1) is None
    asking.append(callers.submit(foresight.answer, at(state), a=1))
    held.gate.set()
    assert [one.result(30) for one in asking] == [2, 2]
    assert len(held.made) == 1


def test_who_had_to_wait_takes_the_newest_that_others_were_given(callers):
    held, states = Held(), [State(1)]
    foresight = Foresight(held)
    asking = [callers.submit(foresight.answer, lambda: states[-1], a=1)]
    assert held.began.wait(30)
    came = [threading.Event() for _ in range(3)]

    def newest(i):
        came[i].set()
        return states[-1]

    for i in range(3):  # each comes for a later one
        states.append(State(i + 2))
        asking.append(callers.submit(foresight.answer, partial(newest, i), a=1))
        assert came[i].wait(30)
    held.gate.set()
    assert [one.result(30) for one in asking] == [1, 4, 4, 4]
    assert held.made == [1, 4]


def test_nothing_is_made_ahead_while_an_answer_is_made(callers):
    held, later = Held(), State(2)
    foresight = Foresight(held)
    asking = callers.submit(foresight.answer, at(State(1)), a=1)
    assert held.began.wait(30)
    foresight.prepare(later)
    assert held.made == [1]
    held.gate.set()
    asking.result(30)
    foresight.prepare(later)
    assert held.made == [1, 2]


def test_what_fails_ahead_fails_again_for_who_asks(answers):
    foresight, state = Foresight(answers), State(2)
    with pytest.raises(MemoryError):
        foresight.answer(at(State(1)), fails=True)
    foresight.prepare(state)
    with pytest.raises(MemoryError):
        foresight.answer(at(state), fails=True)


def test_few_answers_are_kept(answers):
    foresight, state = Foresight(answers), State(1)
    for a in range(100):
        foresight.answer(at(state), a=a)
    assert len(state.answers) <= 8


def test_what_is_at_hand_is_not_made_again_however_many_answers_are_kept(answers):
    foresight, state = Foresight(answers), State(1)
    for a in range(8):
        foresight.answer(at(state), a=a)
    for a in range(8):
        assert foresight.at_hand(state, a=a) == (1, {"a": a})
        assert foresight.answer(at(state), a=a) == (1, {"a": a})
    assert len(answers.made) == 8
