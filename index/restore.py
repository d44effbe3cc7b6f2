"""Make again what is damaged from what is not. Damaged files are moved aside, and nothing that is whole is deleted."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import LibraryError
from ..frames import FrameRows, Space, SpaceState, VideoRecord
from .catalog import Catalog
from .library import CATALOG, Library
from .matrix import kept_rows
from .sqlite_files import reading
from .store import PAGE, collection_name

ASIDE = "damaged"
"""The folder in the library that damaged files are moved to; the user may delete it."""

_NEW_CATALOG = ".catalog.new"
_TABLES = {
    "videos": "id, sha256, source, record",
    "spaces": "video, name, state, revision",
    "places": "path, video, stamp",
    "plans": "video, plan",
}


def move_aside(library: Path, damaged: Path) -> Path:
    """Move a file or folder of the library to where it is in nobody's way, under a name that is free."""
    (library / ASIDE).mkdir(exist_ok=True)
    target, number = library / ASIDE / damaged.name, 1
    while target.exists():
        number += 1
        target = target.with_name(f"{damaged.stem}-{number}{damaged.suffix}")
    return damaged.rename(target)


def needs_repair(library: Library) -> bool:
    """Whether the catalog or the store as a whole cannot be used as it is."""
    return bool(library.catalog_fault() or (not library.store.is_new and library.store.fault()))


def repair_parts(library: Library, purpose: str) -> Iterator[str]:
    """Make the catalog again from the store, and a new store from the copies that searches read; say what was done."""
    told: list[str] = []
    with library.writing(purpose, lambda: told.extend(repair_catalog(library))):
        yield from told
        yield from repair_store(library)


def repair_store(library: Library, *, thorough: bool = False) -> Iterator[str]:
    """Put a new store in the place of one that is damaged as a whole. The writer's lock must be held."""
    if library.store.is_new or not (fault := library.store.fault(thorough=thorough)):
        return
    library.rest()
    aside = move_aside(library.folder, library.folder / "chroma")
    yield f"{fault}: chroma was moved to {aside}"
    for video in library.catalog.videos():
        for state in library.catalog.spaces(video.id).values():
            if state.vectors and restore_vectors(library, video, state):
                yield restored(video, state)


def restored(video: VideoRecord, state: SpaceState) -> str:
    return f"{video.id}: {state.vectors} vectors of the {state.space.name} space were restored from cache/"


def restore_vectors(library: Library, video: VideoRecord, state: SpaceState) -> bool:
    """Write the copy that searches read back to the store, where there is one that is up to date."""
    rows = kept_rows(library, video, state)
    if rows is None or len(rows) != state.vectors:
        return False
    library.store.remove(video.id, state.space.name)
    for start in range(0, len(rows), PAGE):
        library.store.write(video.id, state.space, _part(rows, slice(start, start + PAGE)))
    if library.amiss(video, state):
        return False
    library.describe(video, state)
    return True


def _part(rows: FrameRows, part: slice) -> FrameRows:
    columns = ("indices", "times", "sharpness", "luma", "duplicate_of", "vectors")
    return FrameRows(**{name: getattr(rows, name)[part] for name in columns})


def repair_catalog(library: Library) -> Iterator[str]:
    """Put a new catalog in the place of a damaged one, once it is finished. The writer's lock must be held."""
    if not (fault := library.catalog_fault(thorough=True)):
        return
    damaged, new = library.folder / CATALOG, library.folder / _NEW_CATALOG
    for left in (new, new.with_name(f"{new.name}-journal")):
        left.unlink(missing_ok=True)
    with contextlib.closing(Catalog(new, create=True)) as catalog:
        _take_readable_rows(catalog, damaged)
        _take_store_records(catalog, library)
        # A revision that was in use before must not come again, or a copy of other vectors might pass for these.
        catalog.raise_revision(int(time.time()))
        videos = len(catalog.videos())
    aside = f", which was moved to {move_aside(library.folder, damaged)}" if damaged.exists() else ""
    damaged.with_name(f"{damaged.name}-journal").unlink(missing_ok=True)
    new.rename(damaged)
    yield f"{fault}: a new catalog of {videos} video{'s' * (videos != 1)} takes the place of the old one{aside}"


def _take_readable_rows(catalog: Catalog, damaged: Path) -> None:
    for table, columns in _TABLES.items():
        catalog.insert_rows(table, columns, _readable_rows(damaged, table, columns))
    catalog.remove_unreadable()
    catalog.add_places()


def _readable_rows(file: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    """The rows before the first damaged page, and those behind the last."""
    found: dict[int, tuple[Any, ...]] = {}
    for direction in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), reading(file) as db:
            for rowid, *row in db.execute(f"SELECT rowid, {columns} FROM {table} ORDER BY rowid {direction}"):
                found[rowid] = tuple(row)
    return [found[rowid] for rowid in sorted(found)]


def _take_store_records(catalog: Catalog, library: Library) -> None:
    """Add the videos and spaces of which Chroma keeps a record beside their vectors."""
    try:
        described = library.store.described()
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
    """What a collection's record says; nothing where there is none, or it is another's."""
    try:
        data = json.loads(text)
        video = VideoRecord(**{**data["video"], "problems": tuple(data["video"]["problems"])})
        state = SpaceState(**{**data["state"], "space": Space(**data["state"]["space"])})
        return (video, state) if collection_name(video.id, state.space.name) == name else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
