"""What repairing a file needs beside the film itself: which frames are broken, and when each is shown."""

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .breakup.verdict import CLEAN, Verdict
from .errors import SourceError, command
from .frames import Frame, Picture, SourceInfo
from .ingest.rates import measured_rate
from .ingest.source import FrameSource, Guesses, VideoFile, open_source
from .progress import Progress
from .ranges import read_ranges
from .render.cadence import Watch
from .render.encode import Encoding
from .render.gaps import Gap, gaps_of
from .render.repair import Filling, Replaced, Timing, repair
from .render.strips import Strip, Strips, write_strips
from .render.timed import ticks_of

if TYPE_CHECKING:
    from .breakup.detector import Detector
    from .settings import Settings


_MOST_STRIPS, _MOST_COLUMNS, _THUMBNAIL = 40, 8, 180

_STEADY = 0.3
"""Frames that a time may be off a constant rate: containers round, to a millisecond and worse."""


@dataclass(frozen=True)
class Survey:
    """A verdict on each frame, and when each is shown."""

    info: SourceInfo
    verdicts: list[Verdict]
    times: list[float]
    repeats: list[bool | None]
    guessed: bool = False
    """Whether the decoder had to guess at frames."""

    @property
    def broken(self) -> list[int]:
        return [verdict.frame for verdict in self.verdicts if verdict.kind != CLEAN]

    def corrected(self, clean: Collection[int], broken: Collection[int]) -> Self:
        """The same where a user knows better of some frames."""
        said = {frame: _said(frame, True) for frame in broken}
        kept = {frame: replace(self.verdicts[frame], kind=CLEAN) for frame in clean}
        better = said | kept
        verdicts = [better.get(verdict.frame, verdict) for verdict in self.verdicts]
        return replace(self, verdicts=verdicts, repeats=_known(self.repeats, verdicts))


@dataclass(frozen=True)
class Repair:
    """What came of `repair`: each broken frame with what was found and how it was replaced, and all scores."""

    video: str
    output: str | None
    report: str | None
    found: list[tuple[Verdict, Replaced]]
    scores: list[float]

    def data(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "video": self.video,
            "output": self.output,
            "report": self.report,
            "total": len(self.scores),
            "frames": [_row(verdict, replaced) for verdict, replaced in self.found],
            "scores": [round(score, 4) for score in self.scores],
        }


def _row(verdict: Verdict, replaced: Replaced) -> dict[str, Any]:
    return {
        "frame": verdict.frame,
        "class": verdict.kind,
        "score": round(verdict.score, 4),
        "evidence": verdict.evidence,
        "method": replaced.method,
        "sources": list(replaced.sources),
        "moved": replaced.moved,
        "why": replaced.why,
    }


def open_video(path: Path) -> FrameSource:
    """A video that shows the same pictures at every pass, however damaged it is."""
    source = open_source(path, steady=True)
    if not isinstance(source, VideoFile):
        raise SourceError(
            f"{path} is a folder; a video file is repaired.",
            f"A folder of pictures can be put in order: {command('reconstruct', path)}.",
        )
    return source


def survey(path: Path, named: str | None, judge: "Detector", progress: Progress) -> Survey:
    """Look at every frame once, for the frames that the user names or for those that are judged to be broken."""
    from .breakup.evidence import read_evidence

    source = _Timed(open_video(path))
    info = source.info()
    if named is None:
        verdicts = judge.judge(read_evidence(source, progress))
    else:
        with progress.stage("count frames", info.frames_hint) as stage, closing(source.frames(short_side=90)) as frames:
            for _ in frames:
                stage.advance()
        chosen = set(read_ranges(named, len(source.times)))
        verdicts = [_said(frame, frame in chosen) for frame in range(len(source.times))]
    if not verdicts:
        raise SourceError(f"No frame could be decoded from {path}.")
    repeats = _known(source.watch.repeats, verdicts)
    return Survey(info, verdicts, source.times, repeats, guessed=bool(source.guesses.guessed))


def _known(repeats: Sequence[bool | None], verdicts: Sequence[Verdict]) -> list[bool | None]:
    """What is known of repeats among clean frames."""
    clean = [verdict.kind == CLEAN for verdict in verdicts]
    return [repeats[frame] if clean[frame] and clean[max(0, frame - 1)] else None for frame in range(len(clean))]


def _said(frame: int, broken: bool) -> Verdict:
    return Verdict(frame, "user" if broken else CLEAN, float(broken), "--frames" if broken else "")


def gaps_in(seen: Survey, settings: "Settings", filled: bool = True) -> list[Gap]:
    """To be filled they need a clean frame somewhere; a film that is broken throughout can still be looked at."""
    frames = len(seen.verdicts)
    if not filled and len(seen.broken) == frames:
        return [Gap(0, frames - 1)]
    return gaps_of(seen.broken, frames, settings.repair.longest)


