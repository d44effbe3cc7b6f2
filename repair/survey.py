"""Collect what a repair needs besides the film: which frames are broken, and when each is shown."""

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import SourceError, command
from ..ingest.models.shots import transition_detector
from ..media.ranges import read_ranges
from ..media.rates import measured_rate
from ..media.source import DecoderReport, FrameSource, Source, VideoFile, open_source
from ..media.types import Frame, Picture, SourceInfo
from ..progress import Progress
from ..render.cadence import RepeatDetector
from ..render.encode import Encoding
from ..render.fill import FillOptions, FrameTiming, ReplacedFrame, render_repaired
from ..render.gaps import Gap, gaps_of
from ..render.ivf import ticks_of
from ..render.region import unpacked_grid
from ..render.report.repair_page import GapStrip, RepairReport, marked, write_repair_page
from ..render.segments import Segments
from ..settings import Settings
from .detector import Detector
from .evidence import measure_evidence
from .masks import broken_finder
from .verdict import CLEAN, Verdict

USER = "user"
"""The kind of damage that a user states."""
_DAMAGE = {
    "flagged": "guessed by the decoder",
    "misfit": "unlike its neighbours",
    USER: "marked by you",
}
"""Words for the kinds of damage whose names do not explain themselves."""
_FILLS = {
    "none": "",
    "auto": "interpolated",
    "motion": "interpolated along the motion",
    "blend": "cross-faded",
    "hold": "filled with a clean frame",
    "left": "left as it is",
}
_REASONS = {
    "start": "the film begins with it",
    "end": "the film ends with it",
    "cut": "it spans a cut",
    "long": "too long",
    "repeat": "the film repeats frames here",
    "worse": "replacing it would look worse",
}
"""Words for why a frame was not filled by the method that was asked for."""
_MOST_STRIPS = 40
"""Bounds the gaps that a report shows in pictures."""
_MOST_COLUMNS = 8
"""Bounds the pictures of one gap."""
_THUMBNAIL = 180
"""Pixels on the short side of these pictures."""
_STEADY = 0.3
"""Frames that a time may deviate from a constant rate: containers round, to a millisecond and worse."""


@dataclass(frozen=True)
class Survey:
    """The verdict on each frame, and the time of each frame."""

    info: SourceInfo
    verdicts: list[Verdict]
    times: list[float]
    repeats: list[bool | None]
    guessed: bool = False
    """Whether the decoder concealed errors."""

    @property
    def broken(self) -> list[int]:
        """The broken frames."""
        return [verdict.frame for verdict in self.verdicts if verdict.kind != CLEAN]

    def corrected(self, clean: Collection[int], broken: Collection[int]) -> Self:
        """Apply a user's corrections."""
        corrections = {frame: _user_verdict(frame, True) for frame in broken}
        corrections |= {frame: replace(self.verdicts[frame], kind=CLEAN) for frame in clean}
        verdicts = [corrections.get(verdict.frame, verdict) for verdict in self.verdicts]
        return replace(self, verdicts=verdicts, repeats=_repeats_between_clean(self.repeats, verdicts))


@dataclass(frozen=True)
class RepairResult:
    """The result of a repair: each broken frame with its verdict and its replacement, and all scores."""

    video: str
    output: str | None
    report: str | None
    found: list[tuple[Verdict, ReplacedFrame]]
    scores: list[float]

    def data(self) -> dict[str, Any]:
        """Return the JSON answer."""
        return {
            "video": self.video,
            "output": self.output,
            "report": self.report,
            "total": len(self.scores),
            "frames": [_row(verdict, replaced) for verdict, replaced in self.found],
            "scores": [round(score, 4) for score in self.scores],
        }


def _row(verdict: Verdict, replaced: ReplacedFrame) -> dict[str, Any]:
    return {
        "frame": verdict.frame,
        "class": verdict.kind,
        "score": round(verdict.score, 4),
        "evidence": verdict.evidence,
        "method": replaced.method,
        "sources": list(replaced.sources),
        "moved": replaced.moved,
        "why": replaced.why,
        "region": replaced.region,
    }


def open_video(path: Path | Source) -> VideoFile:
    """Open a video such that every pass decodes the same pictures, however damaged it is.

    Raises:
        SourceError: The path is a folder of pictures, or cannot be read.
    """
    source = open_source(path, steady=True)
    if not isinstance(source, VideoFile):
        raise SourceError(
            f"{source.path} is a folder; only a video file can be repaired.",
            f"To put a folder of pictures in order: {command('reconstruct', source.path)}.",
        )
    return source


