"""Score thresholds: a share of the best score, or the level that chance reaches."""

import numpy as np

from ..index.matrix import Matrix
from ..media.types import Floats
from .results import best_distinct

_LOWEST = 3
"""Lowest scores that are averaged, so that a single outlier does not set the threshold."""
FEW = 30
"""Frames below which a calibrated threshold is a guess."""


def auto_cut(best: float, share: float) -> float:
    """Return that share of the best cosine; a negative one is lowered by the same amount."""
    return best - (1 - share) * abs(best)


def calibrated_cut(matrix: Matrix, scores: Floats, factor: float, same: float) -> float:
    """Return the cosine `factor` times as far above the median score as the lowest scores are below it.

    No frame is unlike a query on purpose, so the spread of the lowest scores shows what chance does in a library of
    this size, in this space, for this query. A true hit stands out farther. The threshold never exceeds `same`, above
    which two pictures count as the same.
    """
    if not len(scores):
        return same
    median = float(np.median(scores))
    lowest = float(-best_distinct(matrix, -scores, _LOWEST, same).scores.mean())
    return min(same, median + factor * (median - lowest))
