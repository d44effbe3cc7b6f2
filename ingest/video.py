"""Ingest one video: decode its source, embed the frames that are missing, and store them batch by batch."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from ..errors import SourceError
from ..index.library import Library
from ..media import ffmpeg
from ..media.identity import stamp, video_id
from ..media.proxy import Proxy, ProxySize, ProxyWriter, make_proxy, read_proxies
from ..media.source import Source
from ..media.types import Frame, FrameRows, SourceInfo, SpaceState, VideoRecord
from ..progress import Progress
from ..settings import IngestSettings
from .batches import Batch, RepeatLevels, embed_batches, sample_frames
from .models.embedder import EXACT, Embedder, TwoStageEmbedder
from .repeats import LastDistinct


def describe(source: Source, sha256: str, settings: IngestSettings) -> VideoRecord:
    """Return the record of a source that is new to the library."""
    path, info = source.path, source.info()
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
        decoder=ffmpeg.build() if info.kind == "video" else "",
        recorded=info.recorded,
    )


@dataclass(frozen=True)
class IngestStep:
    """What to store next: a batch, or an empty one where only the record and the states change."""

    video: VideoRecord
    states: list[SpaceState]
    proxies: list[Proxy]
    """Of frames that have none yet; a second pass brings none."""
    rows: dict[str, FrameRows]


Write = Callable[[VideoRecord, Sequence[SpaceState], Mapping[str, FrameRows]], None]
"""Stores a batch of each space with its record and states, as `Library.write` does."""


def ingest_video(
    video: VideoRecord,
    source: Source,
    states: Mapping[str, SpaceState],
    embedders: Sequence[Embedder],
    library: Library,
    settings: IngestSettings,
    progress: Progress,
    write: Write | None = None,
) -> VideoRecord:
    """Embed what is missing in each space, store it, and return the completed record.

    `write` takes the place of the library's own method.

    Raises:
        SourceError: If no frame can be decoded.
    """
    write = write or library.write
    size = ProxySize(video.proxy_width, video.proxy_height)
    last = partial(_last_distinct, library, size)
    steps = embed_video(video, source, states, embedders, settings, progress, last)
    with closing(steps), closing(ProxyWriter(library.proxies_file(video.id), size, video.frames)) as proxies:
        for step in steps:
            if step.rows:
                proxies.append(step.proxies)
            write(step.video, step.states, step.rows)
            video = step.video
    return video


LastFrames = Callable[[VideoRecord, Embedder, SpaceState], LastDistinct]
"""Returns the last distinct frame that an earlier run stored in a space."""


def embed_video(
    video: VideoRecord,
    source: Source,
    states: Mapping[str, SpaceState],
    embedders: Sequence[Embedder],
    settings: IngestSettings,
    progress: Progress,
    last: LastFrames,
) -> Generator[IngestStep, None, None]:
    """Yield what is missing in each space, batch by batch.

    Spaces with the same number of vectors share one pass over the source.

    Raises:
        SourceError: If no frame can be decoded.
    """
    current = {e.space.name: states.get(e.space.name, SpaceState(e.space)) for e in embedders}
    for vectors in sorted({state.vectors for state in current.values() if not state.complete}):
        group = [
            e for e in embedders if not current[e.space.name].complete and current[e.space.name].vectors == vectors
        ]
        known = [current[e.space.name] for e in group]
        distinct = {
            state.space.name: last(video, embedder, state)
            for embedder, state in zip(group, known, strict=True)
            if state.distinct_row >= 0
        }
        video = yield from _run_pass(video, source, group, known, distinct, settings, progress)
    for text in [*source.notes, *source.rate().losses(video.fps)]:
        progress.note(f"{video.name}: {text}")


def make_proxies(video: VideoRecord, source: Source, file: Path, progress: Progress) -> bool:
    """Write the proxies of a video's stored frames again; return whether the source still has that many frames."""
    frames = source.frames(0, video.short_side)
    size, written = ProxySize(video.proxy_width, video.proxy_height), 0
    with (
        closing(frames),
        closing(ProxyWriter(file, size, 0)) as proxies,
        progress.stage("proxies", video.frames) as stage,
    ):
        for frame in islice(sample_frames(frames, video.sampled_fps), video.frames):
            proxies.append([make_proxy(frame.picture, size)])
            written += 1
            stage.advance()
    return written == video.frames


