"""Records and rows of videos that were never ingested, for tests of the catalog and the store."""

from pathlib import Path

import numpy as np

from reelweave.media.types import FrameRows, Space, VideoRecord

SPACE = Space("appearance", "model", "weights", "preprocessing/1", 3)


def record(name: str, number: int = 0, folder: str = "/films") -> VideoRecord:
    return VideoRecord(
        id=f"{Path(name).stem}-{number:08x}",
        name=name,
        source=f"{folder}/{name}",
        sha256=f"{number:064x}",
        stamp="1:1",
        kind="video",
        fps=25,
        width=96,
        height=64,
        sampled_fps=0,
        short_side=360,
        proxy_width=16,
        proxy_height=16,
    )


def rows(indices: range) -> FrameRows:
    count = len(indices)
    vectors = np.random.default_rng(indices.start).normal(size=(count, 3)).astype(np.float32)
    return FrameRows(
        indices=np.array(indices, np.int64),
        times=np.array(indices, np.float64) / 3,
        sharpness=np.arange(count, dtype=np.float32),
        luma=np.arange(count, dtype=np.float32),
        duplicate_of=np.full(count, -1, np.int64),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )
