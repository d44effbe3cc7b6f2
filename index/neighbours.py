"""FAISS: the k nearest frames of every frame."""

from typing import Any

import numpy as np

from ..media.types import Floats, Ints, NeighbourGraph

_CHUNK = 1024
_CELLS = 4.0
_CELLS_SEARCHED = 8
_ROUNDS, _FEWEST, _MOST = 6, 39, 64
"""Rounds that place the centres, and how many vectors each of them is placed by."""
_SEED = 1


def nearest(vectors: Floats, k: int, exact_limit: int | None = None) -> NeighbourGraph:
    """The neighbours of unit vectors, each frame left out of its own list; beyond `exact_limit` frames nearly all.

    Distances are computed again from the differences: FAISS's differ in the last bits between a-b and
    b-a, and a search over joins whose price depends on the direction can run in circles.
    """
    count = len(vectors)
    k = min(k, count - 1)
    if k < 1:
        return NeighbourGraph(np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32))
    vectors = np.ascontiguousarray(vectors, np.float32)
    index = _all_compared(vectors) if exact_limit is None or count <= exact_limit else _in_cells(vectors)
    parts = [_search(index, vectors, k, start) for start in range(0, count, _CHUNK)]
    return NeighbourGraph(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _all_compared(vectors: Floats) -> Any:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _in_cells(vectors: Floats) -> Any:
    """Vectors sorted into cells around centres, of which each search looks into the nearest few."""
    import faiss

    cells = max(1, min(int(_CELLS * len(vectors) ** 0.5), len(vectors) // _FEWEST))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.max_points_per_centroid, index.cp.seed = _ROUNDS, _MOST, _SEED
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
    """Each row less its own number; where repeats crowded it out of its own list, less the last."""
    is_self = found == own[:, None]
    is_self[~is_self.any(1), -1] = True
    return np.asarray(found[~is_self].reshape(len(found), k), np.int64)


def _fill(found: Ints, count: int) -> None:
    """Where the cells that were searched hold too few frames, any others: far ones, as their distance will say."""
    for row in np.flatnonzero((found < 0).any(axis=1)):
        lacking = found[row] < 0
        others = np.setdiff1d(np.arange(min(count, 2 * found.shape[1])), found[row])
        found[row, lacking] = others[: lacking.sum()]
