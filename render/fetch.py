"""Frames of several sources at full size, each source decoded once and in sequence."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import RenderError
from ..media.pictures import read_picture
from ..media.source import open_source, picture_files
from ..media.types import Picture, VideoRecord
from ..progress import Progress


@dataclass(frozen=True)
class FrameReference:
    """A frame of a video."""

    video: str
    frame: int


def fetch_frames(
    places: Sequence[FrameReference], videos: dict[str, VideoRecord], progress: Progress
) -> Generator[tuple[FrameReference, Picture], None, None]:
    """Each of the places once: video by video as they are named first, in each the earlier frame first."""
    wanted: dict[str, set[int]] = {}
    for place in places:
        wanted.setdefault(place.video, set()).add(place.frame)
    with progress.stage("read frames", sum(map(len, wanted.values()))) as stage:
        for video, frames in wanted.items():
            for index, picture in _pictures(videos[video], frames):
                yield FrameReference(video, index), picture
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
