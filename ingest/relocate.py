"""Find moved sources by their content, and update their paths in the library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SourceError, UsageError
from ..index.check import source_state
from ..index.library import Library, open_library
from ..media.identity import content_hash, stamp
from ..media.types import VideoRecord
from ..progress import SILENT, Progress
from ..settings import Settings
from .discover import discover_sources
from .many import stamp_size


@dataclass(frozen=True)
class RelocatedSource:
    """Where a video's source is now, as `videos relocate --json` prints it."""

    id: str
    source: str


def videos_without_source(settings: Settings) -> list[VideoRecord]:
    """List the videos whose source is gone; videos imported without a source do not count."""
    with open_library(settings) as library:
        return [video for video in library.catalog.videos() if source_state(video) == "missing"]


def relocate_videos(
    videos: Sequence[str], path: Path, settings: Settings, progress: Progress = SILENT
) -> list[RelocatedSource]:
    """Find the sources of videos at or below a path, and store where they are now.

    Without videos, all whose source is missing or has changed are looked for.

    Raises:
        UsageError: If a named video is not found there, or there is nothing to look for.
    """
    with open_library(settings) as library:
        if not path.exists():
            raise UsageError(f"There is no {path}.", "Give the file or folder where the source is now.")
        wanted = [library.catalog.find(name) for name in videos] or [
            video for video in library.catalog.videos() if source_state(video) in ("missing", "changed")
        ]
        if not wanted:
            raise UsageError("Every source is where it was.", "Name the videos to relocate them anyway.")
        found = _find(wanted, path, progress)
        if videos and (not_found := [video for video in wanted if video.id not in found]):
            raise UsageError(
                f"The content of {', '.join(video.name for video in not_found)} is not at {path}.",
                "If the content has changed, ingest it as a new video.",
            )
        with library.writing("videos relocate"):
            return [_update(library, library.catalog.find(video), place) for video, place in found.items()]


def _find(videos: Sequence[VideoRecord], path: Path, progress: Progress) -> dict[str, Path]:
    """Find where the content of each video is; only files of the right size are read."""
    sizes = {stamp_size(video.stamp) for video in videos}
    contents = {video.sha256: video.id for video in videos}
    found: dict[str, Path] = {}
    candidates = list(_candidates(path))
    with progress.stage("look for sources", len(candidates)) as stage:
        for candidate in candidates:
            try:
                if stamp_size(stamp(candidate)) in sizes and (video := contents.get(content_hash(candidate))):
                    found.setdefault(video, candidate)
            except SourceError:
                # An unreadable file is no match.
                pass
            stage.advance()
    return found


def _candidates(path: Path) -> Iterator[Path]:
    """List the path, the sources in it and its folders; a folder of pictures is a video and may hold others."""
    yield path
    if path.is_dir():
        yield from (source for source in discover_sources([path]).sources if source.resolve() != path.resolve())
        yield from (folder for folder in sorted(path.rglob("*")) if folder.is_dir())


def _update(library: Library, video: VideoRecord, path: Path) -> RelocatedSource:
    source = path.resolve()
    library.catalog.found_at(replace(video, name=source.name, source=str(source), stamp=stamp(source)))
    return RelocatedSource(video.id, str(source))
