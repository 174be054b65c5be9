"""One step of propagation at some rows, of which only the heaviest classes are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.parallel import parallel

__all__ = ["HEAVIEST", "LOST", "classes_of", "compile_kernels", "merge"]

HEAVIEST = 8
"""Classes of a row that are kept."""
LOST = HEAVIEST
"""Column of what the scores of all classes that were not kept may sum to."""
_LEAST = np.float32(0.002)
"""Share of a row's greatest score below which others are dropped."""
_CHUNK = 256
"""Rows that share one array of sums by class."""
_ALONE = 5_000
"""Rows fewer than these are done sooner by one core than others wake up."""

Floats = npt.NDArray[np.floating]
Float32 = npt.NDArray[np.float32]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]


def classes_of(rows: Floats) -> UInt16:
    """Return uint16 (n, HEAVIEST), in the same memory: the classes of the scores, which lie behind LOST."""
    first = (LOST + 1) * rows.itemsize // 2
    return rows.view(np.uint16)[:, first : first + HEAVIEST]


# Indices are unsigned where it counts, as numba would look for negative ones, and the processor need not
# guess which class comes next. Parts of the kernel are compiled into it by numba itself, which else counts
# references to arrays at each call.
_part = njit(inline="always", error_model="numpy")


@_part
def _hear_alike(
    start: int, end: int, indices: Int32, weights: Float32, here: Floats, classes: UInt16
) -> tuple[Any, Any, Any, bool]:
    """Add up what comes along some edges as if it were all of one class, as inside a cluster it is.

    Returns:
        The sum, what is lost, the class, and whether it was so; if not, the others are worth nothing.
    """
    score, lost = here.dtype.type(0), here.dtype.type(0)
    first, others = np.int64(0), np.int64(0)
    for q in range(end - start):
        p = np.uint64(start + q)
        j, weight = np.uint64(indices[p]), weights[p]
        c = np.int64(classes[j, np.uint64(0)])
        if q == 0:
            first = c
        score += weight * here[j, np.uint64(0)]
        lost += weight * here[j, np.uint64(LOST)]
        others |= (c ^ first) | np.int64(here[j, np.uint64(1)] != 0)
    return score, lost, first, others == 0


@_part
def _hear(
    start: int, end: int, indices: Int32, weights: Float32, here: Floats, classes: UInt16, sums: Floats,
    found: npt.NDArray[np.uint64],
) -> tuple[int, Any]:  # fmt: skip
    """Add up what comes along some edges by class; return how many classes there are, and what is lost."""
    count, lost = 0, sums.dtype.type(0)
    for q in range(end - start):
        p = np.uint64(start + q)
        j, weight = np.uint64(indices[p]), weights[p]
        lost += weight * here[j, np.uint64(LOST)]
        for e in range(HEAVIEST):
            score = weight * here[j, np.uint64(e)]
            if score == 0:
                break
            c = np.uint64(classes[j, np.uint64(e)])
            before = sums[c]
            found[count] = c
            count += before == 0
            sums[c] = before + score
    return count, lost


@_part
def _drop(count: int, sums: Floats, found: npt.NDArray[np.uint64]) -> tuple[int, Any]:
    """Put the heaviest classes first and set the others' sums to 0; return how many stay, and what goes."""
    top, dropped = sums.dtype.type(0), sums.dtype.type(0)
    for e in range(count):
        top = max(top, sums[found[e]])
    heavy = 0
    floor = _LEAST * top
    for e in range(count):
        c = found[e]
        score = sums[c]
        heavier = score >= floor
        found[heavy] = c
        heavy += heavier
        light = sums.dtype.type(0) if heavier else score
        dropped += light
        sums[c] = score - light
    kept = min(heavy, HEAVIEST)
    for e in range(kept):
        best = e
        for f in range(e + 1, heavy):
            if sums[found[f]] > sums[found[best]]:
                best = f
        found[e], found[best] = found[best], found[e]
    for e in range(kept, heavy):
        dropped += sums[found[e]]
        sums[found[e]] = 0
    return kept, dropped


@_part
def _replace(
    row: Floats, classes: UInt16, kept: int, lost: float, sums: Floats, found: npt.NDArray[np.uint64]
) -> tuple[float, float]:
    """Write the row, and set the sums to 0; return how much it has changed, and its mass."""
    change, mass = abs(lost - row[LOST]), lost
    for e in range(HEAVIEST):
        if row[e] == 0:
            break
        c = np.uint64(classes[e])
        change += abs(sums[c] - row[e])
        sums[c] = -sums[c]  # marks it as one that was there before
    for e in range(HEAVIEST):
        row[e] = 0
        if e < kept:
            c = found[e]
            change += max(sums[c], sums.dtype.type(0))
            row[e], classes[e] = abs(sums[c]), c
            mass += row[e]
            sums[c] = 0
    row[LOST] = lost
    return change, mass


