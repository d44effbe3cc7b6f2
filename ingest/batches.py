"""Turn frames into batches of vectors, proxies and frame facts.

Decoding and preparing run one batch ahead of the networks. Pictures are released as soon as they are prepared, so
memory does not grow with the length of a film.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from math import floor
from typing import Any

import numpy as np

from ..media.proxy import Proxy, ProxySize, make_proxy
from ..media.types import Floats, Frame, FrameRows, Picture
from .models.embedder import EXACT, EmbeddedBatch, Embedder, TwoStageEmbedder
from .prefetch import prefetch
from .repeats import FrameRepeats, LastDistinct, embed_shared, find_repeats

_TIME_TOLERANCE = 1e-6
"""Intervals by which a timestamp may fall short of a boundary through rounding, and still count as past it."""


@dataclass(frozen=True)
class SpaceBatch:
    """A batch in one embedding space."""

    rows: FrameRows
    distinct: int
    """Index of the last frame that repeats no other."""
    offset: int
    """Position of that frame in the batch; negative if it is in an earlier batch."""
    way: str = EXACT
    cosine: float = 1.0
    """Lowest cosine to an exact vector, among the vectors that were checked."""


@dataclass(frozen=True)
class Batch:
    """Consecutive frames, ready to be stored, in each embedding space."""

    spaces: dict[str, SpaceBatch]
    proxies: list[Proxy]
    last_frame: int
    last_time: float
    problems: tuple[str, ...]
    """What the decoder had reported when the batch was full."""


@dataclass(frozen=True)
class RepeatLevels:
    """Mean grey-level differences of proxies below which a frame repeats another, and shares its vector."""

    repeats: float
    shares: float
    """0 gives every frame a vector of its own."""


def sample_frames(frames: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """Yield the first frame of every 1/fps seconds, by the frames' own timestamps; all frames if fps is 0."""
    last_interval = None
    for frame in frames:
        interval = floor(frame.time * fps + _TIME_TOLERANCE) if fps else frame.index
        if interval != last_interval:
            last_interval = interval
            yield frame


def embed_batches(
    frames: Generator[Frame, None, None],
    embedders: Sequence[Embedder],
    size: ProxySize,
    *,
    batch: int,
    levels: RepeatLevels,
    distinct: Mapping[str, LastDistinct],
    problems: Callable[[], Iterable[str]] = tuple,
) -> Generator[Batch, None, None]:
    """Yield batches of at most `batch` frames, and close `frames` at the end; at most three batches are in memory.

    `distinct` holds the last distinct frame of an earlier run by space; `problems` returns what the decoder reports.
    """
    vectors = {name: known.vector for name, known in distinct.items()}
    with closing(prefetch(_prepare_batches(frames, embedders, size, batch, levels, distinct, problems))) as batches:
        for prepared in batches:
            yield _embed_batch(prepared, embedders, levels.shares > 0, vectors)


@dataclass(frozen=True)
class _PreparedFrame:
    """What is kept of a frame once its picture is released."""

    index: int
    time: float
    sharpness: float
    luma: float
    proxy: Proxy
    inputs: dict[str, Any]


@dataclass(frozen=True)
class _PreparedBatch:
    """A batch before any network has run; `inputs` are network inputs, or vectors for single-stage embedders."""

    facts: FrameRows
    proxies: list[Proxy]
    inputs: dict[str, list[Any]]
    repeats: dict[str, FrameRepeats]
    problems: tuple[str, ...]


def _prepare_batches(
    frames: Generator[Frame, None, None],
    embedders: Sequence[Embedder],
    size: ProxySize,
    batch: int,
    levels: RepeatLevels,
    distinct: Mapping[str, LastDistinct],
    problems: Callable[[], Iterable[str]],
) -> Generator[_PreparedBatch, None, None]:
    last = dict(distinct)
    with closing(frames):
        prepared = (_prepare_frame(frame, embedders, size) for frame in frames)
        while group := list(islice(prepared, batch)):
            yield _prepare_batch(group, embedders, levels, last, tuple(problems()))


