"""The writer's lock: one writer at a time.

The system frees the lock when its holder dies; a file beside it names the holder.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ..errors import LibraryLocked
from ..media.untrusted import quote, read_object


@contextmanager
def writer_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the lock of a library.

    Args:
        folder: The folder of the library.
        purpose: What other processes are told.

    Raises:
        LibraryLocked: Another process holds it.
    """
    from filelock import FileLock, Timeout

    note = folder / "writer.json"
    lock = FileLock(folder / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryLocked(
            f"The library {folder} is being written by {_holder(note)}.",
            "Wait for it to finish, or stop it, and run the command again.",
        ) from None
    try:
        # A full disk has no room for the note, but a user must still be able to remove videos.
        with contextlib.suppress(OSError):
            note.write_text(json.dumps(_this_process(purpose)), encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def current_writer(folder: Path) -> str | None:
    """Describe the process that holds the lock; None if none does."""
    from filelock import FileLock, Timeout

    if not (folder / "writer.lock").exists():
        return None
    try:
        with FileLock(folder / "writer.lock", timeout=0):
            return None
    except Timeout:
        return _holder(folder / "writer.json")
    except OSError:
        # A lock that cannot be opened cannot be held either.
        return None


def _this_process(purpose: str) -> dict[str, str | int]:
    started = datetime.now().strftime("%Y-%m-%d %H:%M")
    return {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose, "since": started}


def _holder(note: Path) -> str:
    try:
        who = {key: value if isinstance(value, str) else quote(value) for key, value in read_object(note).items()}
        return f"process {who['pid']} on {who['host']} (reelweave {who['purpose']}, since {who['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
