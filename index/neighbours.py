"""Find the k nearest frames of every frame; with FAISS, unless there are few."""

from typing import Any

import numpy as np

from ..media.types import Floats, Ints, NeighbourGraph

_CHUNK = 1024
"""Frames searched at once, which bounds the memory."""

_CELLS = 4.0
"""Cells are so many times the square root of the number of vectors, the usual size of an inverted file."""

_CELLS_SEARCHED = 8
"""Cells that each search visits."""

_ITERATIONS = 6
"""Iterations of k-means, which places the centres of the cells."""

_MIN_TRAINING_VECTORS = 39
"""Vectors per cell below which FAISS warns that there are too few for training."""

_MAX_TRAINING_VECTORS = 64
"""Vectors per cell that training uses at most, which bounds its time."""

_SEED = 1


def nearest(vectors: Floats, k: int, exact_limit: int | None = None) -> NeighbourGraph:
    """Find the neighbours of unit vectors; no frame is in its own list.

    Distances are recomputed from the differences. Those of FAISS differ in the last bits between (a, b) and (b, a), and
    a search whose costs depend on the direction can cycle. The search is exact up to `exact_limit` frames, or always.
    """
    count = len(vectors)
    k = min(k, count - 1)
    if k < 1:
        return NeighbourGraph(np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32))
    vectors = np.ascontiguousarray(vectors, np.float32)
    index = _exact_index(vectors) if exact_limit is None or count <= exact_limit else _cell_index(vectors)
    parts = [_search(index, vectors, k, start) for start in range(0, count, _CHUNK)]
    return NeighbourGraph(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


class _ProductIndex:
    """Compares with every vector, as the flat index of FAISS does, whose import takes a tenth of a CPU second."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def search(self, part: Floats, k: int) -> tuple[Floats, Ints]:
        """Return the largest products with some vectors, and whose they are."""
        products = part @ self._vectors.T
        found = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(products, found, 1), found


def _exact_index(vectors: Floats) -> Any:
    if len(vectors) <= _CHUNK:
        return _ProductIndex(vectors)
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _cell_index(vectors: Floats) -> Any:
    """Sort vectors into cells around centres, of which each search visits the nearest few."""
    import faiss

    cells = max(1, min(int(_CELLS * len(vectors) ** 0.5), len(vectors) // _MIN_TRAINING_VECTORS))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.max_points_per_centroid, index.cp.seed = _ITERATIONS, _MAX_TRAINING_VECTORS, _SEED
    index.train(vectors)
    index.add(vectors)
    index.nprobe = _CELLS_SEARCHED
    return index


def _search(index: Any, vectors: Floats, k: int, start: int) -> tuple[Ints, Floats]:
    part = vectors[start : start + _CHUNK]
    found = index.search(part, k + 1)[1]
    _fill(found, len(vectors))
    others = _without_self(found.astype(np.int64), np.arange(start, start + len(part)), k)
    chords = np.stack([np.linalg.norm(vectors[row] - own, axis=1) for row, own in zip(others, part, strict=True)])
    order = np.argsort(chords, axis=1, kind="stable")
    return np.take_along_axis(others, order, 1), np.take_along_axis(chords, order, 1).astype(np.float32)


def _without_self(found: Ints, own: Ints, k: int) -> Ints:
    """Remove each frame from its own list, or the last neighbour where repeats have displaced it."""
    is_self = found == own[:, None]
    is_self[~is_self.any(1), -1] = True
    return np.asarray(found[~is_self].reshape(len(found), k), np.int64)


def _fill(found: Ints, count: int) -> None:
    """Fill gaps where the searched cells hold too few frames with any other frames; their distances are computed."""
    for row in np.flatnonzero((found < 0).any(axis=1)):
        lacking = found[row] < 0
        others = np.setdiff1d(np.arange(min(count, 2 * found.shape[1])), found[row])
        found[row, lacking] = others[: lacking.sum()]
