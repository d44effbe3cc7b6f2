"""The vectors in the library's folder: ChromaDB embedded in this process."""

import errno
import os
import shutil
import sqlite3
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LibraryDamaged
from ..settings import load
from .failures import damage, move_aside, repair_remedy, store_damaged
from .inventory import DATABASE, Inventory, store_fault
from .store_copy import StoreCopy, is_read_only
from .vectors import VectorStore, collection_name

if TYPE_CHECKING:
    from chromadb.api.client import Client

_OPENING = threading.Lock()
"""Chroma's count of users of a folder is not safe where one thread opens it while another closes it."""


class ChromaStore(VectorStore):
    """A store in a folder.

    A read-only one is read from a temporary copy of its database, whose size `copy_gb` limits; None stands for the
    setting `store.copy_gb`.
    """

    def __init__(self, folder: Path, copy_gb: float | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._copy_gb = copy_gb
        self._copy: StoreCopy | None = None

    @property
    def read_only(self) -> bool:
        """Whether the store exists and cannot be written."""
        return is_read_only(self._folder)

    @property
    def prefers_copies(self) -> bool:
        # The database of a read-only store would have to be copied.
        return self.read_only

    @cached_property
    def inventory(self) -> Inventory:
        """The content of the store, read without opening Chroma."""
        return Inventory(self._folder)

    def fault(self, *, thorough: bool = False) -> str:
        if not thorough or self.is_new:
            return self.inventory.fault()
        return store_fault(self._folder, thorough=True) or self._opening_fault()

    def _opening_fault(self) -> str:
        try:
            self.described()
        except LibraryDamaged as damaged:
            return f"{self._folder.name}/ cannot be opened ({damaged.cause})"
        return ""

    def quick_fault(self, video: str, space: str, vectors: int) -> str:
        if fault := self.fault():
            return fault
        stored = self.inventory.collections()
        if stored is None:
            return ""
        collection = stored.get(collection_name(video, space))
        if collection is None:
            return "they are not in the store"
        if fault := self.inventory.index_fault(collection):
            return fault
        count = self.inventory.count(collection)
        return f"{count} of them are stored" if count is not None and count < vectors else ""

    def replace_damaged(self) -> str:
        self.close()
        return f"{self._folder.name} was moved to {move_aside(self._folder.parent, self._folder)}"

    def error(self, failed: BaseException) -> LibraryDamaged | None:
        return damage(self._folder, failed)

    @property
    def is_new(self) -> bool:
        return not self._folder.exists() or (self._folder.is_dir() and not any(self._folder.iterdir()))

    @cached_property
    def _client(self) -> "Client":
        if fault := self.fault():
            raise store_damaged(self._folder, fault)
        if self.read_only:
            return self._copied_client()
        return self._connected(self._folder)

    def _create(self) -> None:
        self.__dict__["_client"] = self._connected(self._folder)

    def _copied_client(self) -> "Client":
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

    def _require_writable(self) -> None:
        if self.read_only:
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), str(self._folder / DATABASE))

    def close(self) -> None:
        super().close()
        if self._copy:
            self._copy.close()
            self._copy = None

    def _close_client(self, client: "Client") -> None:
        with _OPENING:
            client.close()

    def _check_index(self, name: str, *, thorough: bool = False) -> None:
        stored = (self.inventory.collections() or {}).get(name)
        if stored and (fault := self.inventory.index_fault(stored, thorough=thorough)):
            raise LibraryDamaged(f"The vectors of {name} are damaged: {fault}.", repair_remedy())

    def _removed(self) -> None:
        """Delete the folders of deleted collections, which Chroma leaves."""
        with sqlite3.connect(f"file:{self._folder / DATABASE}?mode=ro", uri=True) as db:
            alive = {row[0] for row in db.execute("SELECT id FROM segments")}
        db.close()
        for folder in self._folder.iterdir():
            if folder.is_dir() and len(folder.name) == 36 and folder.name not in alive:
                shutil.rmtree(folder, ignore_errors=True)


def _forget_failed(folder: str) -> None:
    """Drop a client that failed to start, which Chroma would otherwise reuse for the same folder."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if folder not in SharedSystemClient._identifier_to_refcount:
        SharedSystemClient._identifier_to_system.pop(folder, None)
