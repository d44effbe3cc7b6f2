"""Run the main job: ingest a source, solve its order into a plan, render the plan as a film.

Each verb of the command line that works on films is one function here. `reconstruct` runs all of them. A command opens
its source once, and passes the opened source from step to step.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from . import MOVED_FROM_PIPELINE, import_attribute
from .engine.task import FunctionTask
from .errors import ReelweaveError, UsageError
from .index.library import Library, open_library, proxies_of
from .index.overwrite import Outputs, Overwrite, content_origin
from .ingest.discover import discover_sources
from .ingest.distributed import ingest_distributed
from .ingest.ingester import Ingester, IngestResult
from .ingest.many import dry_run_sources, ingest_sources
from .ingest.solve_input import settings_used, solve_input
from .ingest.store_thread import Ingested
from .ingest.workers import open_engine
from .media.identity import stamp
from .media.proxy import proxy_yuv
from .media.source import Source, open_source
from .media.types import VideoRecord
from .progress import SILENT, Progress, StageTimer, noting
from .render.edit_lists.make import edits_of_plan, times_of, write_plan_edits
from .render.edit_lists.write import check_edit_lists, write_edit_lists
from .render.encode import check_film_name
from .render.outputs import (
    OutputPaths,
    check_source,
    default_output,
    films_at,
    numbered,
    output_paths,
    outputs_of,
    save_plan,
    write_plan_file,
)
from .render.results import Reconstruction, film_result, reconstruction_of
from .repair.detector import load_detector
from .repair.shuffled import drop_broken
from .settings import Settings, every_frame, library_folder, request_of
from .solve import arrange
from .solve.arrangement import Arrangement
from .solve.constraints import NO_CONSTRAINTS, Constraints
from .solve.evidence import write_evidence
from .solve.make_plan import mark_split, plan_from
from .solve.motion import NoMotionCache
from .solve.order_cache import NoOrderCache
from .solve.plan.model import Plan
from .solve.solve_input import SolveInput
from .solve.split import arrange_films

# render.film and render.report load the audio and page code, which solve does not need: they are imported where used.

__all__ = [
    "ReconstructRequest",
    "SolveRequest",
    "SolvedVideo",
    "ingest",
    "ingest_all",
    "reconstruct",
    "render",
    "save_plan",
    "solve",
    "solve_all",
    "solve_split",
    "write_report",
]

_CLAIMED_EARLY = 16
"""Bound on the films of a split whose names are checked before any work; their number is known only after solving."""


def __getattr__(name: str) -> Any:
    """Import a function that was here in version 0.1 on first access. Deprecated: use the names of `reelweave`."""
    return import_attribute(MOVED_FROM_PIPELINE, __name__, name)


@dataclass(frozen=True)
class SolveRequest:
    """Everything `solve` and `solve_split` need to know besides the settings."""

    video: str
    """Id, name or path of a video in the library."""
    constraints: Constraints | None = None
    plan_file: Path | None = None
    evidence: Path | None = None
    """File for the nearest-neighbour graph, one line per frame."""
    repair: bool = False
    """Replace broken frames with gaps that `render` fills."""
    detector: Path | None = None
    """Trained detector of broken frames; implies `repair`."""
    films: int | None = None
    """Number of films that were mixed, if known; `solve_split` only."""
    edit_lists: tuple[Path, ...] = ()
    """Edit lists to write; their suffixes choose the formats."""
    overwrite: Overwrite = False
    store: bool = True
    """Keep the plan in the library as the video's latest one; `solve` only."""

    @property
    def repairs(self) -> bool:
        return self.repair or self.detector is not None

    def files(self, numbers: Iterable[int]) -> list[Path]:
        """Return where the plans, the evidence and the edit lists of these films of a split go."""
        files = (self.plan_file, self.evidence, *self.edit_lists)
        return [numbered(file, number) for number in numbers for file in files if file]


