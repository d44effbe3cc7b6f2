"""The story in order: a source is ingested, its frames are solved into a plan, the plan is rendered.

Every verb of the command line that works on films is one function here, and can be called from Python.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .errors import LibraryError, UsageError
from .index.cache import MotionCacheFile, OrderCacheFolder
from .index.fusion import FUSED, space_identity, space_rows
from .index.library import Library, proxies_of
from .index.neighbours import nearest
from .index.overwrite import Outputs, Overwrite, content_origin
from .ingest.models.matcher import KeypointMatcher
from .ingest.models.registry import fetching
from .media.proxy import chroma, luma
from .media.types import FrameRows, VideoRecord
from .progress import SILENT, Progress, noted
from .render.outputs import (
    OutputPaths,
    checked_source,
    default_output,
    films_at,
    numbered,
    output_paths,
    write_plan_file,
)
from .render.results import Reconstruction, film_result, reconstruction_of
from .settings import Settings, library_folder
from .solve.arrange import SolveInput
from .solve.constraints import Constraints
from .solve.cost.flow import MEASURED
from .solve.plan.model import Plan

if TYPE_CHECKING:
    from .ingest.ingester import IngestResult

_CLAIMED_EARLY = 16
"""Films of a split whose names are checked before any work. How many there are is known once they were told apart."""

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
    "similar": "search.search:compare_two_pictures",
    "viewable": "ui.reconstruct.reconstruct_job:viewable_source",
}
"""Functions that were here in 0.1, and where they are now."""


def __getattr__(name: str) -> Any:
    """Find a function that moved, so that callers of 0.1 keep working; it is loaded when it is asked for."""
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, function = _MOVED[name].partition(":")
    return getattr(import_module(f"{__package__}.{module}"), function)


class LapTimer:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now


def refuse_with_split(wishes: Constraints | None) -> None:
    """What is known of an order says nothing of which film a frame is from."""
    if wishes:
        raise UsageError(
            "What you know of the order cannot be said together with --split.",
            "Without it, --drop-shot leaves out the shots of the other films.",
        )


def refuse_repair_with_split(wanted: bool) -> None:
    """Films that were mixed are repaired one by one, once they lie in order."""
    if wanted:
        raise UsageError(
            "--repair cannot be said together with --split.", "Split first, and repair each of the films by itself."
        )


def ingest(path: Path, settings: Settings, progress: Progress = SILENT) -> VideoRecord:
    """Every frame of a source into the library; what is there already is not decoded again."""
    from .index.library import open_library
    from .ingest.ingester import Ingester

    with open_library(library_folder(settings)) as library:
        taken = Ingester(library, settings, progress).take(path)
        assert taken.video
        return taken.video


def ingest_all(
    paths: Iterable[Path], settings: Settings, progress: Progress = SILENT, *, dry_run: bool = False
) -> "Iterator[IngestResult]":
    """What became of each source that files, folders and patterns stand for; or what would, in a dry run.

    A source that cannot be taken in is told with its error, and keeps no other out.
    """
    from .index.library import open_library
    from .ingest.discover import discover_sources
    from .ingest.many import dry_run_sources, ingest_sources

    gathered = discover_sources(paths)
    for note in gathered.notes:
        progress.note(note)
    with open_library(library_folder(settings)) as library:
        yield from (dry_run_sources if dry_run else ingest_sources)(library, gathered, settings, progress)


def solve(
    video: str,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    wishes: Constraints | None = None,
    plan_file: Path | None = None,
    evidence: Path | None = None,
    repair: bool = False,
    detector: Path | None = None,
    overwrite: Overwrite = False,
) -> Plan:
    """The plan for a video of the library, from its stored vectors and proxies alone.

    With `repair`, or a trained `detector`, its source is decoded to find broken frames, which leave holes.
    """
    from .index.library import open_library
    from .ingest.models.matcher import matcher_for
    from .repair.detector import detector_of
    from .solve.arrange import arrange
    from .solve.constraints import NO_CONSTRAINTS
    from .solve.evidence import write_evidence
    from .solve.make_plan import plan_from

    wishes = wishes or NO_CONSTRAINTS
    judge = detector_of(detector, settings.breakup) if repair or detector else None
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(video)
        outputs = _outputs_of(record, settings, overwrite, detector)
        outputs.claim(plan_file, evidence)
        matcher = matcher_for(settings)
        film = solve_input(library, record, settings, matcher)
        arrangement = arrange(film, settings, progress, wishes)
        wishes = arrangement.wishes
        used = settings_used(library, record, settings, matcher)
        plan = plan_from(record, film, arrangement, used, wishes)
        if judge:
            from .repair.shuffled import drop_broken

            def without(frames: set[int]) -> Plan:
                asked = replace(wishes, drop=tuple({*wishes.drop, *frames}))
                return plan_from(record, film, arrange(film, settings, progress, asked), used, wishes)

            checked_source(plan)
            plan = drop_broken(plan, without, judge, settings.repair.longest, {*wishes.placed, *wishes.keep}, progress)
        library.keep_plan(record, plan.model_dump_json())
    if evidence:
        with outputs.writing(evidence):
            write_evidence(arrangement, evidence)
    if plan_file:
        with outputs.writing(plan_file):
            write_plan_file(plan, plan_file)
    return plan


def solve_split(
    video: str,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    films: int | None = None,
    wishes: Constraints | None = None,
    plan_file: Path | None = None,
    evidence: Path | None = None,
    overwrite: Overwrite = False,
) -> list[Plan]:
    """A plan for each film that was mixed into a video, the largest first; `films` is how many, where that is known."""
    from .index.library import open_library, proxies_of
    from .ingest.models.matcher import matcher_for
    from .media.proxy import proxy_yuv
    from .solve.constraints import NO_CONSTRAINTS
    from .solve.evidence import write_evidence
    from .solve.make_plan import mark_split, plan_from
    from .solve.split import arrange_films

    refuse_with_split(wishes)
    with open_library(library_folder(settings), settings) as library:
        record = library.catalog.find(video)
        outputs = _outputs_of(record, settings, overwrite)
        files, claimed = [file for file in (plan_file, evidence) if file], min(films or 1, _CLAIMED_EARLY)
        outputs.claim(*(numbered(file, number) for number in range(1, claimed + 1) for file in files))
        matcher = matcher_for(settings)
        film, proxies = solve_input(library, record, settings, matcher), proxies_of(library, record)
        found = arrange_films(film, lambda row: proxy_yuv(proxies[row]), settings, progress, films)
        used = settings_used(library, record, settings, matcher)
        plans = [plan_from(record, film, one, used, NO_CONSTRAINTS) for one in found]
        plans = [mark_split(plan, number, len(plans), settings) for number, plan in enumerate(plans, 1)]
        library.keep_plan(record, plans[0].model_dump_json())
    outputs.claim(*(numbered(file, number) for number in range(claimed + 1, len(plans) + 1) for file in files))
    for number, (one, plan) in enumerate(zip(found, plans, strict=True), 1):
        if evidence:
            with outputs.writing(place := numbered(evidence, number)):
                write_evidence(one, place)
        if plan_file:
            with outputs.writing(place := numbered(plan_file, number)):
                write_plan_file(plan, place)
    return plans


def _outputs_of(video: VideoRecord, settings: Settings, overwrite: Overwrite, detector: Path | None = None) -> Outputs:
    """What is made from a video of the library."""
    source = Path(video.source) if video.source else None
    return Outputs(video.sha256 or video.id, overwrite, inputs=[source, detector], library=library_folder(settings))


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
    """The plan's frames as a film; with `both`, also the film backwards beside it."""
    from .render.encode import check_output

    source = checked_source(plan)
    check_output(output, source)
    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(*films_at(output, both))
    return _render(plan, source, output, outputs, settings, progress, both=both, lossless=lossless, fps=fps)


