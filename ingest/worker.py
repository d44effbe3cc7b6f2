"""Embed one source on a worker, which sends the files of an export and knows no library."""

import platform
import socket
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from platformdirs import user_cache_dir

from .. import __version__
from ..engine.task import FilePiece
from ..errors import SourceError
from ..index.transfer_files import ExportPieces
from ..media import ffmpeg
from ..media.identity import source_hash, stamp
from ..media.proxy import ProxySize
from ..media.source import Source, open_source
from ..media.types import SpaceState, VideoRecord
from ..progress import SILENT, NotingProgress, Progress
from ..settings import NetworkSettings, Settings
from .models.embedder import Embedder
from .models.registry import open_embedder
from .models.speed import fastest_embedder
from .repeats import LastDistinct
from .video import describe, embed_video


@dataclass(frozen=True)
class EmbedJob:
    """A source to embed, and the spaces to embed it in."""

    path: Path
    stamp: str
    """As the driver sees the source."""
    spaces: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True)
class EmbeddedVideo:
    """What a worker knows of a source once it is embedded; the files of `states[n]` are in the folder named n."""

    video: VideoRecord
    states: list[SpaceState]
    notes: list[str]


def embed_source(job: EmbedJob) -> Generator[FilePiece, None, EmbeddedVideo]:
    """Decode and embed a source, and send its proxies, frame facts and vectors as they are made.

    Raises:
        SourceError: The source cannot be read here, or is another one than the driver sees.
        SpaceError: A model cannot be loaded here.
    """
    limit_threads(job.settings.engine.cpus)
    source, progress = _opened(job), NotingProgress(SILENT)
    _Models.progress = progress
    embedders = [_Models.open(name, job.settings.clip) for name in job.spaces]
    video = describe(source, source_hash(source), job.settings.ingest)
    size = ProxySize(video.proxy_width, video.proxy_height)
    shape = size.height * 3 // 2, size.width
    exports = {
        embedder.space.name: ExportPieces(embedder.space, None if number else shape, str(number))
        for number, embedder in enumerate(embedders)
    }
    states: list[SpaceState] = []
    for export in exports.values():
        yield from export.begin()
    with closing(embed_video(video, source, {}, embedders, job.settings.ingest, progress, _no_earlier_run)) as steps:
        for step in steps:
            video, states = step.video, step.states
            for name, rows in step.rows.items():
                yield from exports[name].batch(rows, step.proxies)
    for export in exports.values():
        yield from export.end(video)
    return EmbeddedVideo(video, states, progress.notes)


def _no_earlier_run(video: VideoRecord, embedder: Embedder, state: SpaceState) -> LastDistinct:
    raise AssertionError("A worker begins each source anew.")


def _opened(job: EmbedJob) -> Source:
    """Open the source of a job, and check that the driver and this machine see the same one."""
    remedy = "Every machine of the cluster needs to see the videos at the same path."
    try:
        here = stamp(job.path)
        if job.path.is_file():
            job.path.open("rb").close()
    except (OSError, SourceError) as failed:
        raise SourceError(f"{job.path} cannot be read on the worker {socket.gethostname()}.", remedy) from failed
    if here.partition(":")[0] != job.stamp.partition(":")[0]:
        raise SourceError(f"{job.path} is another file on the worker {socket.gethostname()}.", remedy)
    return open_source(job.path, job.settings.ingest.pictures_fps)


class _Models:
    """Models that stay loaded for the next source, since Ray gives a worker process one task after another."""

    progress: Progress = SILENT

    @staticmethod
    @cache
    def open(name: str, settings: NetworkSettings) -> Embedder:
        folder = Path(user_cache_dir("reelweave", appauthor=False)) / "models"
        return fastest_embedder(
            open_embedder(name, settings), settings, folder, lambda text: _Models.progress.note(text)
        )


def limit_threads(threads: int) -> None:
    """Use as many threads as the task has cores: each machine runs a task for each core."""
    import cv2

    cv2.setNumThreads(threads)
    ffmpeg.limit_threads(threads)


def installation() -> dict[str, str]:
    """Describe what decides the result of a worker."""
    return {"Python": platform.python_version(), "Reelweave": __version__, "ffmpeg": ffmpeg.build()}


ESSENTIAL = ("Python", "Reelweave")
"""Facts of an installation in which all machines must agree; another ffmpeg is noted."""
