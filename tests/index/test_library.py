"""The library: finding videos, storing and removing vectors, locking, and failures of the disk."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from helpers import pictures, write_clip
from records import SPACE, record, rows
from runs import Run, contents, files, in_a_process, in_process, opened, settings

from reelweave import pipeline
from reelweave.errors import LibraryDamaged, LibraryError, LibraryLocked, SpaceError, UsageError, VectorsLost
from reelweave.index import manage
from reelweave.index.catalog import SCHEMA, Catalog
from reelweave.index.failures import library_error
from reelweave.index.lock import current_writer, writer_lock
from reelweave.index.store import ChromaStore
from reelweave.media.proxy import ProxyWriter
from reelweave.media.types import SpaceState, VideoRecord


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(capsys)


# The catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.db", create=True)
    for number, name in enumerate(["holiday.mp4", "harbour.mp4", "harbour.mkv"], 1):
        made.save(record(name, number))
    made.save(record("holiday.mp4", 4, "/elsewhere"))
    made.save(record("Old Harbour (1).mp4", 5))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        pytest.param("harbour-00000002", 2, id="id"),
        pytest.param("harbour.mkv", 3, id="name"),
        pytest.param("Old Harbour (1)", 5, id="name without its ending"),
        pytest.param("/elsewhere/holiday.mp4", 4, id="path"),
        pytest.param("/films/../elsewhere/holiday.mp4", 4, id="path by detours"),
        pytest.param("harbour-00000003", 3, id="whole id of a common beginning"),
    ],
)
def test_a_video_is_found_by(catalog: Catalog, wanted: str, number: int) -> None:
    assert catalog.find(wanted).sha256 == f"{number:064x}"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        pytest.param("holiday.mp4", "holiday-00000001, holiday-00000004", id="one name of two videos"),
        pytest.param("harbour", "harbour-00000002, harbour-00000003", id="one beginning of two ids"),
        pytest.param("harbor.mp4", "Did you mean 'harbour.mp4'", id="mistyped name"),
        pytest.param("/films/holliday.mp4", "Did you mean 'holiday.mp4'", id="mistyped path"),
        pytest.param("xyz", "videos list", id="nothing like it"),
        pytest.param("", "videos list", id="nothing at all"),
    ],
)
def test_an_unknown_or_ambiguous_video_is_rejected_with_a_suggestion(catalog: Catalog, wanted: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        catalog.find(wanted)
    assert said in str(refused.value)


def test_only_some_of_many_candidates_are_listed(catalog: Catalog) -> None:
    for number in range(16, 64):
        catalog.save(record("many.mp4", number))
    with pytest.raises(UsageError, match="43 more"):
        catalog.find("many.mp4")


def test_an_empty_library_says_how_to_fill_it(tmp_path: Path) -> None:
    with opened(tmp_path) as library, pytest.raises(UsageError, match="reelweave ingest"):
        library.catalog.find("anything")


def test_a_step_is_saved_completely_or_not_at_all(catalog: Catalog) -> None:
    video = replace(record("new.mp4", 9), frames=7)
    broken = SpaceState(replace(SPACE, name=None))  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        catalog.save(video, [broken])
    assert catalog.get(video.id) is None
    catalog.save(video, [SpaceState(SPACE, 7)])
    assert catalog.get(video.id) == video
    assert catalog.spaces(video.id) == {"appearance": SpaceState(SPACE, 7)}


def test_removing_a_video_removes_its_spaces_and_plan(catalog: Catalog) -> None:
    video = catalog.find("harbour.mkv")
    catalog.save(video, [SpaceState(SPACE, 7)])
    catalog.save_plan(video.id, "{}")
    catalog.remove(video.id)
    assert (catalog.get(video.id), catalog.spaces(video.id), catalog.plan(video.id)) == (None, {}, None)


def test_a_revision_changes_with_the_vectors_and_is_never_reused(catalog: Catalog) -> None:
    video, other, seen = catalog.find("harbour.mkv"), catalog.find("harbour.mp4"), []
    catalog.save(other, [SpaceState(SPACE, 3)])
    still = catalog.revisions()[other.id, "appearance"]
    for vectors in (1, 2, 2, 0):
        catalog.save(video, [SpaceState(SPACE, vectors)])
        seen.append(catalog.revisions()[video.id, "appearance"])
        catalog.found_at(video)
        catalog.save_plan(video.id, "{}")
        assert catalog.revisions()[video.id, "appearance"] == seen[-1]
    catalog.remove(video.id)
    assert (video.id, "appearance") not in catalog.revisions()
    catalog.save(video, [SpaceState(SPACE, 2)])
    seen.append(catalog.revisions()[video.id, "appearance"])
    assert len(set(seen)) == len(seen)
    assert catalog.revisions()[other.id, "appearance"] == still


FIRST_VERSION = """
CREATE TABLE videos (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, source TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE spaces (video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE, name TEXT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (video, name));
CREATE TABLE plans (video TEXT PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE, plan TEXT NOT NULL);
PRAGMA user_version=1;
"""


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A catalog as the first version left it, with one video of seven frames."""
    db = sqlite3.connect(tmp_path / "old.db")
    db.executescript(FIRST_VERSION)
    video = record("old.mp4", 7)
    db.execute("INSERT INTO videos VALUES (?, ?, ?, ?)", (video.id, video.sha256, video.source, as_json(video)))
    db.execute("INSERT INTO spaces VALUES (?, ?, ?)", (video.id, "appearance", as_json(SpaceState(SPACE, 7))))
    db.commit()
    db.close()
    return tmp_path / "old.db"


def as_json(value: VideoRecord | SpaceState) -> str:
    return json.dumps(asdict(value))


@pytest.mark.parametrize("create", [False, True], ids=["reading", "writing"])
def test_an_older_catalog_is_readable_and_migrated_only_by_writers(first_version: Path, create: bool) -> None:
    before = first_version.read_bytes()
    catalog = Catalog(first_version, create=create)
    video = catalog.find("old.mp4")
    assert catalog.spaces(video.id) == {"appearance": SpaceState(SPACE, 7)}
    assert (video.id, "appearance") in catalog.revisions()
    catalog.close()
    assert (first_version.read_bytes() == before) == (not create)
    again = Catalog(first_version)
    assert again.find("old.mp4") == video
    again.close()


def test_a_newer_library_is_rejected_unchanged(tmp_path: Path, run: Run, clip: Path) -> None:
    db = sqlite3.connect(tmp_path / "catalog.db")
    db.execute(f"PRAGMA user_version={SCHEMA + 1}")
    db.close()
    before = (tmp_path / "catalog.db").read_bytes()
    for command in (["videos", "list"], ["ingest", clip], ["solve", "clip"]):
        answer = run(*command, "--library", tmp_path)
        assert answer.code == 1
        assert "newer Reelweave" in answer.err
    assert (tmp_path / "catalog.db").read_bytes() == before


@pytest.mark.parametrize("command", [["list"], ["check"], ["show", "x"], ["remove", "x", "--yes"]], ids=lambda c: c[0])
def test_reading_commands_create_no_library(tmp_path: Path, run: Run, command: list[str]) -> None:
    answer = run("videos", *command, "--library", tmp_path / "none")
    assert answer.code == (0 if command[0] in ("list", "check") else 2)
    assert not (tmp_path / "none").exists()


# The store


def test_another_model_for_a_stored_space_is_rejected_before_decoding(
    full: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.ingest.models.appearance import AppearanceEmbedder

    with opened(full) as library:
        (video,) = library.catalog.videos()
        state = library.catalog.spaces(video.id)["appearance"]
        library.catalog.save(replace(video, complete=False), [replace(state, complete=False, vectors=6)])
    before = contents(full)
    monkeypatch.setattr(AppearanceEmbedder, "space", replace(AppearanceEmbedder.space, preprocessing="area/2"))
    with pytest.raises(SpaceError, match=r"preprocessing: stored area/1, now area/2") as refused:
        pipeline.ingest(clip, settings())
    assert "videos remove" in refused.value.remedy
    assert contents(full) == before


# Removing and checking


def test_remove_leaves_no_collection_no_folder_and_no_proxies(full: Path, tmp_path: Path) -> None:
    empty = files(full)
    other = pipeline.ingest(write_clip(tmp_path / "other.mp4", pictures(9, seed=5)), settings())
    assert files(full) > empty
    manage.remove_video(other.id, settings())
    assert files(full) == empty
    with opened(full) as library:
        (left,) = library.catalog.videos()
        assert library.verify(left, "appearance") == []
        client = library.store._client  # type: ignore[attr-defined]
        assert [collection.name for collection in client.list_collections()] == [f"{left.id}.appearance"]


def test_a_removed_video_can_be_ingested_again(full: Path, clip: Path) -> None:
    before = contents(full)
    manage.remove_video("clip", settings())
    assert contents(full) == {}
    pipeline.ingest(clip, settings())
    assert contents(full) == before


def test_an_interrupted_removal_can_be_finished(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(ChromaStore, "remove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            manage.remove_video("clip", settings())
    assert manage.check_videos(settings()) != {}
    manage.remove_video("clip", settings())
    assert contents(full) == {}


def _lose_vectors(library: Path) -> None:
    with opened(library) as lib:
        (video,) = lib.catalog.videos()
        lib.store.remove(video.id, "appearance")


def _lose_some_vectors(library: Path) -> None:
    with opened(library) as lib:
        (video,) = lib.catalog.videos()
        lib.store.count(video.id, lib.catalog.spaces(video.id)["appearance"].space)
        client = lib.store._client  # type: ignore[attr-defined]
        client.get_collection(f"{video.id}.appearance", embedding_function=None).delete(ids=["00000004"])


def _change(**facts: object) -> Callable[[Path], None]:
    def change(library: Path) -> None:
        with opened(library) as lib:
            (video,) = lib.catalog.videos()
            lib.catalog.save(replace(video, **facts))  # type: ignore[arg-type]

    return change


def _second_space_half_done(library: Path) -> None:
    with opened(library) as lib:
        (video,) = lib.catalog.videos()
        lib.catalog.save(video, [SpaceState(replace(SPACE, name="clip"), 3)])


def _proxies(library: Path) -> Path:
    (file,) = (library / "proxies").iterdir()
    return file


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda library: None, None, id="nothing"),
        pytest.param(lambda library: _proxies(library).unlink(), "proxies", id="proxies deleted"),
        pytest.param(lambda library: os.truncate(_proxies(library), 999), "proxies", id="truncated proxies"),
        pytest.param(lambda library: shutil.rmtree(library / "chroma"), "vectors", id="store deleted"),
        pytest.param(_lose_vectors, "vectors", id="vectors deleted"),
        pytest.param(_lose_some_vectors, "12 vectors", id="a vector deleted"),
        pytest.param(_change(complete=False, frames=7), "after 7 frames", id="ingest not finished"),
        pytest.param(_second_space_half_done, "clip stopped after 3 of 12", id="second space not finished"),
    ],
)
def test_check_finds(full: Path, run: Run, damage: Callable[[Path], None], said: str | None) -> None:
    damage(full)
    answer = run("videos", "check", "--json")
    assert answer.code == (1 if said else 0)
    (row,) = answer.rows
    assert (said in " ".join(row["problems"])) if said else row["problems"] == []


@pytest.mark.parametrize("part", ["proxies", "chroma"])
def test_solve_names_missing_parts_and_the_remedy(full: Path, run: Run, part: str, clip: Path) -> None:
    shutil.rmtree(full / part)
    answer = run("solve", "clip")
    assert answer.code == 1
    assert ("reelweave ingest" if part == "proxies" else "videos check --repair") in answer.err
    assert run("ingest", clip, "--space", "appearance").code == 0
    assert run("solve", "clip").code == 0


def test_solve_rejects_a_partial_video(full: Path, run: Run) -> None:
    with opened(full) as library:
        (video,) = library.catalog.videos()
        state = library.catalog.spaces(video.id)["appearance"]
        library.catalog.save(replace(video, complete=False), [replace(state, complete=False)])
    answer = run("solve", "clip")
    assert answer.code == 1
    assert "reelweave ingest" in answer.err


# The lock

HOLDER = (
    "import sys; from pathlib import Path; from reelweave.index.lock import writer_lock\n"
    "with writer_lock(Path(sys.argv[1]), 'ingest other.mp4'): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def held(full: Path) -> Iterator["subprocess.Popen[str]"]:
    """The library while another process writes it."""
    command = [sys.executable, "-c", HOLDER, str(full)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_writer_learns_who_holds_the_lock(
    full: Path, held: "subprocess.Popen[str]", run: Run, tmp_path: Path
) -> None:
    before = contents(full)
    other = write_clip(tmp_path / "other.mp4", pictures(3))
    for command in (["ingest", other, "--space", "appearance"], ["videos", "remove", "clip", "--yes"]):
        answer = run(*command)
        assert answer.code == 1
        assert f"process {held.pid} " in answer.err
        assert "ingest other.mp4" in answer.err
        assert "Traceback" not in answer.err
    assert contents(full) == before


@pytest.mark.parametrize(
    "command",
    [["videos", "list"], ["videos", "show", "clip"], ["videos", "check"], ["solve", "clip"], ["doctor"]],
    ids=" ".join,
)
def test_readers_do_not_wait_for_a_writer(held: "subprocess.Popen[str]", run: Run, command: list[str]) -> None:
    assert run(*command).code == 0


def test_ingest_of_a_complete_video_needs_no_lock(held: "subprocess.Popen[str]", run: Run, clip: Path) -> None:
    assert run("ingest", clip, "--space", "appearance").code == 0


def test_a_lock_is_freed_when_its_holder_dies(full: Path, held: "subprocess.Popen[str]", run: Run) -> None:
    writer = current_writer(full)
    assert writer
    assert str(held.pid) in writer
    held.kill()
    held.wait()
    assert current_writer(full) is None
    assert run("videos", "remove", "clip", "--yes").code == 0


def test_one_process_cannot_hold_the_lock_twice(tmp_path: Path) -> None:
    with writer_lock(tmp_path, "one"), pytest.raises(LibraryLocked, match="one"), writer_lock(tmp_path, "two"):
        pass
    assert current_writer(tmp_path) is None
    assert not (tmp_path / "writer.json").exists()


# The disk


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), "no space left", id="full disk"),
        pytest.param(sqlite3.OperationalError("database or disk is full"), "no space left", id="full database"),
        pytest.param(OSError(errno.EROFS, "Read-only file system"), "cannot be written", id="read-only disk"),
        pytest.param(PermissionError(errno.EACCES, "Permission denied"), "cannot be written", id="forbidden"),
        pytest.param(
            sqlite3.OperationalError("attempt to write a readonly database"),
            "cannot be written",
            id="read-only database",
        ),
        pytest.param(sqlite3.DatabaseError("file is not a database"), "cannot be used", id="no database"),
        pytest.param(FileNotFoundError(errno.ENOENT, "gone"), "cannot be used", id="gone"),
    ],
)
def test_a_failing_disk_is_reported_as_an_error_of_the_library(tmp_path: Path, failed: Exception, said: str) -> None:
    told = library_error(tmp_path, failed)
    assert told
    assert said in told.cause
    assert str(tmp_path) in told.cause
    assert told.remedy


