"""Damaged libraries: what is lost is reported, and restored from the source or from the rest of the library."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip
from records import SPACE, record, rows
from runs import Run, contents, is_same, opened, settings

from reelweave import pipeline
from reelweave.errors import LibraryDamaged, LibraryError
from reelweave.index import manage
from reelweave.index.inventory import DATABASE, Inventory, store_fault
from reelweave.index.store import ChromaStore
from reelweave.index.vectors import collection_name
from reelweave.media.types import SpaceState
from reelweave.search.question import Question
from reelweave.search.search import search_library

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("other") / "other.mp4", pictures(8, seed=5))


@pytest.fixture(scope="module")
def two_stocked(clip: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with two videos; never to be changed."""
    folder = tmp_path_factory.mktemp("two")
    for source in (clip, other):
        pipeline.ingest(source, settings(library=str(folder)))
    return folder


@pytest.fixture
def two(two_stocked: Path, library: Path) -> Path:
    """The test's own library with two videos."""
    shutil.copytree(two_stocked, library, dirs_exist_ok=True)
    return library


def _database(library: Path) -> Path:
    return library / "chroma" / DATABASE


def _catalog(library: Path) -> Path:
    return library / "catalog.db"


def _garbage(file: Path, start: float = 0.0) -> None:
    data = bytearray(file.read_bytes())
    begin = int(start * len(data))
    data[begin:] = np.random.default_rng(1).integers(0, 256, len(data) - begin, np.uint8).tobytes()
    file.write_bytes(bytes(data))


