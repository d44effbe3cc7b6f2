"""Find frames that repeat an earlier one, and let them share its vector instead of running the network again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..media.proxy import Proxy, luma
from ..media.types import Floats
from .models.embedder import CLOSE, EmbeddedBatch, TwoStageEmbedder


@dataclass(frozen=True)
class LastDistinct:
    """The last frame that repeats no earlier one, with its vector if later frames may share it."""

    frame: int
    proxy: Proxy
    vector: Floats | None = None


@dataclass(frozen=True)
class FrameRepeats:
    """For each frame of a batch the frame that it repeats, or -1, and how much the two differ."""

    frames: tuple[int, ...]
    differences: tuple[float, ...]
    last: LastDistinct
    offset: int
    """Position in the batch of the last distinct frame; negative if it is in an earlier batch."""

    @property
    def origins(self) -> list[int]:
        """For each frame the position of the distinct frame it stands for, or -1 for one in an earlier batch."""
        positions, distinct = [], -1
        for position, frame in enumerate(self.frames):
            distinct = position if frame < 0 else distinct
            positions.append(distinct)
        return positions


def find_repeats(
    indices: Sequence[int], proxies: Sequence[Proxy], level: float, last: LastDistinct | None
) -> FrameRepeats:
    """Compare every frame with the last distinct one rather than its neighbour, so that slow changes add up."""
    frames, differences, offset = [], [], -1
    for position, (index, proxy) in enumerate(zip(indices, proxies, strict=True)):
        apart = difference(proxy, last.proxy) if last else float("inf")
        differences.append(apart)
        if last and apart < level:
            frames.append(last.frame)
        else:
            frames.append(-1)
            last, offset = LastDistinct(index, proxy), position
    assert last is not None
    return FrameRepeats(tuple(frames), tuple(differences), last, offset)


def difference(left: Proxy, right: Proxy) -> float:
    """Return the mean difference of two proxies in grey levels."""
    return float(np.abs(luma(left).astype(np.int16) - luma(right)).mean())


def embed_shared(
    inputs: Sequence[Any], repeats: FrameRepeats, embedder: TwoStageEmbedder, before: Floats | None
) -> EmbeddedBatch | None:
    """Run only the distinct frames through the network; return None if sharing would not be close enough.

    The repeat that differs most from its original is embedded exactly as a check on all of them.
    """
    origins = repeats.origins
    distinct = [position for position, origin in enumerate(origins) if origin == position]
    repeated = [position for position, origin in enumerate(origins) if origin != position]
    embedded = embedder.finish([inputs[position] for position in distinct])
    if not repeated:
        return embedded
    rows = dict(zip(distinct, embedded.vectors, strict=True))
    if before is not None:
        rows[-1] = before
    vectors = np.stack([rows[origin] for origin in origins])
    worst = max(repeated, key=lambda position: repeats.differences[position])
    cosine = float(embedder.exact([inputs[worst]])[0] @ vectors[worst])
    return EmbeddedBatch(vectors, embedded.way, min(embedded.cosine, cosine)) if cosine >= CLOSE else None
