"""Read frames of several sources at full size, decoding each source once and in sequence."""

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
    frames: Sequence[FrameReference], videos: dict[str, VideoRecord], progress: Progress
) -> Generator[tuple[FrameReference, Picture], None, None]:
    """Yield each frame once: videos in the order of their first mention, frames in file order.

    Raises:
        RenderError: A source has fewer frames than the library.
    """
    wanted: dict[str, set[int]] = {}
    for reference in frames:
        wanted.setdefault(reference.video, set()).add(reference.frame)
    with progress.stage("read frames", sum(map(len, wanted.values()))) as stage:
        for video, indices in wanted.items():
            for index, picture in _pictures(videos[video], indices):
                yield FrameReference(video, index), picture
                stage.advance()


def _pictures(video: VideoRecord, frames: set[int]) -> Generator[tuple[int, Picture], None, None]:
    """Yield the frames in file order; pictures of a folder keep their own size."""
    source = Path(video.source)
    if video.kind == "pictures":
        files = picture_files(source)
        yield from ((index, read_picture(files[index])) for index in sorted(frames))
        return
    missing = set(frames)
    with closing(open_source(source).frames()) as decoded:
        for frame in decoded:
            if frame.index in missing:
                missing.remove(frame.index)
                yield frame.index, frame.picture
            if not missing:
                return
    raise RenderError(f"{source} has no frame {min(missing)}.", "Remove the video and ingest it again.")
