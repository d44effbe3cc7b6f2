"""Replace the broken frames of a film; all other frames pass from the decoder to the encoder untouched."""

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import islice, pairwise, repeat
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import RenderError, SourceError
from ..media import ffmpeg
from ..media.source import VideoFile
from ..media.types import Picture
from ..progress import SILENT, Progress
from .audio.soundtrack import original_track
from .cadence import Repeats, motion_share, motion_steps
from .encode import Encoding, Soundtrack, check_output, encode
from .frame_layout import FrameLayout, video_layout
from .gaps import Gap, Long
from .interpolate import GapEnds, Interpolated, KnownFrame, MethodName, interpolator
from .optical_flow import same_scene
from .planes import Planes, is_rgb, planes_of, raw_of, small_picture
from .region import FindBroken, Parts, packed_grid, patched
from .segments import Segments

FillMethod: TypeAlias = Literal["auto", "motion", "blend", "hold", "left", "none"]
"""How a frame was made: by a method, `left` unchanged in a gap that is too long, or `none` in a search only."""


IsTransition: TypeAlias = Callable[[Sequence[Picture], Sequence[Picture]], bool]
"""Tells whether there is a cut or a dissolve between two runs of small RGB pictures."""

_SMALL = (48, 27)
"""Width and height of these pictures."""
_CONTEXT_BYTES = 32 << 20
"""Bounds the frames on either side of a gap that are kept for it: 12 of 720p, 5 of 1080p."""
_MOST_CONTEXT = 12
"""Bounds their number."""
_TRIAL = 3
"""Frames on either side of a gap that it takes to try out interpolation on the middle one of them."""
_HELD_BYTES = 256 << 20
"""Bounds the broken frames of a gap that are kept in memory: 86 of 1080p."""


@dataclass(frozen=True)
class ReplacedFrame:
    """How a broken frame was replaced, from which clean frames, and the share of it that follows motion.

    `region` is the share of the picture that was replaced; the rest is as it was.
    `why` is set if the frame was not made by the requested method: `start`, `end`, `cut` or `long`, `repeat` where the
    cadence of the film repeats a frame, or `worse` where interpolation is likely to be worse than the frame is.
    """

    frame: int
    method: FillMethod
    sources: tuple[int, ...] = ()
    moved: float = 0.0
    why: str = ""
    region: float = 1.0
    grid: str = ""
    """The part that was replaced, see `region.packed_grid`; empty if it is all or nothing of the picture."""


@dataclass(frozen=True)
class FillOptions:
    """How broken frames are replaced."""

    method: MethodName = "auto"
    long: Long = "leave"
    longest: int = 50
    """Length, in frames, of the longest gap that is interpolated."""
    find_broken: FindBroken | None = None
    """Finds the part of a broken frame that is replaced; without it all of it is."""
    whole: frozenset[int] = frozenset()
    """Frames that are replaced altogether."""
    is_transition: IsTransition | None = None
    """Finds cuts and dissolves in gaps that the built-in rule does not see."""
    stated: frozenset[int] = frozenset()
    """Frames that are replaced even where leaving them is likely to be better: a user said that they are broken."""


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

    def motion_share(self, gap: Gap) -> float:
        """Return how far the frames of a gap may follow motion, see `cadence`."""
        return motion_share(self.repeats, gap.first, gap.last)

    def known_frames(self, gap: Gap, earlier: Sequence[Planes], later: Sequence[Planes]) -> list[KnownFrame]:
        """Return the frames close to a gap that have clean neighbours, unless one of the three repeats another.

        Args:
            gap: The gap.
            earlier: The clean frames just before it, in order.
            later: The clean frames just after it.
        """
        known = []
        for frame, near in ((gap.first - 2, earlier[-_TRIAL:]), (gap.last + 2, later[:_TRIAL])):
            if len(near) == _TRIAL and not any(self.repeats[frame : frame + 2]):
                at = self.moment(Gap(frame, frame), frame)
                known.append(KnownFrame(GapEnds(near[0], near[2]), at, near[1]))
        return known


