"""Collapse repeated frames before solving; the caller puts them back next to their leader."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints, NeighbourGraph

_REDUCED = 16, 9
"""Size (width, height) of the pictures that are compared first."""
_ROUNDING = 0.01
"""Grey levels by which rounding may move the difference of reduced pictures."""


@dataclass(frozen=True)
class RepeatGroups:
    """`leader[r]` is the row that stands for row r; a leader stands for itself."""

    leader: Ints

    @property
    def leaders(self) -> Ints:
        return np.flatnonzero(self.leader == np.arange(len(self.leader)))

    def members(self) -> dict[int, list[int]]:
        """Return the rows that each leader stands for, itself included."""
        found: dict[int, list[int]] = {}
        for row, leader in enumerate(self.leader.tolist()):
            found.setdefault(leader, []).append(row)
        return found


def collapse(luma: npt.NDArray[np.uint8], graph: NeighbourGraph, level: float) -> RepeatGroups:
    """Join each row to an earlier leader among its neighbours that differs by under `level` grey levels.

    A row is compared with the leader itself, never with another repeat, so that a slow fade cannot collapse step by
    step. With more repeats than neighbours, a row may list only later repeats; further rounds then find its leader
    through theirs.
    """
    reduced = _reduced(luma)
    groups = RepeatGroups(_find_leaders(luma, reduced, graph.indices, level))
    while len(groups.leaders) < len(luma):
        leader = groups.leader
        merged = RepeatGroups(
            _find_leaders(luma, reduced, np.hstack([graph.indices, leader[graph.indices], leader[:, None]]), level)
        )
        if len(merged.leaders) >= len(groups.leaders):
            break
        groups = merged
    return groups


def split_groups(groups: RepeatGroups, rows: Sequence[int]) -> RepeatGroups:
    """Let some rows stand for themselves alone; return the same object if they already do."""
    members = groups.members()
    leader = groups.leader.copy()
    for row in rows:
        group = members[int(groups.leader[row])]
        group.remove(row)
        leader[row] = row
        if group:
            leader[group] = group[0]
    return groups if np.array_equal(leader, groups.leader) else RepeatGroups(leader)


def _reduced(luma: npt.NDArray[np.uint8]) -> Floats:
    """Return the mean of each part of each picture."""
    import cv2

    height, width = luma.shape[1:]
    size = min(_REDUCED[0], width), min(_REDUCED[1], height)
    small = np.empty((len(luma), size[0] * size[1]), np.float32)
    for row, plane in enumerate(luma):
        small[row] = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel()
    return small


def _find_leaders(luma: npt.NDArray[np.uint8], reduced: Floats, candidates: Ints, level: float) -> Ints:
    """Return each row's leader. Pictures differ by at least as much as their reductions, so few are compared in full.

    Comparing all in full took over a third of the time of finding neighbours in a film of 20,000 frames.
    """
    leader = np.arange(len(luma))
    for row in range(len(luma)):
        near = np.unique(leader[candidates[row]])
        near = near[near < row]
        near = near[np.abs(reduced[near] - reduced[row]).mean(axis=1) < level + _ROUNDING]
        if len(near):
            differences = np.abs(luma[near].astype(np.int16) - luma[row].astype(np.int16)).mean(axis=(1, 2))
            best = int(differences.argmin())
            if differences[best] < level:
                leader[row] = near[best]
    return leader
