"""Embed one source on a worker, which sends the files of an export and knows no library."""

import platform
import socket
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from platformdirs import user_cache_dir

from .. import __version__
from ..engine.task import FilePiece
from ..errors import SourceError
from ..index.transfer_files import ExportPieces, rows_pieces
from ..media import ffmpeg
from ..media.identity import source_hash, stamp
from ..media.proxy import Proxy, ProxySize
from ..media.source import Source, VideoFile, open_source
from ..media.types import Space, SpaceState, VideoRecord
from ..progress import SILENT, NotingProgress, Progress
from ..settings import NetworkSettings, Settings
from .batches import RepeatLevels, SpaceBatch, embed_batches, repeat_level
from .models.embedder import EXACT, Embedder
from .models.registry import open_embedder
from .models.speed import fastest_embedder
from .repeats import LastDistinct
from .segments import Segment, SegmentReader
from .video import describe, embed_video


@dataclass(frozen=True)
class EmbedJob:
    """A source to embed, and the spaces to embed it in."""

    path: Path
    stamp: str
    """As the driver sees the source."""
    spaces: tuple[str, ...]
    settings: Settings
    number: int
    """Names the folder in which its files arrive."""


@dataclass(frozen=True)
class EmbeddedVideo:
    """What a worker knows of a source once it is embedded; the files of `states[n]` are in the folder named n."""

    video: VideoRecord
    states: list[SpaceState]
    notes: list[str]


def embed_source(job: EmbedJob) -> Generator[FilePiece, None, EmbeddedVideo]:
    """Decode and embed a source, and send its proxies, frame facts and vectors as they are made.

    Raises:
        SourceError: The source cannot be read here, or is another one than the driver sees.
        SpaceError: A model cannot be loaded here.
    """
    limit_threads(job.settings.engine.cpus)
    source, progress = _opened(job), NotingProgress(SILENT)
    _Models.progress = progress
    embedders = [_Models.open(name, job.settings.clip) for name in job.spaces]
    video = describe(source, source_hash(source), job.settings.ingest)
    size = ProxySize(video.proxy_width, video.proxy_height)
    shape = size.height * 3 // 2, size.width
    exports = {
        embedder.space.name: ExportPieces(embedder.space, None if number else shape, str(number))
        for number, embedder in enumerate(embedders)
    }
    states: list[SpaceState] = []
    for export in exports.values():
        yield from export.begin()
    with closing(embed_video(video, source, {}, embedders, job.settings.ingest, progress, _no_earlier_run)) as steps:
        for step in steps:
            video, states = step.video, step.states
            for name, rows in step.rows.items():
                yield from exports[name].batch(rows, step.proxies)
    for export in exports.values():
        yield from export.end(video)
    return EmbeddedVideo(video, states, progress.notes)


@dataclass(frozen=True)
class SegmentJob:
    """A segment of a long video."""

    whole: EmbedJob
    part: int
    segment: Segment
    next_begin: int | None
    """The key frame at which the next segment begins."""
    distinct: Mapping[str, LastDistinct] = field(default_factory=dict)
    """The last distinct frame before the segment in each space, if the segment may begin with repeats of it."""


@dataclass(frozen=True)
class SegmentSpace:
    """A segment in one space: how it was embedded, and what its neighbour needs to know."""

    space: Space
    way: str
    cosine: float
    level: float
    """Difference of proxies below which a frame counts as a repeat."""
    last: LastDistinct


@dataclass(frozen=True)
class EmbeddedSegment:
    """What a worker knows of a segment; the files of `spaces[n]` are in the folder named n, without headers."""

    described: VideoRecord | None
    """The record of the whole video; from the first segment alone, since it reads the whole file."""
    times: list[float]
    before: bytes
    after: bytes
    first: Proxy
    spaces: list[SegmentSpace]
    notes: list[str]


