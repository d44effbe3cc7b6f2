"""Run the main job: ingest a source, solve its order into a plan, render the plan as a film.

Each verb of the command line that works on films is one function here. `reconstruct` runs all of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from .errors import LibraryError, UsageError
from .index.cache import MotionCacheFile, OrderCacheFolder
from .index.fusion import FUSED, space_identity, space_rows
from .index.library import Library, open_library, proxies_of
from .index.neighbours import nearest
from .index.overwrite import Outputs, Overwrite, content_origin
from .ingest.discover import discover_sources
from .ingest.ingester import Ingester, IngestResult
from .ingest.many import dry_run_sources, ingest_sources
from .ingest.models.matcher import KeypointMatcher, matcher_for
from .ingest.models.registry import fetch_hint
from .media.identity import stamp
from .media.proxy import chroma, luma, proxy_yuv
from .media.source import open_source
from .media.types import FrameRows, VideoRecord
from .progress import SILENT, Progress, noting
from .render.encode import Encoding, check_output
from .render.outputs import (
    OutputPaths,
    check_source,
    default_output,
    films_at,
    numbered,
    output_paths,
    write_plan_file,
)
from .render.results import Reconstruction, film_result, reconstruction_of
from .repair.detector import load_detector
from .repair.shuffled import drop_broken
from .settings import Settings, library_folder
from .solve import arrange
from .solve.constraints import NO_CONSTRAINTS, Constraints
from .solve.cost.flow import MEASURED
from .solve.cost.sound import SliceSound
from .solve.evidence import write_evidence
from .solve.make_plan import mark_split, plan_from
from .solve.plan.model import Plan
from .solve.split import arrange_films

# render.film and render.report load the audio and page code, which solve does not need: they are imported where used.

_CLAIMED_EARLY = 16
"""Bound on the films of a split whose names are checked before any work; their number is known only after solving."""

_MOVED = {
    "demo": "commands.demo:run_demo",
    "evaluate": "evaluate.scores:evaluate_plan",
    "evaluate_split": "evaluate.split_scores:evaluate_split",
    "find_broken": "repair.repair:find_broken_frames",
    "glimpse": "ui.reconstruct.reconstruct_job:proxy_film",
    "look": "ui.reconstruct.reconstruct_job:plan_preview",
    "mend": "repair.repair:replace_broken_frames",
    "playable": "ui.reconstruct.reconstruct_job:playable_copy",
    "repair": "repair.repair:repair_video",
    "robustness": "evaluate.robustness:evaluate_robustness",
    "scramble": "evaluate.scramble:scramble_video",
    "search": "search.search:search_library",
    "similar": "search.search:compare_images",
    "viewable": "ui.reconstruct.reconstruct_job:viewable_source",
}
"""Functions that were in this module in version 0.1, and where they are now."""


def __getattr__(name: str) -> Any:
    """Import a moved function on first access, so that code written for 0.1 keeps working."""
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, function = _MOVED[name].partition(":")
    return getattr(import_module(f"{__package__}.{module}"), function)


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
    overwrite: Overwrite = False


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


_Request = TypeVar("_Request", SolveRequest, ReconstructRequest)


def _request(kind: type[_Request], subject: Any, options: dict[str, Any]) -> _Request:
    """Return the request itself, or build it from a path or name with keywords. 0.1 called constraints `wishes`."""
    if isinstance(subject, kind):
        if options:
            raise TypeError(f"{kind.__name__} takes no further keywords: {', '.join(options)}")
        return subject
    if "wishes" in options:
        options["constraints"] = options.pop("wishes")
    return kind(subject, **options)


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


def ingest(path: Path, settings: Settings, progress: Progress = SILENT) -> VideoRecord:
    """Store vectors of every frame of a source in the library. Frames that are stored are not decoded again."""
    with open_library(library_folder(settings)) as library:
        ingested = Ingester(library, settings, progress).ingest(path)
        assert ingested.video
        return ingested.video


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
    with open_library(library_folder(settings)) as library:
        yield from (dry_run_sources if dry_run else ingest_sources)(library, sources, settings, progress)


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
    request = _request(SolveRequest, video, options)
    repairs = request.repair or request.detector is not None
    detector = load_detector(request.detector, settings.breakup) if repairs else None
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(request.video)
        outputs = _outputs_of(record, settings, request)
        outputs.claim(request.plan_file, request.evidence)
        matcher = matcher_for(settings)
        frames = solve_input(library, record, settings, matcher)
        arrangement = arrange.arrange(frames, settings, progress, request.constraints or NO_CONSTRAINTS)
        constraints = arrangement.constraints
        used = settings_used(library, record, settings, matcher)
        plan = plan_from(record, frames, arrangement, used, constraints)
        if detector:

            def solve_without(broken: set[int]) -> Plan:
                dropping = replace(constraints, drop=tuple({*constraints.drop, *broken}))
                again = arrange.arrange(frames, settings, progress, dropping)
                return plan_from(record, frames, again, used, constraints)

            _source_of(plan, record)
            pinned = {*constraints.placed, *constraints.keep}
            plan = drop_broken(plan, solve_without, detector, settings.repair.longest, pinned, progress)
        library.keep_plan(record, plan.model_dump_json())
    if request.evidence:
        with outputs.writing(request.evidence):
            write_evidence(arrangement, request.evidence)
    if request.plan_file:
        _write_plan(plan, request.plan_file, outputs)
    return plan


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
    request = _request(SolveRequest, video, options)
    _check_split(request)
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(request.video)
        outputs = _outputs_of(record, settings, request)
        files = [file for file in (request.plan_file, request.evidence) if file]
        claimed = min(request.films or 1, _CLAIMED_EARLY)
        outputs.claim(*(numbered(file, number) for number in range(1, claimed + 1) for file in files))
        matcher = matcher_for(settings)
        frames, proxies = solve_input(library, record, settings, matcher), proxies_of(library, record)
        films = arrange_films(frames, lambda row: proxy_yuv(proxies[row]), settings, progress, request.films)
        used = settings_used(library, record, settings, matcher)
        plans = [plan_from(record, frames, film, used, NO_CONSTRAINTS) for film in films]
        plans = [mark_split(plan, number, len(plans), settings) for number, plan in enumerate(plans, 1)]
        library.keep_plan(record, plans[0].model_dump_json())
    outputs.claim(*(numbered(file, number) for number in range(claimed + 1, len(plans) + 1) for file in files))
    for number, (film, plan) in enumerate(zip(films, plans, strict=True), 1):
        if request.evidence:
            with outputs.writing(file := numbered(request.evidence, number)):
                write_evidence(film, file)
        if request.plan_file:
            _write_plan(plan, numbered(request.plan_file, number), outputs)
    return plans


def _source_of(plan: Plan, video: VideoRecord) -> Path:
    """Check the source of a plan just made from a video. It is read again only if its stamp changed since ingest."""
    source = Path(plan.video.source)
    if plan.video.source and source.exists() and stamp(source) == video.stamp:
        return source
    return check_source(plan)


def _outputs_of(video: VideoRecord, settings: Settings, request: SolveRequest) -> Outputs:
    source = Path(video.source) if video.source else None
    return Outputs(
        video.sha256 or video.id,
        request.overwrite,
        inputs=[source, request.detector],
        library=library_folder(settings),
    )


def _write_plan(plan: Plan, file: Path, outputs: Outputs) -> None:
    with outputs.writing(file):
        write_plan_file(plan, file)


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
    source = check_source(plan)
    check_output(output, source)
    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(*films_at(output, both))
    return _render(plan, source, output, outputs, settings, progress, both=both, lossless=lossless, fps=fps)


def _outputs_from(plan: Plan, settings: Settings, overwrite: Overwrite) -> Outputs:
    source = Path(plan.video.source) if plan.video.source else None
    origin = plan.video.sha256 or plan.video.id
    return Outputs(origin, overwrite, inputs=[source], library=library_folder(settings))


def _render(
    plan: Plan,
    source: Path,
    output: Path,
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    both: bool,
    lossless: bool,
    fps: Fraction | None = None,
) -> list[Path]:
    from .render import film
    from .render.audio.soundtrack import chosen_audio
    from .render.fill import FillOptions

    progress = noting(progress)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    audio = chosen_audio(settings.render.audio, plan, source, progress)
    films = films_at(output, both)
    for directed, target in zip((plan, plan.reversed()), films, strict=False):
        with outputs.writing(target):
            film.render(
                directed,
                source,
                target,
                encoding,
                fps=fps,
                audio=audio,
                filling=FillOptions(settings.repair.method, settings.repair.long, settings.repair.longest),
                scratch_bytes=int(settings.render.scratch_gb * 1e9),
                progress=progress,
            )
    return films


def save_plan(plan: Plan, file: Path, *, overwrite: Overwrite = False) -> Path:
    """Write a plan as a file that `render` reads and people can edit."""
    _write_plan(plan, file, Outputs(plan.video.sha256 or plan.video.id, overwrite))
    return file


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
    request = _request(ReconstructRequest, path, options)
    if request.splits:
        _check_split(request)
    if request.detector:
        load_detector(request.detector, settings.breakup)
    open_source(request.path)
    check_output(request.output or default_output(request.path), request.path)
    outputs = Outputs(
        content_origin(request.path),
        request.overwrite,
        inputs=[request.path, request.detector],
        library=library_folder(settings),
    )
    claimed = min(request.films or 1, _CLAIMED_EARLY)
    for number in range(1, claimed + 1):
        _claim(outputs, request.paths(number), request.both)
    settings, progress = every_frame(settings), noting(progress)
    timer = _Timer()
    video = ingest(request.path, settings, progress)
    outputs.origin = video.sha256
    timer.lap("ingest")
    solving = request.solving(video.id)
    plans = solve_split(solving, settings, progress) if request.splits else [solve(solving, settings, progress)]
    plans = [plan.reversed() if request.reverse else plan for plan in plans]
    films = [(plan, request.paths(number)) for number, plan in enumerate(plans, 1)]
    for _, paths in films[claimed:]:
        _claim(outputs, paths, request.both)
    for plan, paths in films:
        _write_plan(plan, paths.plan, outputs)
    timer.lap("solve")
    results = []
    for plan, paths in films:
        source = _source_of(plan, video)
        written = _render(
            plan, source, paths.output, outputs, settings, progress, both=request.both, lossless=request.lossless
        )
        results.append(film_result(plan, paths, written))
    timer.lap("render")
    if request.report:
        for plan, paths in films:
            _write_report(plan, paths.report or request.report, outputs, settings)
        timer.lap("report")
    return reconstruction_of(video, plans, results, settings.solve.space, timer.laps)


class _Timer:
    """Measure the seconds of each stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now


