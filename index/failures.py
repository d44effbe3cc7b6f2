"""Translate failures of the disk, SQLite and Chroma into errors of the library."""

import errno
import shutil
import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ..errors import LibraryDamaged, LibraryError, ReelweaveError, StoreError, command

_FULL = ("disk is full", "No space left", "code: 13")
_READ_ONLY = ("readonly", "read-only", "Read-only", "Permission denied", "unable to open database")
_NO_DAMAGE = (*_FULL, *_READ_ONLY, "Too many open files", "os error 24", "Cannot allocate memory")
_DAMAGED = (
    *("malformed", "not a database", "no such table", "unsupported file format", "Failed to get segments", "log store"),
    "Inconsistent hash",
    *("hnsw", "pickle", "finding id", "getting embedding"),
)
"""Texts in the errors that Chroma and SQLite raise for damaged files."""


ASIDE = "damaged"
"""Folder in the library for damaged files; the user may delete it."""


def check_and_repair() -> str:
    """Return the command that repairs a library, as messages quote it."""
    return command("videos", "check", "--repair")


def repair_remedy() -> str:
    """Return the next step after damage."""
    return f"{check_and_repair()} reports what is lost, and restores what it can."


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Translating(Protocol):
    def error(self, failed: BaseException) -> ReelweaveError | None: ...


_Owner = TypeVar("_Owner", bound=_Translating)


def library_error(folder: Path, failed: Exception) -> LibraryError | None:
    """Translate a failure; None where it does not concern the library in `folder`."""
    if isinstance(failed, BrokenPipeError):
        # The reader of the standard output has closed it.
        return None
    text = f"{type(failed).__name__}: {failed}"
    code = failed.errno if isinstance(failed, OSError) else None
    if not is_from_store(failed) and not (isinstance(failed, OSError) and _concerns(folder, failed.filename)):
        return None
    if code == errno.ENOSPC or any(sign in text for sign in _FULL):
        free = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
        return LibraryError(
            f"There is no space left for the library {folder} ({free} MiB free); earlier data is safe.",
            "Free some space, or use another folder with --library, and run the command again.",
        )
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or any(sign in text for sign in _READ_ONLY):
        return LibraryError(
            f"The library {folder} cannot be written.",
            "Check its permissions, copy it to another disk, or use another folder with --library.",
        )
    return LibraryError(f"The library {folder} cannot be used ({failed}).", repair_remedy())


def removed(folder: Path) -> LibraryError:
    """Make the error for a library that was removed while a command used it."""
    return LibraryError(
        f"The library {folder} was removed while the command ran.",
        "Restore it from a backup, or ingest its videos again; it contained no sources.",
    )


def changed(folder: Path, failed: Exception) -> LibraryError:
    """Make the error for a lookup that failed because another process changed the library."""
    return LibraryError(
        f"The library {folder} was changed by another process while the command ran ({failed}).",
        "Run the command again.",
    )


def translated(
    method: Callable[Concatenate[_Owner, _Arguments], _Result],
) -> Callable[Concatenate[_Owner, _Arguments], _Result]:
    """Translate what Chroma raises into errors of the library; its panics derive from BaseException."""

    @wraps(method)
    def guarded(owner: _Owner, /, *arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        try:
            return method(owner, *arguments, **options)
        except BaseException as failed:
            if (error := owner.error(failed)) is None:
                raise
            raise error from failed

    return guarded


def damage(folder: Path, failed: BaseException) -> LibraryDamaged | None:
    """Make the error for what Chroma raises for damaged files; None for other failures."""
    if not _is_damage(failed):
        return None
    return store_damaged(folder, (str(failed).splitlines() or [type(failed).__name__])[0])


def store_damaged(folder: Path, fault: str) -> LibraryDamaged:
    """Make the error for a damaged store."""
    return LibraryDamaged(f"The vectors of the library {folder.parent} are damaged: {fault}.", repair_remedy())


def _is_damage(failed: BaseException) -> bool:
    if type(failed).__name__ == "PanicException":
        return True
    text = str(failed)
    return (
        is_from_store(failed)
        and any(sign in text for sign in _DAMAGED)
        and not any(sign in text for sign in _NO_DAMAGE)
    )


def is_from_store(failed: BaseException) -> bool:
    return isinstance(failed, sqlite3.Error) or type(failed).__module__.startswith("chromadb")


def _concerns(folder: Path, name: object) -> bool:
    """Tell whether a failure concerns the library: the file that it names is inside, or it names none."""
    if not isinstance(name, str):
        return True
    library, named = folder.absolute(), Path(name).absolute()
    return named.is_relative_to(library) or library.is_relative_to(named)


def server_error(url: str, text: str) -> StoreError:
    """Make the error for a request that a server could not carry out."""
    if any(sign in text for sign in _FULL):
        return StoreError(
            f"The Chroma server {url} has no space left on its disk; earlier data is safe.",
            "Free some space there, and run the command again.",
        )
    return StoreError(f"The Chroma server {url} failed ({text}).", "Its log may say more.")


def move_aside(library: Path, damaged: Path) -> Path:
    """Move a damaged file or folder of the library to the folder for such files, under a free name."""
    (library / ASIDE).mkdir(exist_ok=True)
    target, number = library / ASIDE / damaged.name, 1
    while target.exists():
        number += 1
        target = target.with_name(f"{damaged.stem}-{number}{damaged.suffix}")
    return damaged.rename(target)