def _outputs_from(plan: Plan, settings: Settings, overwrite: Overwrite) -> Outputs:
    """What is made from a plan."""
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
    from .render.audio.soundtrack import has_sound
    from .render.encode import Encoding
    from .render.fill import FillOptions
    from .render.film import render as write_film

    progress = noted(progress)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    audio = settings.render.audio
    if not has_sound(source, audio, ("keep", "reslice"), progress):
        audio = "drop"
    films = films_at(output, both)
    for film, target in zip((plan, plan.reversed()), films, strict=False):
        with outputs.writing(target):
            write_film(
                film,
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
    """A plan as a file that `render` takes and people can edit."""
    with Outputs(plan.video.sha256 or plan.video.id, overwrite).writing(file):
        write_plan_file(plan, file)
    return file


def reconstruct(
    path: Path,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    wishes: Constraints | None = None,
    output: Path | None = None,
    plan_file: Path | None = None,
    report: Path | None = None,
    reverse: bool = False,
    both: bool = False,
    lossless: bool = False,
    split: bool = False,
    films: int | None = None,
    repair: bool = False,
    detector: Path | None = None,
    overwrite: Overwrite = False,
) -> Reconstruction:
    """A shuffled, polluted video in; the film in order out, with its plan beside it.

    With `split`, or a number of `films`, each film that was mixed into the video by itself, under a number.
    With `repair`, or a trained `detector`, broken frames go and others are made in their places.
    """
    from .media.source import open_source
    from .render.encode import check_output
    from .repair.detector import detector_of

    apart = split or films is not None
    if apart:
        refuse_with_split(wishes)
        refuse_repair_with_split(repair or detector is not None)
    if detector:
        detector_of(detector, settings.breakup)
    open_source(path)
    output = output or default_output(path)
    check_output(output, path)

    def place(number: int) -> OutputPaths:
        return output_paths(output, plan_file, report, number if apart else None)

    outputs = Outputs(content_origin(path), overwrite, inputs=[path, detector], library=library_folder(settings))
    claimed = min(films or 1, _CLAIMED_EARLY)
    for number in range(1, claimed + 1):
        _claim(outputs, place(number), both)
    settings, progress = every_frame(settings), noted(progress)
    clock = LapTimer()
    video = ingest(path, settings, progress)
    outputs.origin = video.sha256
    clock.lap("ingest")
    plans = (
        solve_split(video.id, settings, progress, films=films, wishes=wishes)
        if apart
        else [solve(video.id, settings, progress, wishes=wishes, repair=repair, detector=detector)]
    )
    plans = [plan.reversed() if reverse else plan for plan in plans]
    places = [place(number) for number in range(1, len(plans) + 1)]
    for one in places[claimed:]:
        _claim(outputs, one, both)
    for plan, one in zip(plans, places, strict=True):
        with outputs.writing(one.plan):
            write_plan_file(plan, one.plan)
    clock.lap("solve")
    made = []
    for plan, one in zip(plans, places, strict=True):
        source = checked_source(plan)
        done = _render(plan, source, one.output, outputs, settings, progress, both=both, lossless=lossless)
        made.append(film_result(plan, one, done))
    clock.lap("render")
    if report:
        for plan, one in zip(plans, places, strict=True):
            _write_report(plan, one.report or report, outputs, settings)
        clock.lap("report")
    return reconstruction_of(video, plans, made, settings.solve.space, clock.laps)


def _claim(outputs: Outputs, place: OutputPaths, both: bool) -> None:
    from .render.report.folder import REPORT_FILES

    outputs.claim(*films_at(place.output, both), place.plan, folder=place.report, names=REPORT_FILES)


def write_report(plan: Plan, folder: Path, settings: Settings, *, overwrite: Overwrite = False) -> list[Path]:
    """Pictures of a film before and after, for people who would rather look than read."""
    from .render.report.folder import REPORT_FILES

    outputs = _outputs_from(plan, settings, overwrite)
    outputs.claim(folder=folder, names=REPORT_FILES)
    return _write_report(plan, folder, outputs, settings)


def _write_report(plan: Plan, folder: Path, outputs: Outputs, settings: Settings) -> list[Path]:
    from .index.library import open_library
    from .render.report.build import write_plan_report
    from .render.report.folder import REPORT_FILES

    with open_library(library_folder(settings), settings) as library, outputs.writing_folder(folder, REPORT_FILES):
        return write_plan_report(library, library.catalog.find(plan.video.id), plan, folder, settings)


def every_frame(settings: Settings) -> Settings:
    """A film is made of all its frames, at whatever rate others are searched."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"fps": 0.0})})


def solve_input(
    library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None = None
) -> SolveInput:
    rows = _rows(library, video, settings)
    proxies = proxies_of(library, video)[: len(rows)]
    colours = chroma(proxies) if settings.solve.price == "histogram" else None
    motion = MotionCacheFile(library.motion_file(video.id), luma(proxies), MEASURED)
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    shelf = OrderCacheFolder(library.orders_folder(video.id))
    return SolveInput(rows, luma(proxies), near, settings.solve.space, video.kind, colours, matcher, motion, shelf)


def _rows(library: Library, video: VideoRecord, settings: Settings) -> FrameRows:
    """The rows that are to be solved; who is told to make them hears what else that takes."""
    try:
        return space_rows(library, video, settings.solve.model_dump())
    except LibraryError as lacking:
        space = settings.solve.fused_with if settings.solve.space == FUSED else settings.solve.space
        if also := fetching(space, settings.clip):
            raise LibraryError(lacking.cause, f"{lacking.remedy}{also}") from lacking
        raise


def settings_used(
    library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None
) -> dict[str, Any]:
    """What the plan says it was solved with, the identity of the models included."""
    sections = settings.model_dump(include={"neighbours", "outliers", "solve", "shots"})
    models: dict[str, Any] = {"space": asdict(space_identity(library, video, sections["solve"]))}
    return sections | {"models": models | ({"matcher": matcher.identity} if matcher else {})}
