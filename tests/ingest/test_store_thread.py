"""A new video is stored in a thread while the rest of `reconstruct` runs."""

import threading
from pathlib import Path

import pytest
from helpers import Scrambled
from runs import settings

from reelweave import pipeline
from reelweave.errors import LibraryError, LibraryLocked, RenderError, VectorsLost
from reelweave.index.library import Library, open_library
from reelweave.index.lock import writer_lock
from reelweave.ingest import store_thread
from reelweave.solve.plan.files import read_plan
from reelweave.solve.plan.model import Plan


def rebuilt(scrambled: Scrambled, folder: Path) -> Plan:
    return read_plan(Path(pipeline.reconstruct(scrambled.video, settings(), output=folder / "out.mp4").plan))


def orders(library: Path) -> list[Path]:
    return [*library.glob("cache/*.orders/*.npz")]


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == store_thread.NAME]


def test_the_library_has_the_video_and_its_plan_when_reconstruct_returns(
    scrambled: Scrambled, library: Path, tmp_path: Path
) -> None:
    plan = rebuilt(scrambled, tmp_path)
    with open_library(settings()) as stored:
        video = stored.catalog.find(plan.video.id)
        assert stored.verify(video, "appearance") == []
        assert stored.catalog.plan(video.id) == plan.model_dump_json()
    assert not writers()


def test_solving_it_again_gives_the_same_plan_from_the_cache(
    scrambled: Scrambled, library: Path, tmp_path: Path
) -> None:
    plan = rebuilt(scrambled, tmp_path)
    (cached,) = orders(library)
    assert pipeline.solve(plan.video.id, settings()) == plan
    assert orders(library) == [cached]


def test_a_long_film_is_read_back_and_ordered_alike(
    scrambled: Scrambled, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "_MOST_KEPT", 10)
    plan = rebuilt(scrambled, tmp_path)
    assert plan.order == pipeline.solve(plan.video.id, settings()).order


def test_vectors_that_are_lost_are_reported_at_the_end(
    scrambled: Scrambled, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Library, "stored_fault", lambda *_: "a disk lost them")
    with pytest.raises(VectorsLost, match="a disk lost them"):
        rebuilt(scrambled, tmp_path)
    assert not writers()


def test_a_write_that_fails_leaves_no_proxies(
    scrambled: Scrambled, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LibraryError("There is no space left.")

    monkeypatch.setattr(Library, "write", fail)
    with pytest.raises(LibraryError, match="no space left"):
        rebuilt(scrambled, tmp_path)
    assert not [*(library / "proxies").glob("*")]
    assert not writers()


def test_a_failure_after_the_last_write_is_reported_too(
    scrambled: Scrambled, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LibraryError("The disk is gone.")

    monkeypatch.setattr(Library, "discard", fail)
    with pytest.raises(LibraryError, match="disk is gone"):
        rebuilt(scrambled, tmp_path)
    assert not writers()


def test_a_film_that_cannot_be_rendered_is_stored_all_the_same(
    scrambled: Scrambled, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RenderError("There is no encoder.")

    monkeypatch.setattr("reelweave.render.film.render", fail)
    with pytest.raises(RenderError):
        rebuilt(scrambled, tmp_path)
    with open_library(settings()) as stored:
        assert [video.complete for video in stored.catalog.videos()] == [True]


def test_another_writer_stops_it_before_any_work(scrambled: Scrambled, library: Path, tmp_path: Path) -> None:
    library.mkdir(exist_ok=True)
    with writer_lock(library, "ingest something"), pytest.raises(LibraryLocked):
        rebuilt(scrambled, tmp_path)
    assert not (tmp_path / "out.mp4").exists()
    assert not writers()
