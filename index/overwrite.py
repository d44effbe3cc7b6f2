"""Decide which files a command may overwrite, and record which it wrote.

A file is replaced without asking if Reelweave wrote it from the same source and it has not changed since, so that a
command can be repeated. Any other file is replaced only if the caller allows it. Sources of the library, inputs of the
command and files of the library are never replaced.

Files are recognised by content: a small database in the user's state folder keeps the size and SHA-256 of each file and
its origin, which identifies what it was made from. Paths are not kept, so a file may be moved or copied, and outputs
contain no marks. Where the database is missing or read-only, the user is asked, or the command fails.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from ..errors import ReelweaveError, UsageError
from ..media.files import check_folder, check_writable, is_stream
from ..media.identity import content_hash, source_hash
from ..media.ranges import listed
from ..media.source import PICTURE_SUFFIXES, Source
from ..settings import Settings, library_folder
from .library import open_library

Overwrite: TypeAlias = bool | Callable[[Sequence[Path]], bool]
"""Whether files that Reelweave did not write, or that have changed, may be replaced; or a callable that asks."""

_KEPT = 20_000
"""Files in the database, which then has about 3 MB; the oldest are deleted first."""

_MAX_LISTED = 5
"""Files that a message names."""

_LIBRARY_PARTS = ("catalog.db", "chroma", "proxies", "cache", "store", "writer.")

_LOCK_TIMEOUT = 5.0
"""Seconds to wait for another process that writes to the database."""


class Outputs:
    """The output files of one command: checked before any work is done, and recorded as they are written."""

    def __init__(
        self,
        origin: str | Callable[[], str],
        overwrite: Overwrite = False,
        *,
        inputs: Iterable[Path | None] = (),
        library: Path | None = None,
    ) -> None:
        """
        Args:
            origin: Identifies what the files are made from. A callable is called when it is first needed.
            overwrite: Whether other files may be replaced.
            inputs: What the command reads.
            library: The folder whose sources are protected.
        """
        self._origin = origin
        self._overwrite = overwrite
        self._inputs = _identities(path for path in inputs if path is not None)
        self._library = library
        self._claimed: dict[str, tuple[int, ...] | None] = {}
        self._record = Record()

    @cached_property
    def origin(self) -> str:
        """Identifies what the files are made from."""
        return self._origin if isinstance(self._origin, str) else self._origin()

    def claim(self, *files: Path | None, folder: Path | None = None, names: Sequence[str] = ()) -> None:
        """Check that files can and may be written.

        Args:
            files: The files; None and pipes are ignored.
            folder: A folder of further files, which need not exist yet.
            names: Names or patterns of the files in that folder.

        Raises:
            UsageError: A file must not be replaced, its name is that of a folder or of another output, or its folder
                is missing.
            RenderError: The folder is read-only.
        """
        named = [file for file in files if file is not None and not is_stream(file)]
        inside: list[Path] = []
        if folder is not None:
            _check_new_folder(folder)
            inside = sorted({*_matching(folder, names), *(folder / name for name in names if "*" not in name)})
        for file in (*named, *filter(Path.exists, inside)):
            check_writable(file)
        named += inside
        for file in named:
            self._claim_one(file)
        self._check_overwriting(named)

    @contextmanager
    def writing(self, *files: Path) -> Iterator[None]:
        """Claim files that are not claimed yet, and record those that the block writes, even if it fails."""
        files = tuple(file for file in files if not is_stream(file))
        claimed = {file: os.path.realpath(file) for file in files if os.path.realpath(file) in self._claimed}
        self.claim(*(file for file in files if file not in claimed))
        # A file may have changed since it was claimed.
        self._check_overwriting([file for file, real in claimed.items() if _state(file) != self._claimed[real]])
        with self._recording(lambda: files):
            yield

    @contextmanager
    def writing_folder(self, folder: Path, patterns: Sequence[str]) -> Iterator[None]:
        """Record the files of a claimed folder that match the patterns and that the block writes."""
        with self._recording(lambda: _matching(folder, patterns)):
            yield

    @contextmanager
    def _recording(self, files: Callable[[], Iterable[Path]]) -> Iterator[None]:
        before = {file: _state(file) for file in files()}
        try:
            yield
        finally:
            # A source that has been removed has no digest: its films are written, but not recorded.
            with suppress(ReelweaveError):
                for file in files():
                    if (state := _state(file)) and state != before.get(file):
                        self._record.add(file, self.origin)

    def _claim_one(self, file: Path) -> None:
        if _is_part(file, self._inputs):
            raise UsageError(f"{file} would overwrite an input of this command.", "Choose another name.")
        if (real := os.path.realpath(file)) in self._claimed:
            raise UsageError(f"{file} would overwrite another output.", "Give each output its own name.")
        self._claimed[real] = _state(file)

    def _check_overwriting(self, files: Sequence[Path]) -> None:
        existing = [file for file in files if file.exists()]
        self._check_library(existing)
        if self._overwrite is True:
            return
        foreign = [file for file in existing if not self._record.has(file, lambda: self.origin)]
        if not foreign or (self._overwrite and self._overwrite(foreign)):
            return
        raise UsageError(
            describe_foreign(foreign), "Choose another name, or add --overwrite (from Python: overwrite=True)."
        )

    def _check_library(self, existing: Sequence[Path]) -> None:
        """Refuse to replace a source of the library, under any path, or a file of the library."""
        if not existing or self._library is None:
            return
        with open_library(self._library) as library:
            sources = _identities(map(Path, library.catalog.paths()))
        for file in existing:
            if _is_library_file(file, self._library):
                raise UsageError(f"{file} is a file of the library.", "Choose another name.")
            if _is_part(file, sources):
                raise UsageError(
                    f"{file} is a source of the library, and sources are never overwritten.", "Choose another name."
                )


class Record:
    """The database of written files: size, digest and origin of each, in the user's state folder.

    A process remembers its own files even where the folder is read-only.
    """

    _own: ClassVar[set[tuple[Path, int, str, str]]] = set()

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or _record_file()

    def has(self, file: Path, origin: Callable[[], str]) -> bool:
        """Tell whether a file was written from an origin and is unchanged; it is read only if its size is recorded."""
        try:
            return self._has(file, file.stat().st_size, origin)
        except OSError:
            return False

    def _has(self, file: Path, size: int, origin: Callable[[], str]) -> bool:
        known = {(made, digest) for place, own, made, digest in tuple(self._own) if (place, own) == (self._file, size)}
        known |= set(self._rows("SELECT origin, digest FROM outputs WHERE size = ?", (size,)))
        digests = {digest for made, digest in known if made == origin()} if known else set()
        return bool(digests) and _digest(file) in digests

    def add(self, file: Path, origin: str) -> None:
        """Record a file; failures are ignored."""
        with suppress(OSError):
            size, digest = file.stat().st_size, _digest(file)
            self._own.add((self._file, size, origin, digest))
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._rows("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", (size, origin, digest), create=True)

    def _rows(self, statement: str, values: Sequence[Any], create: bool = False) -> list[Any]:
        try:
            if not create and not self._file.exists():
                return []
            with closing(sqlite3.connect(self._file, timeout=_LOCK_TIMEOUT)) as database, database:
                if create:
                    database.execute(_TABLE)
                    database.execute(_FORGET, (_KEPT,))
                return database.execute(statement, values).fetchall()
        except (OSError, sqlite3.Error):
            return []


_TABLE = (
    "CREATE TABLE IF NOT EXISTS outputs (size INTEGER NOT NULL, origin TEXT NOT NULL, digest TEXT NOT NULL,"
    " PRIMARY KEY (digest, origin))"
)
_FORGET = "DELETE FROM outputs WHERE rowid <= (SELECT max(rowid) FROM outputs) - ?"


def origin_of(*parts: object) -> str:
    """Make an origin from values whose text identifies them."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()


