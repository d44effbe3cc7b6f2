"""Copy Chroma's database from storage that cannot be written, since Chroma opens it for writing even to read it.

The index files, which Chroma only reads, are linked to and not copied. The copy lies in the system's temporary
folder. It goes when the store is closed; the copy of a process that was killed goes when the next one is made.
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
"""A folder is called so until it is locked, so that no other process takes it for one that was left behind."""
_LOCK = "lock"
_BESIDE = ("", "-journal", "-wal")
"""What belongs to an SQLite database: an unfinished transaction is rolled back in the copy."""
_CHUNK = 1 << 26


def is_read_only(folder: Path) -> bool:
    """Whether Chroma could not open an existing store: it writes to the database and makes a journal beside it."""
    database = folder / DATABASE
    return database.exists() and not (os.access(database, os.W_OK) and os.access(folder, os.W_OK))


class StoreCopy:
    """A temporary store with the content of one that is read-only."""

    def __init__(self, store: Path, most_bytes: int) -> None:
        """Copy a store.

        Raises:
            LibraryError: if the database is larger than `most_bytes`, or than the room in the temporary folder.
        """
        from filelock import FileLock

        remove_left_behind()
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


def remove_left_behind() -> None:
    """Remove the copies of processes that were killed: nobody holds their locks any more."""
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
            "Raise store.copy_gb, or copy the library to a disk that can be written.",
        )
    if size > (free := shutil.disk_usage(temporary).free):
        raise LibraryError(
            f"The library {store.parent} cannot be written, and there is no room in {temporary} to copy its database "
            f"for reading ({size / 1e9:.1f} GB, {free / 1e9:.1f} GB free).",
            "Free some space, or name another folder in the variable TMPDIR.",
        )


def _database_files(store: Path) -> list[Path]:
    files = [store / f"{DATABASE}{suffix}" for suffix in _BESIDE]
    return [file for file in files if file.exists()]


def _copy(store: Path, target: Path) -> None:
    target.mkdir()
    for file in _database_files(store):
        _copy_file(file, target / file.name)
    for index in store.iterdir():
        # An index that was never written to files Chroma makes from the database, and for that it needs a folder.
        if (index / "index_metadata.pickle").exists():
            _link_index(index.resolve(), target / index.name)


def _link_index(index: Path, target: Path) -> None:
    """Link to files that nobody can change through the link; others are copied, lest Chroma write into them."""
    try:
        if not any(os.access(path, os.W_OK) for path in (index, *index.iterdir())):
            target.symlink_to(index, target_is_directory=True)
            return
    except (OSError, NotImplementedError):
        # Windows lets few users make links.
        pass
    shutil.copytree(index, target, copy_function=_copy_file)


def _copy_file(source: "str | Path", target: "str | Path") -> None:
    """Copy the bytes alone, by reference where the file system can; the copy must not be read-only itself."""
    with open(source, "rb") as read, open(target, "wb") as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), _CHUNK):
                pass
        except (AttributeError, OSError):
            read.seek(0)
            written.seek(0)
            written.truncate()
            shutil.copyfileobj(read, written, _CHUNK)
