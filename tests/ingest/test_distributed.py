"""Ingest by the workers of an engine: the library becomes what the plain command makes of it. Here they are local."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import pictures, write_clip, write_pictures
from runs import contents, opened, settings
from tiny_timm import make_tiny_timm, space_name

from reelweave import pipeline
from reelweave.engine.local import LocalEngine
from reelweave.errors import EngineError, SourceError
from reelweave.index.store import ChromaStore
from reelweave.ingest import distributed
from reelweave.ingest.discover import discover_sources
from reelweave.ingest.distributed import ingest_distributed
from reelweave.ingest.ingester import IngestResult
from reelweave.progress import NotingProgress, SilentProgress
from reelweave.settings import Settings

FILM = pictures(90)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    write_clip(folder / "a.mp4", FILM[:70])
    write_clip(folder / "b.mkv", FILM[70:75] + FILM[74:75] * 4 + FILM[75:80], fps=12.5)
    return folder


@pytest.fixture
def films(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "films"))


def spread(*paths: Path, **flags: object) -> dict[str, str]:
    """What ingest by an engine says of each source."""
    return {Path(result.path).name: result.state for result in spread_results(*paths, **flags)}


def spread_results(*paths: Path, progress: NotingProgress | None = None, **flags: object) -> list[IngestResult]:
    chosen, progress = _settings(**flags), progress or NotingProgress(SilentProgress())
    with pipeline.open_library(chosen) as library:
        return list(ingest_distributed(LocalEngine(), library, discover_sources(paths), chosen, progress))


def plain(*paths: Path, **flags: object) -> dict[str, str]:
    return {Path(result.path).name: result.state for result in pipeline.ingest_all(paths, _settings(**flags))}


def _settings(library: Path | None = None, **flags: object) -> Settings:
    return settings(**flags, **({"library": str(library)} if library else {}))


def _rename(films: Path, library: Path) -> None:
    (films / "a.mp4").rename(films / "c.mp4")


def _copy(films: Path, library: Path) -> None:
    shutil.copy(films / "a.mp4", films / "c.mp4")


def _change(films: Path, library: Path) -> None:
    write_clip(films / "a.mp4", FILM[20:])


def _break(films: Path, library: Path) -> None:
    (films / "a.mp4").write_bytes(b"no film")


def _stop(films: Path, library: Path) -> None:
    with opened(library) as found:
        video = found.catalog.find("a.mp4")
        states = found.catalog.spaces(video.id).values()
        found.catalog.save(replace(video, complete=False), [replace(state, complete=False) for state in states])


def _lose_proxies(films: Path, library: Path) -> None:
    shutil.rmtree(library / "proxies")


CHANGES: dict[str, Callable[[Path, Path], None]] = {
    "nothing": lambda films, library: None,
    "touched": lambda films, library: os.utime(films / "a.mp4", (1, 1)),
    "renamed": _rename,
    "copied": _copy,
    "changed": _change,
    "broken": _break,
    "stopped midway": _stop,
    "proxies lost": _lose_proxies,
    "pictures added": lambda films, library: write_pictures(films / "shots", FILM[:5]) and None,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_engine_makes_the_same_library_as_the_plain_command(
    films: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    libraries = [tmp_path / "plain", tmp_path / "spread"]
    runs = (plain, spread)
    for library, run in zip(libraries, runs, strict=True):
        assert set(run(films, library=library).values()) == {"new"}
    assert contents(libraries[0]) == contents(libraries[1])
    change(films, libraries[0])
    if change in (_stop, _lose_proxies):
        change(films, libraries[1])
    states = [run(films, library=library) for library, run in zip(libraries, runs, strict=True)]
    assert states[0] == states[1]
    expected, found = (contents(library) for library in libraries)
    if change is _stop:
        # Such a library does not occur: resuming it counts the length of its last frame twice.
        for library in (expected, found):
            library["a"] = library.pop(next(name for name in library if name.startswith("a"))) | {"record": None}
    assert expected == found
    assert not list(libraries[1].glob("cache/*"))


def test_a_space_that_is_missing_is_added_and_the_others_stay(films: Path, tmp_path: Path) -> None:
    space = space_name(make_tiny_timm(tmp_path / "tiny"))
    libraries = [tmp_path / "plain", tmp_path / "spread"]
    for library in libraries:
        plain(films, library=library)
    assert plain(films, library=libraries[0], ingest__space=space) == spread(
        films, library=libraries[1], ingest__space=space
    )
    assert contents(libraries[0]) == contents(libraries[1])


def test_another_sampling_replaces_the_frames(films: Path, library: Path, tmp_path: Path) -> None:
    assert set(spread(films, ingest__fps=5).values()) == {"new"}
    progress = NotingProgress(SilentProgress())
    assert {result.state for result in spread_results(films, progress=progress)} == {"anew"}
    assert len(progress.notes) == 2
    plain(films, library=tmp_path / "plain")
    assert contents(library) == contents(tmp_path / "plain")


def test_copies_in_one_run_are_embedded_once(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(films / "a.mp4", films / "c.mp4")
    embedded, embed = [], distributed.embed_source
    monkeypatch.setattr(distributed, "embed_source", lambda job: (embedded.append(job.path.name), embed(job))[1])
    assert spread(films) == {"a.mp4": "new", "b.mkv": "new", "c.mp4": "copy"}
    assert embedded == ["a.mp4", "b.mkv"]


def test_a_source_that_workers_cannot_read_is_reported_and_the_rest_is_ingested(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = distributed.embed_source
    monkeypatch.setattr(
        distributed,
        "embed_source",
        lambda job: embed(replace(job, path=Path("/elsewhere.mp4")) if job.path.name == "a.mp4" else job),
    )
    results = {Path(result.path).name: result for result in spread_results(films)}
    assert results["b.mkv"].state == "new"
    assert results["a.mp4"].state == "unreadable"
    assert isinstance(results["a.mp4"].error, SourceError)
    assert "same path" in results["a.mp4"].error.remedy


def test_a_defect_that_one_source_triggers_does_not_stop_the_others(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = distributed.embed_source

    def fail(job: distributed._Job) -> object:
        if job.path.name == "a.mp4":
            raise ZeroDivisionError("a defect")
        return embed(job)

    monkeypatch.setattr(distributed, "embed_source", fail)
    results = {Path(result.path).name: result for result in spread_results(films)}
    assert results["b.mkv"].state == "new"
    assert isinstance(results["a.mp4"].error, EngineError)
    assert "a.mp4" in results["a.mp4"].error.cause


@pytest.mark.parametrize("call", [1, 2])
def test_a_run_that_ends_anywhere_is_completed_by_the_next(
    films: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    write, calls = ChromaStore.write, 0

    def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ChromaStore, "write", failing)
        with pytest.raises(KeyboardInterrupt):
            spread(films)
    assert list(spread(films).values()).count("unchanged") == call - 1
    plain(films, library=tmp_path / "plain")
    assert contents(library) == contents(tmp_path / "plain")
    assert not list(library.glob("cache/*"))
