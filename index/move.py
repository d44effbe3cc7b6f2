"""Move the vectors of a library between its folder and a Chroma server.

Every collection is copied and compared before the file that names the server is replaced, which moves all of them at
once; only then is the old store deleted. A killed move changes nothing, and the next one continues it.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import LibraryDamaged, UsageError, VectorsLost
from ..media.types import FrameRows, SpaceState, VideoRecord
from ..progress import Progress
from ..settings import StoreSettings, is_server_url
from .failures import check_and_repair
from .library import Library, record_text
from .location import FILE, new_location, read_location
from .server import ServerStore
from .store import ChromaStore
from .vectors import VectorStore, collection_name

HERE = "folder"
"""What stands for the library's own folder."""

_NEXT = "store-next.json"
"""The server that a move goes to, until all vectors are there."""

_LAST = "store-last.json"
"""The server that a move came from, until its vectors are deleted."""

_TOLERANCE = 1e-6
"""Difference of two numbers that are equal but for rounding: Chroma brings vectors to unit length once more."""


@dataclass(frozen=True)
class MovedVectors:
    """The vectors of a video in a space; `there` are those that an earlier, interrupted move had copied."""

    id: str
    space: str
    frames: int
    state: Literal["moved", "there"]


def move_vectors(library: Library, target: str, settings: StoreSettings, progress: Progress) -> Iterator[MovedVectors]:
    """Move all vectors to a server, given by its URL, or to the library's folder.

    Raises:
        UsageError: The target is neither.
        VectorsLost: A copy differs from what was copied; nothing has changed.
    """
    if target != HERE and not is_server_url(target):
        raise UsageError(
            f"{target!r} is not a place for vectors.", f"Give {HERE}, or the URL of a server without a password."
        )
    target = target.rstrip("/")
    with library.writing(f"videos move {target}"):
        recorded = read_location(library.folder / FILE)
        # An earlier move may have been killed before it deleted its old server's vectors, which this one would forget.
        _delete_last(library.folder, settings)
        if target != (recorded.url if recorded else HERE):
            library.clear_leftovers()
            _check_orphans(library)
            new = _store_at(library, target, settings)
            try:
                yield from _copy_all(library, new, progress)
            finally:
                new.close()
            _switch(library.folder, target)
            library.reopen_store()
        _delete_old(library.folder, settings)


def _store_at(library: Library, target: str, settings: StoreSettings) -> VectorStore:
    if target == HERE:
        return ChromaStore(library.folder / "chroma", settings.copy_gb)
    file = library.folder / _NEXT
    started = read_location(file)
    location = started if started and started.url == target else new_location(settings, target)
    location.save(file)
    return ServerStore(location, settings, file)


def _check_orphans(library: Library) -> None:
    if orphans := library.orphans():
        raise LibraryDamaged(
            f"The catalog has no record of {len(orphans)} of the stored collections.",
            f"{check_and_repair()} restores them; then move the vectors.",
        )


def _copy_all(library: Library, new: VectorStore, progress: Progress) -> Iterator[MovedVectors]:
    parts = [(v, s) for v in library.catalog.videos() for s in library.catalog.spaces(v.id).values() if s.vectors]
    new.prepare()
    there = new.described()
    with progress.stage("move vectors", sum(state.vectors for _, state in parts)) as stage:
        for video, state in parts:
            name = collection_name(video.id, state.space.name)
            known = state.complete and there.get(name) == record_text(video, state)
            if not known:
                _copy(library, new, video, state)
            stage.advance(state.vectors)
            yield MovedVectors(video.id, state.space.name, state.vectors, "there" if known else "moved")


def _copy(library: Library, new: VectorStore, video: VideoRecord, state: SpaceState) -> None:
    rows = library.store.read(video.id, state.space)
    if len(rows) < state.vectors:
        raise LibraryDamaged(
            f"{video.id} should have {state.vectors} vectors in the {state.space.name} space, but has {len(rows)}.",
            f"{check_and_repair()} restores them; then move the vectors.",
        )
    new.remove(video.id, state.space.name)
    new.write(video.id, state.space, rows)
    if not _same(new.read(video.id, state.space), rows) or new.lost(video.id, state.space):
        raise VectorsLost(
            f"The copy of the vectors of {video.id} ({state.space.name}) differs from the original, which stays.",
            "Run the command again.",
        )
    if state.complete:
        new.describe(video.id, state.space, record_text(video, state))


def _same(one: FrameRows, other: FrameRows) -> bool:
    columns = ("indices", "times", "sharpness", "luma", "duplicate_of")
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns) and np.allclose(
        one.vectors, other.vectors, atol=_TOLERANCE
    )


def _switch(folder: Path, target: str) -> None:
    """Make the new store the library's, and note which old one is to be deleted."""
    if recorded := read_location(folder / FILE):
        recorded.save(folder / _LAST)
    if target == HERE:
        (folder / FILE).unlink()
    else:
        (folder / _NEXT).replace(folder / FILE)


def _delete_old(folder: Path, settings: StoreSettings) -> None:
    if read_location(folder / FILE):
        shutil.rmtree(folder / "chroma", ignore_errors=True)
    _delete_last(folder, settings)


def _delete_last(folder: Path, settings: StoreSettings) -> None:
    last = read_location(folder / _LAST)
    if last is None:
        return
    # A move that was killed while it switched has noted the server that is still in use.
    if last != read_location(folder / FILE):
        old = ServerStore(last, settings, folder / _LAST)
        try:
            old.delete()
        finally:
            old.close()
    (folder / _LAST).unlink()
