"""Answers that are made before they are asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from graph_service.engine.revision.once import Cell
from graph_service.engine.revision.snapshot import Snapshot

__all__ = ["Foresight"]

_logger = logging.getLogger(__name__)

A = TypeVar("A")
_Question = tuple[tuple[str, Any], ...]

_KEPT = 8
"""Answers kept beside one snapshot."""


class Foresight(Generic[A]):
    """Equal questions about one snapshot are answered once, and those about the next ahead. Thread-safe.

    An annotator asks the same after every label. So what was asked last is answered from the next snapshot
    as soon as that is finished: once for each time that someone asked, so that nothing piles up. Who asks
    meanwhile waits for it.

    One answer is made at a time, to whatever question. Who had to wait for his turn takes the newest that
    others were given to his question, if it is not older than the snapshot he came for: where many ask, and
    snapshots follow faster than answers can be made, each would else hold up all the others.

    Args:
        make: makes an answer from a snapshot and arguments by name; to equal ones always the same.
    """

    def __init__(self, make: Callable[..., A]) -> None:
        self._make = make
        self._asked: dict[str, Any] | None = None
        self._turn = threading.Lock()
        self._latest: dict[_Question, tuple[int, A]] = {}  # the revision it is about, and the answer

    def answer(self, newest: Callable[[], Snapshot], **question: Any) -> A:
        """Return an answer about the newest snapshot or a later one, which is made if it is not at hand.

        Args:
            newest: returns the snapshot that it is about at least.
            question: what `make` is to be told; hashable.
        """
        self._asked = question
        snapshot = newest()
        cell = _cell(snapshot, question)
        if cell.made:
            return self._value(cell, snapshot, question)
        with self._turn:
            latest = self._latest.get(_key(question))
            if latest is not None and latest[0] >= snapshot.revision:
                return latest[1]
            return self._answer(newest(), question)

    def at_hand(self, snapshot: Snapshot, **question: Any) -> A | None:
        """Return the answer if it is made."""
        cell = _cell(snapshot, question)
        if not cell.made:
            return None
        self._asked = question
        return self._value(cell, snapshot, question)

    def prepare(self, snapshot: Snapshot) -> None:
        """Answer what was asked last, if it was asked since this was last done and nobody makes one."""
        if self._asked is None or not self._turn.acquire(blocking=False):
            return
        question, self._asked = self._asked, None
        try:
            self._answer(snapshot, question)
        except Exception:  # who asks will see it again
            _logger.exception("revision %d: an answer could not be made ahead", snapshot.revision)
        finally:
            self._turn.release()

    def _answer(self, snapshot: Snapshot, question: dict[str, Any]) -> A:
        """Make the answer about this snapshot, if nobody has; for who has the turn."""
        answers, key = snapshot.answers, (snapshot.revision, _key(question))
        if key not in answers and len(answers) >= _KEPT:
            answers.clear()
        answer = self._value(answers.setdefault(key, Cell()), snapshot, question)
        if len(self._latest) >= _KEPT:
            self._latest = {}
        self._latest[_key(question)] = snapshot.revision, answer
        return answer

    def _value(self, cell: Cell[A], snapshot: Snapshot, question: dict[str, Any]) -> A:
        return cell.value(lambda: self._make(snapshot, **question))


def _cell(snapshot: Snapshot, question: dict[str, Any]) -> Cell[Any]:
    """Return the room of an answer; where there is none yet, an empty one that is not kept."""
    # Snapshots that differ in their revision alone may share their answers' room.
    return snapshot.answers.get((snapshot.revision, _key(question))) or Cell()


def _key(question: dict[str, Any]) -> _Question:
    return tuple(sorted(question.items()))