@dataclass(frozen=True)
class ReconstructRequest:
    """Everything `reconstruct` needs to know besides the settings."""

    path: Path
    constraints: Constraints | None = None
    output: Path | None = None
    plan_file: Path | None = None
    report: Path | None = None
    reverse: bool = False
    both: bool = False
    lossless: bool = False
    split: bool = False
    films: int | None = None
    """Number of films that were mixed; implies `split`."""
    repair: bool = False
    detector: Path | None = None
    """Trained detector of broken frames; implies `repair`."""
    edit_lists: tuple[Path, ...] = ()
    """Edit lists to write; their suffixes choose the formats."""
    overwrite: Overwrite = False

    @property
    def splits(self) -> bool:
        return self.split or self.films is not None

    def solving(self, video: str) -> SolveRequest:
        """Return the request to solve the ingested video; writing the plan is left to `reconstruct`."""
        return SolveRequest(video, self.constraints, repair=self.repair, detector=self.detector, films=self.films)

    def paths(self, number: int) -> OutputPaths:
        """Return where film `number`, its plan and its report go."""
        output = self.output or default_output(self.path)
        return output_paths(output, self.plan_file, self.report, number if self.splits else None)

    def edit_list_paths(self, number: int) -> list[Path]:
        """Return where the edit lists of film `number` go."""
        return [numbered(file, number) for file in self.edit_lists] if self.splits else [*self.edit_lists]


def ingest(path: Path, settings: Settings, progress: Progress = SILENT) -> VideoRecord:
    """Store vectors of every frame of a source in the library. Frames that are stored are not decoded again."""
    return _ingest(open_source(path, settings.ingest.pictures_fps), settings, progress)


def _ingest(source: Source, settings: Settings, progress: Progress) -> VideoRecord:
    with open_library(settings) as library:
        ingested = Ingester(library, settings, progress).ingest(source)
        assert ingested.video
        return ingested.video


def _begin_ingest(source: Source, settings: Settings, progress: Progress) -> Ingested:
    with open_library(settings) as library:
        return Ingester(library, settings, progress).begin(source)


def ingest_all(
    paths: Iterable[Path], settings: Settings, progress: Progress = SILENT, *, dry_run: bool = False
) -> Iterator[IngestResult]:
    """Ingest many sources. A source that fails is yielded with its error and does not stop the others.

    Args:
        paths: Files, folders and glob patterns.
        settings: The settings.
        progress: Where stages and notes go.
        dry_run: Report what would be done and write nothing.
    """
    sources = discover_sources(paths)
    for note in sources.notes:
        progress.note(note)
    with open_library(settings) as library:
        if dry_run or settings.engine.name == "local":
            yield from (dry_run_sources if dry_run else ingest_sources)(library, sources, settings, progress)
            return
        with open_engine(settings, progress) as engine:
            yield from ingest_distributed(engine, library, sources, settings, progress)


def solve(video: str | SolveRequest, settings: Settings, progress: Progress = SILENT, **options: Any) -> Plan:
    """Find the order of a video from its stored vectors and proxies, and the sound of its source if that is there.

    With `repair` or a `detector` the source is decoded to find broken frames, which become gaps of the plan.

    Args:
        video: A request, or the id, name or path of a video in the library.
        settings: The settings.
        progress: Where stages and notes go.
        options: The other fields of `SolveRequest`, unless a request is given.

    Raises:
        UsageError: The constraints contradict each other, or an output must not be replaced.
        LibraryError: The library lacks the video or the vectors of the space.
    """
    return _solve(request_of(SolveRequest, video, _renamed(options)), settings, progress)


