"""Decide from which score on a frame is a hit: a share of the best, or what stands out from chance."""

from pathlib import Path

import numpy as np

from ..index.matrix import Matrix
from ..ingest.models.embedder import TextEmbedder
from ..ingest.models.views import tile_count
from ..media.types import Floats, Ints
from .neutral import SENTENCES
from .results import best_distinct, best_tiles
from .text_vectors import text_vectors

_LOWEST = 3
"""Lowest scores that are averaged, so that a single outlier does not set the threshold."""
FEW = 30
"""Frames below which a calibrated threshold is a guess."""
_SAMPLE = 100_000
"""Frames that neutral sentences are compared with: every so many of a larger library, since neighbours look alike."""
_MARGIN = 1.16
"""How much farther hits of a text must stand out where the spread of neutral sentences is known. With 1.16 times 2.2
at most a tenth of the absent things had hits in the halves that it was chosen on (bench/thresholds.py)."""


def auto_cut(best: float, share: float) -> float:
    """Return that share of the best cosine; a negative one is lowered by the same amount."""
    return best - (1 - share) * abs(best)


def calibrated_cut(matrix: Matrix, scores: Floats, factor: float, same: float, typical: float | None = None) -> float:
    """Return the cosine `factor` times as far above the median score as chance goes below it.

    The lowest scores come about by chance alone, so their spread is what chance does in a library of this size, in this
    space, for this query. A true hit stands out farther. For a text the geometric mean of this spread and the `typical`
    one of other texts is taken, because one query's own spread may be narrow or wide by accident. The threshold never
    exceeds `same`, above which two pictures count as the same.
    """
    if not len(scores):
        return same
    median, spread = _spread(matrix, scores, same, None)
    if typical is not None:
        spread = _MARGIN * float(np.sqrt(max(0.0, spread) * typical))
    return min(same, median + factor * spread)


def typical_spread(matrix: Matrix, sentences: Floats, same: float) -> float:
    """Return the median spread of sentences over the frames of a library."""
    rows = np.arange(0, len(matrix), max(1, -(-len(matrix) // _SAMPLE)), dtype=np.int64)
    vectors, tiles = matrix.vectors(rows), tile_count(matrix.space)
    scores = vectors @ sentences.T if tiles == 1 else _tile_scores(vectors, sentences, tiles)
    return float(np.median([_spread(matrix, column, same, rows)[1] for column in scores.T]))


def _tile_scores(vectors: Floats, sentences: Floats, tiles: int) -> Floats:
    return np.stack([best_tiles(vectors, sentence[None], tiles) for sentence in sentences], axis=1)


def _spread(matrix: Matrix, scores: Floats, same: float, rows: Ints | None) -> tuple[float, float]:
    """Return the median score, and how far the lowest scores of different frames are below it."""
    median = float(np.median(scores))
    lowest = float(-best_distinct(matrix, -scores, _LOWEST, same, rows).scores.mean())
    return median, median - lowest


def neutral_vectors(embedder: TextEmbedder, cache: Path) -> Floats:
    """Return the vectors of the neutral sentences, which are kept in the cache, since embedding them takes seconds."""
    return text_vectors("neutral", SENTENCES, embedder, cache)
