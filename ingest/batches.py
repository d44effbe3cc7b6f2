"""Frames into batches of vectors, proxies and facts, from where an earlier run stopped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from ..frames import Frame, FrameRows, Picture
from .embedder import Embedder
from .proxy import Proxy, ProxySize, luma, make_proxy


@dataclass(frozen=True)
class Batch:
    """Consecutive frames, ready to be stored; `rows` has one entry for each embedding space."""

    rows: dict[str, FrameRows]
    proxies: list[Proxy]
    distinct_frame: int
    distinct_offset: int
    """Where in this batch the last frame lies that repeats none before it; negative when in an earlier one."""
    last_frame: int
    last_time: float


@dataclass(frozen=True)
class Distinct:
    """The last frame that repeated none before it."""

    frame: int
    proxy: Proxy


def sampled(frames: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """The first frame of every 1/fps seconds, by the frames' own timestamps; all of them when fps is 0."""
    tick = None
    for frame in frames:
        now = floor(frame.time * fps + 1e-6) if fps else frame.index
        if now != tick:
            tick = now
            yield frame


def embedded(
    frames: Iterable[Frame],
    embedders: Sequence[Embedder],
    size: ProxySize,
    *,
    batch: int,
    duplicate_level: float,
    distinct: Distinct | None = None,
) -> Iterator[Batch]:
    """Batches of at most `batch` frames; only one is ever held."""
    chosen: list[Frame] = []
    for frame in frames:
        chosen.append(frame)
        if len(chosen) == batch:
            made, distinct = _make(chosen, embedders, size, duplicate_level, distinct)
            yield made
            chosen = []
    if chosen:
        yield _make(chosen, embedders, size, duplicate_level, distinct)[0]


def _make(
    frames: list[Frame], embedders: Sequence[Embedder], size: ProxySize, level: float, distinct: Distinct | None
) -> tuple[Batch, Distinct]:
    proxies = [make_proxy(frame.picture, size) for frame in frames]
    repeats, offset = [], -1
    for place, (frame, proxy) in enumerate(zip(frames, proxies, strict=True)):
        repeated = distinct is not None and difference(proxy, distinct.proxy) < level
        repeats.append(distinct.frame if repeated and distinct else -1)
        if not repeated:
            distinct, offset = Distinct(frame.index, proxy), place
    assert distinct is not None
    pictures = [frame.picture for frame in frames]
    facts = _facts(frames, repeats)
    rows = {e.space.name: replace(facts, vectors=e.embed(pictures)) for e in embedders}
    return Batch(rows, proxies, distinct.frame, offset, frames[-1].index, frames[-1].time), distinct


def _facts(frames: list[Frame], repeats: list[int]) -> FrameRows:
    return FrameRows(
        indices=np.array([frame.index for frame in frames], np.int64),
        times=np.array([frame.time for frame in frames], np.float64),
        sharpness=np.array([sharpness(frame.picture) for frame in frames], np.float32),
        luma=np.array([mean_luma(frame.picture) for frame in frames], np.float32),
        duplicate_of=np.array(repeats, np.int64),
        vectors=np.zeros((len(frames), 0), np.float32),
    )


def difference(left: Proxy, right: Proxy) -> float:
    """Mean grey levels between two proxies."""
    return float(np.abs(luma(left).astype(np.int16) - luma(right)).mean())


def mean_luma(picture: Picture) -> float:
    import cv2

    blue, green, red = cv2.mean(picture)[:3]
    return 0.114 * blue + 0.587 * green + 0.299 * red


def sharpness(picture: Picture) -> float:
    """The variance of the Laplacian: high for crisp edges, near zero for a smear."""
    import cv2

    edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    return float(cv2.meanStdDev(edges)[1][0, 0] ** 2)
