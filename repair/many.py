"""Repair many videos. One that fails is reported and skipped."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..engine.task import Engine
from ..errors import ReelweaveError, SourceError, UsageError
from ..index.overwrite import Outputs
from ..ingest.discover import DiscoveredSources
from ..ingest.workers import open_engine
from ..progress import Progress, TitledProgress
from ..render.encode import SUFFIXES
from ..render.report.repair_page import STRIP_FILES
from ..render.segments import WorkFolder
from ..settings import Settings
from .repair import RepairRequest, outputs_of_repair
from .survey import Survey, open_video
from .worker import FILM, REPORT, RepairedFile, RepairJob, WorkerJob, create_folders, repair_file, repair_on_worker

Done = TypeVar("Done")


@dataclass(frozen=True)
class RefuseAbove:
    """Refuse to replace more than this share of a video, where nobody can be asked."""

    share: float

    def __call__(self, seen: Survey) -> None:
        broken, frames = len(seen.broken), len(seen.verdicts)
        if broken > self.share * frames:
            raise UsageError(
                f"{broken} of {frames} frames ({broken / frames:.0%}) look broken, more than is replaced unasked.",
                "See which with --detect-only --report FOLDER, then give --yes to replace them all.",
            )


def repair_jobs(
    paths: Iterable[Path], found: DiscoveredSources, template: RepairRequest, settings: Settings
) -> list[RepairJob]:
    """Make a job for each video that was found.

    Args:
        paths: The files, folders and patterns given. A film keeps its path below a folder given.
        found: The videos. Those inside the folder of the films are left out, because they are results.
        template: What all requests share; `output` and `report` are folders.
        settings: How to judge, fill and encode.

    Raises:
        UsageError: There is no folder for the films, or two of them would have one name.
    """
    _check_folders(template)
    tops = [path.resolve() for path in paths if path.is_dir()]
    jobs = []
    for video in found.sources:
        name = _name_below(tops, video)
        if not template.output or not video.resolve().is_relative_to(template.output.resolve()):
            jobs.append(RepairJob(_request(template, video, name), settings))
    films = [job.request.output for job in jobs if job.request.output]
    if twice := sorted({film for film in films if films.count(film) > 1}):
        raise UsageError(f"Two of the videos would be written to {twice[0]}.", "Repair them one by one.")
    return jobs


def _check_folders(template: RepairRequest) -> None:
    if template.output is None and not template.detect_only:
        raise UsageError("Several videos are repaired into a folder.", "Name it with --output FOLDER.")
    if template.frames is not None:
        raise UsageError("--frames names the frames of one video.", "Give one video, or leave out --frames.")
    if template.edit_lists:
        raise UsageError("An edit list describes the repair of one video.", "Give one video, or leave out --edit-list.")
    for folder in (template.output, template.report):
        if folder and folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file, and several videos need a folder.", "Name a folder.")


def _name_below(tops: list[Path], video: Path) -> Path:
    real = video.resolve()
    return next((real.relative_to(top) for top in tops if real.is_relative_to(top)), Path(video.name))


def _request(template: RepairRequest, video: Path, name: Path) -> RepairRequest:
    film = name if name.suffix.lower() in SUFFIXES else name.with_name(f"{name.name}.mp4")
    return replace(
        template,
        video=video,
        output=template.output / film if template.output else None,
        report=template.report / name if template.report else None,
    )


def repair_many(
    jobs: Sequence[RepairJob], settings: Settings, progress: Progress
) -> Iterator[tuple[Path, RepairedFile | ReelweaveError]]:
    """Repair videos where the settings say, and yield each with its result or with what kept it from being repaired."""
    if settings.engine.name == "local":
        yield from _repair_here(jobs, progress)
        return
    with open_engine(settings, progress) as engine:
        yield from repair_distributed(engine, jobs, progress)


def _repair_here(jobs: Sequence[RepairJob], progress: Progress) -> Iterator[tuple[Path, RepairedFile | ReelweaveError]]:
    for number, job in enumerate(jobs, 1):
        titled = TitledProgress(progress, f"{number}/{len(jobs)} {job.video.name}")
        yield job.video, _attempt(job, partial(repair_file, job, titled))


def repair_distributed(
    engine: Engine, jobs: Sequence[RepairJob], progress: Progress
) -> Iterator[tuple[Path, RepairedFile | ReelweaveError]]:
    """Repair videos by the workers of an engine. Only this process writes films and reports."""
    run = _Run()
    with (
        progress.stage("videos", len(jobs)) as stage,
        closing(engine.run(repair_on_worker, run.sent(jobs), run.arriving)) as work,
    ):
        for sent, done in work:
            yield from run.refused()
            yield sent.job.video, run.received(sent, done)
            stage.advance()
    yield from run.refused()


class _Run:
    """The jobs that workers have, and those that were refused before any worker got them."""

    def __init__(self) -> None:
        self._outputs: dict[Path, Outputs] = {}
        self._refused: list[tuple[Path, ReelweaveError]] = []

    def sent(self, jobs: Iterable[RepairJob]) -> Iterator[WorkerJob]:
        """Check the outputs of each job, and make it ready for a worker."""
        for job in jobs:
            made = _attempt(job, partial(self._checked, job))
            if isinstance(made, WorkerJob):
                yield made
            else:
                self._refused.append((job.video, made))

    def _checked(self, job: RepairJob) -> WorkerJob:
        create_folders(job.request)
        self._outputs[job.video] = outputs_of_repair(job.request, open_video(job.video), job.settings)
        return WorkerJob.of(job)

    def refused(self) -> Iterator[tuple[Path, ReelweaveError]]:
        while self._refused:
            yield self._refused.pop(0)

    def arriving(self, sent: WorkerJob) -> Path:
        """Return the folder for a worker's files: beside the film or the report, so that they need only be renamed."""
        request = sent.job.request
        return WorkFolder.beside(request.output or request.report or sent.job.video).folder / "arriving"

    def received(self, sent: WorkerJob, done: RepairedFile | Exception) -> RepairedFile | ReelweaveError:
        """Put the files of a job where they belong."""
        outputs, folder = self._outputs.pop(sent.job.video), self.arriving(sent)
        try:
            return _attempt(sent.job, partial(_placed, done, sent.job.request, folder, outputs))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            WorkFolder(folder.parent).remove()


def _placed(done: RepairedFile | Exception, request: RepairRequest, folder: Path, outputs: Outputs) -> RepairedFile:
    if isinstance(done, Exception):
        raise done
    if request.output:
        with outputs.writing(request.output):
            (folder / FILM / request.output.name).replace(request.output)
    if request.report:
        with outputs.writing_folder(request.report, STRIP_FILES):
            for file in (folder / REPORT).iterdir():
                file.replace(request.report / file.name)
    return done


def _attempt(job: RepairJob, work: Callable[[], Done]) -> Done | ReelweaveError:
    """Return what kept a video from being repaired as a value; anything else that is raised is a defect."""
    try:
        return work()
    except ReelweaveError as failed:
        return failed
    except OSError as failed:
        return SourceError(f"{job.video} cannot be repaired: {failed.strerror or failed}.")