def _halved(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _of_no_version(file: Path) -> None:
    """Make the format of a database one that SQLite never had, in its header."""
    with file.open("r+b") as opened:
        opened.seek(47)
        opened.write(b"P")


def _without_table(file: Path, table: str) -> None:
    db = sqlite3.connect(file)
    db.execute("PRAGMA foreign_keys=OFF")
    db.execute(f"DROP TABLE {table}")
    db.commit()
    db.close()


STORES: dict[str, Damage] = {
    "deleted": lambda library: shutil.rmtree(library / "chroma"),
    "a file": lambda library: (shutil.rmtree(library / "chroma"), (library / "chroma").touch()),
    "no database": lambda library: _database(library).unlink(),
    "an empty database": lambda library: os.truncate(_database(library), 0),
    "half a database": lambda library: _halved(_database(library)),
    "a database of garbage": lambda library: _garbage(_database(library)),
    "a database with garbage behind its beginning": lambda library: _garbage(_database(library), 0.1),
    "no table of collections": lambda library: _without_table(_database(library), "collections"),
    "no table of segments": lambda library: _without_table(_database(library), "segments"),
    "no table of rows": lambda library: _without_table(_database(library), "embeddings"),
    "a database of no version": lambda library: _of_no_version(_database(library)),
    "no log": lambda library: _without_table(_database(library), "embeddings_queue"),
}

CATALOGS: dict[str, Damage] = {
    "deleted": lambda library: _catalog(library).unlink(),
    "empty": lambda library: os.truncate(_catalog(library), 0),
    "halved": lambda library: _halved(_catalog(library)),
    "garbage": lambda library: _garbage(_catalog(library)),
    "of no version": lambda library: _of_no_version(_catalog(library)),
    "no table of videos": lambda library: _without_table(_catalog(library), "videos"),
    "no table of spaces": lambda library: _without_table(_catalog(library), "spaces"),
    "no table of places": lambda library: _without_table(_catalog(library), "places"),
    "no table of revisions": lambda library: _without_table(_catalog(library), "revision"),
}


# The store


@pytest.mark.parametrize("damage", STORES.values(), ids=STORES)
def test_every_reading_command_reports_a_damaged_store(two: Path, run: Run, damage: Damage) -> None:
    damage(two)
    checked = run("videos", "check", "--json")
    assert checked.code == 1
    assert all(any("chroma" in told for told in row["problems"]) for row in checked.rows)
    assert len(checked.rows) == 2
    for command in (["solve", "clip"], ["search", "--vector", _vector(two.parent)]):
        answer = run(*command)
        assert answer.code == 1
        assert "videos check --repair" in answer.err
        assert "Traceback" not in answer.err
    assert run("videos", "list").code == 0


def _vector(folder: Path) -> Path:
    np.save(folder / "vector.npy", np.ones(1440, np.float32))
    return folder / "vector.npy"


@pytest.mark.parametrize("damage", STORES.values(), ids=STORES)
def test_ingest_makes_the_vectors_of_a_damaged_store_again(
    two: Path, clip: Path, other: Path, run: Run, damage: Damage
) -> None:
    before = contents(two)
    damage(two)
    answer = run("ingest", clip, other, "--json")
    assert (answer.code, [row["state"] for row in answer.rows]) == (0, ["resume", "resume"])
    assert run("videos", "check").code == 0
    assert [_rows(found) for found in contents(two).values()] == [_rows(found) for found in before.values()]


def _rows(found: dict[str, Any]) -> Any:
    return found["rows"], found["proxies"], found["record"]


@pytest.mark.parametrize("damage", [STORES["half a database"], STORES["no database"]], ids=["half", "no database"])
def test_damaged_files_are_moved_and_not_deleted(two: Path, run: Run, damage: Damage) -> None:
    damage(two)
    before = {path.name: path.read_bytes() for path in (two / "chroma").rglob("*") if path.is_file()}
    answer = run("videos", "check", "--repair")
    assert answer.code == 1
    assert str(two / "damaged" / "chroma") in answer.err
    assert {path.name: path.read_bytes() for path in (two / "damaged").rglob("*") if path.is_file()} == before
    assert not (two / "chroma").exists()


def test_a_second_repair_keeps_the_files_that_the_first_moved(two: Path, run: Run, clip: Path) -> None:
    for number in range(3):
        _halved(_database(two))
        assert run("ingest", clip).code == 0
        assert len(list((two / "damaged").iterdir())) == number + 1


@pytest.mark.parametrize("damage", [STORES["deleted"], STORES["half a database"]], ids=["deleted", "half"])
def test_vectors_are_restored_from_the_copy_in_the_cache(two: Path, run: Run, damage: Damage, tmp_path: Path) -> None:
    before = contents(two)
    cv2.imwrite(str(tmp_path / "question.png"), pictures(1)[0])
    search_library(Question(image=tmp_path / "question.png"), settings())
    damage(two)
    answer = run("videos", "check", "--repair")
    assert answer.code == 0
    assert answer.err.count("restored") == 2
    assert is_same(contents(two), before)


def test_repair_resets_the_record_of_lost_vectors(two: Path, run: Run, clip: Path) -> None:
    shutil.rmtree(two / "chroma")
    run("videos", "check", "--repair")
    assert [row["state"] for row in run("videos", "list", "--json").rows] == ["partial", "partial"]
    assert run("ingest", clip).code == 0
    assert [row["state"] for row in run("videos", "list", "--json").rows] == ["complete", "partial"]


def test_losing_one_space_leaves_the_others_intact(two: Path, clip: Path, run: Run) -> None:
    before = contents(two)
    with opened(two) as library, library.writing("test"):
        video = library.catalog.find("clip")
        state = library.catalog.spaces(video.id)["appearance"]
        mine = replace(state, space=replace(state.space, name="own:mine"))
        library.write(video, [mine], {"own:mine": library.rows(video, "appearance")})
        library.catalog.save_plan(video.id, "{}")
        library.store.remove(video.id, "appearance")
    assert [row["state"] for row in run("ingest", clip, "--json").rows] == ["resume"]
    after = contents(two)[video.id]
    assert after["rows"]["own:mine"] == after["rows"]["appearance"] == before[video.id]["rows"]["appearance"]
    with opened(two) as library:
        assert library.catalog.plan(video.id) == "{}"


INDEXES: dict[str, Callable[[Path], object]] = {
    "no folder": shutil.rmtree,
    **{
        f"no {name}": lambda index, name=name: (index / name).unlink()  # type: ignore[misc]
        for name in ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")
    },
    "an empty header": lambda index: os.truncate(index / "header.bin", 0),
    "half of the vectors": lambda index: _halved(index / "data_level0.bin"),
    "no vectors": lambda index: os.truncate(index / "data_level0.bin", 0),
    "half of the numbers": lambda index: _halved(index / "index_metadata.pickle"),
    "no numbers": lambda index: os.truncate(index / "index_metadata.pickle", 0),
}


@pytest.mark.parametrize("damage", INDEXES.values(), ids=INDEXES)
def test_damaged_index_files_are_detected_before_chroma_replaces_them(library: Path, damage: Damage) -> None:
    video = replace(record("long.mp4", 1), frames=1500, complete=True)
    with opened(library) as lib, lib.writing("test"):
        lib.write(video, [SpaceState(SPACE, 1500, True)], {"appearance": rows(range(1500))})
    (index,) = [path for path in (library / "chroma").iterdir() if path.is_dir()]
    damage(index)
    with opened(library) as lib:
        state = lib.catalog.spaces(video.id)["appearance"]
        assert index.name in lib.vectors_fault(video, state)
        assert lib.lost_spaces(video) == [state]


def test_an_index_with_changed_bytes_is_detected_by_reading_it_back(library: Path, run: Run) -> None:
    video = replace(record("long.mp4", 1), frames=1500, proxy_width=0, proxy_height=0, complete=True)
    with opened(library) as lib, lib.writing("test"):
        lib.write(video, [SpaceState(SPACE, 1500, True)], {"appearance": rows(range(1500))})
    (file,) = (library / "chroma").glob("*/data_level0.bin")
    _garbage(file)
    assert run("videos", "check").code == 1
    assert run("solve", "long").code == 1
    run("videos", "check", "--repair")
    assert [row["state"] for row in run("videos", "list", "--json").rows] == ["partial"]


def test_a_panic_of_chroma_is_reported_as_a_damaged_library(
    two: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        """As those of Rust are: no Exception."""

    def panic(*_: object) -> None:
        raise PanicException("range end index 10 out of range")

    for method in ("_connected", "_get"):
        with monkeypatch.context() as panicking:
            panicking.setattr(ChromaStore, method, panic)
            answer = run("solve", "clip")
            assert answer.code == 1
            assert answer.err.startswith("error: The vectors of the library")
            assert run("videos", "check").code == 1


def test_reading_creates_no_store(two: Path, run: Run) -> None:
    shutil.rmtree(two / "chroma")
    for command in (["solve", "clip"], ["videos", "check"], ["search", "--vector", _vector(two.parent)]):
        assert run(*command).code == 1
    assert not (two / "chroma").exists()


def test_inspecting_a_store_changes_nothing(two: Path) -> None:
    before = {path: path.read_bytes() for path in (two / "chroma").rglob("*") if path.is_file()}
    inventory = Inventory(two / "chroma")
    assert store_fault(two / "chroma", thorough=True) == ""
    stored = inventory.collections()
    assert stored
    assert sorted(inventory.count(one) or 0 for one in stored.values()) == [8, 12]
    assert {path: path.read_bytes() for path in (two / "chroma").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("damage", [STORES["deleted"], STORES["half a database"]], ids=["deleted", "half"])
def test_a_video_can_be_removed_from_a_damaged_store(two: Path, run: Run, damage: Damage) -> None:
    damage(two)
    assert run("videos", "remove", "clip", "--yes").code == 0
    assert [row["id"].partition("-")[0] for row in run("videos", "list", "--json").rows] == ["other"]


# The catalog


@pytest.mark.parametrize("damage", CATALOGS.values(), ids=CATALOGS)
def test_a_damaged_catalog_is_not_taken_for_an_empty_library(two: Path, run: Run, damage: Damage) -> None:
    damage(two)
    kept = _catalog(two).read_bytes() if _catalog(two).exists() else None
    for command in (["videos", "list"], ["videos", "check"], ["solve", "clip"], ["videos", "remove", "clip", "--yes"]):
        answer = run(*command)
        assert answer.code == 1
        assert "catalog.db" in answer.err
        assert "videos check --repair" in answer.err
    assert (_catalog(two).read_bytes() if _catalog(two).exists() else None) == kept


@pytest.mark.parametrize("by", ["repair", "ingest"])
@pytest.mark.parametrize("damage", CATALOGS.values(), ids=CATALOGS)
def test_a_lost_catalog_is_rebuilt_from_the_store(two: Path, clip: Path, run: Run, damage: Damage, by: str) -> None:
    before = contents(two)
    damage(two)
    lost = _catalog(two).read_bytes() if _catalog(two).exists() else None
    command = ("videos", "check", "--repair") if by == "repair" else ("ingest", clip, "--json")
    answer = run(*command)
    assert answer.code == 0
    if by == "ingest":
        assert [row["state"] for row in answer.rows] == ["unchanged"]
    assert contents(two) == before
    if lost is not None:
        assert (two / "damaged" / "catalog.db").read_bytes() == lost
    assert run("solve", "clip").code == 0


def test_damaged_pages_of_a_catalog_are_detected_and_readable_rows_are_kept(two: Path, run: Run) -> None:
    with opened(two) as library:
        for video in library.catalog.videos():
            library.catalog.save_plan(video.id, "plan" * 5000)
    before = contents(two)
    # What a space has become is in the third table's pages, the plans are in the last ones.
    _garbage(_catalog(two), 0.9)
    assert run("videos", "check").code == 1
    assert run("videos", "check", "--repair").code == 0
    assert contents(two) == before


def test_a_rebuilt_catalog_never_reuses_a_revision(two: Path, run: Run) -> None:
    with opened(two) as library:
        before = set(library.catalog.revisions().values())
    _catalog(two).unlink()
    run("videos", "check", "--repair")
    with opened(two) as library:
        (video, *_) = library.catalog.videos()
        library.catalog.save(video, library.catalog.spaces(video.id).values())
        assert max(library.catalog.revisions().values()) > max(before) + 1000


def test_a_killed_repair_can_be_repeated(two: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelweave.index import restore

    before = contents(two)
    _garbage(_catalog(two))
    with monkeypatch.context() as dying:
        dying.setattr(restore, "move_aside", _die)
        with pytest.raises(KeyboardInterrupt):
            manage.check_library(settings(), repair=True)
    assert run("videos", "list").code == 1
    assert run("videos", "check", "--repair").code == 0
    assert contents(two) == before


def _die(*_: object) -> Path:
    raise KeyboardInterrupt


def test_vectors_without_a_record_are_reported_and_kept(two: Path, run: Run, other: Path) -> None:
    before = contents(two)
    db = sqlite3.connect(_catalog(two))
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("DELETE FROM videos WHERE id LIKE 'other%'")
    db.commit()
    db.close()
    answer = run("videos", "check", "--json")
    assert answer.code == 1
    (orphan,) = [row for row in answer.rows if row["id"].startswith("other")]
    assert "no record" in orphan["problems"][0]
    with opened(two) as library, library.writing("test"):
        library.clear_leftovers()
    assert run("videos", "check", "--repair").code == 0
    assert {video: _rows(found) for video, found in contents(two).items()} == {
        video: _rows(found) for video, found in before.items()
    }


def test_losing_catalog_and_store_together_only_requires_a_new_ingest(two: Path, run: Run, clip: Path) -> None:
    before = contents(two)
    _garbage(_catalog(two))
    _garbage(_database(two))
    answer = run("ingest", clip, "--json")
    assert (answer.code, [row["state"] for row in answer.rows]) == (0, ["new"])
    assert {path.name for path in (two / "damaged").iterdir()} == {"catalog.db", "chroma"}
    (video, found), *_ = contents(two).items()
    assert _rows(found) == _rows(before[video])


# Proxies and cache


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda file: os.truncate(file, 999), lambda file: os.truncate(file, file.stat().st_size + 7)],
    ids=["deleted", "cut short", "too long"],
)
def test_lost_proxies_are_made_again_without_embedding(
    two: Path, clip: Path, run: Run, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.ingest.models.appearance import AppearanceEmbedder

    before = contents(two)
    (file,) = (two / "proxies").glob("clip-*")
    damage(file)
    answer = run("videos", "check", "--json")
    assert answer.code == 1
    assert any(file.name in told for row in answer.rows for told in row["problems"])
    monkeypatch.setattr(AppearanceEmbedder, "embed", lambda *_: pytest.fail("a vector was made again"))
    assert [row["state"] for row in run("ingest", clip, "--json").rows] == ["resume"]
    assert contents(two) == before


def test_a_source_that_decodes_differently_is_ingested_again(
    two: Path, clip: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(two)
    next((two / "proxies").glob("clip-*")).unlink()

    def too_few(video: object, source: object, file: Path, *_: object) -> bool:
        file.write_bytes(b"too few")
        return False

    monkeypatch.setattr("reelweave.ingest.ingester.make_proxies", too_few)
    assert run("ingest", clip).code == 0
    after = contents(two)
    assert {video: _rows(found) for video, found in after.items()} == {
        video: _rows(found) for video, found in before.items()
    }


def test_damaged_caches_are_reported_and_deleted_by_repair(two: Path, run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "question.png"), pictures(1)[0])
    search_library(Question(image=tmp_path / "question.png"), settings())
    run("solve", "clip")
    damaged = [*(two / "cache").glob("*.rows"), *(two / "cache").glob("*.orders/*.npz")]
    assert len(damaged) == 3
    assert not any(row["warnings"] for row in run("videos", "check", "--json").rows)
    for file in damaged:
        _garbage(file, 0.5)
    answer = run("videos", "check", "--json")
    assert answer.code == 0
    assert sum(len(row["warnings"]) for row in answer.rows) == 3
    assert run("videos", "check", "--repair").code == 0
    assert not any(file.exists() for file in damaged)
    assert run("solve", "clip").code == 0


# Another process


@pytest.mark.parametrize("space", ["appearance", "fused"])
def test_a_video_removed_while_it_is_solved_ends_in_a_clear_error(
    two: Path, run: Run, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    from reelweave.solve import arrange

    if space == "fused":
        with opened(two) as library, library.writing("test"):
            video = library.catalog.find("clip")
            state = library.catalog.spaces(video.id)["appearance"]
            clip_space = replace(state, space=replace(state.space, name="clip"))
            library.write(video, [clip_space], {"clip": library.rows(video, "appearance")})
    honest = arrange.arrange

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        manage.remove_video("clip", settings())
        return honest(*arguments, **options)

    monkeypatch.setattr(arrange, "arrange", meanwhile)
    answer = run("solve", "clip", "--space", space)
    assert answer.code == 1
    assert "removed" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", ["solve", "search", "check"])
def test_a_library_deleted_while_a_command_runs_ends_in_a_clear_error(
    two: Path, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def deleted(*_: object) -> None:
        shutil.rmtree(two)

    _before(monkeypatch, ChromaStore, "_connected", deleted)
    words = {"solve": ["solve", "clip"], "search": ["search", "--vector", _vector(two.parent)]}
    answer = run(*words.get(command, ["videos", "check"]))
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert command == "check" or "was removed while" in answer.err


def _before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[..., object]) -> None:
    honest = getattr(owner, name)

    def acted(*arguments: Any, **options: Any) -> Any:
        act(*arguments)
        return honest(*arguments, **options)

    monkeypatch.setattr(owner, name, acted)


def _removed_meanwhile(folder: Path) -> None:
    with opened(folder) as library:
        video = library.catalog.find("clip")
        manage.remove_video("clip", settings())
        _ = library.catalog.spaces(video.id)["appearance"]


def test_a_lookup_that_fails_after_another_process_wrote_is_reported_as_such(two: Path) -> None:
    with pytest.raises(LibraryError, match="changed by another process"):
        _removed_meanwhile(two)


def test_a_lookup_that_fails_on_its_own_is_not_blamed_on_another_process(two: Path) -> None:
    with pytest.raises(KeyError), opened(two) as library:
        _ = library.catalog.spaces(library.catalog.find("clip").id)["nothing"]


def test_a_collection_removed_by_another_process_is_reported_with_its_video(two: Path) -> None:
    with opened(two) as library:
        video = library.catalog.find("clip")
        state = library.catalog.spaces(video.id)["appearance"]
        manage.remove_video("clip", settings())
        with pytest.raises(LibraryError, match=r"clip\.mp4 was removed"):
            library.stored_rows(video, state)


def test_a_missing_collection_says_how_to_repair(two: Path) -> None:
    with opened(two) as library:
        video = library.catalog.find("clip")
        state = library.catalog.spaces(video.id)["appearance"]
        library.store.remove(video.id, "appearance")
        assert collection_name(video.id, "appearance") not in (library.store.inventory.collections() or {})
        with pytest.raises(LibraryDamaged, match="not in the store") as lost:
            library.stored_rows(video, state)
        assert "videos check --repair" in lost.value.remedy


@pytest.mark.parametrize("text", ["no JSON", "{}", "[1]", '{"id": 1}'])
def test_an_invalid_record_is_skipped_and_made_again(two: Path, run: Run, text: str) -> None:
    before = contents(two)
    db = sqlite3.connect(_catalog(two))
    db.execute("UPDATE videos SET record = ? WHERE id LIKE 'other%'", (text,))
    db.commit()
    db.close()
    answer = run("videos", "check", "--repair")
    assert answer.code == 0
    assert contents(two) == before


def test_names_that_are_not_text_are_reported_as_damage_without_a_traceback(two: Path, run: Run) -> None:
    for file in (_catalog(two), _database(two)):
        data = file.read_bytes()
        file.write_bytes(data.replace(b"CREATE TABLE", b"CREATE TABL\xc3"))
    for command in (["videos", "list"], ["videos", "check"], ["solve", "clip"]):
        answer = run(*command)
        assert answer.code == 1
        assert "damaged" in answer.err


def test_a_store_that_failed_to_open_can_be_opened_once_it_is_restored(
    two: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.index import inventory

    whole = _database(two).read_bytes()
    _garbage(_database(two), 0.05)
    with monkeypatch.context() as blind:
        # Damage that only Chroma notices.
        blind.setattr(inventory, "store_fault", lambda *_, **__: "")
        assert run("solve", "clip").code == 1
    _database(two).write_bytes(whole)
    assert run("solve", "clip").code == 0