def _solve(
    request: SolveRequest,
    settings: Settings,
    progress: Progress,
    source: Source | None = None,
    ingested: Ingested | None = None,
) -> Plan:
    detector = load_detector(request.detector, settings.breakup) if request.repairs else None
    check_edit_lists(request.edit_lists)
    with open_library(settings) as library:
        record = ingested.video if ingested else library.catalog.find(request.video)
        new = ingested.still_new(settings.solve.space) if ingested else None
        if new:
            library.expect_changes()
        outputs = outputs_of(record, settings, request.overwrite, request.detector)
        outputs.claim(request.plan_file, request.evidence, *request.edit_lists)
        rows = new.rows(settings.solve.space) if new else None
        frames = _with_sound(solve_input(library, record, settings, rows), record, settings, source)
        # Chroma keeps the vectors that were read in memory until it is closed.
        library.release()
        arrangement = arrange.arrange(frames, settings, progress, request.constraints or NO_CONSTRAINTS)
        constraints = arrangement.constraints
        used = settings_used(library, record, frames, settings, new.space(settings.solve.space) if new else None)
        plan = plan_from(record, frames, arrangement, used, constraints)
        if detector:

            def solve_without(broken: set[int]) -> Plan:
                dropping = replace(constraints, drop=tuple({*constraints.drop, *broken}))
                again = arrange.arrange(frames, settings, progress, dropping)
                return plan_from(record, frames, again, used, constraints)

            source = check_source(plan, source, record.stamp)
            pinned = {*constraints.placed, *constraints.keep}
            plan = drop_broken(plan, source, solve_without, detector, settings, pinned, progress)
        if request.store and new:
            text = plan.model_dump_json()
            new.thread.put(lambda stored: stored.keep_plan(record, text))
        elif request.store:
            library.keep_plan(record, plan.model_dump_json())
    if request.evidence:
        with outputs.writing(request.evidence):
            write_evidence(arrangement, request.evidence)
    if request.plan_file:
        write_plan_file(plan, request.plan_file, outputs)
    if request.edit_lists:
        write_edit_lists(edits_of_plan(plan, times_of(frames.rows)), request.edit_lists, outputs, progress)
    return plan


@dataclass(frozen=True)
class SolvedVideo:
    """A video of the library, and its plan or why there is none."""

    video: VideoRecord
    plan: Plan | None = None
    plan_file: Path | None = None
    error: ReelweaveError | None = None


def solve_all(
    settings: Settings, progress: Progress = SILENT, plans: Path | None = None, *, overwrite: Overwrite = False
) -> Iterator[SolvedVideo]:
    """Solve each video of the library by the workers of the engine. One that fails does not stop the others.

    Args:
        settings: The settings; `engine` says where the work runs.
        progress: Where stages and notes go.
        plans: A folder for the plans, each named after the id of its video.
        overwrite: Whether files that Reelweave did not write may be replaced.
    """
    with open_library(settings) as library, open_engine(settings, progress) as engine:
        videos = [video for video in library.catalog.videos() if video.complete]
        failed: list[SolvedVideo] = []
        jobs = _solve_jobs(library, videos, settings, failed, settings.engine.name == "local")
        task = FunctionTask(partial(_arranged, settings))
        with progress.stage("solve", len(videos)) as stage, closing(engine.run(task, jobs)) as work:
            for (video, frames), done in work:
                yield from (failed.pop() for _ in failed[:])
                yield _solved(library, video, frames, done, settings, plans, overwrite)
                stage.advance()
        yield from failed


def _solve_jobs(
    library: Library, videos: list[VideoRecord], settings: Settings, failed: list[SolvedVideo], is_local: bool
) -> Iterator[tuple[VideoRecord, SolveInput]]:
    for video in videos:
        try:
            frames = _with_sound(solve_input(library, video, settings), video, settings)
        except ReelweaveError as error:
            failed.append(SolvedVideo(video, error=error))
            continue
        # Workers elsewhere cannot reach the caches of the library.
        yield video, frames if is_local else replace(frames, motion=NoMotionCache(), cache=NoOrderCache())


def _arranged(settings: Settings, job: tuple[VideoRecord, SolveInput]) -> Arrangement:
    return arrange.arrange(job[1], settings, SILENT)


def _solved(
    library: Library,
    video: VideoRecord,
    frames: SolveInput,
    done: Arrangement | Exception,
    settings: Settings,
    plans: Path | None,
    overwrite: Overwrite,
) -> SolvedVideo:
    if isinstance(done, ReelweaveError):
        return SolvedVideo(video, error=done)
    if isinstance(done, Exception):
        raise done
    plan = plan_from(video, frames, done, settings_used(library, video, frames, settings), done.constraints)
    library.keep_plan(video, plan.model_dump_json())
    file = plans / f"{video.id}.json" if plans else None
    if file:
        try:
            outputs = outputs_of(video, settings, overwrite)
            file.parent.mkdir(parents=True, exist_ok=True)
            outputs.claim(file)
            write_plan_file(plan, file, outputs)
        except ReelweaveError as error:
            return SolvedVideo(video, plan, error=error)
    return SolvedVideo(video, plan, file)


