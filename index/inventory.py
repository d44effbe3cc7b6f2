"""Read from Chroma's files what is stored, without opening Chroma, which takes milliseconds and changes nothing.

Chroma creates an empty store where its database is missing or empty, and an empty index where the files of one are
missing, so both are checked before Chroma opens them.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .graph_files import HEADER, LINKS, VECTORS, graph_fault
from .sqlite_files import change_key, database_fault, is_damage, reading

DATABASE = "chroma.sqlite3"

_READ = ("migrations", "tenants", "databases")
"""Small tables that Chroma reads when it opens a store; it panics where they are damaged."""
_TABLES = (
    *("collections", "collection_metadata", "segments", "max_seq_id"),
    *("embeddings", "embedding_metadata", "embeddings_queue"),
)
_NAMES = "index_metadata.pickle"
_INDEX_FILES = (HEADER, VECTORS, LINKS, "length.bin", _NAMES)
_STOP = b"."
"""The last byte of a pickle."""

_COLLECTIONS = """
SELECT name, vectors.id, facts.id, EXISTS (SELECT 1 FROM max_seq_id WHERE segment_id = vectors.id)
FROM collections
LEFT JOIN segments AS vectors ON vectors.collection = collections.id AND vectors.scope = 'VECTOR'
LEFT JOIN segments AS facts ON facts.collection = collections.id AND facts.scope = 'METADATA'
"""


@dataclass(frozen=True)
class StoredCollection:
    """A collection in the database; the index of a small one may not have been written to files yet."""

    index: str
    facts: str
    index_written: bool


def store_fault(folder: Path, *, thorough: bool = False) -> str:
    """Describe what is wrong with Chroma's database as a whole; an empty text means nothing."""
    if not folder.exists():
        return f"{folder.name}/ is missing"
    if not folder.is_dir():
        return f"{folder.name} is a file"
    fault = database_fault(folder / DATABASE, (*_TABLES, *_READ), read=_READ, thorough=thorough)
    return f"{folder.name}/{fault}" if fault else ""


class Inventory:
    """The content of a store, cached until the database changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: tuple[int, int, bytes] | None = None
        self._fault = ""
        self._collections: Mapping[str, StoredCollection] | None = None
        self._counts: dict[str, int | None] = {}

    def fault(self) -> str:
        """Describe what is wrong with the database as a whole; an empty text means nothing."""
        self._refresh()
        return self._fault

    def collections(self) -> Mapping[str, StoredCollection] | None:
        """Return all collections by name; None while that is unknown, as during a transaction."""
        self._refresh()
        return self._collections

    def count(self, stored: StoredCollection) -> int | None:
        """Count the rows of a collection; None while that is unknown."""
        self._refresh()
        if stored.facts not in self._counts:
            self._counts[stored.facts] = self._counted(stored)
        return self._counts[stored.facts]

    def _refresh(self) -> None:
        key = change_key(self._folder / DATABASE)
        if key is None or key != self._key:
            self._key, self._counts = key, {}
            self._fault, self._collections = store_fault(self._folder), None
            if not self._fault:
                self._collections = self._listed()

    def _listed(self) -> Mapping[str, StoredCollection] | None:
        try:
            with reading(self._folder / DATABASE) as db:
                rows = db.execute(_COLLECTIONS).fetchall()
        except sqlite3.Error as failed:
            self._fault = f"{self._folder.name}/{DATABASE} is damaged ({failed})" if is_damage(failed) else ""
            return None
        return {name: StoredCollection(index or "", facts or "", bool(written)) for name, index, facts, written in rows}

    def _counted(self, stored: StoredCollection) -> int | None:
        try:
            with reading(self._folder / DATABASE) as db:
                query = "SELECT count(*) FROM embeddings WHERE segment_id = ?"
                return int(db.execute(query, (stored.facts,)).fetchone()[0])
        except sqlite3.Error:
            return None

    def index_fault(self, stored: StoredCollection, *, thorough: bool = False) -> str:
        """Describe what is wrong with the files of an index, as far as sizes show; with `thorough`, also its links."""
        folder = self._folder / stored.index
        if not stored.index_written:
            return ""
        missing = [name for name in _INDEX_FILES if not (folder / name).is_file()]
        if missing:
            return f"{self._folder.name}/{stored.index} has no {' and no '.join(missing)}"
        if fault := graph_fault(folder, thorough=thorough) or _names_fault(folder):
            return f"{self._folder.name}/{stored.index}/{fault}"
        return ""


def _names_fault(folder: Path) -> str:
    """Describe what is wrong with the names of an index's rows, as far as the end of their file shows."""
    with (folder / _NAMES).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return "" if file.read() == _STOP else f"{_NAMES} is damaged"