def timing_of(seen: Survey, output: Path, progress: Progress) -> Timing:
    """Frames keep their own times, where those are not the ticks of a constant rate and the container can say them."""
    rate = Fraction(measured_rate(seen.times, [seen.info.fps]).fps).limit_denominator(1001)
    off = max(abs(time - seen.times[0] - frame / rate) for frame, time in enumerate(seen.times))
    if off * rate < _STEADY:
        return Timing(rate, repeats=seen.repeats)
    if output.suffix.lower() == ".avi" or ticks_of(seen.times) is None:
        progress.note(f"The rate of the video varies; {output.name} plays at {float(rate):.5g} frames a second.")
        return Timing(rate, repeats=seen.repeats)
    return Timing(rate, seen.times)


def fill(
    path: Path,
    output: Path,
    seen: Survey,
    gaps: Sequence[Gap],
    encoding: Encoding,
    settings: "Settings",
    progress: Progress,
) -> list[Replaced]:
    """Write the film with its gaps filled, at its own times and with its own sound."""
    return repair(
        path,
        output,
        gaps,
        len(seen.verdicts),
        timing_of(seen, output, progress),
        encoding,
        Filling(settings.repair.method, settings.repair.long),
        progress,
        audio=seen.info.has_audio,
    )


def told_of(path: Path, output: Path | None, report: Path | None, seen: Survey, done: Sequence[Replaced]) -> Repair:
    broken = [verdict for verdict in seen.verdicts if verdict.kind != CLEAN]
    return Repair(
        video=str(path),
        output=str(output) if output else None,
        report=str(report) if report else None,
        found=list(zip(broken, done, strict=True)),
        scores=[verdict.score for verdict in seen.verdicts],
    )


def unfilled(gaps: Sequence[Gap]) -> list[Replaced]:
    """What is said of frames that were only looked for."""
    return [Replaced(frame, "none") for gap in gaps for frame in gap.frames]


def show(
    path: Path,
    made: Path | None,
    seen: Survey,
    gaps: Sequence[Gap],
    done: Sequence[Replaced],
    folder: Path,
    progress: Progress,
) -> list[Path]:
    """The report's folder, its pictures fetched from the video and from the film that was made of it."""
    scores = [verdict.score for verdict in seen.verdicts]
    facts = _summary(seen, gaps, done)
    strips = strips_of(path, made, seen, gaps, done, progress)
    return write_strips(folder, Strips(path.name, facts, scores, set(seen.broken), strips, len(gaps)))


def strips_of(
    path: Path, made: Path | None, seen: Survey, gaps: Sequence[Gap], done: Sequence[Replaced], progress: Progress
) -> list[Strip]:
    """The first gaps as pictures, from the video and from the film that was made of it."""
    shown = [_columns(gap, len(seen.verdicts)) for gap in gaps[:_MOST_STRIPS]]
    wanted = {frame for frames in shown for frame in frames}
    before = _thumbnails(open_video(path), wanted, progress)
    after = _thumbnails(open_video(made), wanted, progress) if made else {}
    kinds = {verdict.frame: verdict.kind for verdict in seen.verdicts}
    ways = {one.frame: one.method + (f" ({one.why})" if one.why else "") for one in done}
    return [
        Strip(
            title=f"Frames {gap.first} to {gap.last}" if len(gap) > 1 else f"Frame {gap.first}",
            told=", ".join(dict.fromkeys(f"{kinds[frame]}, {ways[frame]}" for frame in gap.frames)),
            first=gap.first,
            frames=frames,
            before=[before[frame] for frame in frames],
            after=[after[frame] for frame in frames if frame in after],
        )
        for gap, frames in zip(gaps, shown, strict=False)
    ]


def _columns(gap: Gap, frames: int) -> list[int]:
    """The clean frames next to a gap and, of a long one, some of its own evenly."""
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


def _summary(seen: Survey, gaps: Sequence[Gap], done: Sequence[Replaced]) -> list[tuple[str, str]]:
    kinds = Counter(verdict.kind for verdict in seen.verdicts if verdict.kind != CLEAN)
    ways = Counter(replaced.method + (f" ({replaced.why})" if replaced.why else "") for replaced in done)
    return [
        ("Frames", f"{len(seen.verdicts)}: {len(done)} broken, in {len(gaps)} gap{'s' * (len(gaps) != 1)}"),
        ("Found", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "nothing"),
        ("Replaced by", ", ".join(f"{way} {count}" for way, count in ways.most_common()) or "nothing"),
    ]


class _Timed:
    """A source that remembers the times of the frames taken from it, and which of them repeat."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self.times: list[float] = []
        self.watch = Watch()

    @property
    def problems(self) -> list[str]:
        return self._source.problems

    @property
    def guesses(self) -> Guesses:
        return self._source.guesses

    def info(self) -> SourceInfo:
        return self._source.info()

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        with closing(self._source.frames(start, short_side)) as frames:
            for frame in frames:
                if frame.index == len(self.times):
                    self.times.append(frame.time)
                    self.watch.see(frame.picture)
                yield frame
