"""Inspect SQLite files without changing them: whether they are databases, and whether they are damaged."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_MAGIC = b"SQLite format 3\0"

_HEADER = 100
"""Bytes of a database's header."""

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_DAMAGE_MESSAGES = ("no such table", "unsupported file format")
"""Messages of SQLite for damage that has no error code: a lost table, and a header of an unknown version."""

_LOCK_TIMEOUT = 10.0
"""Seconds to wait for a writer's lock."""


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only; a missing one is not created."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_TIMEOUT)) as db:
        db.text_factory = lenient
        yield db


def lenient(text: bytes) -> str:
    """Decode text that may be damaged."""
    return text.decode(errors="replace")


def database_fault(
    file: Path, tables: Collection[str] = (), *, read: Collection[str] = (), thorough: bool = False
) -> str:
    """Describe what is wrong with a database; an empty text means nothing.

    An unfinished transaction is not a fault: the next writer rolls it back. The database must have the `tables`; every
    row and index of those in `read` is checked, and with `thorough` every page.
    """
    if not file.is_file():
        return f"{file.name} is missing"
    if not file.stat().st_size:
        return f"{file.name} is empty"
    if fault := _header_fault(file):
        return fault
    try:
        with reading(file) as db:
            found = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            if lacking := sorted(set(tables) - found):
                return f"{file.name} has no table {' and no '.join(lacking)}"
            checks = [*(f"integrity_check({table})" for table in read), *["quick_check(1)"] * thorough]
            result = next((result for result in (_pragma(db, check) for check in checks) if result != "ok"), "ok")
    except sqlite3.DatabaseError as failed:
        return f"{file.name} is damaged ({failed})" if is_damage(failed) else ""
    except UnicodeDecodeError:
        # The column names of a damaged schema are not text.
        return f"{file.name} is damaged (its schema cannot be read)"
    return "" if result == "ok" else f"{file.name} is damaged ({result})"


def change_key(file: Path) -> tuple[int, int, bytes] | None:
    """Return a key that changes with every commit to a database; None while a transaction is unfinished."""
    try:
        if has_journal(file):
            return None
        status = file.stat()
        with file.open("rb") as opened:
            header = opened.read(_HEADER)
    except OSError:
        return None
    return (status.st_ino, status.st_size, header)


def _pragma(db: sqlite3.Connection, check: str) -> str:
    return " ".join(str(db.execute(f"PRAGMA {check}").fetchone()[0]).split())


def is_damage(failed: sqlite3.Error) -> bool:
    """Tell whether SQLite failed because of the content of the file, not because of a lock or the disk."""
    message = str(failed)
    return getattr(failed, "sqlite_errorname", "").startswith(_DAMAGED) or any(m in message for m in _DAMAGE_MESSAGES)


def _header_fault(file: Path) -> str:
    """Check the header against the size of the file; the two may differ where there is a journal."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    if header[: len(_MAGIC)] != _MAGIC:
        return f"{file.name} is not an SQLite database"
    if len(header) < _HEADER:
        return f"{file.name} is truncated"
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    # The page count is valid only where these two agree; old versions of SQLite did not write it.
    valid = header[24:28] == header[92:96]
    truncated = valid and file.stat().st_size < pages * (65536 if page == 1 else page)
    return f"{file.name} is truncated" if truncated and not has_journal(file) else ""


def has_journal(file: Path) -> bool:
    """Tell whether a transaction is unfinished, be it under way or left by a killed process."""
    journal = file.with_name(f"{file.name}-journal")
    return journal.exists() and journal.stat().st_size > 0
