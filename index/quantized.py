"""A copy of all vectors in 8 bits a number, compared in a fraction of the time.

Scores by the copy are off by little, and by how much is known, so that it is known, too, what no other row can score.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..media.types import Floats, Ints
from .matrix import Matrix

_LEVELS = 127
_CHUNK = 16384
_SIGMAS = 8
"""Rounding errors of a row add up to more than this many of their deviations once in 10^15 rows."""


@dataclass(frozen=True)
class CandidateRows:
    """Rows that may be the best, in no order; all others score less than `floor`."""

    rows: Ints
    floor: float


class QuantizedMatrix:
    """Candidates from all rows of a matrix, each direction with a scale of its own."""

    def __init__(self, matrix: Matrix) -> None:
        import faiss

        chunks = [np.arange(start, min(start + _CHUNK, len(matrix))) for start in range(0, len(matrix), _CHUNK)]
        largest = np.max([np.abs(matrix.vectors(rows)).max(axis=0) for rows in chunks], axis=0)
        self._steps = np.asarray(np.maximum(largest, np.finfo(np.float32).tiny * _LEVELS) / _LEVELS, np.float32)
        kind, width = faiss.ScalarQuantizer.QT_8bit_uniform, len(self._steps)
        self._index: Any = faiss.IndexScalarQuantizer(width, kind, faiss.METRIC_INNER_PRODUCT)
        # Trained on these ends, it rounds to whole steps.
        self._index.train(np.outer([-_LEVELS - 0.5, _LEVELS + 0.5], np.ones(width, np.float32)).astype(np.float32))
        for rows in chunks:
            self._index.add(matrix.vectors(rows) / self._steps)

    def candidates(self, queries: Floats, count: int) -> CandidateRows:
        """About `count` rows for each query."""
        scaled = np.ascontiguousarray(queries * self._steps)
        scores, rows = self._index.search(scaled, count)
        # A number is off by up to half a step either way, as likely by any of it.
        errors = _SIGMAS * np.linalg.norm(scaled, axis=1) / np.sqrt(12)
        floor = float(np.max(scores[:, -1] + errors)) if count < self._index.ntotal else -np.inf
        return CandidateRows(np.unique(rows[rows >= 0]).astype(np.int64), floor)
