"""What watching a dataset's beliefs yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BeliefChanges"]


@dataclass(frozen=True, eq=False)
class BeliefChanges:
    """What moved from one revision to another: n samples, in order of arrival, and those that left.

    To keep up: where `is_whole`, forget everything, else those that `left`. Then take in the n samples.

    Attributes:
        revision: the revision that they lead to.
        sample_ids: samples that are new or whose class or confidence moved.
        classes: int32 (n,), class index, −1 when unreached.
        confidences: float32 (n,), belief in that class, 0 to 1.
        left: samples that are gone; one that was added again since is among `sample_ids` too.
        is_whole: whether these are all samples there are, as at the beginning and after a lost connection.
    """

    revision: int
    sample_ids: tuple[str, ...]
    classes: npt.NDArray[np.int32]
    confidences: npt.NDArray[np.float32]
    left: tuple[str, ...]
    is_whole: bool
