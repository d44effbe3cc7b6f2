"""Rebuild damaged parts of a library from undamaged ones.

Damaged files are moved to a folder of the library; nothing undamaged is deleted.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import LibraryError, StoreError
from ..media.types import Space, SpaceState, VideoRecord
from .catalog import Catalog
from .failures import move_aside
from .library import CATALOG, Library
from .matrix import restorable_rows
from .sqlite_files import reading
from .vectors import PAGE, collection_name

_NEW_CATALOG = ".catalog.new"
_TABLES = {
    "videos": "id, sha256, source, record",
    "spaces": "video, name, state, revision",
    "places": "path, video, stamp",
    "plans": "video, plan",
}


def needs_repair(library: Library) -> bool:
    """Tell whether the catalog or the store as a whole is unusable."""
    return bool(library.catalog_fault() or (not library.store.is_new and library.store.fault()))


def repair_parts(library: Library, purpose: str) -> Iterator[str]:
    """Rebuild the catalog from the store, and the store from the copies in the cache; yield what was done."""
    messages: list[str] = []
    with library.writing(purpose, lambda: messages.extend(repair_catalog(library))):
        yield from messages
        yield from repair_store(library)


def repair_store(library: Library, *, thorough: bool = False) -> Iterator[str]:
    """Replace a store that is damaged as a whole. The writer's lock must be held."""
    if library.store.is_new or not (fault := library.store.fault(thorough=thorough)):
        return
    yield f"{fault}: {library.store.replace_damaged()}"
    for video in library.catalog.videos():
        for state in library.catalog.spaces(video.id).values():
            if state.vectors and restore_vectors(library, video, state):
                yield restored(video, state)


def restored(video: VideoRecord, state: SpaceState) -> str:
    """Describe restored vectors."""
    return f"{video.id}: {state.vectors} vectors of the {state.space.name} space were restored from cache/"


def restore_vectors(library: Library, video: VideoRecord, state: SpaceState) -> bool:
    """Write the copy of the vectors in the cache back to the store; return whether there is a current one."""
    rows = restorable_rows(library, video, state)
    if rows is None or len(rows) != state.vectors:
        return False
    library.store.remove(video.id, state.space.name)
    for start in range(0, len(rows), PAGE):
        library.store.write(video.id, state.space, rows.part(slice(start, start + PAGE)))
    if library.stored_fault(video, state):
        return False
    library.describe(video, state)
    return True


def repair_catalog(library: Library) -> Iterator[str]:
    """Build a new catalog and replace the damaged one with it. The writer's lock must be held."""
    if not (fault := library.catalog_fault(thorough=True)):
        return
    damaged, new = library.folder / CATALOG, library.folder / _NEW_CATALOG
    for left in (new, new.with_name(f"{new.name}-journal")):
        left.unlink(missing_ok=True)
    with contextlib.closing(Catalog(new, create=True)) as catalog:
        _copy_readable_rows(catalog, damaged)
        _add_store_records(catalog, library)
        # A reused revision could make a copy of other vectors look current.
        catalog.raise_revision(int(time.time()))
        videos = len(catalog.videos())
    aside = f", which was moved to {move_aside(library.folder, damaged)}" if damaged.exists() else ""
    damaged.with_name(f"{damaged.name}-journal").unlink(missing_ok=True)
    new.rename(damaged)
    yield f"{fault}: a new catalog of {videos} video{'s' * (videos != 1)} replaces the old one{aside}"


def _copy_readable_rows(catalog: Catalog, damaged: Path) -> None:
    for table, columns in _TABLES.items():
        catalog.insert_rows(table, columns, _readable_rows(damaged, table, columns))
    catalog.remove_unreadable()
    catalog.add_places()


def _readable_rows(file: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Read the rows before the first damaged page and after the last."""
    found: dict[int, tuple[Any, ...]] = {}
    for direction in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), reading(file) as db:
            for rowid, *row in db.execute(f"SELECT rowid, {columns} FROM {table} ORDER BY rowid {direction}"):
                found[rowid] = tuple(row)
    return [found[rowid] for rowid in sorted(found)]


def _add_store_records(catalog: Catalog, library: Library) -> None:
    """Add the videos and spaces whose records Chroma keeps with their vectors."""
    try:
        described = library.store.described()
    except StoreError:
        # A server that does not answer has lost nothing.
        raise
    except LibraryError:
        # The store is damaged as well.
        return
    for name, text in described.items():
        record = read_record(name, text)
        if record is None:
            continue
        video, state = record
        known = catalog.get(video.id)
        if known is None or state.space.name not in catalog.spaces(video.id):
            catalog.save(known or video, [state])


def read_record(name: str, text: str) -> tuple[VideoRecord, SpaceState] | None:
    """Parse the record of a collection; None if it is missing, invalid or that of another collection."""
    try:
        data = json.loads(text)
        video = VideoRecord(**{**data["video"], "problems": tuple(data["video"]["problems"])})
        state = SpaceState(**{**data["state"], "space": Space(**data["state"]["space"])})
        return (video, state) if collection_name(video.id, state.space.name) == name else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
