"""Exact search over an 8-bit copy of all vectors, at a fraction of the time.

The rounding errors of the copy are bounded, which bounds the score of every row that is not a candidate.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..media.types import Floats, Ints
from .matrix import Matrix

_LEVELS = 127
"""Largest absolute value of a signed number of 8 bits."""

_CHUNK = 16384
"""Rows converted at once, which bounds the memory."""

_SIGMAS = 8
"""Standard deviations that the sum of a row's rounding errors exceeds once in 10^15 rows."""


@dataclass(frozen=True)
class CandidateRows:
    """Rows that may be the best, in no particular order; all others score less than `floor`."""

    rows: Ints
    floor: float


class QuantizedMatrix:
    """An 8-bit copy of a matrix, with a scale for each dimension."""

    def __init__(self, matrix: Matrix) -> None:
        import faiss

        chunks = [np.arange(start, min(start + _CHUNK, len(matrix))) for start in range(0, len(matrix), _CHUNK)]
        largest = np.max([np.abs(matrix.vectors(rows)).max(axis=0) for rows in chunks], axis=0)
        self._steps = np.asarray(np.maximum(largest, np.finfo(np.float32).tiny * _LEVELS) / _LEVELS, np.float32)
        kind, width = faiss.ScalarQuantizer.QT_8bit_uniform, len(self._steps)
        self._index: Any = faiss.IndexScalarQuantizer(width, kind, faiss.METRIC_INNER_PRODUCT)
        # Trained on these bounds, the quantiser rounds to whole steps.
        self._index.train(np.outer([-_LEVELS - 0.5, _LEVELS + 0.5], np.ones(width, np.float32)).astype(np.float32))
        for rows in chunks:
            self._index.add(matrix.vectors(rows) / self._steps)

    def candidates(self, queries: Floats, count: int) -> CandidateRows:
        """Return about `count` rows for each query."""
        scaled = np.ascontiguousarray(queries * self._steps)
        scores, rows = self._index.search(scaled, count)
        # The error of a number is uniform over one step, so its standard deviation is step / sqrt(12).
        errors = _SIGMAS * np.linalg.norm(scaled, axis=1) / np.sqrt(12)
        floor = float(np.max(scores[:, -1] + errors)) if count < self._index.ntotal else -np.inf
        return CandidateRows(np.unique(rows[rows >= 0]).astype(np.int64), floor)
