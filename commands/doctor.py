"""Check everything that Reelweave needs: ffmpeg, packages, torch, library, disk space, stored vectors, weights."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distribution, distributions, version
from pathlib import Path

from ..errors import LibraryError, RenderError
from ..index import manage
from ..index.library import open_library
from ..index.lock import current_writer
from ..ingest.models.registry import fetch_hint, speed_text, used_networks
from ..media import ffmpeg
from ..settings import Settings, library_folder

_PACKAGES = ("chromadb", "faiss-cpu", "ortools", "opencv-python-headless", "open_clip_torch", "torch")
_CUDA_PART = re.compile(r"(nvidia-|triton$|cuda-)")
"""Names of the packages that torch needs for CUDA only."""
_LEAST_FREE = 1 << 30
"""Free bytes below which the check of the disk fails: 1 GiB."""


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    ok: bool
    detail: str


def run_checks(settings: Settings) -> list[Check]:
    """Run every check, also after one has failed."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("ffmpeg", _ffmpeg),
        ("packages", lambda: ", ".join(f"{name} {version(name)}" for name in _PACKAGES)),
        ("torch", _torch),
        ("library", lambda: _library(settings)),
        ("disk", lambda: _disk(settings)),
        *[("server", lambda: manage.examine_server(settings))] * manage.has_server(settings),
        ("store", lambda: _store(settings)),
        *(
            (f"{name} weights", partial(_weights, name, model, settings))
            for name, model in used_networks(settings).items()
        ),
    ]
    return [_run(name, check) for name, check in checks]


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except Exception as error:  # whatever a broken installation raises is a result of the check
        return Check(name, False, str(error).replace("\n", " ") or type(error).__name__)


def _ffmpeg() -> str:
    done = ffmpeg.run(["-f", "lavfi", "-i", "testsrc=s=64x64:d=0.2", "-c:v", "libx264", "-f", "null", "-"])
    if done.returncode:
        raise RenderError("This ffmpeg cannot encode H.264 (libx264).", "Set IMAGEIO_FFMPEG_EXE to one that can.")
    return f"encodes H.264 ({ffmpeg.executable()})"


def _torch() -> str:
    """Say what torch was built for and what it takes, without importing it."""
    torch = distribution("torch")
    source = Path(str(torch.locate_file("torch/version.py"))).read_text(encoding="utf-8")
    cuda = re.search(r"^cuda\b.*= '(.+)'$", source, re.MULTILINE)
    kind = f"built for CUDA {cuda[1]}" if cuda else "built for the CPU"
    # The libraries that the wheel for CUDA brings along.
    parts = [torch, *(part for part in distributions() if _CUDA_PART.match(part.name))]
    size = sum(file.size or 0 for part in parts for file in part.files or ())
    return f"{torch.version}, {kind}, {size / 1e9:.1f} GB on disk"


def _library(settings: Settings) -> str:
    folder = library_folder(settings)
    if not folder.exists():
        return f"{folder} does not exist yet; the first ingest creates it"
    with open_library(settings) as library:
        videos = len(library.catalog.videos())
    writer = current_writer(folder)
    return f"{folder}: {videos} videos, " + (f"being written by {writer}" if writer else "not being written")


def _disk(settings: Settings) -> str:
    folder = _existing(library_folder(settings))
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        raise LibraryError(f"{folder} cannot be written.", "Check its permissions, or choose another with --library.")
    if free < _LEAST_FREE:
        raise LibraryError(f"Only {free / 2**20:.0f} MiB are free for the library.", "Free some space.")
    return f"{free / 2**30:.0f} GiB free"


def _existing(folder: Path) -> Path:
    """Return the folder or its nearest parent that exists."""
    folder = folder.resolve()
    return next(existing for existing in (folder, *folder.parents) if existing.is_dir())


def _store(settings: Settings) -> str:
    checked = manage.check_videos(settings)
    damaged = {video: problems for video, problems in checked.items() if problems}
    if damaged:
        raise LibraryError("; ".join(f"{video}: {problems[0]}" for video, problems in damaged.items()))
    return "all vectors and proxies are there" if checked else "no video is stored"


def _weights(space: str, model: str, settings: Settings) -> str:
    runs = speed_text(model, settings)
    ready = f"on this machine, runs as {runs}" if runs else "on this machine"
    remedy = fetch_hint(space, settings.clip)
    return f"{model}: " + (f"needed for the {space} space only.{remedy}" if remedy else ready)
