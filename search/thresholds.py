"""Decide from which score on a frame is a hit: a share of the best, or what stands out from chance."""

from pathlib import Path

import numpy as np

from ..index.matrix import Matrix
from ..ingest.models.embedder import TextEmbedder
from ..ingest.models.views import tile_count
from ..media.types import Floats, Ints
from .neutral import SENTENCES
from .results import best_distinct, tile_queries
from .text_vectors import text_vectors

_LOWEST = 3
"""Lowest scores that are averaged, so that a single outlier does not set the threshold."""
FEW = 30
"""Frames below which a calibrated threshold is a guess."""
_SAMPLE = 100_000
"""Frames that neutral sentences are compared with: every so many of a larger library, since neighbours look alike."""
_MARGIN = 1.2
"""How much farther the best frame must stand out for a text whose neutral sentences are known. With 1.2 times 2.2, at
most a twentieth of the absent things had hits in the halves that it was chosen on (bench/thresholds.py)."""
_OTHERS = 1 / 1.2
"""The share of that distance that suffices for other frames, since a thing that is certainly there is likely to be seen
more than once. Hits then are .59 of the drawn pictures that show a thing, at a precision of .89, in the half that the
factor was chosen on (bench/thresholds.py); a fixed cosine finds .42."""


def auto_cut(best: float, share: float) -> float:
    """Return that share of the best cosine; a negative one is lowered by the same amount."""
    return best - (1 - share) * abs(best)


def calibrated_cut(
    matrix: Matrix,
    scores: Floats,
    factor: float,
    same: float,
    typical: float | None = None,
    best: float | None = None,
) -> float:
    """Return the cosine that hits must reach; it is above all of them unless the best one stands out from chance.

    The lowest scores come about by chance alone, so their spread is what chance does in a library of this size, in this
    space, for this query. If what was searched for is there, the best frame is `factor` times as far above the median.
    For a text the geometric mean of this spread and the `typical` one of other texts is taken, because one query's own
    spread may be narrow or wide by accident. A score of `same`, above which two pictures count as the same, always
    suffices. `best` is the highest score of the frames that are searched, by default of all.
    """
    if not len(scores):
        return same
    median, spread = _spread(matrix, scores, same, None)
    if typical is not None:
        spread = _MARGIN * float(np.sqrt(max(0.0, spread) * typical))
    cut = min(same, median + factor * spread)
    is_there = (float(scores.max()) if best is None else best) >= cut
    return min(cut, median + _OTHERS * (cut - median)) if is_there else cut


def typical_spread(matrix: Matrix, sentences: Floats, same: float) -> float:
    """Return the median spread of sentences over the frames of a library."""
    rows = np.arange(0, len(matrix), max(1, -(-len(matrix) // _SAMPLE)), dtype=np.int64)
    vectors, tiles = matrix.vectors(rows), tile_count(matrix.space)
    scores = (vectors @ tile_queries(sentences, tiles).T).reshape(len(rows), len(sentences), tiles).max(axis=2)
    return float(np.median([_spread(matrix, column, same, rows)[1] for column in scores.T]))


def _spread(matrix: Matrix, scores: Floats, same: float, rows: Ints | None) -> tuple[float, float]:
    """Return the median score, and how far the lowest scores of different frames are below it."""
    median = float(np.median(scores))
    lowest = float(-best_distinct(matrix, -scores, _LOWEST, same, rows).scores.mean())
    return median, median - lowest


def neutral_vectors(embedder: TextEmbedder, cache: Path) -> Floats:
    """Return the vectors of the neutral sentences, which are kept in the cache, since embedding them takes seconds."""
    return text_vectors("neutral", SENTENCES, embedder, cache)
