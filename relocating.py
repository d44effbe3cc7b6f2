"""Find sources that were moved, by their content, and tell the library where they are now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .checking import standing
from .errors import SourceError, UsageError
from .frames import VideoRecord
from .index.library import Library
from .ingest.gather import gather
from .ingest.identity import content_hash, stamp
from .progress import Progress


@dataclass(frozen=True)
class Relocated:
    """Where a video's source is now, as `videos relocate --json` prints it."""

    id: str
    source: str


def missing_sources(library: Library) -> list[VideoRecord]:
    """The videos whose sources are no longer where they were; those imported without one are not among them."""
    return [video for video in library.catalog.videos() if standing(video) == "missing"]


def relocate(library: Library, wanted: Sequence[str], path: Path, progress: Progress) -> list[Relocated]:
    """Look for the sources of videos at a path or below it; without videos, for all that are not where they were.

    Raises:
        UsageError: if a video that was named is not found there, or there is nothing to look for.
    """
    if not path.exists():
        raise UsageError(f"There is no {path}.", "Give the file or folder where the source is now.")
    videos = [library.catalog.find(name) for name in wanted] or [
        video for video in library.catalog.videos() if standing(video) in ("missing", "changed")
    ]
    if not videos:
        raise UsageError("Every source is where it was.", "Name the videos to move all the same.")
    found = _found(videos, path, progress)
    if wanted and (lacking := [video for video in videos if video.id not in found]):
        raise UsageError(
            f"The content of {', '.join(video.name for video in lacking)} is not at {path}.",
            "Other content is taken in as a video of its own: ingest it.",
        )
    with library.writing("videos relocate"):
        return [_moved(library, library.catalog.find(video), place) for video, place in found.items()]


def _found(videos: Sequence[VideoRecord], path: Path, progress: Progress) -> dict[str, Path]:
    """Where the content of each video lies; only what is of the right size is read."""
    sizes = {_size(video.stamp) for video in videos}
    contents = {video.sha256: video.id for video in videos}
    found: dict[str, Path] = {}
    candidates = list(_candidates(path))
    with progress.stage("look for sources", len(candidates)) as stage:
        for place in candidates:
            try:
                if _size(stamp(place)) in sizes and (video := contents.get(content_hash(place))):
                    found.setdefault(video, place)
            except SourceError:
                # What cannot be read is not it.
                pass
            stage.advance()
    return found


def _candidates(path: Path) -> Iterator[Path]:
    """The path itself, and what a folder stands for; a folder of pictures is a video, and may hold others."""
    yield path
    if path.is_dir():
        yield from (source for source in gather([path]).sources if source.resolve() != path.resolve())
        yield from (folder for folder in sorted(path.rglob("*")) if folder.is_dir())


def _size(known: str) -> str:
    """What a stamp says of size: the bytes of a file, or how many pictures."""
    return known.partition(":")[0]


def _moved(library: Library, video: VideoRecord, place: Path) -> Relocated:
    source = place.resolve()
    library.catalog.found_at(replace(video, name=source.name, source=str(source), stamp=stamp(source)))
    return Relocated(video.id, str(source))
