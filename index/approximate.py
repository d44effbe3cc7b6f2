"""Approximate search: an inverted file of FAISS finds candidate rows, which the matrix then compares exactly.

Rows are projected onto their principal directions and quantised to 8 bits. The loss does not matter, since callers ask
for many more candidates than they need.
"""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from ..media.files import atomic
from ..media.types import Floats, Ints
from .matrix import Matrix

SUFFIX = ".faiss"

_DIMENSIONS = 384
"""Dimensions kept of each row: fewer than the common models have, which saves memory and time."""

_SAMPLE = 4096
"""Rows from which the projection is computed."""

_CHUNK = 16384
"""Rows added at once, which bounds the memory."""

_ROWS_PER_LIST = 500
"""Mean length of an inverted list."""

_MIN_TRAINING_ROWS = 39
"""Rows per list below which FAISS warns that there are too few for training."""

_ITERATIONS = 6
"""Iterations of k-means, which places the centres of the lists."""

_SEED = 0


class ApproximateIndex:
    """Finds candidates for the best rows."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def candidates(self, queries: Floats, count: int) -> Ints:
        """Return about `count` rows for each query, without repeats and in no particular order."""
        found = self._index.search(np.ascontiguousarray(queries), count)[1]
        return np.unique(found[found >= 0]).astype(np.int64)


def open_approximate(matrix: Matrix, folder: Path, share: float) -> ApproximateIndex:
    """Open the index of a matrix, or build it and keep it in `folder` for the next process.

    A search visits that `share` of the lists, nearest to the query first.
    """
    import faiss

    file = folder / f"{matrix.key[:32]}{SUFFIX}"
    index = _read(file, len(matrix))
    if index is None:
        index = _build(matrix)
        _write(index, file)
    inner = faiss.extract_index_ivf(index)
    inner.nprobe = max(1, round(share * inner.nlist))
    return ApproximateIndex(index)


def _build(matrix: Matrix) -> Any:
    """Index every row under its number in the matrix."""
    import faiss

    projection, lists = _projection(matrix), max(1, len(matrix) // _ROWS_PER_LIST)
    kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    quantizer = faiss.IndexFlatIP(projection.d_out)
    inner = faiss.IndexIVFScalarQuantizer(quantizer, projection.d_out, lists, kind, metric)
    inner.cp.niter, inner.cp.seed = _ITERATIONS, _SEED
    inner.train(projection.apply(_sample(matrix, max(_SAMPLE, _MIN_TRAINING_ROWS * lists))))
    index = faiss.IndexPreTransform(projection, inner)
    for start in range(0, len(matrix), _CHUNK):
        index.add(matrix.vectors(np.arange(start, min(start + _CHUNK, len(matrix)))))
    return index


def _projection(matrix: Matrix) -> Any:
    """Project onto the principal directions of the rows; without centring, so that cosines are kept."""
    import faiss

    rows = _sample(matrix, _SAMPLE)
    width = min(_DIMENSIONS, matrix.space.dimension)
    basis = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :width]
    projection = faiss.LinearTransform(matrix.space.dimension, width, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(basis.T, np.float32).ravel(), projection.A)
    projection.is_trained = True
    return projection


def _sample(matrix: Matrix, count: int) -> Floats:
    """Draw rows from the whole matrix, the same ones each time."""
    if count >= len(matrix):
        return matrix.vectors(np.arange(len(matrix)))
    rows = np.random.default_rng(_SEED).choice(len(matrix), count, replace=False)
    return matrix.vectors(np.sort(rows))


def _read(file: Path, rows: int) -> Any:
    """Map the index of an earlier process into memory; None where it is missing, damaged or of another size."""
    import faiss

    if not file.exists():
        return None
    try:
        index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        return index if index.ntotal == rows and faiss.try_extract_index_ivf(index) is not None else None
    except (RuntimeError, AttributeError):
        return None


def _write(index: Any, file: Path) -> None:
    """Keep an index if there is room, and delete those of earlier states of the library."""
    import faiss

    with contextlib.suppress(RuntimeError, OSError):
        with atomic(file, parents=True) as part:
            faiss.write_index(index, str(part))
        for old in file.parent.glob(f"[!.]*{SUFFIX}"):
            if old != file:
                old.unlink(missing_ok=True)
