"""The answers made from a snapshot: pure functions, safe to call from many threads at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.classification.pooled import pooled_vote
from graph_service.classification.vote import vote
from graph_service.engine.revision.snapshot import Snapshot
from graph_service.propagation.beliefs import decide
from vicinal.wire.errors import FailedPrecondition

__all__ = [
    "Classification",
    "Export",
    "Propagated",
    "classify",
    "export",
    "propagated",
]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Propagated:
    """The outcome of a propagation."""

    snapshot: Snapshot
    labelled_count: int
    unreached_count: int
    seconds: float

    @property
    def revision(self) -> int:
        """The revision that was propagated."""
        return self.snapshot.revision

    @property
    def reached_count(self) -> int:
        """Samples that some label reaches."""
        return len(self.snapshot.view.ids) - self.unreached_count

    @property
    def classes(self) -> Int32:
        """The class of each sample, int32 (n,); O(n)."""
        return self.snapshot.beliefs().classes[self.snapshot.view.sample_nodes]

    @property
    def confidences(self) -> Float32:
        """The belief in it, float32 (n,); O(n)."""
        return self.snapshot.beliefs().confidences[self.snapshot.view.sample_nodes]


@dataclass(frozen=True, eq=False)
class Classification:
    """The vote about each vector: int32 (m,), float32 (m,), float32 (m, classes)."""

    revision: int
    classes: Int32
    confidences: Float32
    beliefs: Float32


@dataclass(frozen=True, eq=False)
class Export:
    """A page of beliefs: ids, int32 (n,), float32 (n,), float32 (n, classes)."""

    revision: int
    sample_ids: list[str]
    classes: Int32
    confidences: Float32
    beliefs: Float32
    total_count: int


def propagated(snapshot: Snapshot, *, fresh: bool) -> Propagated:
    """Count whom the labels reached, in the time it took if that was `fresh`, else in none.

    Raises:
        FailedPrecondition: NOTHING_TO_PROPAGATE when there is no label.
    """
    if not len(snapshot.labels):
        message = "there is no label to propagate; add one first (SuggestSamples says where)"
        raise FailedPrecondition("NOTHING_TO_PROPAGATE", message)
    beliefs, copies = snapshot.beliefs(), snapshot.view.copies()
    return Propagated(
        snapshot,
        labelled_count=int(copies[snapshot.clamped()].sum()),
        unreached_count=int(copies[beliefs.classes < 0].sum()),
        seconds=beliefs.seconds if fresh else 0.0,
    )


def classify(snapshot: Snapshot, vectors: Float32, nodes: Int32, similarities: Float32) -> Classification:
    """Judge vectors (m, dimension) by their nearest nodes (m, k), as the method judges those inside."""
    temperature = snapshot.view.temperature(snapshot.propagation)
    known = snapshot.beliefs()
    if known.pooled:
        features = snapshot.view.basis().project(vectors)
        pooled = known.pooled
        found = pooled_vote(
            features, pooled.classifier, pooled.factors, nodes, similarities, pooled.beliefs, temperature
        )
        beliefs: Float32 = np.zeros((len(vectors), len(snapshot.classes)), np.float32)
        beliefs[:, pooled.seen] = found
    else:
        beliefs = vote(nodes, similarities, known.rows, temperature)
    classes, confidences = decide(beliefs)
    return Classification(snapshot.revision, classes, confidences, beliefs)


def export(snapshot: Snapshot, *, start: int, count: int) -> Export:
    """Return the beliefs of samples number `start` to `start + count` in order of arrival."""
    view, beliefs = snapshot.view, snapshot.beliefs()
    page = slice(start, start + count)
    nodes = view.sample_nodes[page]
    return Export(
        snapshot.revision,
        view.ids[page],
        beliefs.classes[nodes],
        beliefs.confidences[nodes],
        beliefs.rows[nodes],
        len(view.ids),
    )
