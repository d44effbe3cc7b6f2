"""What is in the library, without opening a single vector: videos, spaces, their states, plans."""

import contextlib
import difflib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import LibraryError, UsageError, command
from ..frames import SpaceState, VideoRecord
from ..untrusted import UntrustedError, checked, parse_json
from .sqlite_files import database_fault, has_journal, is_damage, lenient

_NAMED = 5
_MOST_FRAMES, _MOST_SIDE = 2**31, 1_000_000
_MOST_PROXY = 4096
"""Pixels on a side of a small picture, as for those that are imported."""

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
"""What each version of the catalog added to the one before it."""

SCHEMA = len(_STEPS)

_UNREADABLE = (ValueError, TypeError, KeyError, LibraryError, sqlite3.Error)
"""What reading a damaged record raises."""

_NAMES = (("videos", "spaces", "plans"), ("revision",), ("places",))
"""The tables of each of those versions."""


def catalog_fault(file: Path, expected: bool, *, thorough: bool = False) -> str:
    """Say in words what is wrong with a catalog; one that is `expected` must also be there, and not be empty."""
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
class Place:
    """A video that was found somewhere, and the stamp that its file had there."""

    video: VideoRecord
    stamp: str


class Catalog:
    """The library's table of contents. Many may read; writers hold the library's lock.

    Reading makes no file, and reads a catalog of an earlier version by way of a copy in memory. The journal is the
    classic one, since the write-ahead log cannot be read on a read-only disk.
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
                f"The library {path.parent} was written by a newer Reelweave ({version}; this one knows {SCHEMA}).",
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
        """Go on with a copy in memory where a killed writer's transaction cannot be rolled back in its place."""
        with tempfile.TemporaryDirectory() as folder:
            for file in (path, path.with_name(f"{path.name}-journal")):
                shutil.copyfile(file, Path(folder) / file.name)
            self._db.close()
            self._db = sqlite3.connect(Path(folder) / path.name, isolation_level=None)
            self._copy()

    def _copy(self) -> None:
        """Go on with a copy in memory: who only reads must not change what an older version may be using."""
        copy = sqlite3.connect(":memory:", isolation_level=None)
        with contextlib.closing(self._db) as original:
            original.backup(copy)
        self._db = copy

    def close(self) -> None:
        self._db.close()

    def videos(self) -> list[VideoRecord]:
        rows = self._db.execute("SELECT record FROM videos ORDER BY rowid").fetchall()
        return [_record(text) for (text,) in rows]

    def find(self, wanted: str) -> VideoRecord:
        """The video of that id, path, name (with its ending or without) or unmistakable beginning of an id.

        Of one path it is the latest content.
        """
        videos = self.videos()
        path = os.path.realpath(wanted)
        found = (
            [v for v in videos if v.id == wanted]
            or [place.video for place in [self.at_source(path)] if place]
            or [v for v in videos if v.name == wanted]
            or [v for v in videos if Path(v.name).stem == wanted]
            or [v for v in videos if wanted and v.id.startswith(wanted)]
        )
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{wanted!r} may be any of {_listed(v.id for v in found)}.", "Give one of these ids.")
        raise UsageError(f"No video in the library is called {wanted!r}.", _suggestion(wanted, videos))

    def get(self, video: str) -> VideoRecord | None:
        return self._one("SELECT record FROM videos WHERE id = ?", video)

    def at_source(self, source: str) -> Place | None:
        """What was last found at that path, be it a video's source or a copy of it."""
        query = "SELECT record, stamp FROM places JOIN videos ON id = video WHERE path = ?"
        try:
            row = self._db.execute(query, (source,)).fetchone()
        except UnicodeEncodeError:
            # A name of bytes that are no text was never written down.
            return None
        return Place(_record(row[0]), row[1]) if row else None

    def stamps(self) -> list[str]:
        """The stamp of every place that is known, and of every video: its place may hold another one by now."""
        both = "SELECT stamp FROM places UNION SELECT json_extract(record, '$.stamp') FROM videos"
        return [stamp for (stamp,) in self._db.execute(both)]

    def paths(self) -> list[str]:
        """Every path at which a source of a video was found."""
        both = "SELECT path FROM places UNION SELECT source FROM videos WHERE source != ''"
        return [path for (path,) in self._db.execute(both)]

    def with_content(self, sha256: str) -> VideoRecord | None:
        return self._one("SELECT record FROM videos WHERE sha256 = ?", sha256)

    def spaces(self, video: str) -> dict[str, SpaceState]:
        rows = self._db.execute("SELECT name, state FROM spaces WHERE video = ? ORDER BY name", (video,)).fetchall()
        return {name: _state(text) for name, text in rows}

    def revisions(self) -> dict[tuple[str, str], int]:
        """For each video and space a number that changes whenever its vectors may have, and is never used again."""
        rows = self._db.execute("SELECT video, name, revision FROM spaces").fetchall()
        return {(video, name): revision for video, name, revision in rows}

    def version(self) -> int:
        """Another number once another process has changed anything."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def save(self, video: VideoRecord, spaces: Iterable[SpaceState] = ()) -> None:
        """Write one step of ingest: all of it or, after a crash, none."""
        rows = [(video.id, state.space.name, json.dumps(asdict(state))) for state in spaces]
        values = (video.id, video.sha256, video.source, json.dumps(asdict(video)))
        with _Transaction(self._db):
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
        """Remember where the source of a known video lies now; its former place is forgotten."""
        with _Transaction(self._db):
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
        """Remember that another file has the same content, so that it need not be read again."""
        self._place(path, video, stamp)

    def _place(self, path: str, video: str, stamp: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (path, video, stamp))

    def save_plan(self, video: str, plan: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO plans VALUES (?, ?)", (video, plan))

    def plan(self, video: str) -> str | None:
        row = self._db.execute("SELECT plan FROM plans WHERE video = ?", (video,)).fetchone()
        return str(row[0]) if row else None

    def insert_rows(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows of another catalog as they are; those that do not fit are left out."""
        places = ", ".join("?" for _ in columns.split(","))
        for row in rows:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", row)

    def unreadable(self) -> str:
        """Read every record; say in words if one cannot be read."""
        try:
            for video in self.videos():
                self.spaces(video.id)
                self.plan(video.id)
            self.stamps()
        except _UNREADABLE as failed:
            return f"a record cannot be read ({str(failed).splitlines()[0]})"
        return ""

    def remove_unreadable(self) -> None:
        """Remove the records that are not what a record should be."""
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
        """Remember of each video at least where its own source was."""
        self._db.execute(
            "INSERT OR IGNORE INTO places SELECT source, id, json_extract(record, '$.stamp') FROM videos"
            " WHERE source != ''"
        )

    def raise_revision(self, least: int) -> None:
        """Let no revision up to this one be used again."""
        self._db.execute("UPDATE revision SET latest = max(latest, ?)", (least,))

    def remove(self, video: str) -> None:
        self._db.execute("DELETE FROM videos WHERE id = ?", (video,))

    def _one(self, query: str, value: str) -> VideoRecord | None:
        row = self._db.execute(query, (value,)).fetchone()
        return _record(row[0]) if row else None


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT around a block; sqlite3's own begins too late to keep writers apart."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            # SQLite has already rolled back what a full disk stopped.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _state(text: str) -> SpaceState:
    try:
        state = checked(SpaceState, parse_json(text))
    except UntrustedError as wrong:
        raise _damaged("what it says of a space", wrong) from wrong
    if not 0 < state.space.dimension <= _MOST_SIDE or not 0 <= state.vectors <= _MOST_FRAMES:
        raise _damaged("what it says of a space", UntrustedError("a number out of its range"))
    return state