@pytest.mark.parametrize(
    "failed",
    [ValueError("disk is full"), PermissionError(errno.EACCES, "Permission denied", "/films/secret.mp4")],
    ids=["another error", "another file"],
)
def test_unrelated_failures_are_not_blamed_on_the_library(tmp_path: Path, failed: Exception) -> None:
    assert library_error(tmp_path, failed) is None


def fail(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception, call: int) -> None:
    honest, calls = getattr(owner, name), 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return honest(*arguments, **options)

    monkeypatch.setattr(owner, name, failing)


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        pytest.param(ProxyWriter, "append", OSError(errno.ENOSPC, "No space left on device"), id="proxies"),
        pytest.param(Catalog, "save", sqlite3.OperationalError("database or disk is full"), id="catalog"),
        pytest.param(ChromaStore, "write", OSError(errno.ENOSPC, "No space left on device"), id="vectors"),
    ],
)
@pytest.mark.parametrize("call", [1, 3], ids=["first batch", "third batch"])
def test_a_disk_that_fills_up_loses_nothing_stored_before(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception, call: int
) -> None:
    path = write_clip(tmp_path / "clip.mp4", pictures(20))
    with monkeypatch.context() as filling:
        fail(filling, owner, name, error, call)
        with pytest.raises(LibraryError, match="no space left"):
            pipeline.ingest(path, settings(ingest__batch=4))
    with opened(library) as lib:
        assert [video.frames for video in lib.catalog.videos()] == [4 * (call - 1)] * (call > 1)
    pipeline.ingest(path, settings(ingest__batch=4))
    after = contents(library)
    pipeline.ingest(path, settings(library=str(tmp_path / "other")))
    assert after == contents(tmp_path / "other")


