"""What is thought of a snapshot's labels and samples, made on first need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.engine.labels import LabelColumns
from graph_service.engine.rankings import (
    FlagKind,
    Ranking,
    contradicting,
    outliers,
    repeats,
    wrong_labels,
)
from graph_service.engine.view import GraphView, Once
from graph_service.flagging.held_out import Believe, held_out
from graph_service.flagging.kinds import near_pairs
from graph_service.flagging.noise import Judgement, judge
from graph_service.pooling.statements import Statements

__all__ = ["Judging"]


class Judging:
    """The judgement of each label, and every kind of flag in order.

    Args:
        view: the samples and the graph.
        labels: the labels.
        statements: the same by node.
        believe: what the dataset's method believes from some of them alone, as `held_out` wants it.
    """

    def __init__(
        self, view: GraphView, labels: LabelColumns, statements: Once[Statements], believe: Believe
    ) -> None:
        self._view = view
        self._statements = statements
        self._believe = believe
        self.judgement = Once(self._judgement)
        self.near_pairs = Once(lambda: near_pairs(view.neighbours, view.similarities, view.nodes))
        self._rankings = {
            FlagKind.WRONG_LABEL: Once(lambda: wrong_labels(statements().columns, self.judgement())),
            FlagKind.CONTRADICTION: Once(
                lambda: contradicting(
                    view, labels.classes, statements().nodes, self.near_pairs(), self.judgement()
                )
            ),
            FlagKind.NEAR_DUPLICATE: Once(lambda: repeats(view, self.near_pairs())),
            FlagKind.OUTLIER: Once(lambda: outliers(view)),
        }

    def ranking(self, kind: FlagKind) -> Ranking:
        """Return what may be flagged as this kind, the most suspicious first."""
        return self._rankings[kind]()

    def _judgement(self) -> Judgement:
        labels = self._statements()
        features = self._view.features() if len(labels) else np.zeros((0, 1), np.float32)
        numbers: npt.NDArray[np.int32] = self._view.node_samples
        return judge(held_out(labels, numbers, features, self._believe), labels.columns)
