"""Put the segments of long videos together again, and check that the result equals that of one pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import SourceError
from ..index.transfer_files import VECTORS, join_exports
from ..media.source import VideoFile, open_source
from ..media.types import Frame, SpaceState, VideoRecord
from .batches import sample_frames
from .repeats import LastDistinct, difference
from .segments import NO_PICTURE, NotEqualError, Segment, is_long, plan_segments
from .worker import EmbeddedSegment, EmbeddedVideo, EmbedJob, SegmentJob


@dataclass
class LongVideo:
    """A video that is embedded in segments, and what has arrived of it."""

    source: VideoFile
    whole: EmbedJob
    segments: list[Segment]
    folder: Path
    arrived: dict[int, EmbeddedSegment] = field(default_factory=dict)
    ended: int = 0
    failure: Exception | None = None

    def jobs(self) -> Iterator[SegmentJob]:
        return (self.job(part) for part in range(len(self.segments)))

    def job(self, part: int, distinct: dict[str, LastDistinct] | None = None) -> SegmentJob:
        later = self.segments[part + 1].begin if part + 1 < len(self.segments) else None
        return SegmentJob(self.whole, part, self.segments[part], later, distinct or {})

    def part_folder(self, part: int) -> Path:
        return self.folder / f"part{part}"

    def add(self, job: SegmentJob, done: EmbeddedSegment | Exception) -> bool:
        """Record the end of a segment, and tell whether it was the last one that was awaited."""
        self.ended += 1
        if isinstance(done, Exception):
            self.failure = self.failure or done
        else:
            self.arrived[job.part] = done
        return self.ended == len(self.segments)

    def check(self) -> None:
        """Compare what neighbours decoded twice, and the frames with those that one pass would sample.

        Raises:
            NotEqualError: Something differs, or a segment failed.
        """
        if self.failure:
            cause = getattr(self.failure, "cause", "") or str(self.failure)
            raise NotEqualError(cause)
        parts = self._parts()
        if any(one.after != other.before for one, other in pairwise(parts)):
            raise NotEqualError("it decodes to other pictures from a key frame on.")
        frames = (Frame(index, time, NO_PICTURE) for index, time in enumerate(self._times()))
        sampled = [frame.index for frame in sample_frames(frames, self.whole.settings.ingest.fps)]
        if sampled != np.concatenate([segment.frames for segment in self.segments]).tolist():
            raise NotEqualError("its times are too imprecise for this --fps.")

    def repeats(self, part: int) -> dict[str, LastDistinct] | None:
        """Return the last distinct frames before a segment if it begins with a repeat of one, else None.

        A worker takes the first frame of its segment for distinct. Where it is not, the segment is embedded again.
        """
        before, begins = self.arrived[part - 1], self.arrived[part].first
        if all(difference(begins, space.last.proxy) >= space.level for space in before.spaces):
            return None
        return {
            space.space.name: replace(space.last, vector=self._vector(number, space.last.frame, space.space.dimension))
            for number, space in enumerate(before.spaces)
        }

    def _vector(self, number: int, frame: int, dimension: int) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        for part, segment in enumerate(self.segments):
            if len(row := np.flatnonzero(segment.frames == frame)):
                file = self.part_folder(part) / str(number) / VECTORS
                return np.fromfile(file, np.float32, dimension, offset=int(row[0]) * dimension * 4)
        raise AssertionError("Every distinct frame is in a segment.")

    def join(self) -> EmbeddedVideo:
        """Join the files of the segments into exports, and make the record and the states that one pass would."""
        video, parts = self._record(), self._parts()
        states = [self._state(number) for number in range(len(parts[0].spaces))]
        for number, state in enumerate(states):
            folders = [self.part_folder(part) / str(number) for part in range(len(parts))]
            shape = None if number else (video.proxy_height * 3 // 2, video.proxy_width)
            join_exports(folders, self.folder / str(number), video, state, shape)
        notes = [note for part in parts for note in part.notes]
        notes = [f"{video.name}: {note}" for note in [*notes, *self.source.rate(self._times()).losses(video.fps)]]
        return EmbeddedVideo(video, states, notes)

    def _record(self) -> VideoRecord:
        described = self.arrived[0].described
        assert described
        fps, count = self.source.rate(self._times()).fps, sum(len(segment.frames) for segment in self.segments)
        first_of_last = int(self.segments[-1].begin) + self.segments[-1].shared
        last_time = self.arrived[len(self.segments) - 1].times[int(self.segments[-1].frames[-1]) - first_of_last]
        return replace(described, fps=fps, frames=count, seconds=max(0.0, last_time) + 1 / fps, complete=True)

    def _state(self, number: int) -> SpaceState:
        spaces = [part.spaces[number] for part in self._parts()]
        frames = np.concatenate([segment.frames for segment in self.segments])
        distinct = spaces[-1].last.frame
        ways = [space.way for space in spaces if space.way != "exact"]
        return SpaceState(
            spaces[0].space,
            len(frames),
            complete=True,
            last_frame=int(frames[-1]),
            distinct_row=int(np.searchsorted(frames, distinct)),
            distinct_frame=distinct,
            way=ways[-1] if ways else "exact",
            cosine=min(space.cosine for space in spaces),
        )

    def _parts(self) -> list[EmbeddedSegment]:
        return [self.arrived[part] for part in range(len(self.segments))]

    def _times(self) -> list[float]:
        return [time for part in self._parts() for time in part.times]


def cut(job: EmbedJob, folder: Path, workers: int, note: Callable[[str], None]) -> LongVideo | None:
    """Cut a video that is long enough; return None where it stays whole, which a note explains if it is long."""
    minutes = job.settings.engine.segment_minutes
    try:
        source = open_source(job.path, job.settings.ingest.pictures_fps)
        if workers < 2 or not isinstance(source, VideoFile) or not is_long(source, minutes):
            return None
    except (SourceError, OSError):
        # A worker reports it.
        return None
    try:
        if job.settings.clip.speed == "auto" and any(name != "appearance" for name in job.spaces):
            raise NotEqualError("workers may choose different clip.speed: set it to exact, half or int8.")
        segments = plan_segments(source, minutes * 60, job.settings.ingest.batch, job.settings.ingest.fps)
    except NotEqualError as refused:
        note(whole_note(job.path, refused))
        return None
    return LongVideo(source, job, segments, folder)


def whole_note(path: Path, refused: NotEqualError) -> str:
    return f"{path.name} is not cut into segments: {refused.cause}"