def _with_sound(frames: SolveInput, video: VideoRecord, settings: Settings, opened: Source | None = None) -> SolveInput:
    """Add the sound of the source, if that is there and unchanged; sound to be kept as it is says nothing of frames."""
    source, rows = Path(video.source), frames.rows
    if video.kind != "video" or rows.gaps or not len(rows) or settings.render.audio == "keep":
        return frames
    if not (settings.solve.sound and video.source and source.exists() and stamp(source) == video.stamp):
        return frames
    if opened and not opened.info().audio_tracks:
        return frames
    from .render.audio.analysis import read_slices

    return replace(frames, sound=read_slices(source, rows.times.tolist(), video.fps))


def solve_split(
    video: str | SolveRequest, settings: Settings, progress: Progress = SILENT, **options: Any
) -> list[Plan]:
    """Find the films that were mixed into one video and return a plan of each, the longest first.

    Args:
        video: A request, or the id, name or path of a video in the library.
        settings: The settings.
        progress: Where stages and notes go.
        options: The other fields of `SolveRequest`, unless a request is given.

    Raises:
        UsageError: The request has constraints or asks for a repair, or an output must not be replaced.
    """
    request = request_of(SolveRequest, video, _renamed(options))
    _check_split(request)
    check_edit_lists(request.edit_lists)
    with open_library(settings) as library:
        record = library.catalog.find(request.video)
        outputs = outputs_of(record, settings, request.overwrite)
        known = _known_films(request)
        outputs.claim(*request.files(range(1, known + 1)))
        frames = _with_sound(solve_input(library, record, settings), record, settings)
        proxies = proxies_of(library, record)
        films = arrange_films(frames, lambda row: proxy_yuv(proxies[row]), settings, progress, request.films)
        used = settings_used(library, record, frames, settings)
        plans = [plan_from(record, frames, film, used, NO_CONSTRAINTS) for film in films]
        plans = [mark_split(plan, number, len(plans), settings) for number, plan in enumerate(plans, 1)]
        library.keep_plan(record, plans[0].model_dump_json())
    outputs.claim(*request.files(range(known + 1, len(plans) + 1)))
    for number, (film, plan) in enumerate(zip(films, plans, strict=True), 1):
        if request.evidence:
            with outputs.writing(file := numbered(request.evidence, number)):
                write_evidence(film, file)
        if request.plan_file:
            write_plan_file(plan, numbered(request.plan_file, number), outputs)
        if request.edit_lists:
            files = [numbered(file, number) for file in request.edit_lists]
            write_edit_lists(edits_of_plan(plan, times_of(frames.rows)), files, outputs, progress)
    return plans