def test_a_catalog_that_fills_up_rolls_back(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.db", create=True)
    catalog.save(record("one.mp4", 1))
    pages = catalog._db.execute("PRAGMA page_count").fetchone()[0]
    catalog._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        catalog.save(replace(record("two.mp4", 2), problems=("long" * 100_000,)))
    assert [video.name for video in catalog.videos()] == ["one.mp4"]
    catalog.save(replace(record("one.mp4", 1), frames=3))
    assert catalog.videos()[0].frames == 3
    catalog.close()


def mounted(folder: Path, *options: str) -> Iterator[Path]:
    if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    if sys.platform != "linux":
        pytest.skip("only Linux mounts a folder in memory")
    (tmp_path / "tiny").mkdir()
    yield from mounted(tmp_path / "tiny", "-t", "tmpfs", "-o", "size=1m", "tmpfs")


@pytest.fixture
def read_only(full: Path, tmp_path: Path) -> Iterator[Path]:
    """A library on a disk that cannot be written."""
    if sys.platform != "linux":
        pytest.skip("only Linux mounts a folder twice")
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = mounted(folder, "--bind", str(full))
    next(mount)
    again = subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], capture_output=True, check=False)
    try:
        if again.returncode:
            pytest.skip("remounting is not allowed here")
        yield folder
    finally:
        next(mount, None)


