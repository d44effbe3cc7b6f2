"""Remember which files of the cache were verified, so that not every process reads all of them for their checksums."""

import contextlib
import json
import time
from pathlib import Path

from ..media.files import atomic
from ..media.untrusted import UntrustedError, read_object

NAME = "verified.json"

_SETTLED_SECONDS = 2.0
"""Age from which a file is remembered: a change within the resolution of its time would go unnoticed."""


class VerifiedFiles:
    """The files of a folder that were verified, each with its size, time and number on the disk."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME
        try:
            self._known = read_object(self._file)
        except (OSError, UntrustedError):
            self._known = {}
        self._found: dict[str, str] = {}
        self._is_changed = False

    def has(self, file: Path) -> bool:
        """Tell whether a file is unchanged since it was verified; its present state is kept for `add`."""
        self._found[file.name] = state = _state(file)
        return bool(state) and self._known.get(file.name) == state

    def add(self, file: Path) -> None:
        """Note that the file was found undamaged in the state that it had when `has` was called."""
        state = self._found[file.name]
        if state and time.time() - file.stat().st_mtime > _SETTLED_SECONDS:
            self._known[file.name] = state
            self._is_changed = True

    def save(self) -> None:
        """Write what was added, if the library can be written."""
        if self._is_changed:
            with contextlib.suppress(OSError):
                known = {name: state for name, state in self._known.items() if (self._file.parent / name).exists()}
                with atomic(self._file) as part:
                    part.write_text(json.dumps(known), encoding="utf-8")


def _state(file: Path) -> str:
    """Return what changes with the content of a file; empty where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
