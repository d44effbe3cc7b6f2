"""Collapse repeated frames before solving; the caller puts them back next to their leader."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Ints, NeighbourGraph


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
    groups = RepeatGroups(_find_leaders(luma, graph.indices, level))
    while len(groups.leaders) < len(luma):
        leader = groups.leader
        merged = RepeatGroups(
            _find_leaders(luma, np.hstack([graph.indices, leader[graph.indices], leader[:, None]]), level)
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


def _find_leaders(luma: npt.NDArray[np.uint8], candidates: Ints, level: float) -> Ints:
    leader = np.arange(len(luma))
    for row in range(len(luma)):
        near = np.unique(leader[candidates[row]])
        near = near[near < row]
        if len(near):
            differences = np.abs(luma[near].astype(np.int16) - luma[row].astype(np.int16)).mean(axis=(1, 2))
            best = int(differences.argmin())
            if differences[best] < level:
                leader[row] = near[best]
    return leader