@_part
def _replace_alike(row: Floats, classes: UInt16, c: int, score: float, lost: float) -> tuple[float, float]:
    """Write the row, of one class; return how much it has changed, and its mass."""
    change, new = abs(lost - row[LOST]), score
    for e in range(HEAVIEST):
        if row[e] == 0:
            break
        if classes[e] == c:
            new = abs(score - row[e])
        else:
            change += row[e]
        row[e] = 0
    row[0], classes[0], row[LOST] = score, c, lost
    return change + new, score + lost


@njit(nogil=True, error_model="numpy")
def _merge_some(
    indptr: Int64, indices: Int32, weights: Float32, rows: Int64,
    here: Floats, classes: UInt16, there: Floats, next_classes: UInt16,
    room: Floats, tolerance: float, faint: float, changes: Floats, class_count: int,
) -> int:  # fmt: skip
    """See `merge`; return how many masses are below `faint` but not 0."""
    sums = np.zeros(class_count, here.dtype)  # of the row being made, by class
    found = np.empty(class_count + 1, np.uint64)  # its classes, and room for one tried in vain
    fainter = 0
    for r in range(len(rows)):
        i = rows[r]
        start, end = indptr[i], indptr[i + 1]
        score, lost, c, is_alike = _hear_alike(start, end, indices, weights, here, classes)
        if is_alike:
            changes[r], mass = _replace_alike(there[i], next_classes[i], c, score, lost)
        else:
            count, lost = _hear(start, end, indices, weights, here, classes, sums, found)
            kept, dropped = _drop(count, sums, found)
            changes[r], mass = _replace(there[i], next_classes[i], kept, lost + dropped, sums, found)
        room[i] = tolerance * mass
        if 0.0 < mass < faint:
            fainter += 1
    return fainter


@njit(cache=True, nogil=True, error_model="numpy")
def _by_one(
    indptr: Int64, indices: Int32, weights: Float32, rows: Int64,
    here: Floats, classes: UInt16, there: Floats, next_classes: UInt16,
    room: Floats, tolerance: float, faint: float, changes: Floats, class_count: int,
) -> int:  # fmt: skip
    return _merge_some(
        indptr, indices, weights, rows, here, classes, there, next_classes, room, tolerance, faint, changes,
        class_count,
    )  # fmt: skip


@parallel
def _by_all(
    indptr: Int64, indices: Int32, weights: Float32, rows: Int64,
    here: Floats, classes: UInt16, there: Floats, next_classes: UInt16,
    room: Floats, tolerance: float, faint: float, changes: Floats, class_count: int,
) -> int:  # fmt: skip
    fainter = 0
    for chunk in prange(-(-len(rows) // _CHUNK)):
        part = slice(chunk * _CHUNK, (chunk + 1) * _CHUNK)
        fainter += _merge_some(
            indptr, indices, weights, rows[part], here, classes, there, next_classes, room, tolerance, faint,
            changes[part], class_count,
        )  # fmt: skip
    return fainter


def merge(
    adjacency: tuple[Int64, Int32, Float32],
    rows: Int64,
    here: Floats,
    there: Floats,
    room: Floats,
    tolerance: float,
    faint: float,
    class_count: int,
) -> tuple[Floats, bool]:
    """Write the heaviest classes of some rows of weights · here to `there`.

    O(r · k · HEAVIEST), on all cores if there are many.

    Args:
        adjacency: indptr, indices and weights.
        rows: int64 (r,), distinct.
        here: the state before, float32 or float64: of each row HEAVIEST scores by falling value, 0 where
            there are no more; LOST; and the classes (`classes_of`).
        there: the state after.
        room: (n,), of the same type; set to `tolerance` times the mass of the row where one is made.
        tolerance: at least 0.
        faint: the least mass of a row that the type of the scores is enough for.
        class_count: C, at most 2¹⁶.

    Returns:
        (r,), the absolute changes of each row, summed; and whether no mass but 0 came below `faint`.
    """
    changes = np.empty(len(rows), here.dtype)
    run = _by_one if len(rows) < _ALONE else _by_all
    fainter = run(
        *adjacency, rows, here, classes_of(here), there, classes_of(there), room, tolerance, faint, changes,
        class_count,
    )  # fmt: skip
    return changes, fainter == 0


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    adj = np.array([0, 1, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)
    for dtype in (np.float32, np.float64):
        rows: Floats = np.zeros((2, 16), dtype)
        changes, room = rows[0, :1].copy(), rows[0, :2].copy()
        for run in (_by_one, _by_all):
            classes = classes_of(rows)
            run(*adj, np.array([0]), rows, classes, rows, classes, room, 0.0, 0.0, changes, 1)