def test_on_a_full_disk_videos_can_be_listed_and_removed(tiny: Path, tmp_path: Path, run: Run) -> None:
    small = write_clip(tmp_path / "small.mp4", pictures(2))
    big = write_clip(tmp_path / "big.mp4", pictures(60))
    flags = ("--library", tiny / "library")
    assert run("ingest", small, "--space", "appearance", *flags).code == 0
    answer = run("ingest", big, "--space", "appearance", *flags)
    assert answer.code == 1
    assert "no space left" in answer.err
    assert [row["name"] for row in run("videos", "list", "--json", *flags).rows if row["state"] == "complete"] == [
        "small.mp4"
    ]
    for row in run("videos", "list", "--json", *flags).rows:
        assert run("videos", "remove", row["id"], "--yes", *flags).code == 0
    assert run("videos", "list", *flags).out == ""


def test_a_process_on_a_full_disk_ends_without_a_crash(tiny: Path, tmp_path: Path) -> None:
    big = write_clip(tmp_path / "big.mp4", pictures(4, (640, 360)) * 30, crf=30)
    answer = in_a_process("ingest", big, "--space", "appearance", "-q", "--library", tiny / "library")
    assert answer.code == 1
    assert answer.err.startswith("error: There is no space left")
    assert len(answer.err.splitlines()) == 2


