"""One writer at a time: a lock that the system frees when its holder dies, with a note of who holds it."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ..errors import LibraryLocked
from ..untrusted import read_object, shown


@contextmanager
def writer_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the library for writing, or say at once who does."""
    from filelock import FileLock, Timeout

    note = folder / "writer.json"
    lock = FileLock(folder / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryLocked(
            f"The library {folder} is being written by {_holder(note)}.",
            "Wait for it to end, or stop it, and run the command again.",
        ) from None
    try:
        # On a full disk there is no room for the note, and yet somebody must be able to remove things.
        with contextlib.suppress(OSError):
            note.write_text(json.dumps(_me(purpose)), encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def current_writer(folder: Path) -> str | None:
    """Who holds the lock now, in words; None when nobody does."""
    from filelock import FileLock, Timeout

    if not (folder / "writer.lock").exists():
        return None
    try:
        with FileLock(folder / "writer.lock", timeout=0):
            return None
    except Timeout:
        return _holder(folder / "writer.json")
    except OSError:
        # Where the lock cannot even be opened, nobody writes.
        return None


def _me(purpose: str) -> dict[str, str | int]:
    started = datetime.now().strftime("%Y-%m-%d %H:%M")
    return {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose, "since": started}


def _holder(note: Path) -> str:
    try:
        who = {key: value if isinstance(value, str) else shown(value) for key, value in read_object(note).items()}
        return f"process {who['pid']} on {who['host']} (reelweave {who['purpose']}, since {who['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
