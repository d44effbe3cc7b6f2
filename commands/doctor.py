"""Looking after the library and the machine: what is there, whether it works, what can go."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ..index.manage import check_videos
from ..ingest.models.registry import _networks, _runs
from ..settings import Settings, library_folder

_PACKAGES = ("chromadb", "faiss-cpu", "ortools", "opencv-python-headless", "open_clip_torch", "torch")
_LITTLE_SPACE = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that Reelweave needs, and how it stands."""

    name: str
    ok: bool
    detail: str


def doctor(settings: Settings) -> list[Check]:
    """Everything a failing machine could be failing at, each tried for real."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("ffmpeg", _ffmpeg),
        ("packages", lambda: ", ".join(f"{name} {version(name)}" for name in _PACKAGES)),
        ("library", lambda: _library(settings)),
        ("disk", lambda: _disk(settings)),
        ("store", lambda: _store(settings)),
        *((f"{name} weights", partial(_weights, name, model, settings)) for name, model in _networks(settings).items()),
    ]
    return [_tried(name, check) for name, check in checks]


def _tried(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except Exception as failed:  # a doctor that dies of the patient's illness helps nobody
        return Check(name, False, str(failed).replace("\n", " ") or type(failed).__name__)


def _ffmpeg() -> str:
    from ..errors import RenderError
    from ..media import ffmpeg

    done = ffmpeg.run(["-f", "lavfi", "-i", "testsrc=s=64x64:d=0.2", "-c:v", "libx264", "-f", "null", "-"])
    if done.returncode:
        raise RenderError("ffmpeg cannot encode H.264 (libx264)", "Set IMAGEIO_FFMPEG_EXE to one that can.")
    return f"encodes H.264 ({ffmpeg.executable()})"


def _library(settings: Settings) -> str:
    from ..index.library import open_library
    from ..index.lock import current_writer

    folder = library_folder(settings)
    if not folder.exists():
        return f"{folder} is not there yet; the first ingest makes it"
    with open_library(folder) as library:
        videos = len(library.catalog.videos())
    writer = current_writer(folder)
    return f"{folder}: {videos} videos, " + (f"being written by {writer}" if writer else "no writer")


def _disk(settings: Settings) -> str:
    from ..errors import LibraryError

    folder = _nearest(library_folder(settings))
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        raise LibraryError(f"{folder} cannot be written", "Check its permissions, or use another one with --library.")
    if free < _LITTLE_SPACE:
        raise LibraryError(f"only {free / 2**20:.0f} MiB free for the library", "Free some space.")
    return f"{free / 2**30:.0f} GiB free"


def _nearest(folder: Path) -> Path:
    """The folder or, before it is made, the one that it will lie in."""
    folder = folder.resolve()
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _store(settings: Settings) -> str:
    found = check_videos(settings)
    wrong = {video: problems for video, problems in found.items() if problems}
    if wrong:
        from ..errors import LibraryError

        raise LibraryError("; ".join(f"{video}: {problems[0]}" for video, problems in wrong.items()))
    return "all vectors and proxies are there" if found else "no video is stored"


def _weights(space: str, model: str, settings: Settings) -> str:
    from ..ingest.models.registry import fetching

    runs = _runs(model, settings)
    ready = f"on this machine; it runs as {runs}" if runs else "on this machine"
    lacking = fetching(space, settings.clip)
    return f"{model}: " + (f"needed for the {space} space only.{lacking}" if lacking else ready)
