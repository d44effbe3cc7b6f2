"""The 8-bit copy of vectors: its candidates include the best rows."""

import numpy as np
import pytest
from matrices import matrix, shots

from reelweave.index.matrix import Matrix
from reelweave.index.quantized import QuantizedMatrix
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
    copy = QuantizedMatrix(drawn)
    for query in [*shots(10, 1, seed=1), *drawn.segments[0].rows.vectors[:3]]:
        scores = all_scores(drawn, query[None])
        named = copy.candidates(query[None], count)
        assert len(named.rows) == count
        assert np.delete(scores, named.rows).max(initial=-np.inf) < named.floor or count == len(drawn)


def test_the_floor_is_close_to_the_scores_of_the_candidates(drawn: Matrix) -> None:
    query = shots(1, 1, seed=1)
    named = QuantizedMatrix(drawn).candidates(query, 100)
    least = all_scores(drawn, query)[named.rows].min()
    assert least < named.floor < least + 0.05


def test_variants_of_a_query_share_a_floor(drawn: Matrix) -> None:
    queries = shots(3, 1, seed=1)
    named = QuantizedMatrix(drawn).candidates(queries, 100)
    assert np.delete(all_scores(drawn, queries), named.rows).max() < named.floor
    assert 100 <= len(named.rows) <= 300
