"""Ingest: a source into the library, from where an earlier run stopped, or not at all when nothing changed."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from ..errors import SourceError
from ..frames import Floats, Frame, FrameRows, SourceInfo, Space, SpaceState, VideoRecord
from ..progress import Progress
from ..settings import Ingest as IngestSettings
from .batches import Batch, Levels, embedded, sampled
from .embedder import EXACT, Embedder, Staged
from .identity import stamp, video_id
from .proxy import ProxySize, ProxyWriter, make_proxy, read_proxies
from .sharing import Distinct
from .source import PictureFolder, VideoFile, open_source


class Shelf(Protocol):
    """Where ingest puts what it makes; it vouches only for batches that it took whole."""

    def write(self, video: VideoRecord, states: Sequence[SpaceState], rows: Mapping[str, FrameRows]) -> None: ...

    def proxies_file(self, video: str) -> Path: ...

    def vector(self, video: str, space: Space, frame: int) -> Floats:
        """A stored one."""
        ...


def describe(path: Path, sha256: str, settings: IngestSettings) -> VideoRecord:
    """The record of a source that has not been looked at before."""
    info = open_source(path, settings.pictures_fps).info()
    size = ProxySize.of(info.width, info.height, settings.proxy_pixels)
    return VideoRecord(
        id=video_id(path, sha256),
        name=path.name,
        source=str(path.resolve()),
        sha256=sha256,
        stamp=stamp(path),
        kind=info.kind,
        fps=float(info.fps),
        width=info.width,
        height=info.height,
        sampled_fps=settings.fps,
        short_side=settings.size,
        proxy_width=size.width,
        proxy_height=size.height,
    )


def ingest_video(
    video: VideoRecord,
    states: Mapping[str, SpaceState],
    embedders: Sequence[Embedder],
    shelf: Shelf,
    settings: IngestSettings,
    progress: Progress,
) -> VideoRecord:
    """Embed what is missing in each space; spaces that stand at the same frame share one pass over the source."""
    source = open_source(Path(video.source), settings.pictures_fps)
    current = {e.space.name: states.get(e.space.name, SpaceState(e.space)) for e in embedders}
    for vectors in sorted({state.vectors for state in current.values() if not state.complete}):
        together = [
            e for e in embedders if not current[e.space.name].complete and current[e.space.name].vectors == vectors
        ]
        video = _pass(video, source, together, [current[e.space.name] for e in together], shelf, settings, progress)
    for text in [*source.notes, *source.rate().losses(video.fps)]:
        progress.note(f"{video.name}: {text}")
    return video


def make_proxies(video: VideoRecord, file: Path, settings: IngestSettings, progress: Progress) -> bool:
    """Write the small pictures of a video's stored frames once more; whether the source still had as many."""
    frames = open_source(Path(video.source), settings.pictures_fps).frames(0, video.short_side)
    size, made = ProxySize(video.proxy_width, video.proxy_height), 0
    with (
        closing(frames),
        closing(ProxyWriter(file, size, 0)) as proxies,
        progress.stage("small pictures", video.frames) as stage,
    ):
        for frame in islice(sampled(frames, video.sampled_fps), video.frames):
            proxies.append([make_proxy(frame.picture, size)])
            made += 1
            stage.advance()
    return made == video.frames


def _pass(
    video: VideoRecord,
    source: VideoFile | PictureFolder,
    embedders: Sequence[Embedder],
    states: list[SpaceState],
    shelf: Shelf,
    settings: IngestSettings,
    progress: Progress,
) -> VideoRecord:
    info = source.info()
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = ProxyWriter(shelf.proxies_file(video.id), size, video.frames)
    names = " and ".join(e.space.name for e in embedders)
    start = max(0, states[0].last_frame)
    batches = embedded(
        _to_come(source.frames(start, video.short_side), video, states[0]),
        embedders,
        size,
        batch=settings.batch,
        levels=Levels(settings.duplicate_level, settings.share_level),
        distinct=_distinct(shelf, video, size, embedders, states),
        problems=lambda: source.problems,
    )
    with (
        closing(proxies),
        closing(batches),
        progress.stage(f"ingest ({names})", _expected(info, video)) as stage,
    ):
        stage.advance(states[0].vectors)
        for batch in batches:
            proxies.append(batch.proxies[max(0, video.frames - states[0].vectors) :])
            states = [_advanced(state, batch) for state in states]
            video = _grown(video, states[0], batch)
            shelf.write(video, states, {name: part.rows for name, part in batch.parts.items()})
            stage.advance(len(batch.proxies))
    return _finished(video, source, states, shelf)


def _to_come(
    frames: Generator[Frame, None, None], video: VideoRecord, state: SpaceState
) -> Generator[Frame, None, None]:
    """The frames not stored yet; decoding began with the last stored one, since sampling goes on from its time."""
    with closing(frames):
        wanted = sampled(frames, video.sampled_fps)
        if state.vectors:
            next(wanted, None)
        yield from wanted


def _distinct(
    shelf: Shelf, video: VideoRecord, size: ProxySize, embedders: Sequence[Embedder], states: Sequence[SpaceState]
) -> dict[str, Distinct]:
    """The last distinct frame of an earlier run, in each space; where it may be shared, with its vector."""
    known = {}
    for embedder, state in zip(embedders, states, strict=True):
        if state.distinct_row >= 0:
            proxy = read_proxies(shelf.proxies_file(video.id), size, video.frames)[state.distinct_row]
            stored = isinstance(embedder, Staged)
            vector = shelf.vector(video.id, state.space, state.distinct_frame) if stored else None
            known[state.space.name] = Distinct(state.distinct_frame, proxy, vector)
    return known


def _advanced(state: SpaceState, batch: Batch) -> SpaceState:
    part = batch.parts[state.space.name]
    return replace(
        state,
        vectors=state.vectors + len(batch.proxies),
        last_frame=batch.last_frame,
        distinct_row=state.distinct_row if part.offset < 0 else state.vectors + part.offset,
        distinct_frame=part.distinct,
        way=state.way if part.way == EXACT else part.way,
        cosine=min(state.cosine, round(part.cosine, 6)),
    )


def _grown(video: VideoRecord, state: SpaceState, batch: Batch) -> VideoRecord:
    return replace(
        video,
        frames=max(video.frames, state.vectors),
        seconds=max(video.seconds, batch.last_time),
        problems=_together(video.problems, batch.problems),
    )


def _together(known: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Each problem once: a run that goes on meets only those that lie ahead of it."""
    return tuple(dict.fromkeys([*known, *new]))


def _finished(
    video: VideoRecord,
    source: VideoFile | PictureFolder,
    states: list[SpaceState],
    shelf: Shelf,
) -> VideoRecord:
    """Mark the pass complete. A rate that the timestamps contradict (a variable one) gives way to a measured one."""
    if not video.frames:
        why = f" ({source.problems[0]})" if source.problems else ""
        raise SourceError(f"No frame could be decoded from {video.source}{why}.")
    if not video.complete:
        fps = source.rate().fps
        video = replace(video, fps=fps, seconds=video.seconds + 1 / fps, complete=True)
    video = replace(video, problems=_together(video.problems, source.problems))
    shelf.write(video, [replace(state, complete=True) for state in states], {})
    return video


def _expected(info: SourceInfo, video: VideoRecord) -> int | None:
    if info.frames_hint is None or not video.sampled_fps:
        return info.frames_hint
    return max(1, round(info.frames_hint * min(1.0, video.sampled_fps / float(info.fps))))