def _prepare_frame(frame: Frame, embedders: Sequence[Embedder], size: ProxySize) -> _PreparedFrame:
    picture = frame.picture
    inputs = {
        e.space.name: e.prepare(picture) if isinstance(e, TwoStageEmbedder) else e.embed([picture])[0]
        for e in embedders
    }
    facts = sharpness(picture), mean_luma(picture)
    return _PreparedFrame(frame.index, frame.time, *facts, make_proxy(picture, size), inputs)


def _prepare_batch(
    frames: Sequence[_PreparedFrame],
    embedders: Sequence[Embedder],
    levels: RepeatLevels,
    last: dict[str, LastDistinct],
    problems: tuple[str, ...],
) -> _PreparedBatch:
    """Collect frames into a batch and update `last` to its last distinct frames."""
    repeats, inputs = {}, {}
    indices, proxies = [frame.index for frame in frames], [frame.proxy for frame in frames]
    for embedder in embedders:
        name = embedder.space.name
        repeats[name] = find_repeats(indices, proxies, repeat_level(embedder, levels), last.get(name))
        last[name] = repeats[name].last
        inputs[name] = [frame.inputs[name] for frame in frames]
    return _PreparedBatch(_facts(frames), proxies, inputs, repeats, problems)


def repeat_level(embedder: Embedder, levels: RepeatLevels) -> float:
    """Return the difference of proxies below which a frame counts as a repeat in the space of an embedder."""
    return levels.shares if levels.shares and isinstance(embedder, TwoStageEmbedder) else levels.repeats


def _facts(frames: Sequence[_PreparedFrame]) -> FrameRows:
    return FrameRows(
        indices=np.array([frame.index for frame in frames], np.int64),
        times=np.array([frame.time for frame in frames], np.float64),
        sharpness=np.array([frame.sharpness for frame in frames], np.float32),
        luma=np.array([frame.luma for frame in frames], np.float32),
        duplicate_of=np.full(len(frames), -1, np.int64),
        vectors=np.zeros((len(frames), 0), np.float32),
    )


def _embed_batch(
    prepared: _PreparedBatch, embedders: Sequence[Embedder], share: bool, vectors: dict[str, Floats | None]
) -> Batch:
    spaces = {e.space.name: _embed_space(prepared, e, share, vectors) for e in embedders}
    facts = prepared.facts
    return Batch(spaces, prepared.proxies, int(facts.indices[-1]), float(facts.times[-1]), prepared.problems)


def _embed_space(
    prepared: _PreparedBatch, embedder: Embedder, share: bool, vectors: dict[str, Floats | None]
) -> SpaceBatch:
    """Embed a batch in one space and update `vectors` to that of its last distinct frame."""
    name = embedder.space.name
    inputs, repeats = prepared.inputs[name], prepared.repeats[name]
    frames = repeats.frames
    if not isinstance(embedder, TwoStageEmbedder):
        embedded = EmbeddedBatch(np.stack(inputs))
    elif share and (shared := embed_shared(inputs, repeats, embedder, vectors.get(name))):
        embedded = shared
    else:
        embedded = embedder.finish(inputs)
        frames = (-1,) * len(frames) if share else frames
    if repeats.offset >= 0:
        vectors[name] = embedded.vectors[repeats.offset]
    rows = replace(prepared.facts, duplicate_of=np.array(frames, np.int64), vectors=embedded.vectors)
    return SpaceBatch(rows, repeats.last.frame, repeats.offset, embedded.way, embedded.cosine)


def mean_luma(picture: Picture) -> float:
    """Return the mean brightness of a picture (BT.601 luma)."""
    import cv2

    blue, green, red = cv2.mean(picture)[:3]
    return 0.114 * blue + 0.587 * green + 0.299 * red


def sharpness(picture: Picture) -> float:
    """Return the variance of the Laplacian: high for crisp edges, near zero for a blurred picture."""
    import cv2

    edges = cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    return float(cv2.meanStdDev(edges)[1][0, 0] ** 2)
