"""Identity of a video: the hash of its content, an id made from it, and a stamp that saves hashing it again."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SourceError
from .source import Source, picture_files

_MAX_SLUG = 40
"""Characters of a file's name that go into the id: readable in a table, and short of every file system's limit."""


def check_kind(path: Path) -> None:
    """Reject devices and pipes, which may block or never end.

    Raises:
        SourceError: The path is neither a file nor a folder, or cannot be read.
    """
    with _reading(path):
        mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SourceError(f"{path} is neither a file nor a folder.", "Save the stream to a file first.")


def stamp(path: Path) -> str:
    """Return a text of names, sizes and modification times; while it stays the same, so does the content hash."""
    # os.path does not raise where a parent folder cannot be read.
    files = picture_files(path) if os.path.isdir(path) else [path]
    with _reading(path):
        stats = [(file.name, file.stat()) for file in files]
    if os.path.isfile(path):
        return f"{stats[0][1].st_size}:{stats[0][1].st_mtime_ns}"
    facts = "\0".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)
    return f"{len(files)}:{hashlib.sha256(facts.encode('utf-8', 'surrogateescape')).hexdigest()}"


def content_hash(path: Path) -> str:
    """Compute the SHA-256 of a file, or of the names and contents of a folder's pictures."""
    if not os.path.isdir(path):
        check_kind(path)
        with _reading(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for picture in picture_files(path):
        digest.update(picture.name.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(bytes.fromhex(content_hash(picture)))
    return digest.hexdigest()


def source_hash(source: Source) -> str:
    """Return the content hash of an opened source, which is read once as long as its stamp stays the same."""
    now = stamp(source.path)
    if source.hashed is None or source.hashed[0] != now:
        source.hashed = now, content_hash(source.path)
    return source.hashed[1]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as failed:
        raise SourceError(f"{path} cannot be read: {failed.strerror}.") from failed


def video_id(path: Path, sha256: str) -> str:
    """Make an id such as `my-holiday-1a2b3c4d`: readable, unique by content, valid in every store and file system."""
    plain = unicodedata.normalize("NFKD", path.stem if path.is_file() else path.name)
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower())[:_MAX_SLUG].strip("-")
    return f"{slug or 'video'}-{sha256[:8]}"
