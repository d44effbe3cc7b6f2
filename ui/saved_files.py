"""Records that outlive the page, each in a file of its own, named by a random id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

from pydantic import BaseModel

from ..media.files import atomic
from ..media.untrusted import UntrustedError, read_object, validate

_MAX_SIZE = 1 << 20
"""Bytes of a record; a larger file is not ours."""
_ID_LENGTH = 32

Record = TypeVar("Record", bound=BaseModel)


def new_id() -> str:
    return uuid4().hex


def is_id(text: str) -> bool:
    """Tell whether a text from the browser can be the id of a record, and so part of a file name."""
    return len(text) == _ID_LENGTH and set(text) <= set("0123456789abcdef")


class SavedFiles(Generic[Record]):
    """The records of one kind in one folder; the oldest beyond `kept` are deleted."""

    def __init__(self, folder: Path, kind: type[Record], kept: int) -> None:
        self._folder, self._kind, self._kept = folder, kind, kept

    def save(self, record_id: str, record: Record) -> bool:
        """Write a record. Return False if that failed, as on a full disk."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic(self.file(record_id, ".json")) as part:
                part.write_text(record.model_dump_json(), encoding="utf-8")
            for old in self.ids()[self._kept :]:
                self.remove(old)
        except OSError:
            return False
        return True

    def get(self, record_id: str) -> Record | None:
        """Read a record; None if there is none, or its file is damaged."""
        if not is_id(record_id):
            return None
        try:
            return validate(self._kind, read_object(self.file(record_id, ".json"), _MAX_SIZE))
        except (OSError, UntrustedError, ValueError):
            return None

    def all(self) -> Iterator[tuple[str, Record]]:
        """Read all records, latest first."""
        for record_id in self.ids():
            if (record := self.get(record_id)) is not None:
                yield record_id, record

    def remove(self, record_id: str) -> None:
        """Delete the files of a record."""
        if is_id(record_id):
            for file in self._folder.glob(f"{record_id}.*"):
                file.unlink(missing_ok=True)

    def file(self, record_id: str, suffix: str) -> Path:
        """Return the path of a record, or of a file that belongs to it and is deleted with it."""
        return self._folder / f"{record_id}{suffix}"

    def ids(self) -> list[str]:
        """List the ids, the one that was saved last first."""
        files = [(file.stat().st_mtime_ns, file.stem) for file in self._folder.glob("*.json")]
        return [name for _, name in sorted(files, reverse=True)]
