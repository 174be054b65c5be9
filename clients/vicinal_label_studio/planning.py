"""Which predictions tasks should have, beside those that they have. Pure.

Label Studio's uncertainty sampling serves the lowest score first. The samples that vicinal suggests get
scores below all others, in the order of the suggestion; every other open task gets a score that grows with
confidence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vicinal_label_studio.beliefs import Belief

__all__ = ["SUGGESTED_BELOW", "Wanted", "differs", "places", "wanted_of"]

SUGGESTED_BELOW = 0.1
"""Scores of suggested tasks lie above 0 and below this, all others from here to 1."""
_TOLERANCE = 0.1
"""A score of a task that is not suggested may be off by this."""
_SHARPEST = 1e-9
"""Suggested scores are never nearer to each other than this."""


@dataclass(frozen=True)
class Wanted:
    """The prediction that a task should have.

    Attributes:
        task: its id.
        choice: the class; None predicts nothing, and the score still says when its turn is.
        score: 0 to 1.
    """

    task: int
    choice: str | None
    score: float


def wanted_of(task: int, belief: Belief, place: float | None, choices: Sequence[str]) -> Wanted:
    """Return what a task should have.

    Args:
        task: its id.
        belief: what is believed of it.
        place: its score among the suggested; None where it is none of them.
        choices: what the project offers; a class that it does not offer (any more) is not predicted.
    """
    score = SUGGESTED_BELOW + (1 - SUGGESTED_BELOW) * belief.confidence if place is None else place
    return Wanted(task, belief.choice if belief.choice in choices else None, score)


def differs(wanted: Wanted, choice: str | None, score: float) -> bool:
    """Whether a prediction of `choice` with `score` must be rewritten to be what is wanted."""
    if wanted.choice != choice or (wanted.score < SUGGESTED_BELOW) != (score < SUGGESTED_BELOW):
        return True
    return abs(wanted.score - score) > (0.0 if wanted.score < SUGGESTED_BELOW else _TOLERANCE)


def places(order: Sequence[int], present: Mapping[int, float]) -> dict[int, float]:
    """Return a score for each suggested task, increasing along `order`, moving as few as possible.

    Tasks whose present scores already increase along the order (a longest such run) keep them; the others go
    between their neighbours. O(n log n).

    Args:
        order: distinct tasks, the first to be served first.
        present: the scores that tasks have now.
    """
    known = ((at, present.get(task)) for at, task in enumerate(order))
    kept = _longest_increasing([(at, score) for at, score in known if score is not None and _fits(score)])
    anchors = [(-1, 0.0), *kept, (len(order), SUGGESTED_BELOW)]
    scores: dict[int, float] = {order[at]: score for at, score in kept}
    for (left, low), (right, high) in pairwise(anchors):
        gaps = right - left
        if gaps > 1 and (high - low) / gaps < _SHARPEST:
            return _even(order)
        scores.update({order[at]: low + (high - low) * (at - left) / gaps for at in range(left + 1, right)})
    return scores


def _fits(score: float) -> bool:
    return _SHARPEST <= score <= SUGGESTED_BELOW - _SHARPEST


def _even(order: Sequence[int]) -> dict[int, float]:
    return {task: SUGGESTED_BELOW * (at + 1) / (len(order) + 1) for at, task in enumerate(order)}


def _longest_increasing(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return a longest run of `points`, which are in order of place, whose scores strictly increase."""
    tails: list[float] = []
    ends: list[int] = []
    before: list[int | None] = []
    for number, (_, score) in enumerate(points):
        length = bisect_left(tails, score)
        before.append(ends[length - 1] if length else None)
        tails[length : length + 1] = [score]
        ends[length : length + 1] = [number]
    run: list[tuple[int, float]] = []
    at = ends[-1] if ends else None
    while at is not None:
        run.append(points[at])
        at = before[at]
    return run[::-1]
