"""Repeats of a frame count once while solving and are put back beside it afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Ints, NeighbourGraph


@dataclass(frozen=True)
class RepeatGroups:
    """`leader[r]` is the row that stands for row r; leaders stand for themselves."""

    leader: Ints

    @property
    def leaders(self) -> Ints:
        return np.flatnonzero(self.leader == np.arange(len(self.leader)))

    def members(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for row, leader in enumerate(self.leader.tolist()):
            found.setdefault(leader, []).append(row)
        return found


def collapse(luma: npt.NDArray[np.uint8], graph: NeighbourGraph, level: float) -> RepeatGroups:
    """Join each row to an earlier leader among its neighbours whose picture differs by under `level` grey levels.

    A row is compared with the leader itself, never with another repeat, so that a slow fade cannot
    collapse link by link. Where repeats are so many that a row knows only later ones, it meets its leader
    through theirs, in another round.
    """
    groups = RepeatGroups(_led(luma, graph.indices, level))
    while len(groups.leaders) < len(luma):
        leader = groups.leader
        further = RepeatGroups(_led(luma, np.hstack([graph.indices, leader[graph.indices], leader[:, None]]), level))
        if len(further.leaders) >= len(groups.leaders):
            break
        groups = further
    return groups


def split_groups(groups: RepeatGroups, rows: Sequence[int]) -> RepeatGroups:
    """The groups with some rows standing for themselves alone; the same ones where these do so already."""
    members = groups.members()
    leader = groups.leader.copy()
    for row in rows:
        group = members[int(groups.leader[row])]
        group.remove(row)
        leader[row] = row
        if group:
            leader[group] = group[0]
    return groups if np.array_equal(leader, groups.leader) else RepeatGroups(leader)


def _led(luma: npt.NDArray[np.uint8], candidates: Ints, level: float) -> Ints:
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
