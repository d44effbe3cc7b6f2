"""Replace the broken frames of a film; all other frames pass from the decoder to the encoder untouched."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import RenderError, SourceError
from ..media import ffmpeg
from ..progress import SILENT, Progress
from .audio.soundtrack import original_track
from .cadence import Repeats, motion_steps
from .encode import Encoding, Soundtrack, check_output, encode
from .frame_layout import FrameLayout, video_layout
from .gaps import Gap, Long
from .interpolate import GapEnds, MethodName, interpolator
from .optical_flow import same_scene
from .planes import planes_of, raw_of

FillMethod: TypeAlias = Literal["auto", "motion", "blend", "hold", "left", "none"]
"""How a frame was made: by a method, `left` unchanged in a gap that is too long, or `none` in a search only."""


@dataclass(frozen=True)
class ReplacedFrame:
    """How a broken frame was replaced, from which clean frames, and the share of it that follows motion.

    `why` is set if the frame was not made by the requested method: `start`, `end`, `cut` or `long`, or `repeat`
    where the cadence of the film repeats a frame.
    """

    frame: int
    method: FillMethod
    sources: tuple[int, ...] = ()
    moved: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class FillOptions:
    """How broken frames are replaced."""

    method: MethodName = "auto"
    long: Long = "leave"
    longest: int = 50
    """Length, in frames, of the longest gap that is interpolated."""


@dataclass(frozen=True)
class FrameTiming:
    """When the frames of a film are shown: at a constant rate, or each at its own time, and which frames repeat."""

    rate: Fraction
    times: Sequence[float] | None = None
    repeats: Repeats = ()

    def moment(self, gap: Gap, frame: int) -> float:
        """Return the position of a frame between the clean frame before its gap (0) and the one after it (1)."""
        first, last = gap.first - 1, gap.last + 1
        if self.times is None or first < 0 or last >= len(self.times):
            steps = motion_steps(self.repeats, gap.first, gap.last)
            return sum(steps[: frame - first]) / max(1, sum(steps))
        return (self.times[frame] - self.times[first]) / (self.times[last] - self.times[first])


def render_repaired(
    source: Path,
    output: Path,
    gaps: Sequence[Gap],
    frames: int,
    timing: FrameTiming,
    encoding: Encoding,
    filling: FillOptions,
    progress: Progress = SILENT,
    *,
    audio: bool = False,
) -> list[ReplacedFrame]:
    """Write a film with its gaps filled, atomically.

    Args:
        source: The video.
        output: The film, in a format named by its suffix.
        gaps: The broken frames.
        frames: The number of frames of the source.
        timing: When the frames are shown.
        encoding: Quality of the video.
        filling: How broken frames are replaced.
        progress: Receives the stages and notes.
        audio: Keep the sound.

    Returns:
        How each broken frame was replaced.

    Raises:
        SourceError: The source cannot be read, or has fewer frames.
        UsageError: The output cannot be used.
        RenderError: The film cannot be written.
    """
    target = check_output(output, source)
    layout = video_layout(source, encoding.lossless)
    filler = GapFiller(layout, filling, timing)
    sound = _sound(source, target, encoding, progress) if audio else None
    with closing(_decoded(source, layout, frames)) as raws:
        film = filler.filled(raws, gaps)
        encode(film, frames, layout, target, encoding, timing.rate, progress, "repair", sound, timing.times)
    for text in layout.losses:
        progress.note(f"{source.name}: {text}")
    return filler.replaced


def _sound(source: Path, target: Path, encoding: Encoding, progress: Progress) -> Soundtrack | None:
    """Return the sound; if it cannot be decoded, note that and render the film without it."""
    try:
        return original_track(source, target, encoding, progress)
    except RenderError as failed:
        progress.note(f"{failed.cause} {target.name} has no sound.")
        return None


@dataclass
class GapFiller:
    """Fill the gaps of a stream of raw frames, keeping only the two clean frames next to a gap in memory."""

    layout: FrameLayout
    filling: FillOptions
    timing: FrameTiming
    replaced: list[ReplacedFrame] = field(default_factory=list)

    def filled(self, raws: Iterator[bytes], gaps: Sequence[Gap]) -> Iterator[bytes]:
        """Yield all frames with the gaps filled, and record each replacement in `replaced`."""
        position, before = 0, b""
        for gap in gaps:
            for before in islice(raws, gap.first - position):
                yield before
            position = gap.last + 1
            if gap.why == "long" and self.filling.long == "leave":
                self.replaced += [ReplacedFrame(frame, "left", why="long") for frame in gap.frames]
                yield from islice(raws, len(gap))
                continue
            for _ in islice(raws, len(gap)):
                pass
            after = next(raws, b"")
            yield from self._gap_frames(gap, before, after)
            if after:
                yield after
            before, position = after, position + 1
        yield from raws

    def _gap_frames(self, gap: Gap, before: bytes, after: bytes) -> Iterator[bytes]:
        why: str = gap.why
        sides = GapEnds(*(planes_of(raw, self.layout) for raw in (before or after, after or before)))
        if not why and not same_scene(sides.before[0], sides.after[0]):
            why = "cut"
        if why or self.filling.method == "hold":
            yield from self._held(gap, before, after, why)
            return
        make, ends = interpolator(self.filling.method).across(sides), (gap.first - 1, gap.last + 1)
        for frame in gap.frames:
            if (moment := self.timing.moment(gap, frame)) in (0, 1):
                self.replaced.append(ReplacedFrame(frame, "hold", (ends[round(moment)],), why="repeat"))
                yield after if moment else before
                continue
            made = make(moment)
            self.replaced.append(ReplacedFrame(frame, self.filling.method, ends, round(made.moved, 3)))
            yield raw_of(made.planes, self.layout)

    def _held(self, gap: Gap, before: bytes, after: bytes, why: str) -> Iterator[bytes]:
        """Repeat the nearest clean frame, bit for bit."""
        for frame in gap.frames:
            earlier = bool(before) and (not after or self.timing.moment(gap, frame) <= 0.5)
            shown = gap.first - 1 if earlier else gap.last + 1
            self.replaced.append(ReplacedFrame(frame, "hold", (shown,), why=why))
            yield before if earlier else after


def _decoded(source: Path, layout: FrameLayout, frames: int) -> Generator[bytes, None, None]:
    """Yield all frames, decoded as they were for the detection of broken frames."""
    output = ["-vf", layout.conversion, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source, steady=True), *output]) as reader:
        for index in range(frames):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                raise SourceError(
                    f"{source} has {index} frames now and had {frames} before.", "Wait until it is written completely."
                )
            yield layout.evened(raw)
