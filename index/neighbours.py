"""FAISS: the k nearest frames of every frame."""

import numpy as np

from ..frames import Floats, Ints, NeighbourGraph

_CHUNK = 1024


def nearest(vectors: Floats, k: int) -> NeighbourGraph:
    """Exact neighbours of unit vectors, each frame left out of its own list.

    Distances are computed again from the differences: FAISS's differ in the last bits between a-b and
    b-a, and a search over joins whose price depends on the direction can run in circles.
    """
    import faiss

    count = len(vectors)
    k = min(k, count - 1)
    if k < 1:
        return NeighbourGraph(np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32))
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    parts = [_search(index, vectors, k, start) for start in range(0, count, _CHUNK)]
    return NeighbourGraph(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _search(index: object, vectors: Floats, k: int, start: int) -> tuple[Ints, Floats]:
    part = vectors[start : start + _CHUNK]
    found = index.search(part, k + 1)[1]  # type: ignore[attr-defined]
    others = _without_self(found.astype(np.int64), np.arange(start, start + len(part)), k)
    chords = np.stack([np.linalg.norm(vectors[row] - own, axis=1) for row, own in zip(others, part, strict=True)])
    order = np.argsort(chords, axis=1, kind="stable")
    return np.take_along_axis(others, order, 1), np.take_along_axis(chords, order, 1).astype(np.float32)


def _without_self(found: Ints, own: Ints, k: int) -> Ints:
    """Each row less its own number; where repeats crowded it out of its own list, less the last."""
    is_self = found == own[:, None]
    is_self[~is_self.any(1), -1] = True
    return np.asarray(found[~is_self].reshape(len(found), k), np.int64)
