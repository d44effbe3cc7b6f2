"""Foreign frames: which are found, when a rule is overruled, and that true frames are not lost."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors import SPACE, K, found, judged, unrelated, walk

from reelweave.index.neighbours import nearest
from reelweave.media.types import Floats, NeighbourGraph
from reelweave.settings import load
from reelweave.solve.outliers import find_outliers

RULES = ("density", "dbscan", "hdbscan")


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> str:
    """Every promise below is one of each rule, unless the test names its rule."""
    return str(request.param)


def test_short_shots_of_a_film_that_is_cut_fast_stay(rule: str) -> None:
    shots = [walk(count, seed) for seed, count in enumerate([12, 9, 8, 4, 14, 3, 10, 2])]
    verdict = judged(rule, np.concatenate([*shots, unrelated(1)]))
    assert found(verdict) == [sum(map(len, shots))]


def test_a_small_group_beside_long_shots_is_foreign(rule: str) -> None:
    long = [walk(count, seed) for seed, count in enumerate([30, 28, 25, 32])]
    verdict = judged(rule, np.concatenate([*long, walk(4, 9)]))
    assert found(verdict) == list(range(115, 119))


@pytest.mark.parametrize("step", [0.01, 0.1, 0.3, 0.6], ids=lambda step: f"step {step}")
@pytest.mark.parametrize("count", [10, 100, 600])
def test_a_film_without_foreign_frames_loses_none(rule: str, count: int, step: float) -> None:
    verdict = judged(rule, walk(count, step=step))
    assert found(verdict) == []
    assert verdict.overruled == 0
    assert (verdict.size == count).all()


@pytest.mark.parametrize("foreign", [1, 5, 20])
def test_all_scattered_foreign_frames_are_found_and_no_others(rule: str, foreign: int) -> None:
    places = np.random.default_rng(foreign).permutation(100 + foreign)
    verdict = judged(rule, np.concatenate([walk(100), unrelated(foreign)])[places])
    assert found(verdict) == np.flatnonzero(places >= 100).tolist()
    assert (verdict.size[verdict.dropped] == 1).all()


@pytest.mark.parametrize(("burst", "stays"), [(2, False), (5, False), (6, True), (40, True)])
def test_a_group_is_foreign_until_it_is_large_enough_for_a_shot(rule: str, burst: int, stays: bool) -> None:
    verdict = judged(rule, np.concatenate([walk(100), walk(burst, seed=5)]), min_group=6)
    assert found(verdict) == ([] if stays else list(range(100, 100 + burst)))
    assert verdict.size.tolist() == [100] * 100 + [burst] * burst
    assert len(set(verdict.component.tolist())) == 2


def test_every_shot_is_a_separate_group(rule: str) -> None:
    verdict = judged(rule, np.concatenate([walk(30, seed) for seed in range(4)]))
    assert found(verdict) == []
    assert len({tuple(np.flatnonzero(verdict.component == c)) for c in set(verdict.component.tolist())}) == 4


@pytest.mark.parametrize(("repeats", "stays"), [(1, False), (5, False), (6, True)])
def test_repeats_of_a_frame_count_as_frames(rule: str, repeats: int, stays: bool) -> None:
    """A still title card is one row that stands for many frames."""
    verdict = judged(rule, np.concatenate([walk(50), unrelated(1)]), weights=[1] * 50 + [repeats], min_group=6)
    assert found(verdict) == ([] if stays else [50])
    assert verdict.size[50] == repeats


@pytest.mark.parametrize(("foreign", "overruled"), [(20, 0), (60, 60)])
def test_a_rule_that_would_drop_too_much_drops_nothing_and_says_so(rule: str, foreign: int, overruled: int) -> None:
    verdict = judged(rule, np.concatenate([walk(100), unrelated(foreign)]), max_share=0.3)
    assert len(found(verdict)) == foreign - overruled
    assert verdict.overruled == overruled
    assert (verdict.score[100:] >= 1).all()


def test_the_largest_droppable_share_is_of_frames_not_of_rows(rule: str) -> None:
    vectors = np.concatenate([walk(10), unrelated(5)])
    assert judged(rule, vectors, weights=[1] * 15, max_share=0.3).overruled == 5
    assert judged(rule, vectors, weights=[10] * 10 + [1] * 5, max_share=0.3).overruled == 0


def test_the_largest_group_stays_however_small_it_is(rule: str) -> None:
    verdict = judged(rule, np.concatenate([walk(4), unrelated(1)]), max_share=1, min_group=6)
    assert found(verdict) == [4]
    alone = judged(rule, unrelated(12), max_share=1, min_group=6)
    assert found(alone) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("make", [walk, unrelated])
def test_a_film_of_very_few_frames_loses_none(rule: str, make: Callable[[int], Floats], count: int) -> None:
    verdict = judged(rule, make(count))
    assert found(verdict) == []
    assert len(verdict.component) == len(verdict.size) == len(verdict.score) == count


def test_frames_that_are_all_the_same_are_one_group(rule: str) -> None:
    verdict = judged(rule, np.repeat(walk(1), 40, axis=0))
    assert found(verdict) == []
    assert (verdict.size == 40).all()
    assert (verdict.score == 0).all()


@pytest.mark.parametrize("k", [2, 3])
def test_few_neighbours_are_enough_to_drop_a_foreign_frame(rule: str, k: int) -> None:
    verdict = judged(rule, np.concatenate([walk(100), unrelated(3), walk(4, seed=7)]), k=k, max_share=0.9)
    assert set(range(100, 107)) <= set(found(verdict))
    assert (verdict.score[verdict.dropped] >= 1).all()


@pytest.mark.parametrize(("step", "cut"), [(0.01, 0.9), (1.0, 1.05)], ids=["still", "wild"])
def test_the_cut_stays_within_its_bounds(rule: str, step: float, cut: float) -> None:
    assert judged(rule, walk(60, step=step), cut_floor=0.9, cut_ceiling=1.05).cut == pytest.approx(cut)


def test_the_cut_adapts_to_the_film_within_its_bounds(rule: str) -> None:
    graph = nearest(walk(60, step=0.3), K)
    verdict = judged(rule, walk(60, step=0.3), cut_factor=2.0, cut_floor=0.1, cut_ceiling=2.0)
    assert verdict.cut == pytest.approx(2 * float(np.median(graph.distances[:, 1])))


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[Floats, int]:
    """Shots, bursts and unrelated of all sizes, and how many neighbours are known."""
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    parts = [walk(size, seed, draw(st.sampled_from([0.05, 0.4, 0.7]))) for seed, size in enumerate(sizes)]
    return np.concatenate(parts), draw(st.integers(1, 12))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(RULES), mixtures(), st.integers(1, 8), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_score_explains_why_a_frame_was_dropped_or_kept(
    rule: str, film: tuple[Floats, int], min_group: int, share: float
) -> None:
    vectors, k = film
    verdict = judged(rule, vectors, k, min_group=min_group, max_share=share)
    assert np.isfinite(verdict.score).all()
    assert (verdict.score[verdict.dropped] >= 1).all()
    rows_in_group = np.bincount(verdict.component)[verdict.component]
    in_company = (verdict.size >= min(min_group, verdict.size.max())) & (rows_in_group > 1)
    assert rule == "hdbscan" or (verdict.score[in_company] < 1).all()
    assert not verdict.dropped[verdict.size == verdict.size.max()].any()
    assert verdict.dropped.sum() <= share * len(vectors)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(RULES), mixtures(), st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order_of_frames(
    rule: str, film: tuple[Floats, int], chance: random.Random
) -> None:
    vectors, k = film
    places = np.array(chance.sample(range(len(vectors)), len(vectors)))
    there, shuffled = judged(rule, vectors, k), judged(rule, vectors[places], k)
    assert there.dropped[places].tolist() == shuffled.dropped.tolist()
    assert there.size[places].tolist() == shuffled.size.tolist()


def test_rows_are_joined_if_only_one_lists_the_other(rule: str) -> None:
    """A frame may be on its neighbour's list while the neighbour is not on its own."""
    graph = NeighbourGraph(np.array([[1], [0], [1]]), np.array([[0.1], [0.1], [0.5]], np.float32))
    chosen = load({"outliers.rule": rule, "outliers.min_group": 2}).outliers
    assert find_outliers(graph, np.ones(3, np.int64), **chosen.model_dump()).size.tolist() == [3, 3, 3]


