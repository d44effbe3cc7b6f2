"""Where hits end: at a share of the best score, or where scores are no higher than chance makes them."""

import numpy as np

from ..index.matrix import Matrix
from ..media.types import Floats
from .results import best_distinct

_LOWEST = 3

FEW = 30
"""Under so many frames little can be said of chance."""


def auto_cut(best: float, share: float) -> float:
    """The cosine that is that share of the best; under 0, as far below it as it would be above."""
    return best - (1 - share) * abs(best)


def calibrated_cut(matrix: Matrix, scores: Floats, factor: float, same: float) -> float:
    """The cosine that lies `factor` times as far above the median score as the lowest scores lie below it.

    Nothing is unlike a query on purpose: how far the frames that fit it least fall below it is what chance
    does in a library of this size, in this space, for this query. The thing itself stands out farther. What is over
    `same` is the same picture, and never left out.
    """
    if not len(scores):
        return same
    usual = float(np.median(scores))
    lowest = float(-best_distinct(matrix, -scores, _LOWEST, same).scores.mean())
    return min(same, usual + factor * (usual - lowest))
