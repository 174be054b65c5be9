"""What is thought of a snapshot's labels and samples, made on first need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.engine.revision.once import Once
from graph_service.engine.revision.rankings import (
    FlagKind,
    Ranking,
    contradicting,
    outliers,
    repeats,
    wrong_labels,
)
from graph_service.engine.revision.view import GraphView
from graph_service.engine.state.labels import LabelColumns
from graph_service.flagging.held_out import Believe, held_out
from graph_service.flagging.noise import Judgement, judge

__all__ = ["Judging"]


class Judging:
    """The judgement of each label, and every kind of flag in order.

    Args:
        view: the samples and the graph.
        labels: the labels.
        class_count: classes there are.
        believe: what the dataset's method believes from some of them alone, as `held_out` wants it.
    """

    def __init__(self, view: GraphView, labels: LabelColumns, class_count: int, believe: Believe) -> None:
        self._view = view
        self._labels = labels
        self._class_count = class_count
        self._believe = believe

    def ranking(self, kind: FlagKind) -> Ranking:
        """Return what may be flagged as this kind, the most suspicious first."""
        rankings = {
            FlagKind.WRONG_LABEL: self._wrong_labels,
            FlagKind.CONTRADICTION: self._contradicting,
            FlagKind.NEAR_DUPLICATE: self._repeats,
            FlagKind.OUTLIER: self._outliers,
        }
        return rankings[kind]()

    @Once
    def judgement(self) -> Judgement:
        """What is thought of each label."""
        labels = self._view.statements(self._labels, self._class_count)
        features = self._view.features() if len(labels) else np.zeros((0, 1), np.float32)
        numbers: npt.NDArray[np.int32] = self._view.node_samples
        return judge(held_out(labels, numbers, features, self._believe), labels.columns)

    @Once
    def _wrong_labels(self) -> Ranking:
        return wrong_labels(self.judgement())

    @Once
    def _contradicting(self) -> Ranking:
        stated = self._view.statements(self._labels, self._class_count)
        return contradicting(self._view, stated, self.judgement())

    @Once
    def _repeats(self) -> Ranking:
        return repeats(self._view)

    @Once
    def _outliers(self) -> Ranking:
        return outliers(self._view)
