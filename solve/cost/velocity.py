"""Measure over three frames how much motion changes, since limbs that move fast move on in the next frame.

Where people or animals come back to nearly the same pose, a frame of another pass is often more similar than the next
one. But it seldom moves in the same direction at the same speed: from a frame in the middle of three, the motion to the
frame after it is nearly the opposite of the motion to the frame before it.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from ..stop import Stopped, never

CELLS = 18, 32
"""Rows and columns of cells over which motion is averaged."""
_SOFT = 1.0
"""Blur of the pictures in pixels."""
_MOVES = 0.5
"""Motion in pixels of a stored picture at which a cell counts half; noise moves by less."""
_MIXED = 0.5
"""Share of the squared motions that is added to the square of their change. A change of a third of the motion then
counts a tenth, and one from motion to rest two thirds. With absolute changes instead, the share of all pairs of
candidates that were better than the true one was larger in a drawn dancer (median .011 instead of .005) and star jumps.
"""
_UNSURE = 0.05
"""Added to that, in squared pixels: smaller changes are errors of measurement."""
_FIRST = 3
"""Most similar pictures to which motion there and back is compared."""
_RUN = 4
"""Rows that a thread measures at a time."""
_MOST_THREADS = 4
"""Threads that measure; part of the work holds Python's lock."""


def velocities(luma: npt.NDArray[np.uint8], near: Ints, stopped: Stopped = never) -> Floats:
    """Return the motion from each picture to those near it, in pixels: one row, neighbour, cell and direction each."""
    runs = [range(start, min(start + _RUN, len(near))) for start in range(0, len(near), _RUN)]
    found = np.zeros((*near.shape, CELLS[0] * CELLS[1], 2), np.float32)
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        for run, motion in zip(runs, pool.map(lambda run: _motion(luma, near, run, stopped), runs), strict=True):
            found[run.start : run.stop] = motion
    return found


def _motion(luma: npt.NDArray[np.uint8], near: Ints, rows: Sequence[int], stopped: Stopped) -> Floats:
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.zeros((len(rows), near.shape[1], CELLS[0] * CELLS[1], 2), np.float32)
    for at, row in enumerate(rows):
        if stopped():
            break
        picture = cv2.GaussianBlur(luma[row], (0, 0), _SOFT)
        for nth, other in enumerate(near[row]):
            motion = flow.calc(
                picture, cv2.GaussianBlur(luma[other], (0, 0), _SOFT), np.zeros((*picture.shape, 2), np.float32)
            )
            found[at, nth] = cv2.resize(motion, CELLS[::-1], interpolation=cv2.INTER_AREA).reshape(-1, 2)
    return found


def changes_of_velocity(motion: Floats, cells: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Return for each row how much motion changes from one neighbour through it to another, per cell that moves.

    Args:
        motion: What `velocities` returns.
        cells: Look at these cells only.
    """
    found = np.empty((*motion.shape[:2], motion.shape[1]), np.float32)
    for row, moved in enumerate(motion if cells is None else motion[:, :, cells]):
        by_cell = moved.transpose(1, 0, 2)
        squares = np.square(by_cell).sum(axis=2)
        both = squares[:, :, None] + squares[:, None]
        change = np.maximum(both + 2 * by_cell @ by_cell.transpose(0, 2, 1), 0)
        found[row] = (_moving(both) * _share(change, both)).mean(axis=0)
    return found


def inconsistency(motion: Floats, near: Ints) -> float:
    """Return how far motion to a similar picture and back usually differ where something moves: in noise they do."""
    nth = np.full((len(near), len(near)), -1)
    nth[np.arange(len(near))[:, None], near] = np.arange(near.shape[1])
    rows, others = np.repeat(np.arange(len(near)), _FIRST), near[:, :_FIRST].ravel()
    back = nth[others, rows]
    mutual = np.flatnonzero(back >= 0)
    there, again = motion[rows, nth[rows, others]][mutual], motion[others, back][mutual]
    both, change = (np.square(part).sum(axis=2) for part in (np.concatenate([there, again], axis=2), there + again))
    moving = _moving(both)
    return float(np.median((moving * _share(change, both)).sum(axis=1) / (moving.sum(axis=1) + _UNSURE)))


def _moving(squares: Floats) -> Floats:
    return np.asarray(squares / (squares + _MOVES**2), np.float32)


def _share(change: Floats, squares: Floats) -> Floats:
    return np.asarray(change / (change + _MIXED * squares + _UNSURE), np.float32)
