"""Decide which files a command may write, and remember which it wrote.

A file that exists is replaced without asking if Reelweave wrote it from the same source and nobody has changed it
since, so that a command can be repeated. Any other file is replaced only if the caller allows it. A source of the
library, an input of the command and a file inside the library are never replaced.

What Reelweave wrote is known by content: a small database in the user's state folder keeps the size and SHA-256 of
each file together with its origin, which identifies what it was made from. No path is kept, so a file may be moved or
copied, and no output carries marks of ours. Where the database is missing or cannot be written, as in a new container
or for another user, nothing is lost: the user is asked, or the command refuses.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from .errors import PlanError, ReelweaveError, UsageError
from .files import is_stream

if TYPE_CHECKING:
    from .settings import Settings

Overwrite: TypeAlias = bool | Callable[[Sequence[Path]], bool]
"""Whether files that Reelweave did not write, or that were changed since, may be replaced; or who is asked that."""

_KEPT = 20_000
"""Files that are remembered, about 3 MB; the oldest are forgotten first."""

_LISTED = 5
_LIBRARY_PARTS = ("catalog.db", "chroma", "proxies", "cache", "writer.")
_WAIT = 5.0
"""Seconds to wait for another process that is writing to the database."""


class Outputs:
    """The files of one command: checked before any work is done, and remembered as they are written."""

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
            origin: What the files are made from. A callable is asked only once it is needed.
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
        """What identifies the things that the files are made from."""
        return self._origin if isinstance(self._origin, str) else self._origin()

    def claim(self, *files: Path | None, folder: Path | None = None, names: Sequence[str] = ()) -> None:
        """Check that each file can be written and may be, and those of these names in a folder, if one is given.

        Names may be patterns. The folder need not exist yet.

        Raises:
            UsageError: A file must not be replaced, its name is taken by a folder or by another output, or its folder
                is missing.
            PlanError: The folder is read-only.
        """
        named = [file for file in files if file is not None and not is_stream(file)]
        for file in named:
            _check_parent(Path(os.path.realpath(file)).parent if file.is_symlink() else file.parent)
        if folder is not None:
            _check_folder(folder)
            named += sorted({*_matching(folder, names), *(folder / name for name in names if "*" not in name)})
        for file in named:
            self._take(file)
        self._check_overwriting(named)

    @contextmanager
    def writing(self, *files: Path) -> Iterator[None]:
        """Claim what is not claimed yet, and remember the files that the block wrote, also if it fails."""
        files = tuple(file for file in files if not is_stream(file))
        claimed = {file: os.path.realpath(file) for file in files if os.path.realpath(file) in self._claimed}
        self.claim(*(file for file in files if file not in claimed))
        # Somebody may have changed a file while the command was at work.
        self._check_overwriting([file for file, real in claimed.items() if _state(file) != self._claimed[real]])
        with self._remembering(lambda: files):
            yield

    @contextmanager
    def writing_folder(self, folder: Path, patterns: Sequence[str]) -> Iterator[None]:
        """The same for files of these names in a folder that was claimed."""
        with self._remembering(lambda: _matching(folder, patterns)):
            yield

    @contextmanager
    def _remembering(self, files: Callable[[], Iterable[Path]]) -> Iterator[None]:
        before = {file: _state(file) for file in files()}
        try:
            yield
        finally:
            # A source that is gone by now has no digest: its films are not remembered, but they are there.
            with suppress(ReelweaveError):
                for file in files():
                    if (state := _state(file)) and state != before.get(file):
                        self._record.add(file, self.origin)

    def _take(self, file: Path) -> None:
        if file.is_dir():
            raise UsageError(f"{file} is a folder.", "Give the name of a file.")
        if _is_part(file, self._inputs):
            raise UsageError(f"{file} would overwrite what this command reads.", "Write to another name.")
        if (real := os.path.realpath(file)) in self._claimed:
            raise UsageError(f"{file} would overwrite another output.", "Give each output a name of its own.")
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
            foreign_told(foreign), "Give another name, or replace with --overwrite (from Python: overwrite=True)."
        )

    def _check_library(self, existing: Sequence[Path]) -> None:
        """Refuse to replace a source of the library, whatever the path, or one of the library's own files."""
        if not existing or self._library is None:
            return
        sources = _sources(self._library)
        for file in existing:
            if _lies_in_library(file, self._library):
                raise UsageError(f"{file} is a file of the library.", "Write to another name.")
            if _is_part(file, sources):
                raise UsageError(
                    f"{file} is a source of the library, and sources are never overwritten.", "Write to another name."
                )


