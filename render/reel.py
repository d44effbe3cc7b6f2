"""Render a film of frames from several videos, letterboxed on one canvas, at one rate."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..media.source import letterboxed
from ..media.types import SourceInfo, VideoRecord
from ..progress import SILENT, Progress
from .encode import Encoding, check_output, encode
from .fetch import FrameReference, fetch_frames
from .frame_layout import FrameLayout, pictures_layout
from .reorder import in_play_order

_HIGHEST_RATE = Fraction(60)
"""Frames per second, which bounds the film where a source runs faster."""


@dataclass(frozen=True)
class TimedFrame:
    """A frame and the number of ticks for which it is shown."""

    frame: FrameReference
    ticks: int


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
            raw = layout.evened(letterboxed(picture, layout.width, layout.height).tobytes())
            while following == frame:
                yield raw
                following = next(wanted, None)


def _canvas(videos: Sequence[VideoRecord], rate: Fraction) -> FrameLayout:
    """Return the layout of the largest video."""
    largest = max(videos, key=lambda video: video.width * video.height)
    info = SourceInfo("pictures", largest.width, largest.height, rate, "bgr24", None, has_audio=False)
    return pictures_layout(info, lossless=False)
