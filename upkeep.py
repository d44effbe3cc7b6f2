"""Looking after the library and the machine: what is there, whether it works, what can go."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .frames import VideoRecord
from .progress import Progress, Silent
from .settings import TIMM_SPACE, Settings, library_folder

if TYPE_CHECKING:
    from .carrying import Exported, Imported
    from .checking import Checked
    from .frames import Picture
    from .index.library import Library
    from .outputs import Overwrite
    from .relocating import Relocated
    from .trial import Examined, Fetched

_PACKAGES = ("chromadb", "faiss-cpu", "ortools", "opencv-python-headless", "open_clip_torch", "torch")
_LITTLE_SPACE = 1 << 30


def list_videos(settings: Settings) -> list[dict[str, Any]]:
    from .index.library import open_library

    with open_library(library_folder(settings)) as library:
        return [_listed(library, video) for video in library.catalog.videos()]


def show_video(wanted: str, settings: Settings) -> dict[str, Any]:
    from .index.library import open_library

    with open_library(library_folder(settings)) as library:
        video = library.catalog.find(wanted)
        return _listed(library, video) | {
            "sha256": video.sha256,
            "kind": video.kind,
            "sampled_fps": video.sampled_fps,
            "problems": list(video.problems),
            "source_present": video.source != "" and Path(video.source).exists(),
            "solved": library.catalog.plan(video.id) is not None,
        }


def strips(videos: Sequence[str], settings: Settings, pictures: int = 6) -> "dict[str, Picture]":
    """Small pictures from all over each video, side by side; nothing for one that has none."""
    import numpy as np

    from .index.library import open_library
    from .ingest.proxy import ProxySize, proxy_picture, read_proxies

    found = {}
    with open_library(library_folder(settings)) as library:
        for video in filter(None, map(library.catalog.get, videos)):
            if video.frames and video.proxy_width and library.has_proxies(video):
                size = ProxySize(video.proxy_width, video.proxy_height)
                proxies = read_proxies(library.proxies_file(video.id), size, video.frames)
                rows = np.linspace(0, video.frames - 1, pictures).round().astype(int).tolist()
                found[video.id] = np.hstack([proxy_picture(proxies[row]) for row in rows])
    return found


def ingest_again(
    wanted: str, settings: Settings, progress: Progress | None = None, space: str | None = None
) -> VideoRecord:
    """What a video of the library still lacks, or lacks in a further space, of the same frames at the same size."""
    from .index.library import open_library
    from .intake import Intake
    from .render.gather import usable

    progress = progress or Silent()
    with open_library(library_folder(settings)) as library:
        video = library.catalog.find(wanted)
        usable([video], progress)
        as_taken = {"space": space or settings.ingest.space, "fps": video.sampled_fps, "size": video.short_side}
        ingest = settings.ingest.model_copy(update=as_taken)
        Intake(library, settings.model_copy(update={"ingest": ingest}), progress).take(Path(video.source))
        return library.catalog.find(video.id)


def remove_video(wanted: str, settings: Settings) -> VideoRecord:
    """Forget a video: its vectors, proxies and plan. The source itself is never touched."""
    from .index.library import open_library

    with open_library(library_folder(settings)) as library:
        video = library.catalog.find(wanted)
        with library.writing(f"videos remove {video.id}"):
            library.remove(video)
        return video


def export_video(
    wanted: str, folder: Path, space: str | None, settings: Settings, *, overwrite: "Overwrite" = False
) -> "Exported":
    """A video's vectors in one space as files: see `index.portable`."""
    from .carrying import export_vectors
    from .index.library import open_library

    with open_library(library_folder(settings), settings) as library:
        return export_vectors(library, wanted, folder, space, overwrite)


def import_video(folder: Path, settings: Settings, progress: Progress | None = None) -> "Imported":
    """Vectors from files such as `export_video` writes, into the library under their own identity."""
    from .carrying import import_vectors
    from .index.library import open_library

    with open_library(library_folder(settings)) as library:
        return import_vectors(library, folder, settings, progress or Silent())


def check_videos(settings: Settings) -> dict[str, list[str]]:
    """For each video what is wrong with it; nothing is a good answer."""
    return {found.id: found.problems for found in check_library(settings)}


def check_library(settings: Settings, progress: Progress | None = None, *, repair: bool = False) -> "list[Checked]":
    """What is wrong with each video, and what the user should know of it; with `repair`, once that is done."""
    from .checking import check_library, repair_library
    from .index.library import open_library

    with open_library(library_folder(settings), settings) as library:
        if repair and library.exists:
            repair_library(library, progress or Silent())
        return check_library(library)