def _run_pass(
    video: VideoRecord,
    source: Source,
    embedders: Sequence[Embedder],
    states: list[SpaceState],
    distinct: Mapping[str, LastDistinct],
    settings: IngestSettings,
    progress: Progress,
) -> Generator[IngestStep, None, VideoRecord]:
    info = source.info()
    names = " and ".join(e.space.name for e in embedders)
    start = max(0, states[0].last_frame)
    batches = embed_batches(
        _remaining(source.frames(start, video.short_side), video, states[0]),
        embedders,
        ProxySize(video.proxy_width, video.proxy_height),
        batch=settings.batch,
        levels=RepeatLevels(settings.duplicate_level, settings.share_level),
        distinct=distinct,
        problems=lambda: source.problems,
    )
    with closing(batches), progress.stage(f"ingest ({names})", _expected(info, video)) as stage:
        stage.advance(states[0].vectors)
        for batch in batches:
            proxies = batch.proxies[max(0, video.frames - states[0].vectors) :]
            states = [_advance_space(state, batch) for state in states]
            video = _advance_video(video, states[0], batch)
            yield IngestStep(video, states, proxies, {name: space.rows for name, space in batch.spaces.items()})
            stage.advance(len(batch.proxies))
    done = _finish(video, source)
    yield IngestStep(done, [replace(state, complete=True) for state in states], [], {})
    return done


def _remaining(
    frames: Generator[Frame, None, None], video: VideoRecord, state: SpaceState
) -> Generator[Frame, None, None]:
    """Skip the last stored frame, with which decoding begins because sampling continues from its time."""
    with closing(frames):
        wanted = sample_frames(frames, video.sampled_fps)
        if state.vectors:
            next(wanted, None)
        yield from wanted


def _last_distinct(
    library: Library, size: ProxySize, video: VideoRecord, embedder: Embedder, state: SpaceState
) -> LastDistinct:
    """Read the last distinct frame of an earlier run from the library, with its vector if it may be shared."""
    proxy = read_proxies(library.proxies_file(video.id), size, video.frames)[state.distinct_row]
    shares = isinstance(embedder, TwoStageEmbedder)
    vector = library.vector(video.id, state.space, state.distinct_frame) if shares else None
    return LastDistinct(state.distinct_frame, proxy, vector)


def _advance_space(state: SpaceState, batch: Batch) -> SpaceState:
    space = batch.spaces[state.space.name]
    return replace(
        state,
        vectors=state.vectors + len(batch.proxies),
        last_frame=batch.last_frame,
        distinct_row=state.distinct_row if space.offset < 0 else state.vectors + space.offset,
        distinct_frame=space.distinct,
        way=state.way if space.way == EXACT else space.way,
        cosine=min(state.cosine, round(space.cosine, 6)),
    )


def _advance_video(video: VideoRecord, state: SpaceState, batch: Batch) -> VideoRecord:
    return replace(
        video,
        frames=max(video.frames, state.vectors),
        seconds=max(video.seconds, batch.last_time),
        problems=_merge_problems(video.problems, batch.problems),
    )


def _merge_problems(known: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Keep each problem once; a resumed run adds to the problems of the runs before it."""
    return tuple(dict.fromkeys([*known, *new]))


def _finish(video: VideoRecord, source: Source) -> VideoRecord:
    """Mark the pass complete. If the timestamps contradict the declared frame rate, use the measured one."""
    if not video.frames:
        why = f" ({source.problems[0]})" if source.problems else ""
        raise SourceError(f"No frame could be decoded from {video.source}{why}.")
    if not video.complete:
        fps = source.rate().fps
        video = replace(video, fps=fps, seconds=video.seconds + 1 / fps, complete=True)
    return replace(video, problems=_merge_problems(video.problems, source.problems))


def _expected(info: SourceInfo, video: VideoRecord) -> int | None:
    """Estimate how many frames will be stored, for the progress bar."""
    if info.frames_hint is None or not video.sampled_fps:
        return info.frames_hint
    return max(1, round(info.frames_hint * min(1.0, video.sampled_fps / float(info.fps))))
