"""The matrix: copies of vectors always equal what Chroma holds, and are optional."""

import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, write_clip
from runs import contents, settings

from reelweave import pipeline
from reelweave.index import manage
from reelweave.index.library import Library, open_library
from reelweave.index.matrix import SUFFIX, Matrix, open_matrix, will_need
from reelweave.index.store import ChromaStore
from reelweave.media.types import FrameRows
from reelweave.progress import SilentProgress


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [write_clip(folder / f"film{seed}.mp4", pictures(5 + seed, seed=seed)) for seed in range(3)]


@pytest.fixture
def stock(library: Path, films: list[Path]) -> Path:
    for film in films[:2]:
        pipeline.ingest(film, settings())
    return library


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The videos whose vectors were read out of Chroma."""
    seen: list[str] = []
    read = ChromaStore.read

    def noted(store: ChromaStore, video: str, space: object) -> FrameRows:
        seen.append(video)
        return read(store, video, space)  # type: ignore[arg-type]

    monkeypatch.setattr(ChromaStore, "read", noted)
    return seen


def opened(folder: Path, check: bool = True) -> Matrix:
    with open_library(folder) as library:
        return matrix_of(library, check)


def matrix_of(library: Library, check: bool = True) -> Matrix:
    videos = library.catalog.videos()
    return open_matrix(
        library, videos, library.catalog.spaces(videos[0].id)["appearance"].space, SilentProgress(), check
    )


def held(matrix: Matrix) -> dict[str, list[bytes]]:
    return {s.video.id: [np.asarray(column).tobytes() for column in astuple(s.rows)] for s in matrix.segments}


def truth(folder: Path) -> dict[str, list[bytes]]:
    return {video: known["rows"]["appearance"] for video, known in contents(folder).items()}


def copies(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob(f"*{SUFFIX}"))


def test_the_copy_equals_what_chroma_holds_and_is_read_instead(stock: Path, collections: list[str]) -> None:
    first = held(opened(stock))
    assert len(collections) == 2
    assert held(opened(stock)) == first == truth(stock)
    assert len(collections) == 4, "only the comparison itself may have read Chroma"


def test_only_an_added_video_is_read_from_chroma(stock: Path, films: list[Path], collections: list[str]) -> None:
    opened(stock)
    collections.clear()
    added = pipeline.ingest(films[2], settings())
    collections.clear()
    grown = opened(stock)
    assert collections == [added.id]
    assert held(grown) == truth(stock)


def test_removing_a_video_removes_its_copy(stock: Path, films: list[Path]) -> None:
    before = opened(stock)
    removed = manage.remove_video("film0.mp4", settings())
    after = opened(stock)
    assert removed.id not in held(after)
    assert held(after) == truth(stock)
    assert after.key != before.key
    assert [copy.name.partition(".")[0] for copy in copies(stock)] == [s.video.id for s in after.segments]


def test_a_video_ingested_with_other_settings_is_read_again(stock: Path, films: list[Path]) -> None:
    before = opened(stock)
    pipeline.ingest(films[0], settings(ingest__size=32))
    after = opened(stock)
    assert held(after) == truth(stock)
    assert held(after) != held(before)


def flipped(place: float) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[int(place * (len(data) - 1))] ^= 0x10
        file.write_bytes(bytes(data))

    return flip


def swapped(file: Path) -> None:
    """The copy of another video under this one's name."""
    other = next(copy for copy in copies(file.parent.parent) if copy != file)
    file.write_bytes(other.read_bytes())


DAMAGE = {
    "cut short": lambda file: os.truncate(file, file.stat().st_size // 2),
    "cut to nothing": lambda file: os.truncate(file, 0),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "head spoilt": flipped(0.0),
    "key spoilt": flipped(0.002),
    "facts spoilt": flipped(0.02),
    "a vector spoilt": flipped(0.7),
    "another video's": swapped,
    "no file of ours": lambda file: file.write_bytes(b"\xff\n" * 500),
}


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_copy_is_made_again(stock: Path, spoil: Callable[[Path], None]) -> None:
    opened(stock)
    spoil(copies(stock)[0])
    assert held(opened(stock)) == truth(stock)
    assert held(opened(stock)) == truth(stock)


def test_other_columns_are_verified_even_if_vectors_are_not(stock: Path) -> None:
    opened(stock)
    flipped(0.02)(copies(stock)[0])
    assert held(opened(stock, check=False)) == truth(stock)


def test_a_library_without_its_cache_loses_nothing(stock: Path) -> None:
    opened(stock)
    for copy in copies(stock):
        copy.unlink()
    (stock / "cache").rmdir()
    assert held(opened(stock)) == truth(stock)


def test_vectors_are_used_from_memory_if_no_copy_can_be_saved(stock: Path) -> None:
    (stock / "cache").write_text("in the way", encoding="utf-8")
    assert held(opened(stock)) == truth(stock)


def test_a_copy_is_written_atomically(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert held(opened(stock)) == truth(stock)
    assert list((stock / "cache").iterdir()) == []


@pytest.fixture
def library_open(stock: Path) -> Iterator[Library]:
    with open_library(stock) as library:
        yield library


def test_prefetching_rows_changes_nothing(library_open: Library) -> None:
    made = matrix_of(library_open)
    for rows in (np.arange(len(made)), np.array([0, len(made) - 1]), np.zeros(0, np.int64)):
        before = made.vectors(rows)
        made.prefetch(rows)
        assert np.array_equal(made.vectors(rows), before)


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="the system cannot be told")
def test_only_the_pages_of_the_rows_are_prefetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[tuple[int, int]] = []

    class Noted(mmap.mmap):
        def madvise(self, option: int, start: int = 0, length: int = 0) -> None:
            named.append((start // mmap.PAGESIZE, length // mmap.PAGESIZE))

    monkeypatch.setattr("mmap.mmap", Noted)
    (tmp_path / "file").write_bytes(b"0" * 40 * mmap.PAGESIZE)
    half = mmap.PAGESIZE // 2
    rows = np.asarray(np.memmap(tmp_path / "file", np.uint8, "r", 64, (60, half)))
    will_need(rows, np.array([0, 1, 10, 40, 41]))
    assert named == [(0, 2), (5, 1), (20, 2)]
    will_need(np.zeros((3, 4)), np.array([1]))
    assert len(named) == 3, "not a mapped file"


def test_rows_are_numbered_consecutively_over_all_videos(library_open: Library) -> None:
    matrix = matrix_of(library_open)
    everything = np.concatenate([segment.rows.vectors for segment in matrix.segments])
    rows = np.random.default_rng(0).permutation(len(matrix))
    assert np.array_equal(matrix.vectors(rows), everything[rows])
    assert [int(matrix.owners(np.array([row]))[0]) for row in matrix.starts[:-1]] == [0, 1]


def test_a_video_with_an_unfinished_ingest_is_left_out(stock: Path, library_open: Library) -> None:
    from reelweave.search.question import videos_by_model

    videos = library_open.catalog.videos()
    states = {video.id: dict(library_open.catalog.spaces(video.id)) for video in videos}
    states[videos[0].id]["appearance"] = replace(states[videos[0].id]["appearance"], complete=False)
    assert videos_by_model(videos, states, "appearance", None) == videos[1:]
