"""Check what the library holds against what its catalog promises, and repair what the rest of the library allows."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .errors import ReelweaveError, SourceError, command
from .frames import SpaceState, VideoRecord, ingest_command
from .index.failures import check_and_repair
from .index.library import Library
from .index.matrix import SUFFIX as COPY
from .index.matrix import is_sound
from .index.restore import read_record, repair_catalog, repair_store, restore_vectors, restored
from .ingest.identity import content_hash, stamp
from .progress import Progress
from .settings import OWN_SPACE

Standing = Literal["here", "missing", "changed", "none"]
"""How the source of a video is: `none` is that of a video that was imported without one."""

_STORE, _CACHE = "chroma", "cache"


@dataclass
class Checked:
    """What is wrong with a video, and what the user should know of it; `chroma` and `cache` are no videos."""

    id: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_library(library: Library) -> list[Checked]:
    """Read back everything that the catalog promises."""
    library.check_catalog()
    videos = library.catalog.videos()
    found = {video.id: Checked(video.id, _problems(library, video), _warnings(video)) for video in videos}
    if not library.store.fault() and (fault := library.store.fault(thorough=True)):
        found[_STORE] = Checked(_STORE, [f"{fault}; {check_and_repair()} makes a new one"])
    for video, told, known in _orphans(library):
        checked = found.setdefault(video, Checked(video))
        (checked.problems if known else checked.warnings).append(told)
    for video, told in _damaged_caches(library):
        found.setdefault(video, Checked(video)).warnings.append(
            f"{told} is damaged; it is made again when it is needed"
        )
    return list(found.values())


def repair_library(library: Library, progress: Progress) -> None:
    """Restore what the rest of the library allows, and stop vouching for what is lost, so that ingest makes it anew."""

    def first() -> None:
        for told in repair_catalog(library):
            progress.note(told)

    with library.writing("videos check --repair", first):
        for told in repair_store(library, thorough=True):
            progress.note(told)
        for name, record in library.orphans().items():
            if read := read_record(name, record):
                library.catalog.save(library.catalog.get(read[0].id) or read[0], [read[1]])
                progress.note(f"{read[0].id}: its record was restored from the store")
        for video in library.catalog.videos():
            for told in _repair_vectors(library, video):
                progress.note(told)
        for _, file in _damaged_caches(library):
            (library.folder / file).unlink(missing_ok=True)
            progress.note(f"{file} is damaged: it was deleted, and is made again when it is needed")


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
                library.take_back(video, state)
                yield f"{video.id}: {state.vectors} vectors of the {name} space are lost; {making(video, state)}"


def making(video: VideoRecord, state: SpaceState | None = None) -> str:
    """How what a video lacks is made again."""
    if not video.source or (state and state.space.name.startswith(OWN_SPACE)):
        return "import them again"
    return f"{ingest_command(video, state.space.name if state else None)} makes them again"


def standing(video: VideoRecord) -> Standing:
    """How a video's source is; its content is read only where its size or time of change is another."""
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
    relocate = command("videos", "relocate", "--help")
    told = {
        "missing": f"its source {video.source} is missing: see {relocate} if it was moved",
        "changed": f"its source {video.source} has changed: the film can no longer be rendered from it",
    }
    return [told[state] for state in [standing(video)] if state in told]


def _problems(library: Library, video: VideoRecord) -> list[str]:
    if not video.complete:
        return [f"ingest stopped after {video.frames} frames; {ingest_command(video)} goes on with it"]
    found: list[str] = []
    for name, state in library.catalog.spaces(video.id).items():
        if state.complete:
            found += [f"{problem}; {making(video, state)}" for problem in library.verify(video, name)]
        else:
            stopped = f"{name} stopped after {state.vectors} of {video.frames} frames"
            found.append(f"{stopped}; {making(video, state)}")
    if fault := library.proxies_fault(video):
        found.append(f"its small pictures (proxies) are lost: {fault}; {making(video)}")
    return found


def _orphans(library: Library) -> Iterator[tuple[str, str, bool]]:
    """Vectors that the catalog does not know, with the ids of their videos, and whether there is a record of them."""
    try:
        orphans = library.orphans()
    except ReelweaveError:
        # The store cannot be used, which is told of every video.
        return
    for name, record in orphans.items():
        video, _, space = name.rpartition(".")
        known = f"{check_and_repair()} restores it" if record else "ingest its source again"
        yield video, f"its {space} vectors are stored, but the catalog has no record of them; {known}", bool(record)


def _damaged_caches(library: Library) -> Iterator[tuple[str, str]]:
    """Files of the cache that are not as they were written, with the ids of their videos."""
    for file in sorted(library.cache.glob("*")):
        if file.suffix == COPY and not is_sound(file):
            yield file.name.partition(".")[0], f"{_CACHE}/{file.name}"
        elif file.suffix == ".orders" and file.is_dir():
            for order in sorted(file.glob("*.npz")):
                if not _is_sound_archive(order):
                    yield file.stem, f"{_CACHE}/{file.name}/{order.name}"


def _is_sound_archive(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        return False
