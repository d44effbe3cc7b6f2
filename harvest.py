"""Many sources in one run: each taken in by itself, so that one that fails keeps no other out."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from .errors import ReelweaveError, SourceError, SpaceMismatch, VectorsLost
from .index.failures import explain
from .index.library import Library
from .ingest.gather import Gathered
from .ingest.identity import content_hash, stamp
from .ingest.source import checked_name, open_source, picture_files
from .intake import Intake, Taken
from .progress import Progress, Titled
from .settings import Settings

_MEGABYTE = 1 << 20
_REST = 32
"""Videos after which Chroma's files are let go of, since it keeps some open for each."""


def harvest(library: Library, gathered: Gathered, settings: Settings, progress: Progress) -> Iterator[Taken]:
    """Take in what was gathered, in its order; what is unchanged is found first, so that the rest can be timed."""
    yield from _unreachable(gathered)
    intake = Intake(library, settings, progress)
    intake.repair_library()
    known = _unchanged(intake, gathered.sources)
    sizes = {path: _megabytes(path) for path in gathered.sources if path not in known}
    several, number = len(sizes) > 1, 0
    with progress.stage(f"{len(sizes)} sources, MB", sum(sizes.values())) if several else nullcontext() as overall:
        for path in gathered.sources:
            if path in known:
                yield known[path]
                continue
            number += 1
            intake.progress = Titled(progress, f"{number}/{len(sizes)} {path.name}") if several else progress
            yield _tried(library, path, intake.take)
            if overall:
                overall.advance(sizes[path])
            if number % _REST == 0:
                library.rest()


def rehearse(library: Library, gathered: Gathered, settings: Settings, progress: Progress) -> Iterator[Taken]:
    """What `harvest` would do with each source; nothing is written, and no more is read than it takes to tell."""
    yield from _unreachable(gathered)
    intake = Intake(library, settings, progress)
    known, news = _unchanged(intake, gathered.sources), _News(library)
    with progress.stage("look", len(gathered.sources)) as stage:
        for path in gathered.sources:
            yield known.get(path) or _tried(library, path, lambda path: _foreseen(intake, news, path))
            stage.advance()


def _unreachable(gathered: Gathered) -> Iterator[Taken]:
    for path, error in gathered.failures:
        yield Taken(str(path), "unreadable", error=error)


def _unchanged(intake: Intake, sources: list[Path]) -> dict[Path, Taken]:
    known = {}
    for path in sources:
        try:
            video = intake.unchanged(checked_name(path))
        except (SourceError, OSError):
            # What is wrong with it is told in its turn.
            continue
        if video:
            known[path] = Taken(str(path), "unchanged", video)
    return known


def _tried(library: Library, path: Path, take: Callable[[Path], Taken]) -> Taken:
    """What became of one source; what is wrong with the library or a model, and not with this source, ends the run."""
    failure: ReelweaveError
    try:
        return take(path)
    except (SourceError, SpaceMismatch, VectorsLost) as failed:
        failure = failed
    except OSError as failed:
        if told := explain(library.folder, failed):
            raise told from failed
        failure = SourceError(f"{path} cannot be read: {failed.strerror or failed}.")
    return Taken(str(path), "unreadable" if isinstance(failure, SourceError) else "failed", error=failure)


def _megabytes(path: Path) -> int:
    """How much there is to do, for the time left; what cannot be read is soon done."""
    try:
        files = picture_files(path) if path.is_dir() else [path]
        return max(1, sum(file.stat().st_size for file in files) // _MEGABYTE)
    except (SourceError, OSError):
        return 1


class _News:
    """Files that are new, by what the beginning of a stamp says of size: only among equals can one be a copy."""

    def __init__(self, library: Library) -> None:
        self._stored = {_size(known) for known in library.catalog.stamps()}
        self._unread: dict[str, list[Path]] = {}
        self._hashes: dict[str, set[str]] = {}

    def may_be_stored(self, now: str) -> bool:
        return _size(now) in self._stored

    def is_copy(self, path: Path, now: str) -> bool:
        """Whether a new file before this one in the same run has the same content."""
        size = _size(now)
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


def _size(known: str) -> str:
    return known.partition(":")[0]


def _foreseen(intake: Intake, news: _News, path: Path) -> Taken:
    open_source(path)
    now, place = stamp(path), intake.library.catalog.at_source(str(path.resolve()))
    if news.may_be_stored(now) or (place and place.stamp == now):
        found = intake.standing(path)
        if found.video:
            return Taken(str(path), found.state, found.video)
    if news.is_copy(path, now):
        return Taken(str(path), "copy")
    open_source(path, intake.settings.ingest.pictures_fps).info()
    return Taken(str(path), "changed" if place else "new")