def _record(text: str) -> VideoRecord:
    try:
        record = checked(VideoRecord, parse_json(text))
    except UntrustedError as wrong:
        raise _damaged("what it says of a video", wrong) from wrong
    if not _in_range(record):
        raise _damaged("what it says of a video", UntrustedError("a number out of its range"))
    return record


def _in_range(record: VideoRecord) -> bool:
    sizes, small = (record.width - 1, record.height - 1, record.short_side), (record.proxy_width, record.proxy_height)
    return (
        1e-5 <= record.fps <= 1e6
        and record.sampled_fps >= 0
        and 0 <= record.frames <= _MOST_FRAMES
        and all(0 <= size <= _MOST_SIDE for size in sizes)
        # I420 halves both sides of a small picture.
        and all(side % 2 == 0 and 0 <= side <= _MOST_PROXY for side in small)
    )


def _damaged(what: str, wrong: UntrustedError) -> LibraryError:
    return LibraryError(
        f"The library's catalog is damaged: {what} cannot be used ({wrong}).",
        "Restore it from a copy, or delete the library's folder and ingest its videos again: no source lies in it.",
    )


def _listed(names: Iterable[str]) -> str:
    known = sorted(names)
    more = [f"{len(known) - _NAMED} more"] if len(known) > _NAMED else []
    return ", ".join(known[:_NAMED] + more)


def _suggestion(wanted: str, videos: list[VideoRecord]) -> str:
    if not videos:
        if os.path.exists(wanted):
            return f"The library is empty: {command('ingest', Path(wanted))} fills it."
        return f"The library is empty: {command('ingest', '--help')} says how to fill it."
    names = sorted({v.name for v in videos} | {v.id for v in videos})
    near = difflib.get_close_matches(Path(wanted).name, names, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"{command('videos', 'list')} shows what there is."
