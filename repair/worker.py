"""Repair one video of many: in this process, or on a worker that sends the film and the report to the driver."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..engine.task import FilePiece
from ..errors import UsageError
from ..ingest.worker import check_on_worker, limit_threads
from ..media.identity import stamp
from ..progress import SILENT, Progress, noting
from ..settings import Settings
from .repair import RepairRequest, repair_video
from .survey import RepairResult

FILM, REPORT = "film", "report"
"""Folders in which a worker's files arrive."""

_PIECE = 4 << 20
"""Bytes that travel at a time."""


@dataclass(frozen=True)
class RepairJob:
    """One video of many, with all that is needed to repair it."""

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


@dataclass(frozen=True)
class WorkerJob:
    """A job for a worker, which writes to a folder of its own instead of the outputs that the job names."""

    job: RepairJob
    stamp: str
    """As the driver sees the video."""

    @classmethod
    def of(cls, job: RepairJob) -> "WorkerJob":
        # A function that asks the user cannot travel, and the worker's own folder holds nothing to ask about.
        return cls(replace(job, request=replace(job.request, overwrite=True)), stamp(job.video))


def repair_file(job: RepairJob, progress: Progress = SILENT) -> RepairedFile:
    """Repair one video, and create the folders of its outputs."""
    noted = noting(progress)
    create_folders(job.request)
    return RepairedFile(repair_video(job.request, job.settings, noted), noted.notes)


def create_folders(request: RepairRequest) -> None:
    """Create the folders of the film and of the report.

    Raises:
        UsageError: One cannot be created.
    """
    for folder in filter(None, (request.output and request.output.parent, request.report)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as failed:
            raise UsageError(
                f"The folder {folder} cannot be created: {failed.strerror}.", "Choose another."
            ) from failed


def repair_on_worker(sent: WorkerJob) -> Generator[FilePiece, None, RepairedFile]:
    """Repair a video in a temporary folder, and send its film and report.

    Raises:
        SourceError: The video cannot be read here, or is another one than the driver sees.
        UsageError: More frames are broken than are replaced unasked.
    """
    job = sent.job
    limit_threads(job.settings.engine.cpus)
    check_on_worker(job.video, sent.stamp)
    with TemporaryDirectory(prefix="reelweave-repair-", ignore_cleanup_errors=True) as name:
        folder, request = Path(name), job.request
        own = replace(
            request,
            output=request.output and folder / FILM / request.output.name,
            report=request.report and folder / REPORT,
        )
        done = repair_file(replace(job, request=own))
        yield from _pieces(folder)
    result = replace(done.result, output=_text(request.output), report=_text(request.report))
    return replace(done, result=result)


def _pieces(folder: Path) -> Iterator[FilePiece]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        with file.open("rb") as opened:
            while data := opened.read(_PIECE):
                yield FilePiece(name, data)


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