def survey(video: VideoFile, named: str | None, judge: Detector, progress: Progress) -> Survey:
    """Decode a video once and judge its frames.

    Args:
        video: The video, opened by `open_video`.
        named: The broken frames as ranges ("3,7-9"). None lets the detector judge.
        judge: The detector.
        progress: Receives stages.
    """
    source = _RecordedSource(video)
    info = source.info()
    if named is None:
        verdicts = judge.judge(measure_evidence(source, progress))
    else:
        with progress.stage("count frames", info.frames_hint) as stage, closing(source.frames(short_side=90)) as frames:
            for _ in frames:
                stage.advance()
        chosen = set(read_ranges(named, len(source.times)))
        verdicts = [_user_verdict(frame, frame in chosen) for frame in range(len(source.times))]
    if not verdicts:
        raise SourceError(f"No frame could be decoded from {video.path}.")
    repeats = _repeats_between_clean(source.repeat_detector.repeats, verdicts)
    return Survey(info, verdicts, source.times, repeats, guessed=bool(source.guesses.concealed))


def _repeats_between_clean(repeats: Sequence[bool | None], verdicts: Sequence[Verdict]) -> list[bool | None]:
    """Clear what is known of repeats next to broken frames."""
    clean = [verdict.kind == CLEAN for verdict in verdicts]
    return [repeats[frame] if clean[frame] and clean[max(0, frame - 1)] else None for frame in range(len(clean))]


def _user_verdict(frame: int, broken: bool) -> Verdict:
    """Return the verdict of a user."""
    return Verdict(frame, USER if broken else CLEAN, float(broken), "--frames" if broken else "")


def gaps_in(seen: Survey, settings: Settings, filled: bool = True) -> list[Gap]:
    """Group broken frames into gaps.

    Filling a gap needs a clean frame somewhere; an entirely broken film can only be inspected.
    """
    frames = len(seen.verdicts)
    if not filled and len(seen.broken) == frames:
        return [Gap(0, frames - 1)]
    return gaps_of(seen.broken, frames, settings.repair.longest)


def frame_timing(seen: Survey, output: Path, progress: Progress) -> FrameTiming:
    """Keep the frames' own times, unless they are those of a constant rate or the container cannot store them."""
    rate = Fraction(measured_rate(seen.times, [seen.info.fps]).fps).limit_denominator(1001)
    off = max(abs(time - seen.times[0] - frame / rate) for frame, time in enumerate(seen.times))
    if off * rate < _STEADY:
        return FrameTiming(rate, repeats=seen.repeats)
    if output.suffix.lower() == ".avi" or ticks_of(seen.times) is None:
        progress.note(f"The video has a variable frame rate; {output.name} plays at {float(rate):.5g} frames a second.")
        return FrameTiming(rate, repeats=seen.repeats)
    return FrameTiming(rate, seen.times)


def fill_gaps(
    video: VideoFile,
    output: Path,
    seen: Survey,
    gaps: Sequence[Gap],
    encoding: Encoding,
    settings: Settings,
    progress: Progress,
    segments: Segments | None = None,
) -> list[ReplacedFrame]:
    """Write the film with its gaps filled, at its own times and with its own sound.

    Every pixel of a frozen frame is old, also where that does not show.
    """
    frozen, stated = (frozenset(one.frame for one in seen.verdicts if one.kind == kind) for kind in ("frozen", USER))
    find_broken = broken_finder(settings.repair.region)
    return render_repaired(
        video,
        output,
        gaps,
        len(seen.verdicts),
        frame_timing(seen, output, progress),
        encoding,
        FillOptions(
            settings.repair.method,
            settings.repair.long,
            find_broken=find_broken,
            whole=frozen,
            is_transition=transition_detector(),
            stated=stated,
        ),
        progress,
        audio=seen.info.has_audio,
        segments=segments,
    )


def repair_result(
    path: Path, output: Path | None, report: Path | None, seen: Survey, done: Sequence[ReplacedFrame]
) -> RepairResult:
    """Combine the survey and the replacements into the answer."""
    broken = [verdict for verdict in seen.verdicts if verdict.kind != CLEAN]
    return RepairResult(
        video=str(path),
        output=str(output) if output else None,
        report=str(report) if report else None,
        found=list(zip(broken, done, strict=True)),
        scores=[verdict.score for verdict in seen.verdicts],
    )


def unfilled(gaps: Sequence[Gap]) -> list[ReplacedFrame]:
    """Return the entries of broken frames that were detected but not replaced."""
    return [ReplacedFrame(frame, "none") for gap in gaps for frame in gap.frames]


