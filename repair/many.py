"""Repair many videos. One that fails is reported and skipped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import ReelweaveError, SourceError, UsageError
from ..ingest.discover import DiscoveredSources
from ..progress import SILENT, Progress, TitledProgress, noting
from ..render.encode import SUFFIXES
from ..settings import Settings
from .repair import RepairRequest, repair_video
from .survey import RepairResult, Survey


@dataclass(frozen=True)
class RepairJob:
    """One video of many, with all that a worker needs to repair it."""

    request: RepairRequest
    settings: Settings

    @property
    def video(self) -> Path:
        video = self.request.video
        return video if isinstance(video, Path) else video.path


@dataclass(frozen=True)
class RepairedFile:
    """The result of one video, and the notes on it."""

    result: RepairResult
    notes: list[str]

    def data(self) -> dict[str, Any]:
        """Return the JSON answer."""
        return self.result.data() | {"notes": self.notes}


RunJobs: TypeAlias = Callable[
    [Callable[[RepairJob], RepairedFile], Iterable[RepairJob]], Iterator[tuple[RepairJob, RepairedFile | Exception]]
]
"""Runs a task for each job, here or elsewhere, and yields each job with its result or error: an engine's `run`."""


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


def repair_file(job: RepairJob, progress: Progress = SILENT) -> RepairedFile:
    """Repair one video, and create the folders of its outputs. An engine can call it on another machine."""
    noted, request = noting(progress), job.request
    for folder in (request.output and request.output.parent, request.report):
        if folder:
            _create(folder)
    return RepairedFile(repair_video(request, job.settings, noted), noted.notes)


def _create(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise UsageError(f"The folder {folder} cannot be created: {failed.strerror}.", "Choose another.") from failed


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


def run_here(progress: Progress) -> RunJobs:
    """Return what runs jobs in this process, one after another."""

    def run(
        task: Callable[..., RepairedFile], jobs: Iterable[RepairJob]
    ) -> Iterator[tuple[RepairJob, RepairedFile | Exception]]:
        listed = list(jobs)
        for number, job in enumerate(listed, 1):
            titled = TitledProgress(progress, f"{number}/{len(listed)} {job.video.name}")
            try:
                yield job, task(job, titled)
            except (ReelweaveError, OSError) as failed:
                yield job, failed

    return run


def repair_many(jobs: Iterable[RepairJob], run: RunJobs) -> Iterator[tuple[Path, RepairedFile | ReelweaveError]]:
    """Yield each video with its result, or with what kept it from being repaired."""
    for job, done in run(repair_file, jobs):
        yield job.video, done if isinstance(done, RepairedFile) else _explained(job.video, done)


def _explained(video: Path, failed: Exception) -> ReelweaveError:
    """Raise what the program does not explain: it is a defect, and not one of the video."""
    if isinstance(failed, ReelweaveError):
        return failed
    if isinstance(failed, OSError):
        return SourceError(f"{video} cannot be repaired: {failed.strerror or failed}.")
    raise failed
