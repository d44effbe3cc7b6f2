"""Vectors at rest: one ChromaDB collection for each video and embedding space."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Collection
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import LibraryDamaged, LibraryError, SpaceMismatch, command
from ..frames import Floats, FrameRows, Space
from ..untrusted import UntrustedError, parse_json
from .failures import converted, healing, store_damaged
from .inventory import DATABASE, Inventory, store_fault
from .store_copy import StoreCopy, is_read_only

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection as ChromaCollection

PAGE = 2000
"""Rows a read: Chroma fails above 32,766."""

_LONGEST_SPACE = 60
_PROBES, _PROBES_TOGETHER = 64, 4
"""Places that are looked at, and rows at each."""
_NEAREST, _NEAREST_AT_MOST = 10, 1000
"""A search is approximate: what a narrow one misses among near-equals a wide one finds, if it is there at all."""
_SAME = 1e-6
"""The cosine distance under which two vectors are the same but for rounding."""

_UNFINISHED, _RECORD = "unfinished", "record"
"""Keys of a collection's metadata. What has neither was written by an earlier version."""

_OPENING = threading.Lock()
"""Chroma counts who has a folder open, but not safely where one thread opens it as another lets it go."""


def load_chroma() -> None:
    """Load what the first look into a store would otherwise wait for."""
    import chromadb  # noqa: F401


class FrameStore(Protocol):
    """Keeps the rows of a video in a space; writing a frame again replaces it."""

    def write(self, video: str, space: Space, rows: FrameRows) -> None: ...

    def read(self, video: str, space: Space) -> FrameRows:
        """All rows, sorted by frame index; SpaceMismatch when they were made by another model."""
        ...

    def vector(self, video: str, space: Space, frame: int) -> Floats:
        """Of one frame."""
        ...

    def count(self, video: str, space: Space) -> int: ...

    def lost(self, video: str, space: Space) -> float:
        """The share of at most 256 vectors, spread over the video, that a search for themselves does not find."""
        ...

    def remove(self, video: str, space: str) -> None: ...

    def keep_only(self, known: Collection[tuple[str, str]]) -> None:
        """Remove the unfinished rows of every other video and space."""
        ...

    def describe(self, video: str, space: Space, record: str) -> None: ...

    def close(self) -> None: ...


