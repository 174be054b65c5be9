"""Answers that are made before they are asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from graph_service.engine.once import Cell
from graph_service.engine.snapshot import Snapshot

__all__ = ["Foresight"]

_logger = logging.getLogger(__name__)

A = TypeVar("A")

_KEPT = 8
"""Answers kept beside one snapshot."""


class Foresight(Generic[A]):
    """Equal questions about one snapshot are answered once, and those about the next ahead. Thread-safe.

    An annotator asks the same after every label. So what was asked last is answered from the next snapshot
    as soon as that is finished: once for each time that someone asked, so that nothing piles up. Who asks
    meanwhile waits for it.

    Args:
        make: makes an answer from a snapshot and arguments by name; to equal ones always the same.
    """

    def __init__(self, make: Callable[..., A]) -> None:
        self._make = make
        self._asked: dict[str, Any] | None = None

    def answer(self, snapshot: Snapshot, **question: Any) -> A:
        """Return the answer, which is made if it is not at hand.

        Args:
            snapshot: what it is about.
            question: what `make` is to be told; hashable.
        """
        self._asked = question
        return self._answer(snapshot, question)

    def at_hand(self, snapshot: Snapshot, **question: Any) -> A | None:
        """Return the answer if it is made."""
        cell: Cell[A] | None = snapshot.answers.get(_key(snapshot, question))
        if cell is None or not cell.made:
            return None
        self._asked = question
        return self._value(cell, snapshot, question)

    def prepare(self, snapshot: Snapshot) -> None:
        """Answer what was asked last, if it was asked since this was last done."""
        question, self._asked = self._asked, None
        if question is not None:
            try:
                self._answer(snapshot, question)
            except Exception:  # who asks will see it again
                _logger.exception("revision %d: an answer could not be made ahead", snapshot.revision)

    def _answer(self, snapshot: Snapshot, question: dict[str, Any]) -> A:
        answers, key = snapshot.answers, _key(snapshot, question)
        if key not in answers and len(answers) >= _KEPT:
            answers.clear()
        cell: Cell[A] = answers.setdefault(key, Cell())  # one for all threads
        return self._value(cell, snapshot, question)

    def _value(self, cell: Cell[A], snapshot: Snapshot, question: dict[str, Any]) -> A:
        return cell.value(lambda: self._make(snapshot, **question))


def _key(snapshot: Snapshot, question: dict[str, Any]) -> tuple[Any, ...]:
    # Snapshots that differ in their revision alone may share their answers' room.
    return snapshot.revision, *sorted(question.items())
