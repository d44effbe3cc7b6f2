"""Who a video is: a name safe everywhere, and the hash of what it holds."""

import hashlib
import re
import unicodedata
from pathlib import Path

from .source import picture_files

_LONGEST_SLUG = 40


def stamp(path: Path) -> str:
    """Sizes and times of change: as long as it stands, the content need not be read again."""
    files = picture_files(path) if path.is_dir() else [path]
    stats = [file.stat() for file in files]
    return f"{len(files)}:{sum(s.st_size for s in stats)}:{max(s.st_mtime_ns for s in stats)}"


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's pictures."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for picture in picture_files(path):
        digest.update(picture.name.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(bytes.fromhex(content_hash(picture)))
    return digest.hexdigest()


def video_id(path: Path, sha256: str) -> str:
    """`my-holiday-1a2b3c4d`: readable, unique by content, and a name that every store and file system takes."""
    plain = unicodedata.normalize("NFKD", path.stem if path.is_file() else path.name)
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower())[:_LONGEST_SLUG].strip("-")
    return f"{slug or 'video'}-{sha256[:8]}"