class ChromaStore:
    """The FrameStore on disk. Collections are made with cosine distance, as HNSW's default is not it.

    Only writing makes a store where there is none. One that cannot be written is read by way of a temporary copy of
    its database, of at most `copy_gb` (the setting `store.copy_gb` where it is None).
    """

    def __init__(self, folder: Path, copy_gb: float | None = None) -> None:
        self._folder = folder
        self._copy_gb = copy_gb
        self._copy: StoreCopy | None = None
        self._open: dict[str, ChromaCollection] = {}

    @property
    def read_only(self) -> bool:
        return is_read_only(self._folder)

    @cached_property
    def inventory(self) -> Inventory:
        return Inventory(self._folder)

    def fault(self, *, thorough: bool = False) -> str:
        """Say in words what is wrong with the store as a whole; nothing where it is sound."""
        if not thorough or self.is_new:
            return self.inventory.fault()
        return store_fault(self._folder, thorough=True) or self._opening_fault()

    def _opening_fault(self) -> str:
        try:
            self.described()
        except LibraryDamaged as damaged:
            return f"{self._folder.name}/ cannot be opened ({damaged.cause})"
        return ""

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored."""
        return not self._folder.exists() or (self._folder.is_dir() and not any(self._folder.iterdir()))

    @cached_property
    def _client(self) -> "Client":
        if fault := self.fault():
            raise store_damaged(self._folder, fault)
        if self.read_only:
            return self._copied_client()
        return self._connected(self._folder)

    def _copied_client(self) -> "Client":
        from ..settings import load

        limit = load().store.copy_gb if self._copy_gb is None else self._copy_gb
        self._copy = StoreCopy(self._folder, int(limit * 1e9))
        return self._connected(self._copy.folder)

    def _connected(self, folder: Path) -> "Client":
        import chromadb
        from chromadb.api.client import Client
        from chromadb.config import Settings

        with _OPENING:
            try:
                client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
            except BaseException:
                _forget_failed(str(folder))
                raise
        assert isinstance(client, Client)
        return client

    def _refuse_writing(self) -> None:
        if self.read_only:
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), str(self._folder / DATABASE))

    @converted
    def write(self, video: str, space: Space, rows: FrameRows) -> None:
        self._refuse_writing()
        if self.is_new:
            self.__dict__["_client"] = self._connected(self._folder)
        collection = self._collection(video, space, create=True)
        step = min(PAGE, self._client.get_max_batch_size())
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            collection.upsert(
                ids=[f"{index:08d}" for index in rows.indices[part]],
                embeddings=rows.vectors[part],
                metadatas=_metadata(rows, part),
            )

    @converted
    def read(self, video: str, space: Space) -> FrameRows:
        collection = self._collection(video, space)
        count = collection.count()
        facts: list[Any] = []
        vectors = np.zeros((count, space.dimension), np.float32)
        for offset in range(0, count, PAGE):
            page = _page(collection, offset)
            found = page["metadatas"] or []
            vectors[len(facts) : len(facts) + len(found)] = page["embeddings"]
            facts += found
        return _rows(facts, vectors[: len(facts)])

    @converted
    def vector(self, video: str, space: Space, frame: int) -> Floats:
        collection = self._collection(video, space)
        found: Any = collection.get(ids=[f"{frame:08d}"], include=["embeddings"])["embeddings"]
        if found is None or not len(found):
            raise _lost(collection.name)
        return np.asarray(found[0], np.float32)

    @converted
    def count(self, video: str, space: Space) -> int:
        return self._collection(video, space).count()

    @converted
    def lost(self, video: str, space: Space) -> float:
        collection = self._collection(video, space)
        last = collection.count() - 1
        rows = {
            min(place * last // (_PROBES - 1) + row, last)
            for place in range(_PROBES)
            for row in range(_PROBES_TOGETHER)
        }
        if last < 0:
            return 0.0
        self._check_index(collection.name, thorough=True)
        probes = _probes(collection, sorted(rows))
        found = len(probes) - len(_missed(collection, _missed(collection, probes, _NEAREST), _NEAREST_AT_MOST))
        return 1 - found / len(rows)

    @converted
    def remove(self, video: str, space: str) -> None:
        from chromadb.errors import NotFoundError

        name = collection_name(video, space)
        self._open.pop(name, None)
        if self.is_new:
            return
        self._refuse_writing()
        try:
            self._client.delete_collection(name)
        except (NotFoundError, ValueError):
            return
        self._sweep()

    @converted
    def keep_only(self, known: Collection[tuple[str, str]]) -> None:
        if self.is_new:
            return
        self._refuse_writing()
        names = {collection_name(video, space) for video, space in known}
        others = [
            found.name
            for found in self._client.list_collections()
            if found.name not in names and (found.metadata or {}).get(_UNFINISHED)
        ]
        for name in others:
            self._open.pop(name, None)
            self._client.delete_collection(name)
        if others:
            self._sweep()

    def close(self) -> None:
        """Let go of Chroma's files, of which a process that opens many libraries would run out."""
        with contextlib.suppress(LibraryError):
            self._disconnect()
        if self._copy:
            self._copy.close()
            self._copy = None

    @converted
    def _disconnect(self) -> None:
        if "_client" in self.__dict__:
            self._open.clear()
            client = self.__dict__.pop("_client")
            with _OPENING:
                client.close()

    def _collection(self, video: str, space: Space, create: bool = False) -> "ChromaCollection":
        name = collection_name(video, space.name)
        if name not in self._open:
            self._open[name] = self._get(name, space, create)
        return self._open[name]

    def _get(self, name: str, space: Space, create: bool) -> "ChromaCollection":
        from chromadb.errors import NotFoundError

        identity = json.dumps(asdict(space), sort_keys=True)
        try:
            found = self._client.get_collection(name, embedding_function=None)
        except (NotFoundError, ValueError) as missing:
            if not create:
                raise LibraryDamaged(
                    f"The vectors {name} are not in the library's store.",
                    healing(),
                ) from missing
            return self._client.create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
                metadata={"identity": identity, _UNFINISHED: True},
            )
        stored = str((found.metadata or {}).get("identity", "{}"))
        if stored != identity:
            raise mismatch(name, name.rpartition(".")[0], _identity(stored), asdict(space))
        self._check_index(name)
        return found

    def _check_index(self, name: str, *, thorough: bool = False) -> None:
        """Refuse an index that ends the process when it is loaded or, where it is looked at thoroughly, searched."""
        stored = (self.inventory.collections() or {}).get(name)
        if stored and (fault := self.inventory.index_fault(stored, thorough=thorough)):
            raise LibraryDamaged(f"The vectors of {name} are damaged: {fault}.", healing())

    @converted
    def describe(self, video: str, space: Space, record: str) -> None:
        """Keep a record with finished vectors, from which a lost catalog is made again."""
        collection = self._collection(video, space)
        if (collection.metadata or {}).get(_RECORD) != record:
            identity = json.dumps(asdict(space), sort_keys=True)
            collection.modify(metadata={"identity": identity, _RECORD: record})

    @converted
    def described(self) -> dict[str, str]:
        """The records of finished vectors by the names of their collections; an empty one where none was kept."""
        if self.is_new:
            return {}
        found = {collection.name: collection.metadata or {} for collection in self._client.list_collections()}
        return {name: str(facts.get(_RECORD, "")) for name, facts in found.items() if not facts.get(_UNFINISHED)}

    def _sweep(self) -> None:
        """Delete the folders of deleted collections, which Chroma leaves behind."""
        with sqlite3.connect(f"file:{self._folder / 'chroma.sqlite3'}?mode=ro", uri=True) as db:
            alive = {row[0] for row in db.execute("SELECT id FROM segments")}
        db.close()
        for folder in self._folder.iterdir():
            if folder.is_dir() and len(folder.name) == 36 and folder.name not in alive:
                shutil.rmtree(folder, ignore_errors=True)


