"""Ingest many sources. A source that fails is reported and skipped."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TypeVar

from ..errors import EngineError, ReelweaveError, SourceError, SpaceMismatch, VectorsLost
from ..index.failures import library_error
from ..index.library import Library
from ..media.identity import source_hash, stamp
from ..media.source import Source, checked_name, open_source, picture_files
from ..progress import Progress, TitledProgress
from ..settings import Settings
from .discover import DiscoveredSources
from .ingester import Ingester, IngestResult

Result = TypeVar("Result")

_MEGABYTE = 1 << 20
VIDEOS_BEFORE_REST = 32
"""Videos after which Chroma's files are closed, because it keeps some open for each video."""


def ingest_sources(
    library: Library, discovered: DiscoveredSources, settings: Settings, progress: Progress
) -> Iterator[IngestResult]:
    """Ingest the discovered sources in order.

    Unchanged sources are found first, so that the time left is estimated from the others alone.
    """
    yield from unreachable(discovered)
    ingester = Ingester(library, settings, progress)
    ingester.repair_library()
    known, pictures_fps = unchanged_sources(ingester, discovered.sources), settings.ingest.pictures_fps
    sizes = {path: megabytes(path) for path in discovered.sources if path not in known}
    several, number = len(sizes) > 1, 0
    with progress.stage(f"{len(sizes)} sources, MB", sum(sizes.values())) if several else nullcontext() as overall:
        for path in discovered.sources:
            if path in known:
                yield known[path]
                continue
            number += 1
            ingester.progress = TitledProgress(progress, f"{number}/{len(sizes)} {path.name}") if several else progress
            yield attempt(library, path, lambda path: ingester.ingest(open_source(path, pictures_fps)))
            if overall:
                overall.advance(sizes[path])
            if number % VIDEOS_BEFORE_REST == 0:
                library.release()


def dry_run_sources(
    library: Library, discovered: DiscoveredSources, settings: Settings, progress: Progress
) -> Iterator[IngestResult]:
    """Tell what `ingest_sources` would do with each source; nothing is written and as little as possible is read."""
    yield from unreachable(discovered)
    ingester = Ingester(library, settings, progress)
    known, new_files = unchanged_sources(ingester, discovered.sources), NewFiles(library)
    with progress.stage("check", len(discovered.sources)) as stage:
        for path in discovered.sources:
            if path in known:
                yield known[path]
            else:
                yield attempt(library, path, lambda path: _predict(ingester, new_files, path))
            stage.advance()


def unreachable(discovered: DiscoveredSources) -> Iterator[IngestResult]:
    for path, error in discovered.failures:
        yield IngestResult(str(path), "unreadable", error=error)


def unchanged_sources(ingester: Ingester, sources: list[Path]) -> dict[Path, IngestResult]:
    known = {}
    for path in sources:
        try:
            video = ingester.unchanged(checked_name(path))
        except (SourceError, OSError):
            # Reported when it is this source's turn.
            continue
        if video:
            known[path] = IngestResult(str(path), "unchanged", video)
    return known


def attempt(library: Library, path: Path, ingest: Callable[[Path], Result]) -> Result | IngestResult:
    """Ingest one source; only errors that are not about this source, of the library or a model, end the run."""
    failure: ReelweaveError
    try:
        return ingest(path)
    except (SourceError, SpaceMismatch, VectorsLost, EngineError) as failed:
        failure = failed
    except OSError as failed:
        if error := library_error(library.folder, failed):
            raise error from failed
        failure = SourceError(f"{path} cannot be read: {failed.strerror or failed}.")
    return IngestResult(str(path), "unreadable" if isinstance(failure, SourceError) else "failed", error=failure)


def megabytes(path: Path) -> int:
    """Return the size of a source, to estimate the time left; an unreadable one counts as 1."""
    try:
        files = picture_files(path) if path.is_dir() else [path]
        return max(1, sum(file.stat().st_size for file in files) // _MEGABYTE)
    except (SourceError, OSError):
        return 1


def stamp_size(stamp: str) -> str:
    """Return the part of a stamp that gives the size: the bytes of a file, or the number of pictures."""
    return stamp.partition(":")[0]


class NewFiles:
    """New files grouped by size, since only files of equal size can be copies and need to be hashed."""

    def __init__(self, library: Library) -> None:
        self._stored = {stamp_size(known) for known in library.catalog.stamps()}
        self._unread: dict[str, list[Source]] = {}
        self._hashes: dict[str, set[str]] = {}

    def may_be_stored(self, now: str) -> bool:
        return stamp_size(now) in self._stored

    def is_copy(self, source: Source, now: str) -> bool:
        """Tell whether an earlier new file of this run has the same content."""
        size = stamp_size(now)
        if size not in self._unread:
            self._unread[size] = [source]
            return False
        hashes = self._hashes.setdefault(size, set())
        hashes.update(source_hash(earlier) for earlier in self._unread[size])
        self._unread[size] = []
        known = source_hash(source) in hashes
        hashes.add(source_hash(source))
        return known


def _predict(ingester: Ingester, new_files: NewFiles, path: Path) -> IngestResult:
    source = open_source(path, ingester.settings.ingest.pictures_fps)
    now, entry = stamp(path), ingester.library.catalog.at_source(str(path.resolve()))
    if new_files.may_be_stored(now) or (entry and entry.stamp == now):
        match = ingester.match(source)
        if match.video:
            return IngestResult(str(path), match.state, match.video)
    if new_files.is_copy(source, now):
        return IngestResult(str(path), "copy")
    source.info()
    return IngestResult(str(path), "changed" if entry else "new")
