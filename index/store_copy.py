"""Copy a read-only store to the temporary folder, since Chroma opens its database for writing even to read it.

Index files, which Chroma only reads, are linked instead of copied. The copy is removed when the store is closed; that
of a killed process is removed when the next one is made.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ..errors import LibraryError
from .inventory import DATABASE

PREFIX = "reelweave-store-"

_UNFINISHED = ".reelweave-unfinished-"
"""Prefix of a folder until it is locked, so that no other process takes it for an abandoned one."""

_LOCK = "lock"

_SUFFIXES = ("", "-journal", "-wal")
"""Suffixes of the files of an SQLite database: an unfinished transaction is rolled back in the copy."""

_CHUNK = 1 << 26
"""Bytes copied at once."""


def is_read_only(folder: Path) -> bool:
    """Tell whether a store exists and Chroma could not open it: it writes to the database and creates a journal."""
    database = folder / DATABASE
    return database.exists() and not (os.access(database, os.W_OK) and os.access(folder, os.W_OK))


class StoreCopy:
    """A temporary copy of a read-only store."""

    def __init__(self, store: Path, most_bytes: int) -> None:
        """Copy a store.

        Raises:
            LibraryError: The database is larger than `most_bytes` or than the free space of the temporary folder.
        """
        from filelock import FileLock

        remove_abandoned()
        _check_size(store, most_bytes)
        made = Path(tempfile.mkdtemp(prefix=_UNFINISHED))
        self._lock: Any = FileLock(made / _LOCK, timeout=0)
        self._lock.acquire()
        self._home = made.rename(made.with_name(made.name.replace(_UNFINISHED, PREFIX)))
        self.folder = self._home / "chroma"
        try:
            _copy(store, self.folder)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._lock.release()
        shutil.rmtree(self._home, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the copies of killed processes, whose locks are free."""
    from filelock import FileLock, Timeout

    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if home.is_symlink() or (hasattr(os, "getuid") and home.stat().st_uid != os.getuid()):
                continue
            with FileLock(home / _LOCK, timeout=0):
                shutil.rmtree(home, ignore_errors=True)
        except (Timeout, OSError):
            continue


def _check_size(store: Path, most_bytes: int) -> None:
    temporary, size = tempfile.gettempdir(), sum(file.stat().st_size for file in _database_files(store))
    if size > most_bytes:
        raise LibraryError(
            f"The library {store.parent} cannot be written, and its database of {size / 1e9:.1f} GB is too large to "
            f"be copied for reading (store.copy_gb = {most_bytes / 1e9:g}).",
            "Raise store.copy_gb, or copy the library to a writable disk.",
        )
    if size > (free := shutil.disk_usage(temporary).free):
        raise LibraryError(
            f"The library {store.parent} cannot be written, and {temporary} has no space to copy its database for "
            f"reading ({size / 1e9:.1f} GB, {free / 1e9:.1f} GB free).",
            "Free some space, or set TMPDIR to another folder.",
        )


def _database_files(store: Path) -> list[Path]:
    files = [store / f"{DATABASE}{suffix}" for suffix in _SUFFIXES]
    return [file for file in files if file.exists()]


def _copy(store: Path, target: Path) -> None:
    target.mkdir()
    for file in _database_files(store):
        _copy_file(file, target / file.name)
    for index in store.iterdir():
        # Chroma rebuilds an index that was never written to files from the database, and needs a new folder for it.
        if (index / "index_metadata.pickle").exists():
            _link_index(index.resolve(), target / index.name)


def _link_index(index: Path, target: Path) -> None:
    """Link to an index that cannot be changed through the link; copy any other, since Chroma could write to it."""
    try:
        if not any(os.access(path, os.W_OK) for path in (index, *index.iterdir())):
            target.symlink_to(index, target_is_directory=True)
            return
    except (OSError, NotImplementedError):
        # On Windows few users may create links.
        pass
    shutil.copytree(index, target, copy_function=_copy_file)


def _copy_file(source: "str | Path", target: "str | Path") -> None:
    """Copy the bytes without the permissions, by reference where the file system supports it."""
    with open(source, "rb") as read, open(target, "wb") as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), _CHUNK):
                pass
        except (AttributeError, OSError):
            read.seek(0)
            written.seek(0)
            written.truncate()
            shutil.copyfileobj(read, written, _CHUNK)
