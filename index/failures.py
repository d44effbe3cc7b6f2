"""Say what a failure of the disk, of SQLite or of Chroma means for the library."""

import errno
import shutil
import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ..errors import LibraryDamaged, LibraryError, command

_FULL = ("disk is full", "No space left", "code: 13")
_READ_ONLY = ("readonly", "read-only", "Read-only", "Permission denied", "unable to open database")
_NO_DAMAGE = (*_FULL, *_READ_ONLY, "Too many open files", "os error 24", "Cannot allocate memory")
_DAMAGED = (
    *("malformed", "not a database", "no such table", "unsupported file format", "Failed to get segments", "log store"),
    "Inconsistent hash",
    *("hnsw", "pickle", "finding id", "getting embedding"),
)
"""What Chroma and SQLite say of damaged files."""


def check_and_repair() -> str:
    """Return the command that repairs a library, as messages name it."""
    return command("videos", "check", "--repair")


def healing() -> str:
    """Return the next step after damage."""
    return f"{check_and_repair()} says what is lost, and restores what can be."


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _InFolder(Protocol):
    _folder: Path


_Owner = TypeVar("_Owner", bound=_InFolder)


def explain(folder: Path, failed: Exception) -> LibraryError | None:
    """What a failure says of the library; None when it is none of the library's."""
    if isinstance(failed, BrokenPipeError):
        # Who read the answer has had enough of it.
        return None
    text = f"{type(failed).__name__}: {failed}"
    code = failed.errno if isinstance(failed, OSError) else None
    if not _of_store(failed) and not (isinstance(failed, OSError) and _lies_in(folder, failed.filename)):
        return None
    if code == errno.ENOSPC or any(sign in text for sign in _FULL):
        free = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
        return LibraryError(
            f"There is no space left for the library {folder} ({free} MiB free); what was stored before is safe.",
            "Free some space, or use another folder with --library, and run the command again.",
        )
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or any(sign in text for sign in _READ_ONLY):
        return LibraryError(
            f"The library {folder} cannot be written.",
            "Check its permissions, copy it to another disk, or use another folder with --library.",
        )
    return LibraryError(f"The library {folder} cannot be used ({failed}).", healing())


def removed(folder: Path) -> LibraryError:
    """The library's folder was there when the command began."""
    return LibraryError(
        f"The library {folder} was removed while the command ran.",
        "Restore it from a copy, or ingest its videos again: no source lies in it.",
    )


def changed(folder: Path, failed: Exception) -> LibraryError:
    """Another process changed the library, which is what a lookup failed by."""
    return LibraryError(
        f"The library {folder} was changed by another process while the command ran ({failed}).",
        "Run the command again.",
    )


def converted(
    method: Callable[Concatenate[_Owner, _Arguments], _Result],
) -> Callable[Concatenate[_Owner, _Arguments], _Result]:
    """Turn what Chroma raises for damaged files into LibraryDamaged; its panics are no Exception at all."""

    @wraps(method)
    def guarded(owner: _Owner, /, *arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        try:
            return method(owner, *arguments, **options)
        except BaseException as failed:
            if not _is_damage(failed):
                raise
            raise store_damaged(owner._folder, _first_line(failed)) from failed

    return guarded


def store_damaged(folder: Path, fault: str) -> LibraryDamaged:
    return LibraryDamaged(f"The vectors of the library {folder.parent} are damaged: {fault}.", healing())


def _is_damage(failed: BaseException) -> bool:
    if type(failed).__name__ == "PanicException":
        return True
    text = str(failed)
    return _of_store(failed) and any(sign in text for sign in _DAMAGED) and not any(sign in text for sign in _NO_DAMAGE)


def _of_store(failed: BaseException) -> bool:
    return isinstance(failed, sqlite3.Error) or type(failed).__module__.startswith("chromadb")


def _first_line(failed: BaseException) -> Any:
    return (str(failed).splitlines() or [type(failed).__name__])[0]


def _lies_in(folder: Path, name: object) -> bool:
    """Whether a failure that names its file speaks of the library; one that names none does."""
    if not isinstance(name, str):
        return True
    library, named = folder.absolute(), Path(name).absolute()
    return named.is_relative_to(library) or library.is_relative_to(named)