def _claim(outputs: Outputs, paths: OutputPaths, both: bool) -> None:
    from .render.report.folder import REPORT_FILES

    outputs.claim(*films_at(paths.output, both), paths.plan, folder=paths.report, names=REPORT_FILES)


def write_report(plan: Plan, folder: Path, settings: Settings, *, overwrite: Overwrite = False) -> list[Path]:
    """Write a page with pictures of the film before and after.

    Returns:
        The files that were written; the last one is the page.
    """
    from .render.report.folder import REPORT_FILES

    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(folder=folder, names=REPORT_FILES)
    return _write_report(plan, folder, outputs, settings)


def _write_report(plan: Plan, folder: Path, outputs: Outputs, settings: Settings) -> list[Path]:
    from .render.report.build import write_plan_report
    from .render.report.folder import REPORT_FILES

    with open_library(library_folder(settings), settings) as library, outputs.writing_folder(folder, REPORT_FILES):
        return write_plan_report(library, library.catalog.find(plan.video.id), plan, folder, settings)


def every_frame(settings: Settings) -> Settings:
    """Return the settings with every frame sampled. A film needs all of them; `ingest.fps` is meant for search."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fps": 0.0})})


def solve_input(
    library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None = None
) -> arrange.SolveInput:
    """Collect what the solver needs of a stored video: vectors, proxies, neighbour search and caches."""
    rows = _rows(library, video, settings)
    proxies = proxies_of(library, video)[: len(rows)]
    colours = chroma(proxies) if settings.solve.price == "histogram" else None
    motion = MotionCacheFile(library.motion_file(video.id), luma(proxies), MEASURED)
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    orders = OrderCacheFolder(library.orders_folder(video.id))
    sound = _sound(video, rows, settings)
    return arrange.SolveInput(
        rows, luma(proxies), near, settings.solve.space, video.kind, colours, matcher, motion, orders, sound
    )


def _sound(video: VideoRecord, rows: FrameRows, settings: Settings) -> SliceSound | None:
    """Hear the source, if it is still there and unchanged; sound that is to be kept as it is says nothing of frames."""
    source = Path(video.source)
    if video.kind != "video" or rows.gaps or not len(rows) or settings.render.audio == "keep":
        return None
    if not (settings.solve.sound and video.source and source.exists() and stamp(source) == video.stamp):
        return None
    from .render.audio.analysis import read_slices

    return read_slices(source, rows.times.tolist(), video.fps)


def _rows(library: Library, video: VideoRecord, settings: Settings) -> FrameRows:
    """Read the vectors of the space. If they are missing, the error also says which weights must be fetched."""
    try:
        return space_rows(library, video, settings.solve.model_dump())
    except LibraryError as missing:
        space = settings.solve.fused_with if settings.solve.space == FUSED else settings.solve.space
        if remedy := fetch_hint(space, settings.clip):
            raise LibraryError(missing.cause, f"{missing.remedy}{remedy}") from missing
        raise


def settings_used(
    library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None
) -> dict[str, Any]:
    """Return the settings that the plan records, with the identity of the models."""
    sections = settings.model_dump(include={"neighbours", "outliers", "solve", "shots"})
    models: dict[str, Any] = {"space": asdict(space_identity(library, video, sections["solve"]))}
    return sections | {"models": models | ({"matcher": matcher.identity} if matcher else {})}
