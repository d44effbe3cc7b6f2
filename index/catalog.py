"""The catalog: an SQLite database of the library's videos, their spaces, source paths and plans."""

import contextlib
import difflib
import fnmatch
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import LibraryError, UsageError, command
from ..media.ranges import listed
from ..media.types import SpaceState, VideoRecord
from ..media.untrusted import UntrustedError, is_text, parse_json, validate
from .sqlite_files import database_fault, has_journal, is_damage, lenient

_Kind = TypeVar("_Kind")

_MAX_NAMED = 5
"""Names that a message lists."""

_HASH = 9
"""Characters of an id that come from the content: a part of a name must not match them."""

_MAX_FRAMES = 2**31
"""Largest number of frames that a record may state."""

_MAX_SIDE = 1_000_000
"""Largest side of a picture, and largest dimension of a space, that a record may state."""

_MAX_PROXY_SIDE = 4096
"""Largest side of a proxy, as for imported ones."""

_TABLES = """
CREATE TABLE IF NOT EXISTS videos (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, source TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spaces (
    video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE, name TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (video, name));
CREATE TABLE IF NOT EXISTS plans (
    video TEXT PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE, plan TEXT NOT NULL);
"""

_REVISIONS = """
ALTER TABLE spaces ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE TABLE revision (latest INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
"""

_PLACES = """
CREATE TABLE places (
    path TEXT PRIMARY KEY, video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE, stamp TEXT NOT NULL);
INSERT OR REPLACE INTO places SELECT source, id, json_extract(record, '$.stamp') FROM videos ORDER BY rowid;
"""

_STEPS = (_TABLES, _REVISIONS, _PLACES)
"""The migration to each version of the schema."""

SCHEMA = len(_STEPS)

_UNREADABLE = (ValueError, TypeError, KeyError, LibraryError, sqlite3.Error)
"""Exceptions that reading a damaged record raises."""

_NAMES = (("videos", "spaces", "plans"), ("revision",), ("places",))
"""The tables that each version added."""


def catalog_fault(file: Path, expected: bool, *, thorough: bool = False) -> str:
    """Describe what is wrong with a catalog; an empty text means nothing.

    A missing or empty one is a fault if it is `expected`. A thorough check reads every page.
    """
    if not file.exists() or not file.stat().st_size:
        return (f"{file.name} is empty" if file.exists() else f"{file.name} is missing") if expected else ""
    if fault := database_fault(file, thorough=thorough):
        return fault
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as db:
        db.text_factory = lenient
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.DatabaseError as failed:
            return f"{file.name} is damaged ({failed})" if is_damage(failed) else ""
    if not version and not tables:
        return f"{file.name} has no tables" if expected else ""
    lacking = [name for names in _NAMES[:version] for name in names if name not in tables] if version <= SCHEMA else []
    return f"{file.name} has no table {' and no '.join(lacking)}" if lacking else ""


@dataclass(frozen=True)
class SourceLocation:
    """A video found at a path, and the stamp that the file had."""

    video: VideoRecord
    stamp: str


