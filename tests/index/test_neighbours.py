"""The neighbour graph: exact, symmetric and without self, for any number of frames."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.index.neighbours import nearest
from reelweave.media.types import Floats, NeighbourGraph


def unit(count: int, dimension: int = 24, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def repeated(count: int) -> Floats:
    return np.repeat(unit(1), count, axis=0)


def in_groups(count: int) -> Floats:
    """Every frame eleven times, scattered."""
    return np.asarray(unit(count // 11 + 1)[np.random.default_rng(1).permutation(count) // 11])


FILMS: dict[str, Callable[[int], Floats]] = {"different": unit, "all the same": repeated, "repeats": in_groups}

each_film = pytest.mark.parametrize("make", FILMS.values(), ids=FILMS)


def chords(vectors: Floats) -> Floats:
    """All distances, those to oneself infinite."""
    differences = vectors[:, None].astype(np.float64) - vectors[None]
    return np.asarray(np.linalg.norm(differences, axis=2) + np.diag(np.full(len(vectors), np.inf)), np.float32)


def check(graph: NeighbourGraph, vectors: Floats, k: int) -> None:
    count = len(vectors)
    assert len(graph) == count
    assert graph.indices.shape == graph.distances.shape == (count, max(0, min(k, count - 1)))
    assert graph.indices.dtype == np.dtype(np.int64)
    assert graph.distances.dtype == np.dtype(np.float32)
    assert all(row not in near and len(set(near)) == len(near) for row, near in enumerate(graph.indices.tolist()))
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    exact = chords(vectors)
    assert np.allclose(np.take_along_axis(exact, graph.indices, 1), graph.distances, atol=1e-6)
    assert np.allclose(np.sort(exact, axis=1)[:, : graph.indices.shape[1]], graph.distances, atol=1e-5)


@each_film
@pytest.mark.parametrize("k", [1, 7, 24, 500])
@pytest.mark.parametrize("count", [1, 2, 3, 60, 300])
def test_neighbours_are_those_of_an_exhaustive_comparison(make: Callable[[int], Floats], count: int, k: int) -> None:
    vectors = make(count)
    check(nearest(vectors, k), vectors, k)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 12))
def test_a_frame_is_never_in_its_own_list_even_among_repeats(groups: list[int], k: int) -> None:
    vectors = unit(6)[groups]
    check(nearest(vectors, k), vectors, k)


@each_film
def test_distances_are_symmetric_to_the_last_bit(make: Callable[[int], Floats]) -> None:
    graph = nearest(make(200), 30)
    known = {
        (a, b): distance
        for a, (near, distances) in enumerate(zip(graph.indices.tolist(), graph.distances.tolist(), strict=True))
        for b, distance in zip(near, distances, strict=True)
    }
    assert all(known[b, a] == distance for (a, b), distance in known.items() if (b, a) in known)


@each_film
def test_the_batch_size_does_not_change_the_graph(
    make: Callable[[int], Floats], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = make(101)
    whole = nearest(vectors, 9)
    monkeypatch.setattr("reelweave.index.neighbours._CHUNK", 25)
    parts = nearest(vectors, 9)
    check(parts, vectors, 9)
    assert np.allclose(whole.distances, parts.distances, atol=1e-6)


def walk(count: int) -> Floats:
    steps = np.cumsum(np.random.default_rng(0).normal(size=(count, 6)), axis=0)
    looks = np.sin(0.3 * steps) @ np.random.default_rng(1).normal(size=(6, 48))
    return np.asarray(looks / np.linalg.norm(looks, axis=1, keepdims=True), np.float32)


def test_beyond_the_limit_nearly_all_neighbours_are_found_and_the_same_each_time() -> None:
    vectors = walk(4000)
    exact, found, again = nearest(vectors, 12), nearest(vectors, 12, 100), nearest(vectors, 12, 100)
    shared = [len(set(a) & set(b)) for a, b in zip(exact.indices.tolist(), found.indices.tolist(), strict=True)]
    assert np.mean(shared) / 12 > 0.97
    assert any(number < 12 for number in shared), "the index was used"
    assert np.array_equal(found.indices, again.indices)
    assert np.array_equal(found.distances, again.distances)
    assert all(row not in near for row, near in enumerate(found.indices.tolist()))


@each_film
@pytest.mark.parametrize("count", [2, 40, 300, 2500])
def test_beyond_the_limit_every_list_is_full(make: Callable[[int], Floats], count: int) -> None:
    graph = nearest(make(count), 24, 1)
    assert graph.indices.shape == (count, min(24, count - 1))
    assert all(row not in near and len(set(near)) == len(near) for row, near in enumerate(graph.indices.tolist()))
    assert (np.diff(graph.distances, axis=1) >= 0).all()


@pytest.mark.parametrize("count", [0, 1])
def test_a_film_of_fewer_than_two_frames_has_an_empty_graph(count: int) -> None:
    graph = nearest(unit(count), 24)
    assert len(graph) == count
    assert graph.indices.shape == graph.distances.shape == (count, 0)


def test_the_same_frames_give_the_same_graph() -> None:
    first, second = nearest(unit(150), 12), nearest(unit(150), 12)
    assert np.array_equal(first.indices, second.indices)
    assert np.array_equal(first.distances, second.distances)


def test_vectors_may_be_a_slice_of_another_array() -> None:
    """Stored rows may come as a view that is not contiguous."""
    vectors = np.asfortranarray(unit(120))
    check(nearest(vectors[::2], 5), vectors[::2], 5)