class Record:
    """What Reelweave wrote: the size and digest of each file with its origin, in the user's state folder.

    What this process wrote is known to it even where the folder cannot be written.
    """

    _own: ClassVar[set[tuple[Path, int, str, str]]] = set()

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or _record_file()

    def has(self, file: Path, origin: Callable[[], str]) -> bool:
        """Tell whether a file was written from that origin and is unchanged. It is read only if its size is known."""
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
        with suppress(OSError):
            size, digest = file.stat().st_size, _digest(file)
            self._own.add((self._file, size, origin, digest))
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._rows("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", (size, origin, digest), create=True)

    def _rows(self, statement: str, values: Sequence[Any], create: bool = False) -> list[Any]:
        try:
            if not create and not self._file.exists():
                return []
            with closing(sqlite3.connect(self._file, timeout=_WAIT)) as database, database:
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
    """Identify what files are made from by anything that prints the same whenever it is the same."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()


def content_origin(*sources: Path) -> Callable[[], str]:
    """Identify sources by their contents, which are read once they are asked for."""

    def origin() -> str:
        from .ingest.identity import content_hash

        hashes = [content_hash(source) for source in sources]
        return hashes[0] if len(hashes) == 1 else origin_of(*hashes)

    return origin


def foreign_told(files: Sequence[Path]) -> str:
    """Say which files are in the way, the first few by name."""
    named, more = ", ".join(map(str, files[:_LISTED])), len(files) - _LISTED
    named += f" and {more} more" if more > 0 else ""
    if len(files) == 1:
        return f"{named} exists, and is not what Reelweave last wrote there from this source."
    return f"{named} exist, and are not what Reelweave last wrote there from this source."


def library_of(settings: "Settings | None") -> Path | None:
    from .settings import library_folder

    return library_folder(settings) if settings else None


def _check_parent(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Create it first, or write elsewhere.")
    if not os.access(folder, os.W_OK):
        raise PlanError(f"Nothing can be written to {folder}: the folder is read-only.", "Write elsewhere.")


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    _check_parent(next(parent for parent in (folder, *folder.absolute().parents) if parent.exists()))


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern)})


def _state(file: Path) -> tuple[int, ...] | None:
    """What changes whenever a file is written."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """What files and folders are whatever the path: a link, another case or a second name on the same disk."""
    return {one for path in paths if (one := _identity(path))}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _is_part(file: Path, sources: set[tuple[int, int]]) -> bool:
    """Tell whether a file is one of the sources, or would be one of the pictures of a folder among them."""
    from .ingest.source import PICTURE_SUFFIXES

    is_picture = file.suffix.lower() in PICTURE_SUFFIXES
    return _identity(file) in sources or (is_picture and _identity(file.parent) in sources)


def _lies_in_library(file: Path, library: Path) -> bool:
    """Films may lie beside a library's own files in one folder."""
    real, folder = Path(os.path.realpath(file)), os.path.realpath(library)
    return real.is_relative_to(folder) and real.relative_to(folder).parts[0].startswith(_LIBRARY_PARTS)


def _sources(library: Path) -> set[tuple[int, int]]:
    from .index.library import open_library

    with open_library(library) as opened:
        return _identities(map(Path, opened.catalog.paths()))


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _record_file() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("reelweave", appauthor=False)) / "outputs.db"