def test_a_read_only_library_can_be_read_but_not_written(
    read_only: Path, full: Path, clip: Path, tmp_path: Path, run: Run
) -> None:
    before = files(full)
    flags = ("--library", read_only)
    assert run("videos", "list", *flags).code == 0
    assert run("videos", "show", "clip", *flags).code == 0
    assert run("ingest", clip, "--space", "appearance", *flags).code == 0
    other = write_clip(tmp_path / "other.mp4", pictures(3))
    for command in (["ingest", other, "--space", "appearance"], ["videos", "remove", "clip", "--yes"]):
        answer = run(*command, *flags)
        assert answer.code == 1
        assert "cannot be written" in answer.err
    for command in (["solve", "clip"], ["videos", "check"], ["videos", "export", "clip", tmp_path / "vectors"]):
        assert run(*command, *flags).code == 0
    assert files(full) == before


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: (folder / "catalog.db").write_text("this is no database at all" * 9), id="catalog"),
        pytest.param(lambda folder: (folder / "chroma/chroma.sqlite3").write_text("no database" * 9), id="store"),
        pytest.param(
            lambda folder: (shutil.rmtree(folder / "chroma"), (folder / "chroma").touch()), id="a file for the store"
        ),
    ],
)
@pytest.mark.parametrize("command", [["solve", "clip"], ["videos", "check"]], ids=" ".join)
def test_a_corrupt_library_is_reported_with_a_remedy(
    full: Path, run: Run, spoil: Callable[[Path], None], command: list[str]
) -> None:
    spoil(full)
    answer = run(*command)
    assert answer.code == 1
    assert "catalog.db" in answer.err or "chroma" in answer.out + answer.err
    assert "videos check --repair" in answer.err or "reelweave ingest" in answer.out


