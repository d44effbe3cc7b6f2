"""Check the library against its catalog, and repair what can be rebuilt from the rest of the library."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import ReelweaveError, SourceError, command
from ..media.identity import content_hash, stamp
from ..media.types import SpaceState, VideoRecord, ingest_command
from ..progress import Progress
from ..settings import OWN_SPACE
from . import matrix, quantized
from .failures import check_and_repair
from .library import Library
from .restore import read_record, repair_catalog, repair_store, restore_vectors, restored

SourceState = Literal["here", "missing", "changed", "none"]
"""State of a video's source; `none` is that of a video imported without one."""

_SOURCE_FAULTS: dict[SourceState, str] = {
    "none": "was imported without its source",
    "missing": "is missing or cannot be read",
    "changed": "has changed since it was ingested",
}

_STORE = "chroma"
"""The id of the result for the store as a whole."""


@dataclass
class CheckResult:
    """Problems of a video, which `repair` works on, and warnings; the id may also be `chroma`, for the store."""

    id: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_library(library: Library) -> list[CheckResult]:
    """Read back everything that the catalog records.

    Raises:
        LibraryDamaged: The catalog itself is missing or damaged.
    """
    library.check_catalog()
    videos = library.catalog.videos()
    found = {video.id: CheckResult(video.id, _problems(library, video), _warnings(video)) for video in videos}
    if not library.store.fault() and (fault := library.store.fault(thorough=True)):
        found[_STORE] = CheckResult(_STORE, [f"{fault}; {check_and_repair()} makes a new one"])
    for video, message, restorable in _orphans(library):
        checked = found.setdefault(video, CheckResult(video))
        (checked.problems if restorable else checked.warnings).append(message)
    for video, file in _damaged_caches(library):
        found.setdefault(video, CheckResult(video)).warnings.append(f"{file} is damaged; it is rebuilt when needed")
    return list(found.values())


def repair_library(library: Library, progress: Progress) -> None:
    """Restore what the rest of the library allows, and mark lost vectors as missing, so that ingest makes them again.

    Each repair is reported as a note.
    """

    def repair_catalog_first() -> None:
        for message in repair_catalog(library):
            progress.note(message)

    with library.writing("videos check --repair", repair_catalog_first):
        for message in repair_store(library, thorough=True):
            progress.note(message)
        for name, record in library.orphans().items():
            if read := read_record(name, record):
                library.catalog.save(library.catalog.get(read[0].id) or read[0], [read[1]])
                progress.note(f"{read[0].id}: its record was restored from the store")
        for video in library.catalog.videos():
            for message in _repair_vectors(library, video):
                progress.note(message)
        for _, file in _damaged_caches(library):
            (library.folder / file).unlink(missing_ok=True)
            progress.note(f"{file} was damaged and has been deleted; it is rebuilt when needed")


def _repair_vectors(library: Library, video: VideoRecord) -> Iterator[str]:
    for name, state in library.catalog.spaces(video.id).items():
        if not state.vectors:
            continue
        if state.complete and not library.verify(video, name):
            library.describe(video, state)
        elif library.is_lost(video, state) or state.complete:
            if restore_vectors(library, video, state):
                yield restored(video, state)
            else:
                library.forget_vectors(video, state)
                yield f"{video.id}: {state.vectors} vectors of the {name} space are lost; {remedy_for(video, state)}"


def remedy_for(video: VideoRecord, state: SpaceState | None = None) -> str:
    """Describe how the missing parts of a video are made again."""
    if not video.source or (state and state.space.name.startswith(OWN_SPACE)):
        return "import them again"
    return f"{ingest_command(video, state.space.name if state else None)} makes them again"


def source_state(video: VideoRecord) -> SourceState:
    """Determine the state of a video's source; its content is hashed only where size or modification time differ."""
    if not video.source:
        return "none"
    path = Path(video.source)
    try:
        if not path.exists():
            return "missing"
        if stamp(path) == video.stamp or content_hash(path) == video.sha256:
            return "here"
    except (OSError, SourceError):
        return "missing" if not path.is_dir() else "changed"
    return "changed"


def _warnings(video: VideoRecord) -> list[str]:
    state = source_state(video)
    if state == "missing":
        relocate = command("videos", "relocate", "--help")
        return [f"its source {video.source} is missing: see {relocate} if it was moved"]
    if state == "changed":
        return [f"its source {video.source} has changed: the film can no longer be rendered from it"]
    return []


def _problems(library: Library, video: VideoRecord) -> list[str]:
    if not video.complete:
        return [f"ingest stopped after {video.frames} frames; {ingest_command(video)} continues it"]
    found: list[str] = []
    for name, state in library.catalog.spaces(video.id).items():
        if state.complete:
            # Ingest notices only what the files show; other damage must be recorded first.
            noticed = library.is_lost(video, state)
            remedy = remedy_for(video, state) if noticed else f"{check_and_repair()} restores them"
            found += [f"{problem}; {remedy}" for problem in library.verify(video, name)]
        else:
            stopped = f"{name} stopped after {state.vectors} of {video.frames} frames"
            found.append(f"{stopped}; {remedy_for(video, state)}")
    if fault := library.proxies_fault(video):
        found.append(f"its proxies are lost: {fault}; {remedy_for(video)}")
    return found


def _orphans(library: Library) -> Iterator[tuple[str, str, bool]]:
    """Yield for vectors that the catalog does not know the video, a message, and whether they can be restored."""
    try:
        orphans = library.orphans()
    except ReelweaveError:
        # The store is unusable, which is reported for every video.
        return
    for name, record in orphans.items():
        video, _, space = name.rpartition(".")
        known = f"{check_and_repair()} restores it" if record else "ingest its source again"
        yield video, f"its {space} vectors are stored, but the catalog has no record of them; {known}", bool(record)


def _damaged_caches(library: Library) -> Iterator[tuple[str, str]]:
    """Yield the video, or the store, and the path of each damaged file of the cache."""
    for file in sorted(library.cache.glob("[!.]*")):
        if file.suffix == quantized.SUFFIX and not quantized.is_sound(file):
            yield _STORE, f"cache/{file.name}"
        elif file.suffix == matrix.SUFFIX and not matrix.is_sound(file):
            yield file.name.partition(".")[0], f"cache/{file.name}"
        elif file.suffix == ".orders" and file.is_dir():
            for order in sorted(file.glob("[!.]*.npz")):
                if not _is_sound_archive(order):
                    yield file.stem, f"cache/{file.name}/{order.name}"


def _is_sound_archive(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        return False


def unchanged_videos(videos: Sequence[VideoRecord], progress: Progress) -> dict[str, VideoRecord]:
    """Select the videos whose source is unchanged since ingest; a note names each of the others.

    Raises:
        SourceError: All sources are missing or have changed.
    """
    found = {}
    for video in videos:
        if why := _SOURCE_FAULTS.get(source_state(video)):
            progress.note(f"{video.source or video.name} {why}: its frames are left out.")
        else:
            found[video.id] = video
    if videos and not found:
        raise SourceError("The sources of all these frames are missing or have changed.", "Restore them.")
    return found
