"""How much is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vicinal_experiments.noise import Noise
from vicinal_experiments.settings import Setting

__all__ = ["BUDGETS", "Options", "budgets_for"]

BUDGETS = (10, 20, 50, 100, 500, 1000, 5000)
"""Numbers of labels at which accuracy is told."""


@dataclass(frozen=True)
class Options:
    """How much is measured.

    Attributes:
        settings: ways to spread labels that are compared.
        seeds: draws of everything that is random.
        slow_seeds: draws for what takes minutes on large data: models of all samples, and suggestions.
        budgets: numbers of labels.
        suggest_up_to: greatest number of labels that suggestions are followed to.
        noises: settings of label noise.
        peers: whether peers are measured too.
        queries: most held-out samples that are classified.
        temperatures: of the k-NN experiment.
        neighbours: k of the k-NN experiment.
        steps: t of the experiment on noise by iteration.
    """

    settings: Sequence[Setting]
    seeds: int
    slow_seeds: int
    budgets: Sequence[int]
    suggest_up_to: int
    noises: Sequence[Noise]
    peers: bool
    queries: int = 1_000
    temperatures: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
    neighbours: Sequence[int] = (1, 3, 5, 10, 15, 20, 50)
    steps: Sequence[int] = (*range(1, 21), 30, 50, 100)

    def slow(self) -> range:
        """Return the seeds of what is slow."""
        return range(min(self.seeds, self.slow_seeds))


def budgets_for(count: int, wanted: Sequence[int] = BUDGETS) -> tuple[int, ...]:
    """Return the numbers of labels that leave at least half of `count` samples unlabelled."""
    return tuple(budget for budget in wanted if 2 * budget <= count)