@pytest.mark.parametrize("place", ["", "below"])
def test_a_file_in_place_of_the_library_is_reported(tmp_path: Path, run: Run, clip: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    answer = run("ingest", clip, "--space", "appearance", "--library", tmp_path / "file" / place)
    assert answer.code == 1
    assert str(tmp_path / "file") in answer.err
    assert (tmp_path / "file").read_text() == "mine"


def _lose_the_index(library: Path) -> None:
    """Chroma goes on to count rows whose vectors are in no index any more."""
    for folder in (library / "chroma").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
            folder.mkdir()


def test_vectors_that_are_counted_but_not_found_are_detected_and_reset(library: Path) -> None:
    video, written = replace(record("long.mp4", 1), frames=2500, complete=True), rows(range(2500))
    with opened(library) as lib, lib.writing("test"):
        lib.write(video, [SpaceState(SPACE, 2500, True)], {"appearance": written})
        lib.check_written(video, ["appearance"])
        before = lib.catalog.revisions()
    _lose_the_index(library)
    with opened(library) as lib, lib.writing("test"):
        assert lib.verify(video, "appearance")
        with pytest.raises(LibraryDamaged):
            lib.rows(video, "appearance")
        with pytest.raises(VectorsLost, match="read back") as lost:
            lib.check_written(video, ["appearance"])
        assert "ingest" in lost.value.remedy
        assert lib.catalog.spaces(video.id) == {"appearance": SpaceState(SPACE)}
        assert lib.catalog.revisions() != before
        lib.write(video, [SpaceState(SPACE, 2500, True)], {"appearance": written})
        lib.check_written(video, ["appearance"])


@pytest.mark.parametrize(
    ("what", "answer"), [("count", 11), ("lost", 0.25)], ids=["too few are counted", "some are not found"]
)
def test_vectors_that_chroma_lost_silently_are_made_again(
    clip: Path, library: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, what: str, answer: object
) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(3))
    ingest = ("ingest", clip, other, "--space", "appearance", "--json")
    with monkeypatch.context() as losing:
        honest = getattr(ChromaStore, what)
        losing.setattr(
            ChromaStore, what, lambda store, video, space: answer if "clip" in video else honest(store, video, space)
        )
        failed, taken = run(*ingest).rows
    assert (failed["state"], taken["state"]) == ("failed", "new")
    assert "read back" in failed["error"]
    assert [row["state"] for row in run("videos", "list", "--json").rows] == ["partial", "complete"]
    assert run("videos", "check").code == 1
    assert [row["state"] for row in run(*ingest).rows] == ["resume", "unchanged"]
    assert run("videos", "check").code == 0


def test_leftovers_of_a_killed_run_with_another_model_do_not_matter(library: Path) -> None:
    video = record("film.mp4", 1)
    with opened(library) as lib, lib.writing("test"):
        lib.store.write(video.id, replace(SPACE, model="another"), rows(range(9)))
    with opened(library) as lib, lib.writing("test"):
        lib.write(video, [SpaceState(SPACE, 5)], {"appearance": rows(range(5))})
        assert lib.store.count(video.id, SPACE) == 5
