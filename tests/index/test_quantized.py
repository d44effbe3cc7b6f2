"""The 8-bit copy of vectors: its candidates include the best rows."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matrices import matrix, shots

from reelweave.index import quantized as quantized_module
from reelweave.index.matrix import Matrix
from reelweave.index.quantized import is_sound, keep_quantized, kept_quantized, quantized
from reelweave.index.verified import VerifiedFiles
from reelweave.media.types import Floats
from reelweave.search.results import all_scores


def skewed(vectors: Floats) -> Floats:
    """As networks make them: one direction outweighs all others, and one says nothing."""
    scale = np.ones(vectors.shape[1], np.float32)
    scale[3], scale[5] = 20, 0
    made = vectors * scale
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


KINDS = {"shots": shots(60, 100), "skewed": skewed(shots(60, 100)), "still": shots(1, 6000, seed=4)}


@pytest.fixture(params=KINDS)
def drawn(request: pytest.FixtureRequest) -> Matrix:
    return matrix(KINDS[request.param])


@pytest.mark.parametrize("count", [1, 50, 600, 6000])
def test_rows_that_are_not_candidates_score_less_than_the_floor(drawn: Matrix, count: int) -> None:
    copy = quantized(drawn)
    for query in [*shots(10, 1, seed=1), *drawn.segments[0].rows.vectors[:3]]:
        scores = all_scores(drawn, query[None])
        named = copy.candidates(query[None], count)
        assert len(named.rows) == count
        assert np.delete(scores, named.rows).max(initial=-np.inf) < named.floor or count == len(drawn)


def test_the_floor_is_close_to_the_scores_of_the_candidates(drawn: Matrix) -> None:
    query = shots(1, 1, seed=1)
    named = quantized(drawn).candidates(query, 100)
    least = all_scores(drawn, query)[named.rows].min()
    assert least < named.floor < least + 0.05


def test_variants_of_a_query_share_a_floor(drawn: Matrix) -> None:
    queries = shots(3, 1, seed=1)
    named = quantized(drawn).candidates(queries, 100)
    assert np.delete(all_scores(drawn, queries), named.rows).max() < named.floor
    assert 100 <= len(named.rows) <= 300


def test_of_some_rows_those_that_are_not_candidates_score_less_than_the_floor(drawn: Matrix) -> None:
    copy, query = quantized(drawn), shots(1, 1, seed=1)
    some = np.arange(7, len(drawn), 5)
    named = copy.candidates(query, 100, some)
    assert np.isin(named.rows, some).all()
    assert len(named.rows) == 100
    assert all_scores(drawn, query)[np.setdiff1d(some, named.rows)].max() < named.floor


@pytest.mark.parametrize(("margin", "most"), [(0.6, 6000), (0.3, 5)], ids=["candidates", "larger steps"])
def test_rows_beyond_the_range_of_the_codes_are_always_candidates(
    drawn: Matrix, monkeypatch: pytest.MonkeyPatch, margin: float, most: int
) -> None:
    """The step is chosen by a sample, which other vectors may exceed."""
    fitted = quantized_module._MARGIN
    monkeypatch.setattr(quantized_module, "_MOST_OUTSIDE", most)
    monkeypatch.setattr(Matrix, "stretches", lambda self: iter([margin / fitted * next(self.blocks())]))
    copy, query, scores = quantized(drawn), shots(1, 1, seed=1), all_scores(drawn, shots(1, 1, seed=1))
    for rows, among in ((np.arange(len(drawn)), None), (some := np.arange(0, len(drawn), 3), some)):
        named = copy.candidates(query, 10, among)
        assert scores[np.setdiff1d(rows, named.rows)].max(initial=-np.inf) < named.floor


def test_a_kept_copy_gives_the_same_candidates(drawn: Matrix, tmp_path: Path) -> None:
    query = shots(1, 1, seed=1)
    made = keep_quantized(drawn, tmp_path / "cache")
    kept = kept_quantized(drawn, tmp_path / "cache", True)
    expected = quantized(drawn).candidates(query, 50)
    assert made is not None
    assert kept is not None
    for copy in (made, kept):
        assert copy.candidates(query, 50).rows.tolist() == expected.rows.tolist()
        assert copy.candidates(query, 50).floor == expected.floor


def test_a_copy_of_other_vectors_is_not_used_but_replaced(tmp_path: Path) -> None:
    old, new = (matrix(shots(60, 100, seed=seed), f"{seed}" * 64) for seed in (1, 2))
    keep_quantized(old, tmp_path)
    assert kept_quantized(new, tmp_path, True) is None
    keep_quantized(new, tmp_path)
    assert kept_quantized(new, tmp_path, True) is not None
    assert len(list(tmp_path.glob("*.int8"))) == 1


def flipped(data: bytes) -> bytes:
    return data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(flipped, id="a code spoilt"),
        pytest.param(lambda data: data[:-1], id="cut short"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: b"x" + data[1:], id="head spoilt"),
        pytest.param(lambda data: data.replace(b'"turned": [0', b'"turned": [64'), id="no such dimension"),
    ],
)
def test_a_damaged_copy_is_not_used(drawn: Matrix, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    keep_quantized(drawn, tmp_path)
    (file,) = tmp_path.glob("*.int8")
    assert is_sound(file)
    file.write_bytes(spoil(file.read_bytes())[: file.stat().st_size])
    assert not is_sound(file)
    assert kept_quantized(drawn, tmp_path, True) is None


def test_a_copy_that_cannot_be_written_is_none(drawn: Matrix, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert keep_quantized(drawn, tmp_path / "cache") is None


def test_a_file_is_verified_once_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.rows"
    file.write_bytes(b"1")
    fresh = VerifiedFiles(tmp_path)
    assert not fresh.has(file)
    fresh.add(file)
    fresh.save()
    assert not VerifiedFiles(tmp_path).has(file), "it may still change within the resolution of its time"
    os.utime(file, (time.time() - 10,) * 2)
    old = VerifiedFiles(tmp_path)
    assert not old.has(file)
    old.add(file)
    old.save()
    assert VerifiedFiles(tmp_path).has(file)
    file.write_bytes(b"2")
    assert not VerifiedFiles(tmp_path).has(file)
    assert not VerifiedFiles(tmp_path).has(tmp_path / "missing")