def write_repair_report(
    video: VideoFile,
    made: Path | None,
    seen: Survey,
    gaps: Sequence[Gap],
    done: Sequence[ReplacedFrame],
    folder: Path,
    progress: Progress,
) -> list[Path]:
    """Write the report with pictures from the video and from the repaired film."""
    scores = [verdict.score for verdict in seen.verdicts]
    strips = gap_strips(video, made, seen, gaps, done, progress)
    report = RepairReport(video.path.name, _summary(seen, gaps, done), scores, set(seen.broken), strips, len(gaps))
    return write_repair_page(folder, report)


def gap_strips(
    video: VideoFile,
    made: Path | None,
    seen: Survey,
    gaps: Sequence[Gap],
    done: Sequence[ReplacedFrame],
    progress: Progress,
) -> list[GapStrip]:
    """Decode the pictures of the first gaps from the video and from the repaired film."""
    shown = [_columns(gap, len(seen.verdicts)) for gap in gaps[:_MOST_STRIPS]]
    wanted = {frame for frames in shown for frame in frames}
    before = _thumbnails(video, wanted, progress)
    after = _thumbnails(open_video(made), wanted, progress) if made else {}
    kinds = {verdict.frame: verdict.kind for verdict in seen.verdicts}
    replaced = {one.frame: one for one in done}
    return [
        GapStrip(
            title=f"Frames {gap.first} to {gap.last}" if len(gap) > 1 else f"Frame {gap.first}",
            caption=_caption([kinds[frame] for frame in gap.frames], [_fill(replaced[frame]) for frame in gap.frames]),
            first=gap.first,
            frames=frames,
            before=[before[frame] for frame in frames],
            after=[after[frame] for frame in frames if frame in after],
            replaced=[_marked(before[frame], replaced.get(frame)) for frame in frames] if made else [],
        )
        for gap, frames in zip(gaps, shown, strict=False)
    ]


def _marked(picture: Picture, replaced: ReplacedFrame | None) -> Picture:
    if replaced is None or replaced.method == "left":
        return picture
    return marked(picture, unpacked_grid(replaced.grid) if replaced.grid else np.ones((1, 1), bool))


def _caption(kinds: Sequence[str], fills: Sequence[str]) -> str:
    """Say in words how the frames of a gap are broken, and how they were replaced."""
    damage = dict.fromkeys(_DAMAGE.get(kind, kind) for kind in kinds)
    return "; ".join(filter(None, [" and ".join(damage), " or ".join(filter(None, dict.fromkeys(fills)))]))


def _fill(replaced: ReplacedFrame) -> str:
    reason = _REASONS.get(replaced.why, replaced.why)
    return _FILLS.get(replaced.method, replaced.method) + (f" ({reason})" if reason else "")


def _columns(gap: Gap, frames: int) -> list[int]:
    """Return the clean frames next to a gap, and evenly spaced frames of the gap."""
    inner = np.linspace(gap.first, gap.last, min(len(gap), _MOST_COLUMNS)).round().astype(int).tolist()
    return [frame for frame in (gap.first - 1, *inner, gap.last + 1) if 0 <= frame < frames]


def _thumbnails(source: FrameSource, wanted: Collection[int], progress: Progress) -> dict[int, Picture]:
    hint, found = source.info().frames_hint, {}
    with progress.stage("fetch pictures", hint) as stage, closing(source.frames(short_side=_THUMBNAIL)) as frames:
        for frame in frames:
            stage.advance()
            if frame.index in wanted:
                found[frame.index] = frame.picture
    return found


def _summary(seen: Survey, gaps: Sequence[Gap], done: Sequence[ReplacedFrame]) -> list[tuple[str, str]]:
    kinds = Counter(verdict.kind for verdict in seen.verdicts if verdict.kind != CLEAN)
    methods = Counter(map(_method, done))
    return [
        ("Frames", f"{len(seen.verdicts)}: {len(done)} broken, in {len(gaps)} gap{'s' * (len(gaps) != 1)}"),
        ("Found", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "nothing"),
        ("Replaced by", ", ".join(f"{method} {count}" for method, count in methods.most_common()) or "nothing"),
    ]


def _method(replaced: ReplacedFrame) -> str:
    return replaced.method + (f" ({replaced.why})" if replaced.why else "")


class _RecordedSource:
    """Record the times of the frames decoded from a source, and which of them repeat."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self.times: list[float] = []
        self.repeat_detector = RepeatDetector()

    @property
    def problems(self) -> list[str]:
        return self._source.problems

    @property
    def guesses(self) -> DecoderReport:
        return self._source.guesses

    def info(self) -> SourceInfo:
        return self._source.info()

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        with closing(self._source.frames(start, short_side)) as frames:
            for frame in frames:
                if frame.index == len(self.times):
                    self.times.append(frame.time)
                    self.repeat_detector.see(frame.picture)
                yield frame
