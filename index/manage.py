"""Manage the videos of a library: list, show, remove, export and check them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..media.proxy import ProxySize, proxy_picture, read_proxies
from ..media.types import Picture, VideoRecord
from ..progress import SILENT, Progress
from ..settings import Settings, changed, library_folder
from . import check, move
from .library import Library, open_library
from .location import FILE, read_location
from .overwrite import Overwrite
from .server import ServerStore
from .transfer import Exported, export_vectors


def list_videos(settings: Settings) -> list[dict[str, Any]]:
    """Describe every video, as `videos list --json` prints it."""
    with open_library(settings) as library:
        return [_listed(library, video) for video in library.catalog.videos()]


def show_video(wanted: str, settings: Settings) -> dict[str, Any]:
    """Describe a video, given by id, name or path, in more detail."""
    with open_library(settings) as library:
        video = library.catalog.find(wanted)
        return _listed(library, video) | {
            "sha256": video.sha256,
            "kind": video.kind,
            "sampled_fps": video.sampled_fps,
            "problems": list(video.problems),
            "source_present": video.source != "" and Path(video.source).exists(),
            "solved": library.catalog.plan(video.id) is not None,
        }


def lacks_vectors(wanted: str, space: str, settings: Settings) -> bool:
    """Tell whether the ingest of a video into a space has not begun or was interrupted."""
    with open_library(settings) as library:
        video = library.catalog.find(wanted)
        state = library.catalog.spaces(video.id).get(space)
        return not video.complete or state is None or not state.complete


def video_strips(videos: Sequence[str], settings: Settings, pictures: int = 6) -> dict[str, Picture]:
    """Make a strip of a few proxies, evenly spread over the video, for each video that has any."""
    found = {}
    with open_library(settings) as library:
        for video in filter(None, map(library.catalog.get, videos)):
            if video.frames and video.proxy_width and library.has_proxies(video):
                size = ProxySize(video.proxy_width, video.proxy_height)
                proxies = read_proxies(library.proxies_file(video.id), size, video.frames)
                rows = np.linspace(0, video.frames - 1, pictures).round().astype(int).tolist()
                found[video.id] = np.hstack([proxy_picture(proxies[row]) for row in rows])
    return found


def remove_video(wanted: str, settings: Settings) -> VideoRecord:
    """Remove a video's vectors, proxies and plan. Its source is never touched."""
    with open_library(settings) as library:
        video = library.catalog.find(wanted)
        with library.writing(f"videos remove {video.id}"):
            library.remove(video)
        return video


def export_video(
    wanted: str, folder: Path, space: str | None, settings: Settings, *, overwrite: Overwrite = False
) -> Exported:
    """Export a video's vectors in one space as files; see `index.transfer`."""
    with open_library(settings) as library:
        return export_vectors(library, wanted, folder, space, overwrite)


def move_vectors(target: str, settings: Settings, progress: Progress = SILENT) -> Iterator[move.MovedVectors]:
    """Move all vectors to a server, given by its URL, or to the library's folder; see `index.move`."""
    moved = read_location(library_folder(settings) / FILE)
    # A server in the settings is that of new libraries, unless it is another address of this one's.
    source = settings if moved else changed(settings, "store", {"url": ""})
    with open_library(source) as library:
        yield from move.move_vectors(library, target, settings.store, progress)


def has_server(settings: Settings) -> bool:
    """Tell whether the vectors of the library are, or would be, on a server."""
    return bool(settings.store.url) or (library_folder(settings) / FILE).exists()


def examine_server(settings: Settings) -> str:
    """Try the server with the vectors, and describe what works.

    Raises:
        StoreError: The server cannot be used.
    """
    with open_library(settings) as library:
        assert isinstance(library.store, ServerStore)
        return library.store.examine()


def check_videos(settings: Settings) -> dict[str, list[str]]:
    """List the problems of each video; an empty list means none."""
    return {found.id: found.problems for found in check_library(settings)}


def check_library(settings: Settings, progress: Progress = SILENT, *, repair: bool = False) -> list[check.CheckResult]:
    """Check the library, after repairing it if asked, and return the problems and warnings of each video."""
    with open_library(settings) as library:
        if repair and library.exists:
            check.repair_library(library, progress)
        return check.check_library(library)


def _listed(library: Library, video: VideoRecord) -> dict[str, Any]:
    states = library.catalog.spaces(video.id)
    complete = video.complete and all(state.complete for state in states.values())
    return {
        "id": video.id,
        "name": video.name,
        "source": video.source,
        "ingested": _ingested(library, video),
        "frames": video.frames,
        "fps": video.fps,
        "width": video.width,
        "height": video.height,
        "seconds": round(video.seconds, 3),
        "spaces": [
            {"name": name, "model": s.space.model, "vectors": s.vectors, "way": s.way, "cosine": s.cosine}
            for name, s in states.items()
        ],
        "state": "complete" if complete else "partial",
        "bytes": library.size_of(video, states.values()),
    }


def _ingested(library: Library, video: VideoRecord) -> str | None:
    """Return when the last proxy of a video was written, as the catalog does not record it."""
    try:
        written = library.proxies_file(video.id).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
