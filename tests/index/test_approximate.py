"""Approximate search: the best frames are found with their exact scores, although not all are compared."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import pictures, write_clip
from matrices import matrix, shots
from runs import settings

from reelweave import pipeline
from reelweave.index import approximate, manage
from reelweave.index.approximate import open_approximate
from reelweave.index.matrix import Matrix
from reelweave.progress import SilentProgress
from reelweave.search.finder import open_finder
from reelweave.search.question import Question
from reelweave.search.results import all_scores, ranked, scores_of
from reelweave.search.search import search_library

if TYPE_CHECKING:
    from reelweave.search.finder import SearchResult


@pytest.fixture(scope="module")
def drawn() -> Matrix:
    return matrix(shots(60, 100))


def recall(made: Matrix, folder: Path, share: float = 0.1) -> float:
    index, queries = open_approximate(made, folder, share), shots(20, 1, seed=1)
    assert index is not None
    found = []
    for query in queries:
        rows = index.candidates(query[None], 300)
        named = ranked(scores_of(made, query[None], rows), rows, 10)
        best = ranked(all_scores(made, query[None]), None, 10)
        assert np.allclose(named.scores, all_scores(made, query[None])[named.rows], atol=1e-5)
        found.append(np.isin(best.rows, named.rows).mean())
    return float(np.mean(found))


def test_the_ten_best_are_found(drawn: Matrix, tmp_path: Path) -> None:
    assert recall(drawn, tmp_path) >= 0.99


def test_unrelated_pictures_are_found_too(tmp_path: Path) -> None:
    """Without runs of like frames there is nothing to save, so that more of the index is searched."""
    assert recall(matrix(shots(4000, 1, seed=5)), tmp_path) >= 0.99


def test_the_width_of_vectors_need_not_be_a_multiple_of_a_code(tmp_path: Path) -> None:
    vectors = shots(60, 100)[:, :61]
    made = matrix(np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32))
    index = open_approximate(made, tmp_path, 1.0)
    assert index is not None
    query = made.segments[0].rows.vectors[4321]
    assert 4321 in index.candidates(query[None], 100)


def test_the_recall_of_an_index_is_measured_and_kept_beside_it(drawn: Matrix, tmp_path: Path) -> None:
    built, opened = (open_approximate(drawn, tmp_path, 0.1) for _ in range(2))
    assert built is not None
    assert opened is not None
    assert built.facts.recall == opened.facts.recall >= 0.995
    assert opened.facts.rows == len(drawn)


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows went into each index that was made."""
    made: list[int] = []
    fill = approximate._build

    def noted(what: Matrix, numbers: int) -> Any:
        made.append(len(what))
        return fill(what, numbers)

    monkeypatch.setattr(approximate, "_build", noted)
    return made


def test_an_index_that_finds_too_little_is_not_used_nor_built_again(
    drawn: Matrix, tmp_path: Path, filled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "_EFFORTS", (approximate.Effort(0.01, 10),))
    assert [open_approximate(drawn, tmp_path, 0.01) for _ in range(2)] == [None, None]
    tried = len(filled)
    open_approximate(drawn, tmp_path, 0.01)
    assert len(filled) == tried == len(approximate._NUMBERS_PER_CODE)


def test_few_rows_need_no_index(tmp_path: Path, filled: list[int]) -> None:
    assert open_approximate(matrix(shots(2, 100)), tmp_path, 1.0) is None
    assert filled == []


def test_an_index_is_built_once_and_rebuilt_for_other_vectors(drawn: Matrix, tmp_path: Path, filled: list[int]) -> None:
    for key in ("1" * 64, "1" * 64, "2" * 64):
        open_approximate(matrix(drawn.segments[0].rows.vectors, key), tmp_path, 0.5)
    assert len(filled) == 2
    assert {file.name[0] for file in tmp_path.iterdir()} == {"2"}, "the index of an earlier state is not kept"


def test_an_index_of_an_earlier_version_is_rebuilt(drawn: Matrix, tmp_path: Path, filled: list[int]) -> None:
    open_approximate(drawn, tmp_path, 0.5)
    (file,) = tmp_path.glob("*.json")
    file.unlink()
    open_approximate(drawn, tmp_path, 0.5)
    assert len(filled) == 2


