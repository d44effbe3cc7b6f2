"""A film out of frames of several videos: each in its own proportions on one canvas, at one rate."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..media.source import letterboxed
from ..media.types import Picture, SourceInfo, VideoRecord
from ..progress import SILENT, Progress
from .encode import Encoding, check_output, encode
from .fetch import FrameReference, fetch_frames
from .frame_layout import FrameLayout, pictures_layout
from .reorder import in_play_order

_FASTEST = Fraction(60)


@dataclass(frozen=True)
class TimedFrame:
    """A frame and the number of ticks for which it is shown."""

    place: FrameReference
    ticks: int


def highest_rate(videos: Sequence[VideoRecord]) -> Fraction:
    """The fastest of them, so that none loses frames."""
    return min(_FASTEST, max(Fraction(video.fps).limit_denominator(1001) for video in videos))


def render_reel(
    shown: Sequence[TimedFrame],
    videos: dict[str, VideoRecord],
    output: Path,
    encoding: Encoding,
    rate: Fraction,
    scratch_bytes: int,
    progress: Progress,
) -> Path:
    """Write the frames, one at least, in the order given; `output` appears whole or stays as it was."""
    target = check_output(output)
    layout = _canvas([videos[held.place.video] for held in shown], rate)
    # Decoding goes through the videos one by one; a place that is shown several times is given out as often.
    number = {video: place for place, video in enumerate(dict.fromkeys(held.place.video for held in shown))}
    filed = sorted(range(len(shown)), key=lambda at: (number[shown[at].place.video], shown[at].place.frame, at))
    order = sorted(range(len(shown)), key=lambda at: filed[at])

    def decode(last: int) -> Generator[bytes, None, None]:
        return _filed([shown[at].place for at in filed[: last + 1]], videos, layout, progress)

    frames = in_play_order(decode, order, layout.frame_bytes, target.parent, scratch_bytes, SILENT)
    ticks = sum(held.ticks for held in shown)
    with closing(frames):
        held_for = zip(frames, shown, strict=True)
        repeated = (frame for frame, held in held_for for _ in range(held.ticks))
        encode(repeated, ticks, layout, target, encoding, rate, progress, stage_name="render clip")
    return output


def _filed(
    places: Sequence[FrameReference], videos: dict[str, VideoRecord], layout: FrameLayout, progress: Progress
) -> Generator[bytes, None, None]:
    wanted = iter(places)
    place = next(wanted, None)
    with closing(fetch_frames(places, videos, progress)) as arriving:
        for there, picture in arriving:
            raw = _on_canvas(picture, layout)
            while place == there:
                yield raw
                place = next(wanted, None)


def _canvas(videos: Sequence[VideoRecord], rate: Fraction) -> FrameLayout:
    """As large as the largest of them."""
    largest = max(videos, key=lambda video: video.width * video.height)
    info = SourceInfo("pictures", largest.width, largest.height, rate, "bgr24", None, has_audio=False)
    return pictures_layout(info, lossless=False)


def _on_canvas(picture: Picture, layout: FrameLayout) -> bytes:
    return layout.evened(letterboxed(picture, layout.width, layout.height).tobytes())