def render_repaired(
    source: VideoFile,
    output: Path,
    gaps: Sequence[Gap],
    frames: int,
    timing: FrameTiming,
    encoding: Encoding,
    filling: FillOptions,
    progress: Progress = SILENT,
    *,
    audio: bool = False,
    segments: Segments | None = None,
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
        segments: Encode in segments, so that a call that was interrupted continues; without them, in one piece.

    Returns:
        How each broken frame was replaced.

    Raises:
        SourceError: The source cannot be read, or has fewer frames.
        UsageError: The output cannot be used.
        RenderError: The film cannot be written.
    """
    target = check_output(output, source.path)
    layout = video_layout(source, encoding.lossless)
    filler = GapFiller(layout, filling, timing)
    sound = _sound(source.path, target, encoding, progress) if audio else None
    done, rows = segments.begin() if segments else (0, [])
    filler.replaced += [ReplacedFrame(**row | {"sources": tuple(row["sources"])}) for row in rows or []]
    rest = [gap for gap in gaps if gap.last >= done]
    passed = max((gap.last + 1 for gap in gaps if gap.last < done), default=0)
    rate, times = timing.rate, timing.times
    with closing(_decoded(source.path, layout, frames)) as raws:
        film = filler.filled(raws, rest, passed)
        if segments:
            shape = frames, layout, target, encoding, rate, progress, "repair", sound, times
            segments.encode(film, done, *shape, lambda end: filler.rows_before(end, gaps))
        else:
            encode(film, frames, layout, target, encoding, rate, progress, "repair", sound, times)
    for text in layout.losses:
        progress.note(f"{source.path.name}: {text}")
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
    """Fill the gaps of a stream of raw frames.

    Memory holds a few clean frames on either side of a gap, and its broken frames if parts of them are kept. Beyond
    `_HELD_BYTES` those are in a file.
    """

    layout: FrameLayout
    filling: FillOptions
    timing: FrameTiming
    replaced: list[ReplacedFrame] = field(default_factory=list)

    def filled(self, raws: Iterator[bytes], gaps: Sequence[Gap], passed: int = 0) -> Iterator[bytes]:
        """Yield all frames with the gaps filled, and record each replacement in `replaced`.

        The first `passed` frames, with which an earlier call was done, are yielded as they are; some may be broken.
        """
        frames, position, before = _Peekable(raws), passed, b""
        yield from islice(frames, passed)
        next_gap = dict(pairwise(gaps))
        for gap in gaps:
            recent: deque[bytes] = deque([before] * bool(before), maxlen=self._context)
            for before in islice(frames, gap.first - position):
                recent.append(before)
                yield before
            position = gap.last + 1
            if gap.why == "long" and self.filling.long == "leave":
                self.replaced += [ReplacedFrame(frame, "left", why="long") for frame in gap.frames]
                yield from islice(frames, len(gap))
                before = b""
                continue
            with self._held_frames(islice(frames, len(gap))) as broken:
                end = next_gap[gap].first if gap in next_gap else position + self._context
                following = frames.peek(min(self._context, end - position))
                after = next(frames, b"")
                yield from self._gap_frames(gap, recent, following, broken)
            if after:
                yield after
            before, position = after, position + 1
        yield from frames

    @property
    def _context(self) -> int:
        """How many frames on either side of a gap are looked at."""
        if self.filling.is_transition is None:
            return _TRIAL
        return max(_TRIAL, min(_MOST_CONTEXT, _CONTEXT_BYTES // self.layout.frame_bytes))

    def rows_before(self, end: int, gaps: Sequence[Gap]) -> list[dict[str, Any]]:
        """Return what was recorded of the gaps that are filled completely when `end` frames are encoded."""
        first = next((gap.first for gap in gaps if gap.last >= end), end)
        return [asdict(one) for one in self.replaced if one.frame < first]

    @contextmanager
    def _held_frames(self, raws: Iterator[bytes]) -> Generator[Iterator[bytes], None, None]:
        """Read the broken frames of a gap, and yield them again; nothing where they are replaced altogether."""
        if self.filling.find_broken is None:
            for _ in raws:
                pass
            yield repeat(b"")
            return
        with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as file:
            for raw in raws:
                file.write(raw)
            file.seek(0)
            yield iter(lambda: file.read(self.layout.frame_bytes), b"")

    def _gap_frames(
        self, gap: Gap, earlier: Sequence[bytes], later: Sequence[bytes], broken: Iterator[bytes]
    ) -> Iterator[bytes]:
        why: str = gap.why
        before, after = earlier[-1] if earlier else b"", later[0] if later else b""
        sides = GapEnds(*(planes_of(raw, self.layout) for raw in (before or after, after or before)))
        if not why and (not same_scene(sides.before[0], sides.after[0]) or self._is_transition(earlier, later)):
            why = "cut"
        if why or self.filling.method == "hold":
            yield from self._held(gap, before, after, why)
            return
        method, ends = self.filling.method, (gap.first - 1, gap.last + 1)
        near = [[planes_of(raw, self.layout) for raw in raws] for raws in (list(earlier)[-_TRIAL:], later[:_TRIAL])]
        known = self.timing.known_frames(gap, *near)
        make = interpolator(method, self.timing.motion_share(gap), known).across(sides)
        for frame, raw in zip(gap.frames, broken, strict=False):
            if (moment := self.timing.moment(gap, frame)) in (0, 1):
                self.replaced.append(ReplacedFrame(frame, "hold", (ends[round(moment)],), why="repeat"))
                yield after if moment else before
                continue
            yield self._replaced(frame, raw, sides, ends, moment, make(moment), method)

    def _is_transition(self, earlier: Sequence[bytes], later: Sequence[bytes]) -> bool:
        if self.filling.is_transition is None:
            return False
        small = [
            [small_picture(planes_of(raw, self.layout), self.layout, _SMALL) for raw in raws]
            for raws in (earlier, later)
        ]
        return self.filling.is_transition(*small)

    def _replaced(
        self,
        frame: int,
        raw: bytes,
        sides: GapEnds,
        ends: tuple[int, int],
        moment: float,
        made: Interpolated,
        method: MethodName,
    ) -> bytes:
        """Replace what of a frame is worth it, and record that."""
        parts, moved = self._parts(frame, raw, sides, moment, made.planes), made.moved
        if parts is None:
            self.replaced.append(ReplacedFrame(frame, method, ends, round(moved, 3)))
            return raw_of(made.planes, self.layout)
        if not parts.share:
            self.replaced.append(ReplacedFrame(frame, "left", why="worse", region=0.0))
            return raw
        share, grid = round(parts.share, 4), packed_grid(parts.joined.luma)
        self.replaced.append(ReplacedFrame(frame, method, ends, round(moved, 3), region=share, grid=grid))
        return raw_of(patched(planes_of(raw, self.layout), made.planes, parts), self.layout)

    def _parts(self, frame: int, raw: bytes, sides: GapEnds, moment: float, made: Planes) -> Parts | None:
        """Return the parts of a frame to replace; None for all of it."""
        filling, find = self.filling, self.filling.find_broken
        if find is None or frame in filling.whole:
            return None
        broken = planes_of(raw, self.layout)
        if frame in filling.stated:
            mask = find(broken, sides, moment, made)
            return None if mask is None else Parts(mask, mask)
        parts = find.worth_replacing(broken, sides, moment, made)
        parts = parts.joined if is_rgb(self.layout) else parts
        return None if parts.luma.all() and parts.chroma.all() else parts

    def _held(self, gap: Gap, before: bytes, after: bytes, why: str) -> Iterator[bytes]:
        """Repeat the nearest clean frame, bit for bit."""
        for frame in gap.frames:
            earlier = bool(before) and (not after or self.timing.moment(gap, frame) <= 0.5)
            shown = gap.first - 1 if earlier else gap.last + 1
            self.replaced.append(ReplacedFrame(frame, "hold", (shown,), why=why))
            yield before if earlier else after


class _Peekable:
    """An iterator of frames whose next ones can be looked at."""

    def __init__(self, raws: Iterator[bytes]) -> None:
        self._raws = raws
        self._ahead: deque[bytes] = deque()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._ahead.popleft() if self._ahead else next(self._raws)

    def peek(self, count: int) -> list[bytes]:
        """Return up to `count` of the next frames without consuming them."""
        self._ahead += islice(self._raws, max(0, count - len(self._ahead)))
        return list(islice(self._ahead, count))


def _decoded(source: Path, layout: FrameLayout, frames: int) -> Generator[bytes, None, None]:
    """Yield all frames, decoded as they were for the detection of broken frames."""
    output = ["-vf", layout.conversion, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source, steady=True), *output]) as reader:
        for index in range(frames):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                raise SourceError(
                    f"{source} has {index} frames now and had {frames} before.", "Wait until it is written completely."
                )
            yield layout.padded(raw)
