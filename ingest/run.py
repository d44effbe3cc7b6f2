"""Ingest: a source into the library, from where an earlier run stopped, or not at all when nothing changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..frames import Frame, FrameRows, SourceInfo, SpaceState, VideoRecord
from ..progress import Progress
from ..settings import Ingest as IngestSettings
from .batches import Batch, Distinct, embedded, sampled
from .embedder import Embedder
from .identity import content_hash, stamp, video_id
from .proxy import ProxySize, ProxyWriter, read_proxies
from .source import FrameSource, open_source


class Shelf(Protocol):
    """Where ingest puts what it makes; it vouches only for batches that it took whole."""

    def write(self, video: VideoRecord, states: Sequence[SpaceState], rows: Mapping[str, FrameRows]) -> None: ...

    def proxies_file(self, video: str) -> Path: ...


def describe(path: Path, settings: IngestSettings) -> VideoRecord:
    """The record of a source that has not been looked at before; reads its content once, to hash it."""
    info = open_source(path, settings.pictures_fps).info()
    sha256 = content_hash(path)
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
    return video


def _pass(
    video: VideoRecord,
    source: FrameSource,
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
    try:
        with progress.stage(f"ingest ({names})", _expected(info, video)) as stage:
            stage.advance(states[0].vectors)
            batches = embedded(
                _frames_after(source, video, states[0]),
                embedders,
                size,
                batch=settings.batch,
                duplicate_level=settings.duplicate_level,
                distinct=_distinct(shelf, video, size, states[0]),
            )
            for batch in batches:
                rows = states[0].vectors
                proxies.append(batch.proxies[max(0, video.frames - rows) :])
                states = [_advanced(state, batch) for state in states]
                video = _grown(video, states[0], batch)
                shelf.write(video, states, batch.rows)
                stage.advance(len(batch.proxies))
    finally:
        proxies.close()
    return _finished(video, info, source, states, shelf)


def _frames_after(source: FrameSource, video: VideoRecord, state: SpaceState) -> Iterator[Frame]:
    """The frames to come; the last one stored is decoded again, since sampling goes on from its time."""
    frames = sampled(source.frames(max(0, state.last_frame), video.short_side), video.sampled_fps)
    if state.vectors:
        next(frames, None)
    return frames


def _distinct(shelf: Shelf, video: VideoRecord, size: ProxySize, state: SpaceState) -> Distinct | None:
    if state.distinct_row < 0:
        return None
    return Distinct(
        state.distinct_frame, read_proxies(shelf.proxies_file(video.id), size, video.frames)[state.distinct_row]
    )


def _advanced(state: SpaceState, batch: Batch) -> SpaceState:
    repeats_only = batch.distinct_offset < 0
    return replace(
        state,
        vectors=state.vectors + len(batch.proxies),
        last_frame=batch.last_frame,
        distinct_row=state.distinct_row if repeats_only else state.vectors + batch.distinct_offset,
        distinct_frame=batch.distinct_frame,
    )


def _grown(video: VideoRecord, state: SpaceState, batch: Batch) -> VideoRecord:
    return replace(video, frames=max(video.frames, state.vectors), seconds=max(video.seconds, batch.last_time))


def _finished(
    video: VideoRecord, info: SourceInfo, source: FrameSource, states: list[SpaceState], shelf: Shelf
) -> VideoRecord:
    """Mark the pass complete. A rate that the timestamps contradict (a variable one) gives way to their mean."""
    if not video.complete:
        fps = float(info.fps)
        if not video.sampled_fps and video.frames > 1 and video.seconds > 0:
            mean = (video.frames - 1) / video.seconds
            fps = fps if abs(mean - fps) <= 0.01 * fps else mean
        video = replace(video, fps=fps, seconds=video.seconds + 1 / fps, complete=True)
    video = replace(video, problems=tuple(source.problems) or video.problems)
    shelf.write(video, [replace(state, complete=True) for state in states], {})
    return video


def _expected(info: SourceInfo, video: VideoRecord) -> int | None:
    if info.frames_hint is None or not video.sampled_fps:
        return info.frames_hint
    return max(1, round(info.frames_hint * min(1.0, video.sampled_fps / float(info.fps))))