def missing_sources(settings: Settings) -> list[VideoRecord]:
    """The videos whose sources are no longer where they were."""
    from .index.library import open_library
    from .relocating import missing_sources

    with open_library(library_folder(settings)) as library:
        return missing_sources(library)


def relocate(
    videos: Sequence[str], path: Path, settings: Settings, progress: Progress | None = None
) -> "list[Relocated]":
    """Find the sources of videos at a path or below it; without videos, of all that are not where they were."""
    from .index.library import open_library
    from .relocating import relocate

    with open_library(library_folder(settings)) as library:
        return relocate(library, videos, path, progress or Silent())


def list_models(settings: Settings) -> list[dict[str, Any]]:
    from .ingest.appearance import Appearance
    from .ingest.embedder import network_here

    space = Appearance.space
    return [
        {"space": space.name, "model": space.model, "ready": True, "dimension": space.dimension, "needs": "nothing"},
        *(
            {
                "space": name,
                "model": model,
                "ready": network_here(name, settings.clip),
                "dimension": None,
                "needs": "weights on this machine, or the network once",
                "runs": _runs(model, settings),
            }
            for name, model in _networks(settings).items()
        ),
    ]


def fetch_model(wanted: str | None, settings: Settings, *, quiet: bool = False) -> "Fetched":
    """A model's weights, brought here if they are not; the hub's own client shows how far it is."""
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    from .trial import fetch_model

    if not quiet:
        return fetch_model(wanted, settings)
    disable_progress_bars()
    try:
        return fetch_model(wanted, settings)
    finally:
        enable_progress_bars()


def check_model(wanted: str | None, settings: Settings, progress: Progress | None = None) -> "Examined":
    """A model tried on drawn pictures, and compared with the one that made the library's vectors."""
    from .trial import check_model

    return check_model(wanted, settings, progress or Silent())


def _runs(model: str, settings: Settings) -> str:
    """What a trial found to be the quickest way that is close enough; empty before the first ingest."""
    from .index.library import models_folder
    from .ingest.verdict import remembered

    return remembered(models_folder(library_folder(settings)), model, settings.clip.speed)


def _networks(settings: Settings) -> dict[str, str]:
    """The spaces that need a network and are named in the settings, with its model."""
    named = (settings.ingest.space, settings.solve.space, settings.solve.fused_with)
    return {"clip": settings.clip.model} | {
        name: name.removeprefix(TIMM_SPACE) for name in named if name.startswith(TIMM_SPACE)
    }


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
    from . import ffmpeg
    from .errors import RenderError

    done = ffmpeg.run(["-f", "lavfi", "-i", "testsrc=s=64x64:d=0.2", "-c:v", "libx264", "-f", "null", "-"])
    if done.returncode:
        raise RenderError("ffmpeg cannot encode H.264 (libx264)", "Set IMAGEIO_FFMPEG_EXE to one that can.")
    return f"encodes H.264 ({ffmpeg.executable()})"


def _library(settings: Settings) -> str:
    from .index.library import open_library
    from .index.lock import current_writer

    folder = library_folder(settings)
    if not folder.exists():
        return f"{folder} is not there yet; the first ingest makes it"
    with open_library(folder) as library:
        videos = len(library.catalog.videos())
    writer = current_writer(folder)
    return f"{folder}: {videos} videos, " + (f"being written by {writer}" if writer else "no writer")


def _disk(settings: Settings) -> str:
    from .errors import LibraryError

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
        from .errors import LibraryError

        raise LibraryError("; ".join(f"{video}: {problems[0]}" for video, problems in wrong.items()))
    return "all vectors and proxies are there" if found else "no video is stored"


def _weights(space: str, model: str, settings: Settings) -> str:
    from .ingest.embedder import fetching

    runs = _runs(model, settings)
    ready = f"on this machine; it runs as {runs}" if runs else "on this machine"
    lacking = fetching(space, settings.clip)
    return f"{model}: " + (f"needed for the {space} space only.{lacking}" if lacking else ready)


def _listed(library: "Library", video: VideoRecord) -> dict[str, Any]:
    states = library.catalog.spaces(video.id)
    complete = video.complete and all(state.complete for state in states.values())
    return {
        "id": video.id,
        "name": video.name,
        "source": video.source,
        "frames": video.frames,
        "fps": video.fps,
        "width": video.width,
        "height": video.height,
        "seconds": round(video.seconds, 3),
        "spaces": [
            {
                "name": name,
                "model": state.space.model,
                "vectors": state.vectors,
                "way": state.way,
                "cosine": state.cosine,
            }
            for name, state in states.items()
        ],
        "state": "complete" if complete else "partial",
        "bytes": library.size_of(video),
    }
