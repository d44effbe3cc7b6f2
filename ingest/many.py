"""Ingest many sources. A source that fails is reported and skipped."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from ..errors import ReelweaveError, SourceError, SpaceMismatch, VectorsLost
from ..index.failures import library_error
from ..index.library import Library
from ..media.identity import content_hash, stamp
from ..media.source import checked_name, open_source, picture_files
from ..progress import Progress, TitledProgress
from ..settings import Settings
from .discover import DiscoveredSources
from .ingester import Ingester, IngestResult

_MEGABYTE = 1 << 20
_VIDEOS_BEFORE_REST = 32
"""Videos after which Chroma's files are closed, because it keeps some open for each video."""


def ingest_sources(
    library: Library, discovered: DiscoveredSources, settings: Settings, progress: Progress
) -> Iterator[IngestResult]:
    """Ingest the discovered sources in order.

    Unchanged sources are found first, so that the time left is estimated from the others alone.
    """
    yield from _unreachable(discovered)
    ingester = Ingester(library, settings, progress)
    ingester.repair_library()
    known = _unchanged(ingester, discovered.sources)
    sizes = {path: _megabytes(path) for path in discovered.sources if path not in known}
    several, number = len(sizes) > 1, 0
    with progress.stage(f"{len(sizes)} sources, MB", sum(sizes.values())) if several else nullcontext() as overall:
        for path in discovered.sources:
            if path in known:
                yield known[path]
                continue
            number += 1
            ingester.progress = TitledProgress(progress, f"{number}/{len(sizes)} {path.name}") if several else progress
            yield _attempt(library, path, ingester.ingest)
            if overall:
                overall.advance(sizes[path])
            if number % _VIDEOS_BEFORE_REST == 0:
                library.release()


def dry_run_sources(
    library: Library, discovered: DiscoveredSources, settings: Settings, progress: Progress
) -> Iterator[IngestResult]:
    """Tell what `ingest_sources` would do with each source; nothing is written and as little as possible is read."""
    yield from _unreachable(discovered)
    ingester = Ingester(library, settings, progress)
    known, new_files = _unchanged(ingester, discovered.sources), _NewFiles(library)
    with progress.stage("check", len(discovered.sources)) as stage:
        for path in discovered.sources:
            yield known.get(path) or _attempt(library, path, lambda path: _predict(ingester, new_files, path))
            stage.advance()


def _unreachable(discovered: DiscoveredSources) -> Iterator[IngestResult]:
    for path, error in discovered.failures:
        yield IngestResult(str(path), "unreadable", error=error)


def _unchanged(ingester: Ingester, sources: list[Path]) -> dict[Path, IngestResult]:
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


def _attempt(library: Library, path: Path, ingest: Callable[[Path], IngestResult]) -> IngestResult:
    """Ingest one source; only errors that are not about this source, of the library or a model, end the run."""
    failure: ReelweaveError
    try:
        return ingest(path)
    except (SourceError, SpaceMismatch, VectorsLost) as failed:
        failure = failed
    except OSError as failed:
        if error := library_error(library.folder, failed):
            raise error from failed
        failure = SourceError(f"{path} cannot be read: {failed.strerror or failed}.")
    return IngestResult(str(path), "unreadable" if isinstance(failure, SourceError) else "failed", error=failure)


def _megabytes(path: Path) -> int:
    """Return the size of a source, to estimate the time left; an unreadable one counts as 1."""
    try:
        files = picture_files(path) if path.is_dir() else [path]
        return max(1, sum(file.stat().st_size for file in files) // _MEGABYTE)
    except (SourceError, OSError):
        return 1


def stamp_size(stamp: str) -> str:
    """Return the part of a stamp that gives the size: the bytes of a file, or the number of pictures."""
    return stamp.partition(":")[0]


class _NewFiles:
    """New files grouped by size, since only files of equal size can be copies and need to be hashed."""

    def __init__(self, library: Library) -> None:
        self._stored = {stamp_size(known) for known in library.catalog.stamps()}
        self._unread: dict[str, list[Path]] = {}
        self._hashes: dict[str, set[str]] = {}

    def may_be_stored(self, now: str) -> bool:
        return stamp_size(now) in self._stored

    def is_copy(self, path: Path, now: str) -> bool:
        """Tell whether an earlier new file of this run has the same content."""
        size = stamp_size(now)
        if size not in self._unread:
            self._unread[size] = [path]
            return False
        hashes = self._hashes.setdefault(size, set())
        hashes.update(content_hash(earlier) for earlier in self._unread[size])
        self._unread[size] = []
        own = content_hash(path)
        known = own in hashes
        hashes.add(own)
        return known


def _predict(ingester: Ingester, new_files: _NewFiles, path: Path) -> IngestResult:
    open_source(path)
    now, entry = stamp(path), ingester.library.catalog.at_source(str(path.resolve()))
    if new_files.may_be_stored(now) or (entry and entry.stamp == now):
        match = ingester.match(path)
        if match.video:
            return IngestResult(str(path), match.state, match.video)
    if new_files.is_copy(path, now):
        return IngestResult(str(path), "copy")
    open_source(path, ingester.settings.ingest.pictures_fps).info()
    return IngestResult(str(path), "changed" if entry else "new")
