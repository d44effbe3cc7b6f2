"""Frames of several sources at full size, each source decoded once and in sequence."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import RenderError, SourceError
from ..frames import Picture, VideoRecord
from ..ingest.identity import content_hash, stamp
from ..ingest.pictures import read_picture
from ..ingest.source import open_source, picture_files
from ..progress import Progress


@dataclass(frozen=True)
class Place:
    """A frame of a video."""

    video: str
    frame: int


def usable(videos: Sequence[VideoRecord], progress: Progress) -> dict[str, VideoRecord]:
    """The videos whose source still is what was ingested; a note names each of the others."""
    found = {}
    for video in videos:
        if why := _lost(video):
            progress.note(f"{video.source or video.name} {why}: its frames are left out.")
        else:
            found[video.id] = video
    if videos and not found:
        raise SourceError("None of the sources of these frames is there as it was.", "Put them back where they were.")
    return found


def _lost(video: VideoRecord) -> str:
    if not video.source:
        return "was imported without its source"
    source = Path(video.source)
    if not source.exists():
        return "is not there any more"
    try:
        same = stamp(source) == video.stamp or content_hash(source) == video.sha256
    except SourceError:
        return "cannot be read any more"
    return "" if same else "has changed since it was ingested"


def gathered(
    places: Sequence[Place], videos: dict[str, VideoRecord], progress: Progress
) -> Generator[tuple[Place, Picture], None, None]:
    """Each of the places once: video by video as they are named first, in each the earlier frame first."""
    wanted: dict[str, set[int]] = {}
    for place in places:
        wanted.setdefault(place.video, set()).add(place.frame)
    with progress.stage("read frames", sum(map(len, wanted.values()))) as stage:
        for video, frames in wanted.items():
            for index, picture in _pictures(videos[video], frames):
                yield Place(video, index), picture
                stage.advance()


def _pictures(video: VideoRecord, frames: set[int]) -> Generator[tuple[int, Picture], None, None]:
    """Pictures of a folder are read one by one, each in its own size."""
    source = Path(video.source)
    if video.kind == "pictures":
        files = picture_files(source)
        yield from ((index, read_picture(files[index])) for index in sorted(frames))
        return
    left = set(frames)
    with closing(open_source(source).frames()) as decoded:
        for frame in decoded:
            if frame.index in left:
                left.remove(frame.index)
                yield frame.index, frame.picture
            if not left:
                return
    raise RenderError(f"{source} gave no frame {min(left)}.", "Remove the video from the library and ingest it again.")