class Catalog:
    """The catalog of a library. Anyone may read; a writer holds the library's lock.

    Reading creates no file, and migrates a catalog of an earlier version in memory. SQLite uses its rollback journal,
    since a write-ahead log cannot be read on a read-only disk.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        found = create or path.exists()
        self._db = sqlite3.connect(path if found else ":memory:", timeout=10, isolation_level=None)
        try:
            if found and not create and not os.access(path.parent, os.W_OK) and has_journal(path):
                self._copy_rolled_back(path)
            self._prepare(path, create)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path, create: bool) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA:
            raise LibraryError(
                f"The library {path.parent} was written by a newer Reelweave (format {version}; this one reads up to "
                f"{SCHEMA}).",
                "Upgrade Reelweave, or use another folder with --library.",
            )
        if version < SCHEMA:
            if not create:
                self._copy()
            self._db.executescript(
                f"BEGIN IMMEDIATE; {' '.join(_STEPS[version:])} PRAGMA user_version={SCHEMA}; COMMIT;"
            )
        self._db.execute("PRAGMA foreign_keys=ON")

    def _copy_rolled_back(self, path: Path) -> None:
        """Continue with a copy in memory whose unfinished transaction of a killed writer can be rolled back."""
        with tempfile.TemporaryDirectory() as folder:
            for file in (path, path.with_name(f"{path.name}-journal")):
                shutil.copyfile(file, Path(folder) / file.name)
            self._db.close()
            self._db = sqlite3.connect(Path(folder) / path.name, isolation_level=None)
            self._copy()

    def _copy(self) -> None:
        """Continue with a copy in memory: a reader must not migrate what an older version may be using."""
        copy = sqlite3.connect(":memory:", isolation_level=None)
        with contextlib.closing(self._db) as original:
            original.backup(copy)
        self._db = copy

    def close(self) -> None:
        self._db.close()

    def videos(self) -> list[VideoRecord]:
        """List all videos in the order in which they were added."""
        rows = self._db.execute("SELECT record FROM videos ORDER BY rowid").fetchall()
        return [_record(text) for (text,) in rows]

    def find(self, wanted: str, *, parts: bool = False) -> VideoRecord:
        """Find a video by its id, path, name (with or without suffix) or an unambiguous prefix of its id.

        With `parts`, an unambiguous pattern or part of a name also counts. Several contents may have had the same path;
        the latest one is found.

        Raises:
            UsageError: No video matches, or several do.
        """
        videos = self.videos()
        found = self._called(wanted, videos) or [v for v in videos if wanted and v.id.startswith(wanted)]
        found = found or (_fitting(wanted, videos) if parts else [])
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{wanted!r} is ambiguous: {listed(sorted(v.id for v in found), _MAX_NAMED)}.", "Give one of these ids."
            )
        raise UsageError(f"No video in the library is called {wanted!r}.", _suggestion(wanted, videos))

    def matching(self, wanted: str) -> list[VideoRecord]:
        """Find all videos of a name, of a pattern such as `*.mp4` or `~/films/*`, or with this in their name or id.

        Raises:
            UsageError: No video matches.
        """
        videos = self.videos()
        if found := self._called(wanted, videos) or _fitting(wanted, videos):
            return found
        raise UsageError(f"No video in the library is called {wanted!r}.", _suggestion(wanted, videos))

    def _called(self, wanted: str, videos: Sequence[VideoRecord]) -> list[VideoRecord]:
        """Find the videos with an id, a path or a name, with or without suffix; the first of these that there is."""
        path = os.path.realpath(wanted) if is_text(wanted) else ""
        return (
            [v for v in videos if v.id == wanted]
            or [place.video for place in [self.at_source(path)] if place]
            or [v for v in videos if v.name == wanted]
            or [v for v in videos if Path(v.name).stem == wanted]
        )

    def get(self, video: str) -> VideoRecord | None:
        """Look up a video by its id."""
        return self._one("SELECT record FROM videos WHERE id = ?", video)

    def at_source(self, source: str) -> SourceLocation | None:
        """Look up the video last found at a path, which may be its source or a copy."""
        query = "SELECT record, stamp FROM places JOIN videos ON id = video WHERE path = ?"
        try:
            row = self._db.execute(query, (source,)).fetchone()
        except UnicodeEncodeError:
            # SQLite stores text, so a path of undecodable bytes was never recorded.
            return None
        return SourceLocation(_record(row[0]), row[1]) if row else None

    def stamps(self) -> list[str]:
        """Return the stamps of all known paths and of all videos; another file may be at a video's path by now."""
        both = "SELECT stamp FROM places UNION SELECT json_extract(record, '$.stamp') FROM videos"
        return [stamp for (stamp,) in self._db.execute(both)]

    def paths(self) -> list[str]:
        """Return every path at which a source was found."""
        both = "SELECT path FROM places UNION SELECT source FROM videos WHERE source != ''"
        return [path for (path,) in self._db.execute(both)]

    def with_content(self, sha256: str) -> VideoRecord | None:
        """Look up a video by its content hash."""
        return self._one("SELECT record FROM videos WHERE sha256 = ?", sha256)

    def spaces(self, video: str) -> dict[str, SpaceState]:
        """Return the state of each space of a video, by the name of the space."""
        rows = self._db.execute("SELECT name, state FROM spaces WHERE video = ? ORDER BY name", (video,)).fetchall()
        return {name: _state(text) for name, text in rows}

    def states_of(self, space: str) -> list[SpaceState]:
        """Return the states of all videos in a space."""
        return [_state(text) for (text,) in self._db.execute("SELECT state FROM spaces WHERE name = ?", (space,))]

    def revisions(self) -> dict[tuple[str, str], int]:
        """Return for each video and space a number that changes with its vectors and is never reused."""
        rows = self._db.execute("SELECT video, name, revision FROM spaces").fetchall()
        return {(video, name): revision for video, name, revision in rows}

    def version(self) -> int:
        """Return a number that changes when another process changes anything."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def save(self, video: VideoRecord, spaces: Iterable[SpaceState] = ()) -> None:
        """Save a video and states of its spaces in one transaction."""
        rows = [(video.id, state.space.name, json.dumps(asdict(state))) for state in spaces]
        values = (video.id, video.sha256, video.source, json.dumps(asdict(video)))
        with _transaction(self._db):
            known = self._db.execute("SELECT 1 FROM videos WHERE id = ?", (video.id,)).fetchone()
            self._db.execute(
                "INSERT INTO videos VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET source = excluded.source, record = excluded.record",
                values,
            )
            if video.source and not known:
                self._place(video.source, video.id, video.stamp)
            self._db.executemany("INSERT OR REPLACE INTO spaces VALUES (?, ?, ?, 0)", rows)
            for row in rows:
                self._db.execute("UPDATE revision SET latest = latest + 1")
                self._db.execute(
                    "UPDATE spaces SET revision = (SELECT latest FROM revision) WHERE video = ? AND name = ?", row[:2]
                )

    def found_at(self, video: VideoRecord) -> None:
        """Save the new path of a video's source in place of the old one."""
        with _transaction(self._db):
            self._db.execute(
                "DELETE FROM places WHERE video = ? AND path = (SELECT source FROM videos WHERE id = ?)",
                (video.id, video.id),
            )
            self._db.execute(
                "UPDATE videos SET source = ?, record = ? WHERE id = ?",
                (video.source, json.dumps(asdict(video)), video.id),
            )
            self._place(video.source, video.id, video.stamp)

    def copied_to(self, path: str, video: str, stamp: str) -> None:
        """Save the path of a copy of a video, so that its content need not be hashed again."""
        self._place(path, video, stamp)

    def _place(self, path: str, video: str, stamp: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (path, video, stamp))

    def save_plan(self, video: str, plan: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO plans VALUES (?, ?)", (video, plan))

    def plan(self, video: str) -> str | None:
        row = self._db.execute("SELECT plan FROM plans WHERE video = ?", (video,)).fetchone()
        return str(row[0]) if row else None

    def insert_rows(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Copy rows of another catalog; skip those that violate the schema."""
        places = ", ".join("?" for _ in columns.split(","))
        for row in rows:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", row)

    def unreadable(self) -> str:
        """Read every record, and describe the first that cannot be read; an empty text means none."""
        try:
            for video in self.videos():
                self.spaces(video.id)
                self.plan(video.id)
            self.stamps()
        except _UNREADABLE as failed:
            return f"a record cannot be read ({str(failed).splitlines()[0]})"
        return ""

    def remove_unreadable(self) -> None:
        """Remove records that cannot be read."""
        reads: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
            ("videos", "id", self.get),
            ("spaces", "video", self.spaces),
        )
        for table, column, read in reads:
            for (video,) in self._db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                try:
                    read(video)
                except _UNREADABLE:
                    self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (video,))

    def add_places(self) -> None:
        """Save the path of each video's source where it is missing."""
        self._db.execute(
            "INSERT OR IGNORE INTO places SELECT source, id, json_extract(record, '$.stamp') FROM videos"
            " WHERE source != ''"
        )

    def raise_revision(self, least: int) -> None:
        """Make all revisions up to this one used."""
        self._db.execute("UPDATE revision SET latest = max(latest, ?)", (least,))

    def remove(self, video: str) -> None:
        self._db.execute("DELETE FROM videos WHERE id = ?", (video,))

    def _one(self, query: str, value: str) -> VideoRecord | None:
        row = self._db.execute(query, (value,)).fetchone()
        return _record(row[0]) if row else None


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run a block in BEGIN IMMEDIATE ... COMMIT; sqlite3 itself would begin too late to exclude other writers."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        # On a full disk SQLite has already rolled back.
        if db.in_transaction:
            db.execute("ROLLBACK")


def _state(text: str) -> SpaceState:
    return _parsed("space", SpaceState, text, _is_state_in_range)


def _record(text: str) -> VideoRecord:
    return _parsed("video", VideoRecord, text, _is_record_in_range)


def _parsed(noun: str, kind: type[_Kind], text: str, is_in_range: Callable[[_Kind], bool]) -> _Kind:
    try:
        found = validate(kind, parse_json(text))
        if not is_in_range(found):
            raise UntrustedError("a number is out of range")
    except UntrustedError as wrong:
        raise LibraryError(
            f"The library's catalog is damaged: the record of a {noun} is invalid ({wrong}).",
            "Restore it from a backup, or delete the library's folder, which contains no sources, and ingest again.",
        ) from wrong
    return found


def _is_state_in_range(state: SpaceState) -> bool:
    return 0 < state.space.dimension <= _MAX_SIDE and 0 <= state.vectors <= _MAX_FRAMES


def _is_record_in_range(record: VideoRecord) -> bool:
    sizes, proxy = (record.width - 1, record.height - 1, record.short_side), (record.proxy_width, record.proxy_height)
    return (
        1e-5 <= record.fps <= 1e6
        and record.sampled_fps >= 0
        and 0 <= record.frames <= _MAX_FRAMES
        and all(0 <= size <= _MAX_SIDE for size in sizes)
        # I420 halves both sides of a proxy.
        and all(side % 2 == 0 and 0 <= side <= _MAX_PROXY_SIDE for side in proxy)
    )


def _fitting(wanted: str, videos: list[VideoRecord]) -> list[VideoRecord]:
    """Find the videos that a pattern fits, or whose name or id has this in it."""
    match, part = _glob(wanted), wanted.casefold()
    found = [v for v in videos if match and any(match(text) for text in (v.name, v.id, v.source))]
    return found or [v for v in videos if part and (part in v.name.casefold() or part in v.id[:-_HASH])]


def _glob(wanted: str) -> Callable[[str], bool] | None:
    """Return what tells whether a text matches a pattern of the shell, in upper or lower case; None for other names."""
    if not set(wanted) & set("*?["):
        return None
    wanted = os.path.abspath(os.path.expanduser(wanted)) if os.sep in wanted else wanted
    pattern = re.compile(fnmatch.translate(wanted), re.IGNORECASE)
    return lambda text: pattern.match(text) is not None


def _suggestion(wanted: str, videos: list[VideoRecord]) -> str:
    if not videos:
        if os.path.exists(wanted):
            return f"The library is empty: {command('ingest', Path(wanted))} fills it."
        return f"The library is empty: {command('ingest', '--help')} says how to fill it."
    names = sorted({v.name for v in videos} | {v.id for v in videos})
    near = difflib.get_close_matches(Path(wanted).name, names, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"{command('videos', 'list')} lists the videos."
