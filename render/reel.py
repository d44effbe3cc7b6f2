"""Read frames of several videos, and render them as a film: letterboxed on one canvas, at one rate."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import RenderError
from ..media.pictures import read_picture
from ..media.source import letterboxed, open_source, picture_files
from ..media.types import Picture, SourceInfo, VideoRecord
from ..progress import SILENT, Progress
from .encode import Encoding, check_output, encode
from .frame_layout import FrameLayout, pictures_layout
from .reorder import in_play_order

_HIGHEST_RATE = Fraction(60)
"""Frames per second, which bounds the film where a source runs faster."""


@dataclass(frozen=True)
class FrameReference:
    """A frame of a video."""

    video: str
    frame: int


@dataclass(frozen=True)
class TimedFrame:
    """A frame and the number of ticks for which it is shown."""

    frame: FrameReference
    ticks: int


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


def highest_rate(videos: Sequence[VideoRecord]) -> Fraction:
    """Return the highest rate of the videos, so that none loses frames."""
    return min(_HIGHEST_RATE, max(Fraction(video.fps).limit_denominator(1001) for video in videos))


def render_reel(
    shown: Sequence[TimedFrame],
    videos: dict[str, VideoRecord],
    output: Path,
    encoding: Encoding,
    rate: Fraction,
    scratch_bytes: int,
    progress: Progress,
) -> Path:
    """Write the frames, at least one, in the given order; the film is written atomically."""
    target = check_output(output)
    layout = _canvas([videos[timed.frame.video] for timed in shown], rate)
    # Videos are decoded one after another; a frame that is shown several times is yielded as often.
    number = {video: index for index, video in enumerate(dict.fromkeys(timed.frame.video for timed in shown))}
    decoding = sorted(range(len(shown)), key=lambda at: (number[shown[at].frame.video], shown[at].frame.frame, at))
    order = sorted(range(len(shown)), key=lambda at: decoding[at])

    def decode(last: int) -> Generator[bytes, None, None]:
        return _decoded([shown[at].frame for at in decoding[: last + 1]], videos, layout, progress)

    frames = in_play_order(decode, order, layout.frame_bytes, target.parent, scratch_bytes, SILENT)
    ticks = sum(timed.ticks for timed in shown)
    with closing(frames):
        repeated = (raw for raw, timed in zip(frames, shown, strict=True) for _ in range(timed.ticks))
        encode(repeated, ticks, layout, target, encoding, rate, progress, stage_name="render clip")
    return output


def _decoded(
    frames: Sequence[FrameReference], videos: dict[str, VideoRecord], layout: FrameLayout, progress: Progress
) -> Generator[bytes, None, None]:
    """Yield the raw frames in decoding order, each as often as it is listed."""
    wanted = iter(frames)
    following = next(wanted, None)
    with closing(fetch_frames(frames, videos, progress)) as fetched:
        for frame, picture in fetched:
            raw = layout.padded(letterboxed(picture, layout.width, layout.height).tobytes())
            while following == frame:
                yield raw
                following = next(wanted, None)


def _canvas(videos: Sequence[VideoRecord], rate: Fraction) -> FrameLayout:
    """Return the layout of the largest video."""
    largest = max(videos, key=lambda video: video.width * video.height)
    info = SourceInfo("pictures", largest.width, largest.height, rate, "bgr24", None, has_audio=False)
    return pictures_layout(info, lossless=False)
