"""Who a video is: a name safe everywhere, and the hash of what it holds."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SourceError
from .source import picture_files

_LONGEST_SLUG = 40


def check_kind(path: Path) -> None:
    """Refuse what is neither a file nor a folder: a device or a pipe may be read without end, or wait without end."""
    with _reading(path):
        mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SourceError(f"{path} is neither a file nor a folder.", "Save the stream to a file first.")


def stamp(path: Path) -> str:
    """Names, sizes and times of change: as long as it stands, the content need not be read again."""
    # These ask without raising where a folder above cannot be read.
    files = picture_files(path) if os.path.isdir(path) else [path]
    with _reading(path):
        stats = [(file.name, file.stat()) for file in files]
    if os.path.isfile(path):
        return f"{stats[0][1].st_size}:{stats[0][1].st_mtime_ns}"
    facts = "\0".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)
    return f"{len(files)}:{hashlib.sha256(facts.encode('utf-8', 'surrogateescape')).hexdigest()}"


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's pictures."""
    if not os.path.isdir(path):
        check_kind(path)
        with _reading(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for picture in picture_files(path):
        digest.update(picture.name.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(bytes.fromhex(content_hash(picture)))
    return digest.hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as failed:
        raise SourceError(f"{path} cannot be read: {failed.strerror}.") from failed


def video_id(path: Path, sha256: str) -> str:
    """`my-holiday-1a2b3c4d`: readable, unique by content, and a name that every store and file system takes."""
    plain = unicodedata.normalize("NFKD", path.stem if path.is_file() else path.name)
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower())[:_LONGEST_SLUG].strip("-")
    return f"{slug or 'video'}-{sha256[:8]}"