def strays(start: Floats, count: int) -> Floats:
    """Pictures each a chord of .85 from the one before and further and further from the first."""
    way, rng = [start], np.random.default_rng(4)
    for _ in range(count):
        aside = rng.normal(size=SPACE)
        aside -= aside @ way[-1] * way[-1]
        angle = 2 * np.arcsin(0.85 / 2)
        way.append(np.cos(angle) * way[-1] + np.sin(angle) * aside / np.linalg.norm(aside))
    return np.asarray(way[1:], np.float32)


@pytest.mark.parametrize(("named", "lost"), [("density", []), ("dbscan", [102, 103]), ("hdbscan", [])])
def test_only_dbscan_does_not_follow_a_chain_of_stray_frames(named: str, lost: list[int]) -> None:
    film = walk(100, step=0.1)
    assert found(judged(named, np.concatenate([film, strays(film[50], 4)]))) == lost


@pytest.mark.parametrize(("named", "keeps"), [("density", False), ("dbscan", False), ("hdbscan", True)])
def test_only_hdbscan_keeps_a_shot_sparser_than_the_film(named: str, keeps: bool) -> None:
    wild = np.concatenate([walk(100, step=0.1), walk(12, seed=5, step=1.3)])
    lost = found(judged(named, wild, cut_floor=0.9))
    assert (lost == []) is keeps