def embed_segment(job: SegmentJob) -> Generator[FilePiece, None, EmbeddedSegment]:
    """Embed a segment as `embed_source` embeds a source.

    Raises:
        NotEqualError: It does not decode as one pass over the whole video would.
    """
    whole, settings = job.whole, job.whole.settings.ingest
    limit_threads(whole.settings.engine.cpus)
    source, progress = _opened(whole), NotingProgress(SILENT)
    assert isinstance(source, VideoFile)
    _Models.progress = progress
    embedders = [_Models.open(name, whole.settings.clip) for name in whole.spaces]
    described = describe(source, source_hash(source), settings) if job.part == 0 else None
    info = source.info()
    size = ProxySize.of(info.width, info.height, settings.proxy_pixels)
    reader = SegmentReader(source, job.segment, job.next_begin)
    levels = RepeatLevels(settings.duplicate_level, settings.share_level)
    last, first = dict(job.distinct), None
    spaces: dict[str, SegmentSpace] = {}
    frames = reader.frames(settings.size)
    batches = embed_batches(frames, embedders, size, batch=settings.batch, levels=levels, distinct=last)
    with closing(batches):
        for batch in batches:
            first = batch.proxies[0] if first is None else first
            for number, embedder in enumerate(embedders):
                made = batch.spaces[embedder.space.name]
                if made.offset >= 0:
                    last[embedder.space.name] = LastDistinct(made.distinct, batch.proxies[made.offset])
                spaces[embedder.space.name] = _segment_space(embedder, made, levels, last, spaces)
                yield from rows_pieces(str(number), made.rows, () if number else batch.proxies)
    assert first is not None
    notes = [*source.notes, *progress.notes] if job.part == 0 else progress.notes
    return EmbeddedSegment(
        described, reader.times, reader.before.digest(), reader.after.digest(), first, list(spaces.values()), notes
    )


def _segment_space(
    embedder: Embedder,
    made: SpaceBatch,
    levels: RepeatLevels,
    last: Mapping[str, LastDistinct],
    spaces: Mapping[str, SegmentSpace],
) -> SegmentSpace:
    name = embedder.space.name
    before = spaces.get(name)
    way = before.way if before and made.way == EXACT else made.way
    cosine = min(before.cosine if before else 1.0, round(made.cosine, 6))
    return SegmentSpace(embedder.space, way, cosine, repeat_level(embedder, levels), last[name])


def _no_earlier_run(video: VideoRecord, embedder: Embedder, state: SpaceState) -> LastDistinct:
    raise AssertionError("A worker begins each source anew.")


def _opened(job: EmbedJob) -> Source:
    check_on_worker(job.path, job.stamp)
    return open_source(job.path, job.settings.ingest.pictures_fps)


def check_on_worker(path: Path, seen: str) -> None:
    """Check that this machine sees the source that the driver saw.

    Args:
        path: The source.
        seen: Its stamp on the driver's machine.

    Raises:
        SourceError: It cannot be read here, or is another one.
    """
    remedy = "Every machine of the cluster needs to see the videos at the same path."
    try:
        here = stamp(path)
        if path.is_file():
            path.open("rb").close()
    except (OSError, SourceError) as failed:
        raise SourceError(f"{path} cannot be read on the worker {socket.gethostname()}.", remedy) from failed
    if here.partition(":")[0] != seen.partition(":")[0]:
        raise SourceError(f"{path} is another file on the worker {socket.gethostname()}.", remedy)


class _Models:
    """Models that stay loaded for the next source, since Ray gives a worker process one task after another."""

    progress: Progress = SILENT

    @staticmethod
    @cache
    def open(name: str, settings: NetworkSettings) -> Embedder:
        folder = Path(user_cache_dir("reelweave", appauthor=False)) / "models"
        return fastest_embedder(
            open_embedder(name, settings), settings, folder, lambda text: _Models.progress.note(text)
        )


def limit_threads(threads: int) -> None:
    """Use as many threads as the task has cores: each machine runs a task for each core."""
    import cv2

    cv2.setNumThreads(threads)
    ffmpeg.limit_threads(threads)


def installation() -> dict[str, str]:
    """Describe what decides the result of a worker."""
    return {"Python": platform.python_version(), "Reelweave": __version__, "ffmpeg": ffmpeg.build()}


ESSENTIAL = ("Python", "Reelweave")
"""Facts of an installation in which all machines must agree; another ffmpeg is noted."""
