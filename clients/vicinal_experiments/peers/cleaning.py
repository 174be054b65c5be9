"""cleanlab: labels that look wrong, and a model without them."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.model_selection import StratifiedKFold

from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.neighbours import Lists
from vicinal_experiments.peers.base import labelled, spread_out
from vicinal_experiments.peers.logistic import fitted, strength

__all__ = ["CleanedProbe", "Flagger", "OutOfSample", "ProbeFlagger", "VoteFlagger", "judged"]

_FOLDS = 5


class Flagger(Protocol):
    """What calls labels wrong.

    Attributes:
        name: in tables and figures.
    """

    name: ClassVar[str]

    def flag(self, vectors: Floats, labels: Ints, seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each label's suspicion float32 (n,), greater for a worse one, and which it calls wrong.

        Args:
            vectors: float32 (n, d) of unit length.
            labels: int32 (n,), a class index each.
            seed: of what is random in it.
        """
        ...


class OutOfSample:
    """Cross-validated class probabilities of logistic regression, kept: two peers want the same."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._known: dict[bytes, Floats] = {}

    def probabilities(self, vectors: Floats, labels: Ints, seed: int) -> Floats:
        """Return float32 (n, classes): each sample's, by a model of the other folds."""
        asked = hashlib.sha256(labels.tobytes() + str(seed).encode()).digest()
        if asked not in self._known:
            self._known[asked] = self._computed(vectors, labels, seed)
        return self._known[asked]

    def _computed(self, vectors: Floats, labels: Ints, seed: int) -> Floats:
        chosen = strength(vectors, labels, seed)
        found = np.empty((len(labels), self._classes), np.float32)
        for fit, judge in StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(vectors, labels):
            model = fitted(vectors[fit], labels[fit], chosen)
            found[judge] = spread_out(model.predict_proba(vectors[judge]), model.classes_, self._classes)
        return found


def judged(labels: Ints, probabilities: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return suspicion and flags by cleanlab's defaults (self-confidence; prune by noise rate)."""
    present, numbers = np.unique(labels, return_inverse=True)
    rows = probabilities[:, present].astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    quality = get_label_quality_scores(numbers, rows)
    flagged = find_label_issues(numbers, rows, n_jobs=1)
    return (1 - quality).astype(np.float32), np.asarray(flagged, np.bool_)


class ProbeFlagger:
    """cleanlab's pred_probs path: probabilities by five-fold cross-validated logistic regression."""

    name: ClassVar[str] = "cleanlab, pred_probs"

    def __init__(self, out_of_sample: OutOfSample) -> None:
        self._out_of_sample = out_of_sample

    def flag(self, vectors: Floats, labels: Ints, seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """See `Flagger`."""
        return judged(labels, self._out_of_sample.probabilities(vectors, labels, seed))


class VoteFlagger:
    """cleanlab's features path: its Datalab takes the unweighted vote of the 10 nearest others."""

    name: ClassVar[str] = "cleanlab, features"

    def __init__(self, classes: int, lists: Lists, k: int = 10) -> None:
        self._classes = classes
        self._lists = lists.first(k)

    def flag(self, vectors: Floats, labels: Ints, seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:  # noqa: ARG002
        """See `Flagger`."""
        votes = np.eye(self._classes, dtype=np.float32)[labels[self._lists.ids]].mean(axis=1)
        return judged(labels, votes)


class CleanedProbe:
    """Logistic regression on what cleanlab leaves of the labels."""

    name: ClassVar[str] = "cleanlab + logistic regression"
    inductive: ClassVar[bool] = True

    def __init__(self, classes: int, out_of_sample: OutOfSample) -> None:
        self._classes = classes
        self._out_of_sample = out_of_sample

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:
        """See `Peer`."""
        rows = labelled(labels)
        known, stated = vectors[rows], labels[rows]
        _, flagged = judged(stated, self._out_of_sample.probabilities(known, stated, seed))
        chosen = strength(known[~flagged], stated[~flagged], seed)
        model = fitted(known[~flagged], stated[~flagged], chosen)
        return spread_out(model.predict_proba(vectors), model.classes_, self._classes)
