"""The nearest of each among a few thousand nodes, kept up while some come and go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled
from graph_service.suggestion.whole import products, whole

__all__ = ["NearestLists"]

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

_SPARE = 2
"""A list is kept so many times as long as asked for: it can lose some before it must be made anew."""
_BLOCK = 512
"""Rows multiplied at a time: bounds the temporary memory."""


class NearestLists:
    """Lists of the k members nearest to each member, of a set of nodes that changes little from call to call.

    What a call returns depends on its arguments alone: nearness is exact (`whole`), and of equally near ones
    the first in rank counts. Not for several threads at once.

    Every member has a *line*. Its list holds the nearest members, `depth` of them. That stays true when one
    of them leaves (the list is shorter by one), and when one comes that is nearer than the last (it is taken
    in); a list that has become too short is made anew.

    Args:
        features: float32 (n, p), rows of all nodes; nearness is their cosine.
        rank: int32 (n,), the place of each node in an order without equals.
        k: length of the lists.
    """

    def __init__(self, features: Float32, rank: Int32, k: int) -> None:
        self._features = features
        self._rank = rank
        self._k = k
        self._line_of = np.full(len(features), -1, np.int32)
        self._reserve(0)

    def _reserve(self, lines: int) -> None:
        """Make room for so many members; there are none."""
        self._member: Bools = np.zeros(lines, np.bool_)
        self._nodes: Int32 = np.zeros(lines, np.int32)
        self._ranks: Int32 = np.zeros(lines, np.int32)
        self._columns: Float32 = np.zeros((self._features.shape[1], lines), np.float32)
        self._near: Int32 = np.zeros((lines, _SPARE * self._k), np.int32)
        self._nearness: Float32 = np.zeros(self._near.shape, np.float32)
        self._depths: Int32 = np.zeros(lines, np.int32)

    def lists(self, nodes: Int32) -> Int32:
        """Return places in `nodes` of the nearest to each, the nearest first: int32 (s, min(k, s - 1)).

        O(s p) for each node that was not among those of the call before, O(s k) besides.

        Args:
            nodes: int32 (s,), distinct.
        """
        k = max(min(self._k, len(nodes) - 1), 0)
        stayed, arrived = self._enrol(nodes)
        for block in _blocks(arrived):
            nearness = self._products(block)
            _take_in(block, nearness, stayed, self._ranks, self._near, self._nearness, self._depths)
            _fill(block, nearness, self._member, self._ranks, self._near, self._nearness, self._depths)
        for block in _blocks(np.flatnonzero(self._member & (self._depths < k)).astype(np.int32)):
            nearness = self._products(block)
            _fill(block, nearness, self._member, self._ranks, self._near, self._nearness, self._depths)
        lines = self._line_of[nodes]
        places = np.empty(len(self._member), np.int32)
        places[lines] = np.arange(len(nodes), dtype=np.int32)
        return places[self._near[lines, :k]]

    def _enrol(self, nodes: Int32) -> tuple[Bools, Int32]:
        """Make these the members; return which lines hold one that stayed, and the lines of the others."""
        lines = self._line_of[nodes]
        stayed: Bools = np.zeros(len(self._member), np.bool_)
        stayed[lines[lines >= 0]] = True
        self._line_of[self._nodes[self._member & ~stayed]] = -1
        arriving, free = nodes[lines < 0], np.flatnonzero(~stayed).astype(np.int32)
        if len(arriving) > min(len(free), len(nodes) // 2):  # too many, or little is worth keeping
            self._reserve(len(nodes) + len(nodes) // 4)
            stayed, arriving = self._member.copy(), nodes
            free = np.arange(len(stayed), dtype=np.int32)
        _forget(stayed, self._near, self._nearness, self._depths)
        arrived = free[: len(arriving)]
        self._line_of[arriving] = arrived
        self._nodes[arrived] = arriving
        self._columns[:, arrived] = whole(self._features[arriving]).T
        self._ranks[arrived] = self._rank[arriving]
        self._member = stayed.copy()
        self._member[arrived] = True
        return stayed, arrived

    def _products(self, lines: Int32) -> Float32:
        return products(np.ascontiguousarray(self._columns[:, lines].T), self._columns)


def _blocks(lines: Int32) -> list[Int32]:
    return [lines[start : start + _BLOCK] for start in range(0, len(lines), _BLOCK)]


@compiled
def _forget(stayed: Bools, near: Int32, nearness: Float32, depths: Int32) -> None:
    """Take those that have left out of all lists."""
    for line in range(len(stayed)):
        kept = 0
        for e in range(depths[line]):
            if stayed[near[line, e]]:
                near[line, kept] = near[line, e]
                nearness[line, kept] = nearness[line, e]
                kept += 1
        depths[line] = kept if stayed[line] else 0


@compiled
def _take_in(
    arrived: Int32,
    given: Float32,
    stayed: Bools,
    ranks: Int32,
    near: Int32,
    nearness: Float32,
    depths: Int32,
) -> None:
    """Put those that arrive into the lists whose last they are nearer than."""
    most = near.shape[1]
    for place, other in enumerate(arrived):
        for line in range(len(stayed)):
            if stayed[line] and depths[line] > 0:
                last = depths[line] - 1
                value = given[place, line]
                if value < nearness[line, last]:
                    continue
                if value == nearness[line, last] and ranks[other] > ranks[near[line, last]]:
                    continue
                depths[line] = min(depths[line] + 1, most)
                _insert(line, other, value, depths[line] - 1, ranks, near, nearness)


@compiled
def _fill(
    lines: Int32,
    given: Float32,
    member: Bools,
    ranks: Int32,
    near: Int32,
    nearness: Float32,
    depths: Int32,
) -> None:
    """Make the lists of these lines anew."""
    most = near.shape[1]
    for place, line in enumerate(lines):
        depth = 0
        for other in range(len(member)):
            if not member[other] or other == line:
                continue
            value = given[place, other]
            if depth == most:
                last = most - 1
                if value < nearness[line, last]:
                    continue
                if value == nearness[line, last] and ranks[other] > ranks[near[line, last]]:
                    continue
            else:
                depth += 1
            _insert(line, other, value, depth - 1, ranks, near, nearness)
        depths[line] = depth


@compiled
def _insert(
    line: int, other: int, value: float, free: int, ranks: Int32, near: Int32, nearness: Float32
) -> None:
    """Put a member where it belongs in a list of which place `free` may be written to."""
    e = free
    while e > 0 and (
        nearness[line, e - 1] < value
        or (nearness[line, e - 1] == value and ranks[near[line, e - 1]] > ranks[other])
    ):
        near[line, e] = near[line, e - 1]
        nearness[line, e] = nearness[line, e - 1]
        e -= 1
    near[line, e] = other
    nearness[line, e] = value
