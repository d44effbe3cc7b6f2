"""A library that cannot be written can be read: on a read-only disk, and by one who may not write it."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip
from runs import PATIENCE, Answer, Run, opened, settings

from reelweave import pipeline, upkeep
from reelweave.errors import LibraryError
from reelweave.index import catalog as catalogs
from reelweave.index import store as stores
from reelweave.index import store_copy
from reelweave.index.inventory import DATABASE
from reelweave.index.store import ChromaStore
from reelweave.index.store_copy import PREFIX, StoreCopy


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def deny_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system say of a folder that nothing in it can be written."""
    honest = os.access

    def access(path: Any, mode: int, **options: Any) -> bool:
        inside = Path(os.fsdecode(path)).absolute().is_relative_to(folder)
        return honest(path, mode, **options) and not (inside and mode & os.W_OK)

    monkeypatch.setattr(os, "access", access)


@pytest.fixture
def read_only(full: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The test's library, of which the system says that it cannot be written; its store must stay as it is."""
    before = digests(full / "chroma")
    deny_writing(full, monkeypatch)
    yield full
    assert digests(full / "chroma") == before


@pytest.fixture
def no_writing(full: Path) -> Iterator[Callable[..., Answer]]:
    """The command line as one who may read the library and not write it."""
    as_user: list[str] = []
    if os.name != "posix":
        pytest.skip("only POSIX keeps writers out by mode bits")
    if os.getuid() == 0:
        # Root is bound by mode bits once it may no longer override them.
        as_user = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
        if not shutil.which("setpriv") or subprocess.run([*as_user, "true"], capture_output=True).returncode:
            pytest.skip("root cannot give up its power here")

    def run(*arguments: object) -> Answer:
        command = [*as_user, sys.executable, "-m", "reelweave", *map(str, arguments)]
        environment = os.environ | {"REELWEAVE_INGEST__SPACE": "appearance"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        return Answer(done.returncode, done.stdout, done.stderr)

    paths = [full, *full.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    try:
        yield run
    finally:
        for path in paths:
            path.chmod(modes[path])


def question(folder: Path) -> Path:
    cv2.imwrite(str(folder / "question.png"), pictures(12)[4])
    return folder / "question.png"


def test_who_may_not_write_can_do_all_that_only_reads(
    no_writing: Callable[..., Answer], full: Path, clip: Path, tmp_path: Path, temporary: Path
) -> None:
    before = digests(full)
    for command in (
        ["videos", "list"],
        ["videos", "show", "clip"],
        ["videos", "check"],
        ["solve", "clip", "--plan", tmp_path / "plan.json"],
        ["render", tmp_path / "plan.json", "-o", tmp_path / "film.mp4"],
        ["search", "--image", question(tmp_path), "--sheet", tmp_path / "sheet.jpg"],
        ["reconstruct", clip, "-o", tmp_path / "again.mp4", "--report", tmp_path / "report"],
        ["videos", "export", "clip", tmp_path / "vectors"],
        ["ingest", clip],
    ):
        answer = no_writing(*command)
        assert (answer.code, "Traceback" in answer.err) == (0, False), (command, answer.err)
    assert digests(full) == before
    assert list(temporary.glob("*reelweave*")) == []


def test_only_what_must_write_says_that_it_cannot(
    no_writing: Callable[..., Answer], full: Path, tmp_path: Path, temporary: Path
) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(3))
    before = digests(full)
    for command in (
        ["ingest", other],
        ["videos", "remove", "clip", "--yes"],
        ["videos", "check", "--repair"],
        ["videos", "relocate", "clip", tmp_path],
    ):
        answer = no_writing(*command)
        assert answer.code == 1 or "relocate" in command
        assert answer.code != 0
        assert "Traceback" not in answer.err
        if answer.code == 1:
            assert "cannot be written" in answer.err
            assert len(answer.err.splitlines()) == 2
    assert digests(full) == before


def test_a_relative_path_of_a_library_does_not_hide_why_it_fails(
    read_only: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.index.failures import explain

    monkeypatch.chdir(read_only.parent)
    told = explain(Path(read_only.name), PermissionError(30, "Read-only file system", str(read_only / "writer.lock")))
    assert told
    assert "cannot be written" in told.cause


def test_the_copy_is_of_the_database_alone_and_goes_at_the_end(
    library: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_library import SPACE, record, rows

    long = rows(range(1500))
    with opened(library) as shelf, shelf.writing("test"):
        shelf.store.write(record("long.mp4").id, SPACE, long)
    monkeypatch.setattr(os, "access", lambda path, mode, **_: not mode & os.W_OK)
    store = ChromaStore(library / "chroma", 1.0)
    assert store.read(record("long.mp4").id, SPACE).indices.tolist() == list(range(1500))
    (home,) = temporary.glob(f"{PREFIX}*")
    indexes = [path for path in (home / "chroma").iterdir() if path.is_dir()]
    assert indexes
    assert all(index.is_symlink() for index in indexes)
    store.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("command", ["solve", "search"])
def test_vectors_that_searches_left_a_copy_of_are_read_without_chroma(
    full: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    arguments = {"solve": ["clip"], "search": ["--image", question(tmp_path)]}[command]
    assert pipeline.search(_asked(tmp_path), settings()).hits
    deny_writing(full, monkeypatch)
    monkeypatch.setattr(ChromaStore, "_connected", lambda *_: pytest.fail("Chroma was opened"))
    assert run(command, *arguments).code == 0


def _asked(folder: Path) -> Any:
    from reelweave.asking import Question

    return Question(image=question(folder))


def test_a_store_that_is_too_large_to_copy_says_which_setting_it_was(
    read_only: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_STORE__COPY_GB", "0.000001")
    answer = run("solve", "clip")
    assert answer.code == 1
    assert "store.copy_gb" in answer.err


def test_a_temporary_folder_without_room_is_named(
    read_only: Path, run: Run, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    usage = shutil.disk_usage(temporary)
    monkeypatch.setattr(store_copy.shutil, "disk_usage", lambda _: usage._replace(free=1))
    answer = run("solve", "clip")
    assert answer.code == 1
    assert str(temporary) in answer.err
    assert list(temporary.iterdir()) == []


def test_the_copy_of_a_killed_process_goes_and_that_of_a_living_one_stays(full: Path, temporary: Path) -> None:
    living = StoreCopy(full / "chroma", 10**9)
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, os; from pathlib import Path; from reelweave.index.store_copy import StoreCopy\n"
            "copy = StoreCopy(Path(sys.argv[1]), 10**9); os.kill(os.getpid(), 9)",
            str(full / "chroma"),
        ]
    ) as killed:
        killed.wait(PATIENCE)
    assert len(list(temporary.glob(f"{PREFIX}*"))) == 2
    store_copy.remove_left_behind()
    assert list(temporary.glob(f"{PREFIX}*")) == [living.folder.parent]
    living.close()
    assert list(temporary.iterdir()) == []


def test_a_copy_that_cannot_be_finished_leaves_nothing(
    full: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_copy, "_copy", fail)
    with pytest.raises(OSError, match="No space"):
        StoreCopy(full / "chroma", 10**9)
    assert list(temporary.iterdir()) == []


def _unfinished(database: Path, statement: str, target: Path) -> None:
    """Leave a database as a process leaves it that dies within a transaction."""
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA cache_size=1")
    db.execute("BEGIN IMMEDIATE")
    db.execute(statement)
    for file in (database, database.with_name(f"{database.name}-journal")):
        shutil.copyfile(file, target / file.name)
    db.execute("ROLLBACK")
    db.close()
    assert (target / f"{database.name}-journal").stat().st_size > 512


def test_a_transaction_that_a_killed_writer_left_is_rolled_back_in_a_copy(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(full) as library:
        videos = library.catalog.videos()
        for number in range(200):
            library.catalog.copied_to(f"/films/{number}" * 40, videos[0].id, "1:1")
    _unfinished(full / "catalog.db", "UPDATE places SET stamp = stamp || hex(randomblob(400))", tmp_path)
    before = digests(tmp_path)
    monkeypatch.setattr(catalogs.os, "access", lambda path, mode, **_: not mode & os.W_OK)
    catalog = catalogs.Catalog(tmp_path / "catalog.db")
    assert catalog.videos() == videos
    assert set(catalog.stamps()) == {"1:1", videos[0].stamp}
    catalog.close()
    assert digests(tmp_path) == before


def test_what_chroma_had_not_finished_is_rolled_back_in_the_copy(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    with opened(full) as library:
        (video,) = library.catalog.videos()
        state = library.catalog.spaces(video.id)["appearance"]
        whole = library.store.read(video.id, state.space)
    shutil.copytree(full / "chroma", tmp_path / "chroma")
    _unfinished(full / "chroma" / DATABASE, "DELETE FROM embedding_metadata", tmp_path / "chroma")
    before = digests(tmp_path / "chroma")
    monkeypatch.setattr(os, "access", lambda path, mode, **_: not mode & os.W_OK)
    store = ChromaStore(tmp_path / "chroma", 1.0)
    np.testing.assert_array_equal(store.read(video.id, state.space).times, whole.times)
    store.close()
    assert digests(tmp_path / "chroma") == before


def test_a_read_only_store_is_never_written_to(read_only: Path) -> None:
    with opened(read_only) as library:
        (video,) = library.catalog.videos()
        space = library.catalog.spaces(video.id)["appearance"].space
        for write in (
            lambda: library.store.remove(video.id, "appearance"),
            lambda: library.store.keep_only(()),
            lambda: library.store.write(video.id, space, library.rows(video, "appearance")),
        ):
            with pytest.raises(OSError, match="Read-only"):
                write()


def test_checking_does_not_take_the_copy_of_searches_for_the_store(
    full: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipeline.search(_asked(tmp_path), settings())
    deny_writing(full, monkeypatch)
    monkeypatch.setattr(stores, "StoreCopy", _refuse)
    with pytest.raises(LibraryError, match="no copy"):
        upkeep.check_videos(settings())


def _refuse(*_: object) -> None:
    raise LibraryError("There is no copy.")
