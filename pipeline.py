"""The story in order: a source is ingested, its frames are solved into a plan, the plan is rendered.

Every verb of the command line that works on films is one function here, and can be called from Python.
"""

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .errors import LibraryError, PlanError, SourceError, UsageError
from .frames import VideoRecord
from .progress import Progress, Silent
from .settings import Settings, library_folder

if TYPE_CHECKING:
    from .evaluate.metrics import Scores
    from .evaluate.scramble import ScrambleOptions
    from .evaluate.truth import Truth
    from .index.library import Library
    from .solve.arrange import Arrangement, Film
    from .solve.plan import Plan

_SILENT = Silent()


def ingest(path: Path, settings: Settings, progress: Progress = _SILENT) -> VideoRecord:
    """Every frame of a source into the library; what is there already is not decoded again."""
    from .index.library import open_library
    from .intake import take_in

    with open_library(library_folder(settings)) as library:
        return take_in(library, path, settings, progress)


def sources(paths: Iterable[Path]) -> Iterator[Path]:
    """What `ingest` is to take in: a folder without pictures stands for the videos in it."""
    from .ingest.source import videos_in

    for path in paths:
        yield from (path.is_dir() and videos_in(path)) or [path]


def solve(
    video: str,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    plan_file: Path | None = None,
    evidence: Path | None = None,
) -> "Plan":
    """The plan for a video of the library, from its stored vectors and proxies alone."""
    from .index.library import open_library
    from .reporting import write_evidence
    from .solve.arrange import arrange

    with open_library(library_folder(settings)) as library:
        record = library.catalog.find(video)
        for file in (plan_file, evidence):
            _check_place(file, Path(record.source))
        film = _film(library, record, settings)
        arrangement = arrange(film, settings, progress)
        plan = _plan(record, film, arrangement, settings)
        library.keep_plan(record, plan.model_dump_json())
    if evidence:
        write_evidence(arrangement, evidence)
    if plan_file:
        _write(plan, plan_file)
    return plan


def render(
    plan: "Plan",
    output: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    both: bool = False,
    lossless: bool = False,
    fps: Fraction | None = None,
) -> list[Path]:
    """The plan's frames as a film; with `both`, also the film backwards beside it."""
    from .render.encode import Encoding
    from .render.video import render as write_film

    source = _unchanged_source(plan)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    films = [(plan, output)]
    if both:
        films.append((plan.reversed(), output.with_stem(f"{output.stem}.reversed")))
    return [
        write_film(
            film,
            source,
            target,
            encoding,
            fps=fps,
            scratch_bytes=int(settings.render.scratch_gb * 1e9),
            progress=progress,
        )
        for film, target in films
    ]


@dataclass(frozen=True)
class Reconstruction:
    """What came of `reconstruct`, as `--json` prints it."""

    video: str
    frames: int
    kept: int
    dropped: int
    shots: int
    gap: float | None
    mean_confidence: float
    output: str
    outputs: list[str]
    plan: str
    report: str | None
    space: str
    seconds: dict[str, float]


def reconstruct(
    path: Path,
    settings: Settings,
    progress: Progress = _SILENT,
    *,
    output: Path | None = None,
    plan_file: Path | None = None,
    report: Path | None = None,
    reverse: bool = False,
    both: bool = False,
    lossless: bool = False,
) -> Reconstruction:
    """A shuffled, polluted video in; the film in order out, with its plan beside it."""
    from .ingest.source import open_source
    from .render.encode import check_output

    open_source(path)
    output = output or default_output(path)
    plan_file = plan_file or output.with_suffix(".plan.json")
    check_output(output, path)
    _check_place(plan_file, path, output)
    if report and report.exists() and not report.is_dir():
        raise UsageError(f"{report} is a file.", "Give the name of a folder for the report.")
    settings = _every_frame(settings)
    clock = _Clock()
    video = ingest(path, settings, progress)
    clock.lap("ingest")
    plan = solve(video.id, settings, progress)
    plan = plan.reversed() if reverse else plan
    _write(plan, plan_file)
    clock.lap("solve")
    films = render(plan, output, settings, progress, both=both, lossless=lossless)
    clock.lap("render")
    if report:
        write_report(plan, report, settings)
        clock.lap("report")
    return Reconstruction(
        video=video.id,
        frames=video.frames,
        kept=len(plan.order),
        dropped=len(plan.dropped),
        shots=len(plan.shots),
        gap=plan.path.gap,
        mean_confidence=round(plan.mean_confidence, 4),
        output=str(output),
        outputs=[str(film) for film in films],
        plan=str(plan_file),
        report=str(report) if report else None,
        space=settings.solve.space,
        seconds=clock.laps,
    )


def write_report(plan: "Plan", folder: Path, settings: Settings) -> list[Path]:
    """Pictures of a film before and after, for people who would rather look than read."""
    from .index.library import open_library
    from .reporting import report_on

    with open_library(library_folder(settings)) as library:
        return report_on(library, library.catalog.find(plan.video.id), plan, folder, settings.report.sheet_frames)


def scramble(
    source: Path, output: Path, truth_file: Path, options: "ScrambleOptions", progress: Progress = _SILENT
) -> "Truth":
    """A clean video in; a shuffled, polluted one out, with the truth about it."""
    from .evaluate.scramble import scramble as write_scrambled
    from .evaluate.truth import write_truth

    _check_place(truth_file, source, output)
    truth = write_scrambled(source, output, options, progress)
    write_truth(truth, truth_file)
    return truth


