"""Frames into batches of vectors, proxies and facts, from where an earlier run stopped."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import floor
from typing import Any

import numpy as np

from ..media.proxy import Proxy, ProxySize, make_proxy
from ..media.types import Floats, Frame, FrameRows, Picture
from .models.embedder import EXACT, EmbeddedBatch, Embedder, TwoStageEmbedder
from .prefetch import prefetched
from .repeats import FrameRepeats, LastDistinct, embed_shared, find_repeats


@dataclass(frozen=True)
class BatchPart:
    """A batch in one space; `offset` is where in it the last distinct frame lies, negative when in an earlier one."""

    rows: FrameRows
    distinct: int
    offset: int
    way: str = EXACT
    cosine: float = 1.0
    """The lowest to the exact vector, of those that were looked at."""


@dataclass(frozen=True)
class Batch:
    """Consecutive frames, ready to be stored, in each embedding space."""

    parts: dict[str, BatchPart]
    proxies: list[Proxy]
    last_frame: int
    last_time: float
    problems: tuple[str, ...]
    """What the decoder had complained of when the batch was full."""


@dataclass(frozen=True)
class RepeatLevels:
    """Mean grey-level differences of proxies under which a frame repeats another, and shares its vector."""

    repeats: float
    shares: float
    """0: every frame has a vector of its own."""


def sampled(frames: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """The first frame of every 1/fps seconds, by the frames' own timestamps; all of them when fps is 0."""
    tick = None
    for frame in frames:
        now = floor(frame.time * fps + 1e-6) if fps else frame.index
        if now != tick:
            tick = now
            yield frame


def embedded(
    frames: Generator[Frame, None, None],
    embedders: Sequence[Embedder],
    size: ProxySize,
    *,
    batch: int,
    levels: RepeatLevels,
    distinct: Mapping[str, LastDistinct],
    problems: Callable[[], Iterable[str]] = tuple,
) -> Generator[Batch, None, None]:
    """Batches of at most `batch` frames; while networks run on one, the next is decoded and looked at.

    Pictures are let go of at once, and no more than three batches are ever held.
    """
    vectors = {name: known.vector for name, known in distinct.items()}
    with closing(prefetched(_looked_at(frames, embedders, size, batch, levels, distinct, problems))) as looks:
        for look in looks:
            yield _embedded(look, embedders, levels.shares > 0, vectors)


@dataclass(frozen=True)
class _Look:
    """A batch before any network has seen it: `inputs` are vectors or, of spaces in two stages, what is to be."""

    facts: FrameRows
    proxies: list[Proxy]
    inputs: dict[str, list[Any]]
    repeats: dict[str, FrameRepeats]
    problems: tuple[str, ...]


def _looked_at(
    frames: Generator[Frame, None, None],
    embedders: Sequence[Embedder],
    size: ProxySize,
    batch: int,
    levels: RepeatLevels,
    distinct: Mapping[str, LastDistinct],
    problems: Callable[[], Iterable[str]],
) -> Generator[_Look, None, None]:
    last = dict(distinct)
    with closing(frames):
        seen: list[_Seen] = []
        for frame in frames:
            seen.append(_seen(frame, embedders, size))
            if len(seen) == batch:
                yield _look(seen, embedders, levels, last, tuple(problems()))
                seen = []
    if seen:
        yield _look(seen, embedders, levels, last, tuple(problems()))


@dataclass(frozen=True)
class _Seen:
    """What is kept of a frame when its picture is let go of."""

    index: int
    time: float
    sharpness: float
    luma: float
    proxy: Proxy
    inputs: dict[str, Any]


def _seen(frame: Frame, embedders: Sequence[Embedder], size: ProxySize) -> _Seen:
    picture = frame.picture
    inputs = {
        e.space.name: e.prepare(picture) if isinstance(e, TwoStageEmbedder) else e.embed([picture])[0]
        for e in embedders
    }
    return _Seen(frame.index, frame.time, sharpness(picture), mean_luma(picture), make_proxy(picture, size), inputs)


def _look(
    seen: Sequence[_Seen],
    embedders: Sequence[Embedder],
    levels: RepeatLevels,
    last: dict[str, LastDistinct],
    problems: tuple[str, ...],
) -> _Look:
    """`last` goes on to the batch's own last distinct frames."""
    repeats, proxies = {}, [one.proxy for one in seen]
    for e in embedders:
        name, level = (
            e.space.name,
            levels.shares if levels.shares and isinstance(e, TwoStageEmbedder) else levels.repeats,
        )
        repeats[name] = find_repeats([one.index for one in seen], proxies, level, last.get(name))
        last[name] = repeats[name].last
    inputs = {e.space.name: [one.inputs[e.space.name] for one in seen] for e in embedders}
    return _Look(_facts(seen), proxies, inputs, repeats, problems)


def _facts(seen: Sequence[_Seen]) -> FrameRows:
    return FrameRows(
        indices=np.array([one.index for one in seen], np.int64),
        times=np.array([one.time for one in seen], np.float64),
        sharpness=np.array([one.sharpness for one in seen], np.float32),
        luma=np.array([one.luma for one in seen], np.float32),
        duplicate_of=np.full(len(seen), -1, np.int64),
        vectors=np.zeros((len(seen), 0), np.float32),
    )


def _embedded(look: _Look, embedders: Sequence[Embedder], share: bool, vectors: dict[str, Floats | None]) -> Batch:
    parts = {e.space.name: _part(look, e, share, vectors) for e in embedders}
    return Batch(parts, look.proxies, int(look.facts.indices[-1]), float(look.facts.times[-1]), look.problems)


def _part(look: _Look, embedder: Embedder, share: bool, vectors: dict[str, Floats | None]) -> BatchPart:
    """`vectors` goes on to that of the last distinct frame."""
    name = embedder.space.name
    inputs, repeats = look.inputs[name], look.repeats[name]
    frames = repeats.frames
    if not isinstance(embedder, TwoStageEmbedder):
        made = EmbeddedBatch(np.stack(inputs))
    elif share and (shared := embed_shared(inputs, repeats, embedder, vectors.get(name))):
        made = shared
    else:
        made = embedder.finish(inputs)
        frames = (-1,) * len(frames) if share else frames
    if repeats.offset >= 0:
        vectors[name] = made.vectors[repeats.offset]
    rows = replace(look.facts, duplicate_of=np.array(frames, np.int64), vectors=made.vectors)
    return BatchPart(rows, repeats.last.frame, repeats.offset, made.way, made.cosine)


def mean_luma(picture: Picture) -> float:
    import cv2

    blue, green, red = cv2.mean(picture)[:3]
    return 0.114 * blue + 0.587 * green + 0.299 * red


def sharpness(picture: Picture) -> float:
    """The variance of the Laplacian: high for crisp edges, near zero for a smear."""
    import cv2

    edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    return float(cv2.meanStdDev(edges)[1][0, 0] ** 2)
