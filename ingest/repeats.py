"""Which frames repeat the one before, and how those that do share its vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..media.proxy import Proxy, luma
from ..media.types import Floats
from .models.embedder import CLOSE, EmbeddedBatch, TwoStageEmbedder


@dataclass(frozen=True)
class LastDistinct:
    """The last frame that repeated none before it and, where others may share it, its vector."""

    frame: int
    proxy: Proxy
    vector: Floats | None = None


@dataclass(frozen=True)
class FrameRepeats:
    """For each frame of a batch the one that it repeats, or -1, and by how much the two differ."""

    frames: tuple[int, ...]
    differences: tuple[float, ...]
    last: LastDistinct
    offset: int
    """Where in the batch the last distinct frame lies; negative when in an earlier one."""

    @property
    def origins(self) -> list[int]:
        """For each frame the place of the one that it repeats, its own, or -1 for one in an earlier batch."""
        found, distinct = [], -1
        for place, frame in enumerate(self.frames):
            distinct = place if frame < 0 else distinct
            found.append(distinct)
        return found


def find_repeats(
    indices: Sequence[int], proxies: Sequence[Proxy], level: float, last: LastDistinct | None
) -> FrameRepeats:
    """Frames are compared with the last distinct one, so that a slow change adds up until it is one."""
    frames, differences, offset = [], [], -1
    for place, (index, proxy) in enumerate(zip(indices, proxies, strict=True)):
        apart = difference(proxy, last.proxy) if last else float("inf")
        differences.append(apart)
        if last and apart < level:
            frames.append(last.frame)
        else:
            frames.append(-1)
            last, offset = LastDistinct(index, proxy), place
    assert last is not None
    return FrameRepeats(tuple(frames), tuple(differences), last, offset)


def difference(left: Proxy, right: Proxy) -> float:
    """Mean grey levels between two proxies."""
    return float(np.abs(luma(left).astype(np.int16) - luma(right)).mean())


def embed_shared(
    inputs: Sequence[Any], repeats: FrameRepeats, embedder: TwoStageEmbedder, before: Floats | None
) -> EmbeddedBatch | None:
    """Only distinct frames go through the network; None where that would not be close enough to the truth.

    Of those that share, the one that differs most is embedded after all, exactly, and tells for the others.
    """
    origins = repeats.origins
    own = [place for place, origin in enumerate(origins) if origin == place]
    given = [place for place, origin in enumerate(origins) if origin != place]
    made = embedder.finish([inputs[place] for place in own])
    if not given:
        return made
    rows = dict(zip(own, made.vectors, strict=True))
    if before is not None:
        rows[-1] = before
    vectors = np.stack([rows[origin] for origin in origins])
    worst = max(given, key=lambda place: repeats.differences[place])
    cosine = float(embedder.exact([inputs[worst]])[0] @ vectors[worst])
    return EmbeddedBatch(vectors, made.way, min(made.cosine, cosine)) if cosine >= CLOSE else None