def _forget_failed(folder: str) -> None:
    """Chroma keeps even what failed to start, and gives it to the next who opens the same folder."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if folder not in SharedSystemClient._identifier_to_refcount:
        SharedSystemClient._identifier_to_system.pop(folder, None)


def _page(collection: "ChromaCollection", offset: int) -> Any:
    from chromadb.errors import ChromaError

    try:
        return collection.get(limit=PAGE, offset=offset, include=["embeddings", "metadatas"])
    except ChromaError as failed:
        if "finding id" not in str(failed):
            raise
        raise _lost(collection.name) from failed


def _lost(name: str) -> LibraryDamaged:
    return LibraryDamaged(
        f"Vectors of {name} are counted, but lost.",
        healing(),
    )


def _probes(collection: "ChromaCollection", rows: list[int]) -> list[tuple[str, Any]]:
    """Ids and vectors of rows; Chroma may know of a row and yet have lost its vector."""
    from chromadb.errors import ChromaError

    found: list[tuple[str, Any]] = []
    for run in np.split(np.array(rows), np.flatnonzero(np.diff(rows) > 1) + 1):
        try:
            page: Any = collection.get(limit=len(run), offset=int(run[0]), include=["embeddings"])
        except ChromaError:
            continue
        found += zip(page["ids"], page["embeddings"], strict=True)
    return found


def _missed(collection: "ChromaCollection", probes: list[tuple[str, Any]], nearest: int) -> list[tuple[str, Any]]:
    """The rows that are neither among the nearest to their own vectors nor crowded out of them by their equals."""
    if not probes:
        return []
    vectors = np.asarray([vector for _, vector in probes], np.float32)
    nearest = min(nearest, collection.count())
    answer: Any = collection.query(query_embeddings=vectors, n_results=nearest, include=["distances"])
    return [
        probe
        for probe, ids, distances in zip(probes, answer["ids"], answer["distances"], strict=True)
        if probe[0] not in ids and not (len(distances) == nearest and distances[-1] < _SAME)
    ]


def collection_name(video: str, space: str) -> str:
    """Video ids are slugs, and a space that is called what Chroma does not take gets a slug and a hash."""
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", space).strip("-")
    if plain != space:
        plain = f"{plain[-_LONGEST_SPACE:].strip('-')}-{hashlib.sha256(space.encode()).hexdigest()[:8]}"
    return f"{video}.{plain}"


def _identity(stored: str) -> dict[str, Any]:
    """What a collection says of its model; nothing where that cannot be read."""
    try:
        found = parse_json(stored)
    except UntrustedError:
        return {}
    return found if isinstance(found, dict) else {}


def mismatch(where: str, video: str, stored: dict[str, Any], wanted: dict[str, Any]) -> SpaceMismatch:
    differing = [key for key in wanted if stored.get(key) != wanted[key]]
    changes = "; ".join(f"{key}: stored {stored.get(key)}, now {wanted[key]}" for key in differing)
    return SpaceMismatch(
        f"The vectors of {where} were made by another model ({changes}).",
        f"{command('videos', 'remove', video)} and ingesting it again make them anew; "
        "to keep them, restore the setting.",
    )


def _metadata(rows: FrameRows, part: slice) -> list[Any]:
    columns = (rows.indices, rows.times, rows.sharpness, rows.luma, rows.duplicate_of)
    keys = ("frame", "time", "sharpness", "luma", "duplicate_of")
    values = zip(*(column[part].tolist() for column in columns), strict=True)
    return [dict(zip(keys, row, strict=True)) for row in values]


def _rows(facts: list[Any], vectors: Floats) -> FrameRows:
    order = np.argsort(np.array([row["frame"] for row in facts], np.int64), kind="stable")
    sorted_already = bool((np.diff(order) == 1).all())

    def column(key: str, kind: Any) -> Any:
        return np.array([row[key] for row in facts], kind)[order]

    return FrameRows(
        indices=column("frame", np.int64),
        times=column("time", np.float64),
        sharpness=column("sharpness", np.float32),
        luma=column("luma", np.float32),
        duplicate_of=column("duplicate_of", np.int64),
        vectors=vectors if sorted_already else vectors[order],
    )
