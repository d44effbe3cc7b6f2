"""FAISS names the rows that may be the best; how good they are the matrix says.

Rows are turned so that few numbers hold most of them, and kept in 8 bits each. That is not exact, and need not be:
many more are named than asked for, and each is compared again with its own vector.
"""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from ..media.files import atomic_write
from ..media.types import Floats, Ints
from .matrix import Matrix

SUFFIX = ".faiss"

_NUMBERS = 384
_SAMPLE = 4096
_CHUNK = 16384
_ROWS_PER_LIST = 500
_TRAINED_ON = 39
"""Rows that FAISS wants to see for each list, at least."""
_ROUNDS = 6
_SEED = 0


class ApproximateIndex:
    """Candidates for the best rows."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def candidates(self, queries: Floats, count: int) -> Ints:
        """About `count` rows for each query, in no order."""
        found = self._index.search(np.ascontiguousarray(queries), count)[1]
        return np.unique(found[found >= 0]).astype(np.int64)


def open_approximate(matrix: Matrix, folder: Path, share: float) -> ApproximateIndex:
    """Looks at the lists nearest to the query, that share of all rows; kept in `folder` for the next process."""
    import faiss

    file = folder / f"{matrix.key[:32]}{SUFFIX}"
    index = _read(file, len(matrix))
    if index is None:
        index = _filled(matrix)
        _write(index, file)
    inner = faiss.extract_index_ivf(index)
    inner.nprobe = max(1, round(share * inner.nlist))
    return ApproximateIndex(index)


def _filled(matrix: Matrix) -> Any:
    """An index of every row, under the numbers that the matrix gives them."""
    import faiss

    turn, lists = _turned(matrix), max(1, len(matrix) // _ROWS_PER_LIST)
    kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(turn.d_out), turn.d_out, lists, kind, metric)
    index.cp.niter, index.cp.seed = _ROUNDS, _SEED
    index.train(turn.apply(_sample(matrix, max(_SAMPLE, _TRAINED_ON * lists))))
    whole = faiss.IndexPreTransform(turn, index)
    for start in range(0, len(matrix), _CHUNK):
        whole.add(matrix.vectors(np.arange(start, min(start + _CHUNK, len(matrix)))))
    return whole


def _turned(matrix: Matrix) -> Any:
    """Onto the directions in which the rows have most of their length; nothing is centred, so that cosines stay."""
    import faiss

    rows = _sample(matrix, _SAMPLE)
    width = min(_NUMBERS, matrix.space.dimension)
    basis = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :width]
    turn = faiss.LinearTransform(matrix.space.dimension, width, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(basis.T, np.float32).ravel(), turn.A)
    turn.is_trained = True
    return turn


def _sample(matrix: Matrix, count: int) -> Floats:
    """Rows from all over the library, always the same."""
    if count >= len(matrix):
        return matrix.vectors(np.arange(len(matrix)))
    rows = np.random.default_rng(_SEED).choice(len(matrix), count, replace=False)
    return matrix.vectors(np.sort(rows))


def _read(file: Path, rows: int) -> Any:
    """The index of an earlier process, lying on disk until it is touched; nothing where it is none or damaged."""
    import faiss

    if not file.exists():
        return None
    try:
        index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        return index if index.ntotal == rows and faiss.try_extract_index_ivf(index) is not None else None
    except (RuntimeError, AttributeError):
        return None


def _write(index: Any, file: Path) -> None:
    """Keep it, where there is room, in place of those of earlier states of the library."""
    import faiss

    with contextlib.suppress(RuntimeError, OSError):
        with atomic_write(file) as part:
            faiss.write_index(index, str(part))
        for old in file.parent.glob(f"*{SUFFIX}"):
            if old != file:
                old.unlink(missing_ok=True)