def evaluate(plan: "Plan", truth: "Truth", progress: Progress = _SILENT, rendered: Path | None = None) -> "Scores":
    """How well a plan agrees with the truth and, given the film made from it, its pictures with the source's."""
    from .evaluate.metrics import score_order, score_pictures

    scores = score_order(plan.order, [dropped.frame for dropped in plan.dropped], truth)
    if rendered is None:
        return scores
    psnr, ssim = score_pictures(plan, truth, rendered, Path(truth.source), progress)
    return replace(scores, psnr=psnr, ssim=ssim)


@dataclass(frozen=True)
class Demonstration:
    """What `demo` made and how well it did."""

    scores: "Scores"
    reconstruction: Reconstruction
    scrambled: str
    original: str


def demo(folder: Path, settings: Settings, progress: Progress = _SILENT) -> Demonstration:
    """Draw a film, scramble it with foreign pictures, reconstruct it, and say how well that went."""
    from .evaluate.film import draw_film
    from .evaluate.scramble import ScrambleOptions
    from .solve.plan import read_plan

    folder.mkdir(parents=True, exist_ok=True)
    original, scrambled = folder / "original.mp4", folder / "scrambled.mp4"
    with progress.stage("draw a film") as stage:
        draw_film(original)
        stage.advance()
    truth = scramble(original, scrambled, folder / "truth.json", ScrambleOptions(foreign=8, seed=1), progress)
    done = reconstruct(
        scrambled,
        settings.model_copy(update={"library": str(folder / "library")}),
        progress,
        output=folder / "reconstructed.mp4",
        report=folder / "report",
    )
    scores = evaluate(read_plan(Path(done.plan)), truth, progress, Path(done.output))
    return Demonstration(scores, done, str(scrambled), str(original))


def default_output(path: Path) -> Path:
    """Beside the source, under its own name."""
    path = path.resolve()
    return path.with_name(f"{path.name if path.is_dir() else path.stem}.reordered.mp4")


class _Clock:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now


def _every_frame(settings: Settings) -> Settings:
    """A film is made of all its frames, at whatever rate others are searched."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fps": 0.0})})


def _check_place(file: Path | None, *taken: Path) -> None:
    """Refuse a place that cannot take a file, or holds another one of this run, before any work is done."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}.", "Create it first, or write elsewhere.")
    if file.is_dir():
        raise UsageError(f"{file} is a folder.", "Give the name of a file.")
    if file.resolve() in [path.resolve() for path in taken]:
        raise UsageError(f"{file} would overwrite a film.", "Write it under another name.")
    if not os.access(file.parent, os.W_OK):
        raise PlanError(f"{file} cannot be written: the folder is read-only.", "Write it elsewhere.")


def _write(plan: "Plan", file: Path) -> None:
    from .solve.plan import write_plan

    try:
        write_plan(plan, file)
    except OSError as failed:
        raise PlanError(f"The plan {file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed


def _film(library: "Library", video: VideoRecord, settings: Settings) -> "Film":
    from .index.neighbours import nearest
    from .ingest.proxy import ProxySize, luma, read_proxies
    from .solve.arrange import Film

    rows = library.rows(video, settings.solve.space)
    size = ProxySize(video.proxy_width, video.proxy_height)
    try:
        proxies = read_proxies(library.proxies_file(video.id), size, len(rows))
    except (OSError, ValueError) as lost:
        raise LibraryError(
            f"The proxies of {video.name} are missing or cut short.",
            f"`reelweave videos remove {video.id}`, then ingest it again.",
        ) from lost
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    return Film(rows, luma(proxies), near, settings.solve.space, video.kind)


def _plan(video: VideoRecord, film: "Film", found: "Arrangement", settings: Settings) -> "Plan":
    from .solve.plan import PathReport, Plan, PlanVideo

    facts = {name: getattr(video, name) for name in ("id", "name", "source", "sha256", "fps", "width", "height")}
    path = found.ordered.path
    used = settings.model_dump(include={"neighbours", "outliers", "solve", "shots"})
    return Plan(
        video=PlanVideo(**facts, frames=len(film.rows)),
        order=found.order,
        dropped=found.dropped,
        shots=found.shots,
        confidence=found.confidence,
        path=PathReport(
            cost=path.cost,
            lower_bound=path.lower_bound,
            gap=path.gap,
            solver=path.solver,
            seconds=round(found.ordered.seconds, 3),
            interrupted=path.interrupted,
            price=found.ordered.price,
            band=found.ordered.band,
        ),
        settings=used,
    )


def _unchanged_source(plan: "Plan") -> Path:
    """The plan's source, if it still is what the plan was made from."""
    from .ingest.identity import content_hash

    source = Path(plan.video.source)
    if not source.exists():
        raise SourceError(
            f"The source of the plan, {source}, is not there.", "Put it back, or correct video.source in the plan."
        )
    if plan.video.sha256 and content_hash(source) != plan.video.sha256:
        raise SourceError(
            f"{source} has changed since the plan was made.",
            f"`reelweave reconstruct {shlex.quote(str(source))}` makes a new one.",
        )
    return source