@pytest.mark.parametrize("which", ["*.faiss", "*.json"])
@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="cut short"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"no index" * 100, id="no index"),
    ],
)
def test_a_damaged_index_is_rebuilt(drawn: Matrix, tmp_path: Path, filled: list[int], spoilt: Any, which: str) -> None:
    open_approximate(drawn, tmp_path, 0.5)
    (file,) = tmp_path.glob(which)
    file.write_bytes(spoilt(file.read_bytes()))
    assert recall(drawn, tmp_path) >= 0.99
    assert len(filled) == 2


def test_an_index_that_cannot_be_saved_is_still_used(drawn: Matrix, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert recall(drawn, tmp_path / "cache") >= 0.99


@pytest.mark.parametrize("lasting", [True, False], ids=["lasting", "asked again"])
@pytest.mark.parametrize("worth", [1, 100], ids=["by the copy", "by every frame"])
def test_a_reused_finder_answers_like_a_new_one(
    stock: Path, question: Question, monkeypatch: pytest.MonkeyPatch, lasting: bool, worth: int
) -> None:
    for name, value in (("_FAST_ROWS", 5), ("_CANDIDATES", 3), ("_CANDIDATES_EACH", 1), ("_RANDOM_ACCESS_COST", worth)):
        monkeypatch.setattr(f"reelweave.search.finder.{name}", value)
    with open_finder(settings(library=str(stock / "library")), SilentProgress(), lasting=lasting) as finder:
        answers = [finder.ask(question).hits for _ in range(3)]
        cut = finder.ask(replace(question, threshold=-1.0, count=4)).hits
    assert answers == [asked(stock, question).hits] * 3 == [cut] * 3


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    for seed in range(3):
        film = write_clip(folder / f"film{seed}.mp4", pictures(8, (96, 54), seed=seed))
        pipeline.ingest(film, settings(library=str(folder / "library")))
    return folder


@pytest.fixture
def question(stock: Path, tmp_path: Path) -> Question:
    with open_finder(settings(library=str(stock / "library")), SilentProgress()) as finder:
        videos = finder.library.catalog.videos()
        np.save(tmp_path / "query.npy", finder.library.rows(videos[1], "appearance").vectors[5])
    return Question(vector=tmp_path / "query.npy", count=4)


def asked(stock: Path, question: Question, **flags: object) -> "SearchResult":
    return search_library(question, settings(library=str(stock / "library"), **flags))


def test_a_library_beyond_the_memory_limit_gives_the_same_answers(
    stock: Path, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "_LEAST_ROWS", 20)
    monkeypatch.setattr(approximate, "_PROBES", 16)
    within = asked(stock, question)
    past = asked(stock, question, search__memory_gb=1e-9, search__probe=1)
    assert past.hits == within.hits
    assert within.hits[0].score == pytest.approx(1, abs=1e-5)
    assert list((stock / "library" / "cache").glob("*.faiss"))


@pytest.mark.parametrize("flags", [{}, {"search__memory_gb": 1e-9, "search__probe": 1}], ids=["whole", "large"])
def test_the_first_search_keeps_a_copy_that_a_new_finder_uses(
    stock: Path, question: Question, library: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, float]
) -> None:
    shutil.copytree(stock / "library", library, dirs_exist_ok=True)
    for file in library.glob("cache/*.faiss*"):
        file.unlink()
    plain, using = asked(stock, question), settings(**flags)
    monkeypatch.setattr(approximate, "_LEAST_ROWS", 20)
    monkeypatch.setattr(approximate, "_PROBES", 16)
    for name in ("_FAST_ROWS", "_KEPT_ROWS", "_CANDIDATES", "_RANDOM_ACCESS_COST", "_CANDIDATES_EACH"):
        monkeypatch.setattr(f"reelweave.search.finder.{name}", 1)
    if not flags:
        named = replace(question, videos=(plain.hits[0].video,))
        search_library(named, using)
        assert not list(library.glob("cache/*.int8")), "a copy of some videos would replace that of all"
    assert search_library(question, using).hits == plain.hits
    (copy,) = library.glob("cache/*.int8")
    written = copy.stat().st_mtime_ns
    assert search_library(question, using).hits == plain.hits
    assert copy.stat().st_mtime_ns == written
    manage.remove_video(plain.hits[0].video, using)
    assert not copy.exists()


def test_an_index_never_outlives_a_video(stock: Path, question: Question, library: Path) -> None:
    shutil.copytree(stock / "library", library, dirs_exist_ok=True)
    using = settings(search__memory_gb=1e-9, search__probe=1)
    best = search_library(question, using).hits[0]
    manage.remove_video(best.video, using)
    assert best.video not in {hit.video for hit in search_library(question, using).hits}
