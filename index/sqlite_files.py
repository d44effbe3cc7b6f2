"""Look at SQLite files without changing them: whether they are databases, and whether they are whole."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_SAID = ("no such table", "unsupported file format")
"""How SQLite words what it gives no code of its own: a lost table, and a header of a version that never was."""
_PATIENCE = 10.0


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only; nothing is created where there is none."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as db:
        db.text_factory = lenient
        yield db


def lenient(text: bytes) -> str:
    """Read text that may be damaged."""
    return text.decode(errors="replace")


def database_fault(
    file: Path, tables: Collection[str] = (), *, read: Collection[str] = (), thorough: bool = False
) -> str:
    """Say in words what is wrong with a database that should hold these tables; nothing where it is sound.

    A database with an unfinished transaction counts as sound: whoever opens it for writing rolls that back. Of those
    in `read` every row and index is looked at, and with `thorough` every page of all.
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
            told = next((told for told in (_told(db, check) for check in checks) if told != "ok"), "ok")
    except sqlite3.DatabaseError as failed:
        return f"{file.name} is damaged ({failed})" if is_damage(failed) else ""
    except UnicodeDecodeError:
        # SQLite names no column of a schema that is no text.
        return f"{file.name} is damaged (its schema cannot be read)"
    return "" if told == "ok" else f"{file.name} is damaged ({told})"


def change_key(file: Path) -> tuple[int, int, bytes] | None:
    """What changes with every commit to a database; None where that cannot be told now."""
    try:
        if has_journal(file):
            return None
        status = file.stat()
        with file.open("rb") as opened:
            header = opened.read(_HEADER)
    except OSError:
        return None
    return (status.st_ino, status.st_size, header)


def _told(db: sqlite3.Connection, check: str) -> str:
    return " ".join(str(db.execute(f"PRAGMA {check}").fetchone()[0]).split())


def is_damage(failed: sqlite3.Error) -> bool:
    """Whether SQLite failed because of the bytes of the file, and not because of a lock or the disk."""
    return getattr(failed, "sqlite_errorname", "").startswith(_DAMAGED) or any(said in str(failed) for said in _SAID)


def _header_fault(file: Path) -> str:
    """Compare the header with the file's size; with a journal beside it the two may differ for good reason."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    if header[: len(_MAGIC)] != _MAGIC:
        return f"{file.name} is not an SQLite database"
    if len(header) < _HEADER:
        return f"{file.name} is cut short"
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    # The count of pages counts only where these two agree; an old SQLite did not write it.
    counts = header[24:28] == header[92:96]
    cut = counts and file.stat().st_size < pages * (65536 if page == 1 else page)
    return f"{file.name} is cut short" if cut and not has_journal(file) else ""


def has_journal(file: Path) -> bool:
    """Whether a transaction is under way, or was when its process died."""
    journal = file.with_name(f"{file.name}-journal")
    return journal.exists() and journal.stat().st_size > 0
