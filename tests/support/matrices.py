"""Small matrices of vectors in groups, for tests of the indexes."""

import numpy as np

from reelweave.index.matrix import Matrix, Segment
from reelweave.media.types import Floats, FrameRows, Space, VideoRecord

WIDTH = 64


def shots(count: int, each: int, seed: int = 0) -> Floats:
    """Groups of like vectors."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((count, WIDTH)).repeat(each, axis=0) + 0.3 * rng.standard_normal((count * each, WIDTH))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def matrix(vectors: Floats, key: str = "0" * 64) -> Matrix:
    count, zeros = len(vectors), np.zeros(len(vectors), np.float32)
    video = VideoRecord("a", "a", "a", "a", "", "video", 25.0, 8, 8, 0.0, 0, 8, 8)
    rows = FrameRows(np.arange(count), np.arange(count) / 25, zeros, zeros, np.full(count, -1, np.int64), vectors)
    return Matrix(Space("s", "", "", "", vectors.shape[1]), [Segment(video, rows)], key)
