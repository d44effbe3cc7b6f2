"""A film with its broken frames replaced: the others go from the decoder to the encoder untouched."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from .. import ffmpeg
from ..errors import RenderError, SourceError
from ..progress import Progress, Silent
from .between import MethodName, Sides, interpolator
from .cadence import Repeats, steps
from .encode import Encoding, Soundtrack, check_output, encode
from .flow import belong_together
from .gaps import Gap, Long
from .layout import Layout, video_layout
from .planes import planes_of, raw_of
from .sound import kept

_SILENT = Silent()

Done: TypeAlias = Literal["auto", "motion", "blend", "hold", "left", "none"]
"""How a frame was made; left as it was because its gap is too long, or none because it was only looked for."""


@dataclass(frozen=True)
class Replaced:
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
class Filling:
    """What is put in the place of broken frames."""

    method: MethodName = "auto"
    long: Long = "leave"
    longest: int = 50
    """Frames of a gap up to which it is filled from both its sides."""


@dataclass(frozen=True)
class Timing:
    """When the frames of a film are shown: at a constant rate, or each at its own time."""

    rate: Fraction
    times: Sequence[float] | None = None
    repeats: Repeats = ()

    def moment(self, gap: Gap, frame: int) -> float:
        """Where a frame of a gap lies on the way from the clean one before it (0) to the one after it (1)."""
        first, last = gap.first - 1, gap.last + 1
        if self.times is None or first < 0 or last >= len(self.times):
            done = steps(self.repeats, gap.first, gap.last)
            return sum(done[: frame - first]) / max(1, sum(done))
        return (self.times[frame] - self.times[first]) / (self.times[last] - self.times[first])


def repair(
    source: Path,
    output: Path,
    gaps: Sequence[Gap],
    frames: int,
    timing: Timing,
    encoding: Encoding,
    filling: Filling,
    progress: Progress = _SILENT,
    *,
    audio: bool = False,
) -> list[Replaced]:
    """Write the film of so many frames with its gaps filled; `output` appears whole or stays as it was."""
    target = check_output(output, source)
    layout = video_layout(source, encoding.lossless)
    mender = Mender(layout, filling, timing)
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
        return kept(source, target, encoding, progress)
    except RenderError as failed:
        progress.note(f"{failed.cause} {target.name} has none.")
        return None


@dataclass
class Mender:
    """Frames flow through; of them only the two clean ones next to a gap are held."""

    layout: Layout
    filling: Filling
    timing: Timing
    replaced: list[Replaced] = field(default_factory=list)

    def mended(self, raws: Iterator[bytes], gaps: Sequence[Gap]) -> Iterator[bytes]:
        at, before = 0, b""
        for gap in gaps:
            for before in islice(raws, gap.first - at):
                yield before
            at = gap.last + 1
            if gap.why == "long" and self.filling.long == "leave":
                self.replaced += [Replaced(frame, "left", why="long") for frame in gap.frames]
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
        sides = Sides(*(planes_of(raw, self.layout) for raw in (before or after, after or before)))
        if not why and not belong_together(sides.before[0], sides.after[0]):
            why = "cut"
        if why or self.filling.method == "hold":
            yield from self._held(gap, before, after, why)
            return
        make, ends = interpolator(self.filling.method).across(sides), (gap.first - 1, gap.last + 1)
        for frame in gap.frames:
            if (at := self.timing.moment(gap, frame)) in (0, 1):
                self.replaced.append(Replaced(frame, "hold", (ends[round(at)],), why="repeat"))
                yield after if at else before
                continue
            made = make(at)
            self.replaced.append(Replaced(frame, self.filling.method, ends, round(made.moved, 3)))
            yield raw_of(made.planes, self.layout)

    def _held(self, gap: Gap, before: bytes, after: bytes, why: str) -> Iterator[bytes]:
        """The nearest clean frame, bit for bit."""
        for frame in gap.frames:
            earlier = bool(before) and (not after or self.timing.moment(gap, frame) <= 0.5)
            shown = gap.first - 1 if earlier else gap.last + 1
            self.replaced.append(Replaced(frame, "hold", (shown,), why=why))
            yield before if earlier else after


def _decoded(source: Path, layout: Layout, frames: int) -> Generator[bytes, None, None]:
    """All frames, the same ones that they were when they were judged."""
    output = ["-vf", layout.conversion, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source, steady=True), *output]) as reader:
        for index in range(frames):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                raise SourceError(
                    f"{source} decoded to {index} frames, and to {frames} before.", "Is it still being written?"
                )
            yield layout.evened(raw)