def render(
    plan: Plan,
    output: Path,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    both: bool = False,
    lossless: bool = False,
    fps: Fraction | None = None,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Write the film of a plan.

    Args:
        plan: The plan. Its source must be the file that was solved.
        output: The film to write; the suffix chooses the container.
        settings: The settings.
        progress: Where stages and notes go.
        both: Also write the film backwards, beside it.
        lossless: Keep the samples of the source.
        fps: Frame rate of the film; that of the source by default.
        overwrite: Whether files that Reelweave did not write may be replaced.

    Returns:
        The films that were written.

    Raises:
        SourceError: The source is missing or has changed since the plan was made.
        RenderError: ffmpeg could not write the film.
    """
    from .render.film import render_plan

    source = check_source(plan)
    check_film_name(output)
    outputs = outputs_of(plan.video, settings, overwrite, source.path)
    outputs.claim(*films_at(output, both))
    return render_plan(plan, source, output, outputs, settings, progress, both=both, lossless=lossless, fps=fps)


def write_report(plan: Plan, folder: Path, settings: Settings, *, overwrite: Overwrite = False) -> list[Path]:
    """Write a page with pictures of the film before and after.

    Returns:
        The files that were written; the last one is the page.
    """
    from .render.report.build import write_plan_report
    from .render.report.folder import REPORT_FILES

    outputs = outputs_of(plan.video, settings, overwrite)
    outputs.claim(folder=folder, names=REPORT_FILES)
    return write_plan_report(plan, folder, outputs, settings)


def reconstruct(
    path: Path | ReconstructRequest, settings: Settings, progress: Progress = SILENT, **options: Any
) -> Reconstruction:
    """Put a shuffled video back in order: ingest it, solve its order, write the plan and render the film.

    With `split` or `films`, each film that was mixed into the video is written under its number.
    With `repair` or a `detector`, broken frames are replaced with interpolated ones.

    Args:
        path: A request, or the video, GIF or folder of pictures.
        settings: The settings. Every frame is ingested, whatever `ingest.fps` says.
        progress: Where stages and notes go.
        options: The other fields of `ReconstructRequest`, unless a request is given.

    Raises:
        SourceError: The source cannot be read.
        UsageError: Options contradict each other, or an output must not be replaced.
        RenderError: ffmpeg could not write the film.
    """
    from .render.film import render_plan

    request = request_of(ReconstructRequest, path, _renamed(options))
    settings, progress = every_frame(settings), noting(progress)
    source, outputs = _begin(request, settings)
    timer = StageTimer()
    with _begin_ingest(source, settings, progress) as ingested:
        outputs.origin = ingested.video.sha256
        timer.lap("ingest")
        plans = _solved_films(request, settings, progress, source, ingested)
        films = [(plan, request.paths(number)) for number, plan in enumerate(plans, 1)]
        for number in range(_known_films(request) + 1, len(plans) + 1):
            _claim(outputs, request, number)
        for number, (plan, paths) in enumerate(films, 1):
            write_plan_file(plan, paths.plan, outputs)
            write_plan_edits(plan, request.edit_list_paths(number), outputs, settings, progress)
        timer.lap("solve")
        ingested.store()
        results = []
        for plan, paths in films:
            source = check_source(plan, source)
            written = render_plan(
                plan, source, paths.output, outputs, settings, progress, both=request.both, lossless=request.lossless
            )
            results.append(film_result(plan, paths, written))
        ingested.wait()
        timer.lap("render")
        if request.report:
            from .render.report.build import write_plan_report

            for plan, paths in films:
                write_plan_report(plan, paths.report or request.report, outputs, settings)
            timer.lap("report")
    return reconstruction_of(ingested.video, plans, results, settings.solve.space, timer.laps)


def _solved_films(
    request: ReconstructRequest, settings: Settings, progress: Progress, source: Source, ingested: Ingested
) -> list[Plan]:
    solving = request.solving(ingested.video.id)
    if request.splits:
        ingested.wait()
        plans = solve_split(solving, settings, progress)
    else:
        plans = [_solve(solving, settings, progress, source, ingested)]
    return [plan.reversed() if request.reverse else plan for plan in plans]


def _begin(request: ReconstructRequest, settings: Settings) -> tuple[Source, Outputs]:
    """Check everything that can be checked before any work, and open the source."""
    if request.splits:
        _check_split(request)
    if request.detector:
        load_detector(request.detector, settings.breakup)
    check_edit_lists(request.edit_lists)
    source = open_source(request.path, settings.ingest.pictures_fps)
    inputs = [source.path, request.detector]
    outputs = Outputs(content_origin(source), request.overwrite, inputs=inputs, library=library_folder(settings))
    for number in range(1, _known_films(request) + 1):
        _claim(outputs, request, number)
    return source, outputs


def _check_split(request: SolveRequest | ReconstructRequest) -> None:
    """Refuse options that cannot be combined with a split."""
    # Constraints name frames of one order and do not say to which film a frame belongs.
    if request.constraints:
        raise UsageError(
            "Constraints on the order cannot be combined with --split.",
            "Without --split, --drop-shot leaves out the shots of the other films.",
        )
    # Broken frames are found by their neighbours, so a film must be in order before it is repaired.
    if request.repair or request.detector is not None:
        raise UsageError("--repair cannot be combined with --split.", "Split first, then repair each film by itself.")


def _known_films(request: SolveRequest | ReconstructRequest) -> int:
    """Return how many films can be named before any work."""
    return min(request.films or 1, _CLAIMED_EARLY)


def _claim(outputs: Outputs, request: ReconstructRequest, number: int) -> None:
    paths = request.paths(number)
    check_film_name(paths.output)
    files = [*films_at(paths.output, request.both), paths.plan, *request.edit_list_paths(number)]
    names: Sequence[str] = ()
    if paths.report:
        from .render.report.folder import REPORT_FILES

        names = REPORT_FILES
    outputs.claim(*files, folder=paths.report, names=names)


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of a request; version 0.1 called the constraints `wishes`."""
    return {"constraints" if name == "wishes" else name: value for name, value in options.items()}