def content_origin(*sources: "Path | Source") -> Callable[[], str]:
    """Make an origin from the contents of sources, which are read when it is called."""

    def origin() -> str:
        hashes = [content_hash(one) if isinstance(one, Path) else source_hash(one) for one in sources]
        return hashes[0] if len(hashes) == 1 else origin_of(*hashes)

    return origin


def describe_foreign(files: Sequence[Path]) -> str:
    """Describe the files that would be overwritten; the first few are named."""
    named, verbs = listed(files, _MAX_LISTED), ("exists", "is") if len(files) == 1 else ("exist", "are")
    return f"{named} {verbs[0]}, and {verbs[1]} not what Reelweave last wrote there from this source."


def library_of(settings: Settings | None) -> Path | None:
    """Return the folder of the library, if there are settings."""
    return library_folder(settings) if settings else None


def _check_new_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    check_folder(next(parent for parent in (folder, *folder.absolute().parents) if parent.exists()))


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern)})


def _state(file: Path) -> tuple[int, ...] | None:
    """Return values that change whenever a file is written."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Identify files and folders independently of their paths: by device and inode."""
    return {one for path in paths if (one := _identity(path))}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _is_part(file: Path, sources: set[tuple[int, int]]) -> bool:
    """Tell whether a file is one of the sources, or would be one of the pictures of a folder among them."""
    is_picture = file.suffix.lower() in PICTURE_SUFFIXES
    return _identity(file) in sources or (is_picture and _identity(file.parent) in sources)


def _is_library_file(file: Path, library: Path) -> bool:
    """Tell whether a file is one of the library's own; other files may be in the same folder."""
    real, folder = Path(os.path.realpath(file)), os.path.realpath(library)
    return real.is_relative_to(folder) and real.relative_to(folder).parts[0].startswith(_LIBRARY_PARTS)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _record_file() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("reelweave", appauthor=False)) / "outputs.db"
