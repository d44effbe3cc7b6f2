"""A film with its broken frames replaced: the others go from the decoder to the encoder untouched."""

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

Done: TypeAlias = Literal["auto", "motion", "blend", "hold", "left", "none"]
"""How a frame was made; left as it was because its gap is too long, or none because it was only looked for."""


@dataclass(frozen=True)
class ReplacedFrame:
    """How one broken frame was replaced, from which clean ones, and the share of it that follows motion.

    `why` says why another way was gone than was asked for: start, end, cut or long; or repeat, where the
    film shows that frame twice by its cadence.
    """

    frame: int
    method: Done
    sources: tuple[int, ...] = ()
    moved: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class FillOptions:
    """What is put in the place of broken frames."""

    method: MethodName = "auto"
    long: Long = "leave"
    longest: int = 50
    """Frames of a gap up to which it is filled from both its sides."""


@dataclass(frozen=True)
class FrameTiming:
    """When the frames of a film are shown: at a constant rate, or each at its own time."""

    rate: Fraction
    times: Sequence[float] | None = None
    repeats: Repeats = ()

    def moment(self, gap: Gap, frame: int) -> float:
        """Where a frame of a gap lies on the way from the clean one before it (0) to the one after it (1)."""
        first, last = gap.first - 1, gap.last + 1
        if self.times is None or first < 0 or last >= len(self.times):
            done = motion_steps(self.repeats, gap.first, gap.last)
            return sum(done[: frame - first]) / max(1, sum(done))
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
    """Write the film of so many frames with its gaps filled; `output` appears whole or stays as it was."""
    target = check_output(output, source)
    layout = video_layout(source, encoding.lossless)
    mender = GapFiller(layout, filling, timing)
    sound = _sound(source, target, encoding, progress) if audio else None
    with closing(_decoded(source, layout, frames)) as raws:
        film = mender.mended(raws, gaps)
        encode(film, frames, layout, target, encoding, timing.rate, progress, "repair", sound, timing.times)
    for text in layout.losses:
        progress.note(f"{source.name}: {text}")
    return mender.replaced


def _sound(source: Path, target: Path, encoding: Encoding, progress: Progress) -> Soundtrack | None:
    """Where the sound is damaged beyond decoding, the pictures are worth having without it."""
    try:
        return original_track(source, target, encoding, progress)
    except RenderError as failed:
        progress.note(f"{failed.cause} {target.name} has none.")
        return None


@dataclass
class GapFiller:
    """Frames flow through; of them only the two clean ones next to a gap are held."""

    layout: FrameLayout
    filling: FillOptions
    timing: FrameTiming
    replaced: list[ReplacedFrame] = field(default_factory=list)

    def mended(self, raws: Iterator[bytes], gaps: Sequence[Gap]) -> Iterator[bytes]:
        at, before = 0, b""
        for gap in gaps:
            for before in islice(raws, gap.first - at):
                yield before
            at = gap.last + 1
            if gap.why == "long" and self.filling.long == "leave":
                self.replaced += [ReplacedFrame(frame, "left", why="long") for frame in gap.frames]
                yield from islice(raws, len(gap))
                continue
            for _ in islice(raws, len(gap)):
                pass
            after = next(raws, b"")
            yield from self._filled(gap, before, after)
            if after:
                yield after
            before, at = after, at + 1
        yield from raws

    def _filled(self, gap: Gap, before: bytes, after: bytes) -> Iterator[bytes]:
        why: str = gap.why
        sides = GapEnds(*(planes_of(raw, self.layout) for raw in (before or after, after or before)))
        if not why and not same_scene(sides.before[0], sides.after[0]):
            why = "cut"
        if why or self.filling.method == "hold":
            yield from self._held(gap, before, after, why)
            return
        make, ends = interpolator(self.filling.method).across(sides), (gap.first - 1, gap.last + 1)
        for frame in gap.frames:
            if (at := self.timing.moment(gap, frame)) in (0, 1):
                self.replaced.append(ReplacedFrame(frame, "hold", (ends[round(at)],), why="repeat"))
                yield after if at else before
                continue
            made = make(at)
            self.replaced.append(ReplacedFrame(frame, self.filling.method, ends, round(made.moved, 3)))
            yield raw_of(made.planes, self.layout)

    def _held(self, gap: Gap, before: bytes, after: bytes, why: str) -> Iterator[bytes]:
        """The nearest clean frame, bit for bit."""
        for frame in gap.frames:
            earlier = bool(before) and (not after or self.timing.moment(gap, frame) <= 0.5)
            shown = gap.first - 1 if earlier else gap.last + 1
            self.replaced.append(ReplacedFrame(frame, "hold", (shown,), why=why))
            yield before if earlier else after


def _decoded(source: Path, layout: FrameLayout, frames: int) -> Generator[bytes, None, None]:
    """All frames, the same ones that they were when they were judged."""
    output = ["-vf", layout.conversion, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source, steady=True), *output]) as reader:
        for index in range(frames):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                raise SourceError(
                    f"{source} decoded to {index} frames, and to {frames} before.", "Is it still being written?"
                )
            yield layout.evened(raw)
