"""Prices of joins: symmetric, zero for equal pictures, and converted to integers that no film can overflow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers import pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.proxy import ProxySize, chroma, luma, make_proxy
from reelweave.media.types import Floats, Ints, Picture
from reelweave.progress import Progress, SilentProgress
from reelweave.solve.cost.echo import echo_corrected
from reelweave.solve.cost.flow import FlowPrice
from reelweave.solve.cost.histogram import HistogramPrice
from reelweave.solve.cost.pixels import (
    DifferencePrice,
    PatchPrice,
    changes,
    coarse_difference,
    small_changes,
)
from reelweave.solve.cost.prices import CosinePrice, HuberPrice, JoinCosts, Price, all_pairs, join_costs
from reelweave.solve.cost.scroll import ScrollPrice
from reelweave.solve.cost.sift import sift_matches
from reelweave.solve.cost.states import StatesPrice
from reelweave.solve.cost.tangent import TangentPrice
from reelweave.solve.measured_prices import MeasuredPrice, SharedPrice

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Table:
    """Prices from a matrix."""

    matrix: npt.NDArray[Any]
    name: str = "table"

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self.matrix[left, right], np.float32)


def costs_of(matrix: npt.NDArray[Any], dense: bool, candidates: int = 10) -> JoinCosts:
    """The costs of all pairs, or of the same pairs given as candidates."""
    limit = len(matrix) if dense else -1
    joins = np.argwhere(~np.eye(len(matrix), dtype=bool))
    return join_costs(Table(matrix), len(matrix), joins, candidates=candidates, dense_limit=limit)


def symmetric(count: int, seed: int = 0) -> npt.NDArray[np.float64]:
    upper = np.triu(np.random.default_rng(seed).random((count, count)) + 0.01, 1)
    return upper + upper.T


def table_of(costs: JoinCosts) -> npt.NDArray[np.int64]:
    """The price of every pair; a row is never joined to itself."""
    rows = range(len(costs))
    table = [[costs.rows[a][b] if a != b else 0 for b in rows] for a in rows]
    return np.array(table, np.int64).reshape(len(costs), len(costs))


def luma_of(frames: Sequence[Picture]) -> Luma:
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames])


def vectors_of(frames: Sequence[Picture]) -> Floats:
    return AppearanceEmbedder().embed(frames)


def histogram_of(frames: Sequence[Picture]) -> HistogramPrice:
    """From proxies, as ingest stores them."""
    height, width = frames[0].shape[:2]
    proxies = np.stack([make_proxy(frame, ProxySize(width, height)) for frame in frames])
    return HistogramPrice(luma(proxies), chroma(proxies))


PRICES: dict[str, Callable[[Sequence[Picture]], Price]] = {
    "huber": lambda frames: HuberPrice(luma_of(frames)),
    "difference": lambda frames: DifferencePrice(luma_of(frames)),
    "coarse-difference": lambda frames: coarse_difference(luma_of(frames)),
    "scroll": lambda frames: ScrollPrice(luma_of(frames)),
    "changes": lambda frames: changes(luma_of(frames)),
    "small-changes": lambda frames: small_changes(luma_of(frames)),
    "tangent": lambda frames: TangentPrice(luma_of(frames)),
    "states": lambda frames: StatesPrice(luma_of(frames)),
    "histogram": histogram_of,
    "cosine": lambda frames: CosinePrice(vectors_of(frames)),
}

each_price = pytest.mark.parametrize("make", PRICES.values(), ids=PRICES)
each_kind = pytest.mark.parametrize("dense", [True, False], ids=["all pairs", "candidates"])


@each_price
def test_a_price_is_symmetric_and_zero_for_equal_pictures(
    make: Callable[[Sequence[Picture]], Price],
) -> None:
    price = make([*pictures(20), *pictures(20)])
    left, right = np.meshgrid(np.arange(40), np.arange(40))
    there, back = price.pairs(left.ravel(), right.ravel()), price.pairs(right.ravel(), left.ravel())
    assert np.array_equal(there, back)
    assert (there >= 0).all()
    equal = left.ravel() % 20 == right.ravel() % 20
    assert (there[equal] == 0).all()
    assert (there[~equal] > 0).all()


@each_price
def test_a_price_grows_with_the_time_between_frames(make: Callable[[Sequence[Picture]], Price]) -> None:
    price = make(pictures(30))
    near, far = price.pairs(np.arange(29), np.arange(1, 30)), price.pairs(np.arange(20), np.arange(10, 30))
    assert near.max() < far.min()


@each_price
@pytest.mark.parametrize("count", [0, 1, 200, 257])
def test_a_batch_of_pairs_is_priced_like_each_pair_alone(
    make: Callable[[Sequence[Picture]], Price], count: int
) -> None:
    price = make(pictures(12))
    left, right = np.random.default_rng(0).integers(0, 12, (2, count))
    alone = [price.pairs(left[at : at + 1], right[at : at + 1]) for at in range(count)]
    assert np.array_equal(price.pairs(left, right), np.concatenate([np.zeros(0, np.float32), *alone]))


@each_price
def test_flat_frames_have_a_price(make: Callable[[Sequence[Picture]], Price]) -> None:
    flat = [np.full((64, 96, 3), level, np.uint8) for level in (0, 0, 1, 128, 255)]
    prices = all_pairs(make([*flat, *pictures(3)]), np.arange(8))
    assert np.isfinite(prices).all()
    assert prices[0, 1] == 0
    assert (prices[:5, 5:] > 0).all()


@pytest.mark.parametrize("make", [HuberPrice, DifferencePrice, coarse_difference, changes, small_changes, TangentPrice])
def test_the_whole_picture_is_priced_as_its_only_part(make: Callable[[Luma], PatchPrice]) -> None:
    price = make(luma_of(pictures(12)))
    left, right = np.triu_indices(12, 1)
    whole = price.by_part(left, right, np.ones((1, 36 * 64), bool))
    assert np.allclose(whole[:, 0], price.pairs(left, right), atol=1e-6)


@pytest.mark.parametrize("make", [HuberPrice, DifferencePrice, changes, small_changes])
def test_a_part_of_a_picture_costs_nothing_where_nothing_changes(make: Callable[[Luma], PatchPrice]) -> None:
    frames = np.full((2, 36, 64), 100, np.uint8)
    frames[1, 8:12, 16:20] = np.arange(16).reshape(4, 4) * 8
    inside = np.zeros((36, 64), bool)
    inside[8:12, 16:20] = True
    parts = np.stack([inside.ravel(), ~inside.ravel()])
    changed, same = make(frames).by_part(np.array([0]), np.array([1]), parts)[0]
    assert changed > 0.1
    assert same == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("make", [changes, small_changes])
def test_one_pixel_can_never_outweigh_a_picture(make: Callable[[Luma], PatchPrice]) -> None:
    frames = np.random.default_rng(0).integers(100, 120, (2, 36, 64), np.uint8)
    flash = frames[0].copy()
    flash[:4, :4] = 255
    prices = make(np.stack([frames[0], frames[1], flash])).pairs(np.array([0, 0]), np.array([1, 2]))
    assert prices[1] < 0.05 * prices[0]


@pytest.mark.parametrize(("gain", "shift"), [(1.0, 20), (1.0, -6), (1.1, 0), (0.8, 0), (0.95, 3)])
def test_flicker_costs_less_than_a_step_of_the_film(gain: float, shift: float) -> None:
    frames = luma_of(pictures(20)).astype(np.float32) * 0.7 + 30
    flickered = frames * gain + shift
    price = HuberPrice(np.rint(np.concatenate([frames, flickered])).astype(np.uint8))
    same = price.pairs(np.arange(20), np.arange(20, 40))
    step = price.pairs(np.arange(19), np.arange(1, 20))
    assert same.max() < 0.05 * np.median(step)


@pytest.mark.parametrize(
    ("across", "down", "gain", "lift"),
    [
        pytest.param(1.5, 0.0, 1.0, 0.0, id="a shift across"),
        pytest.param(0.0, -1.5, 1.0, 0.0, id="a shift down"),
        pytest.param(0.0, 0.0, 0.9, 0.0, id="less light"),
        pytest.param(-1.0, 1.0, 1.1, 6.0, id="all at once"),
    ],
)
def test_a_small_shift_and_a_change_of_light_cost_less_than_a_step_of_the_film(
    across: float, down: float, gain: float, lift: float
) -> None:
    frames = [cv2.GaussianBlur(frame, (0, 0), 3) for frame in luma_of(pictures(20)) // 2 + 40]
    moved = np.array([[1, 0, across], [0, 1, down]])
    worn = [cv2.warpAffine(frame, moved, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE) for frame in frames]
    worn = [np.rint(frame * gain + lift).astype(np.uint8) for frame in worn]
    price = TangentPrice(np.stack([*frames, *worn]))
    steps = price.pairs(np.arange(19), np.arange(1, 20))
    wear = price.pairs(np.arange(20), np.arange(20, 40))
    assert np.median(wear) < 0.3 * np.median(steps)


@each_kind
@pytest.mark.parametrize("count", [0, 1, 2, 3, 30])
def test_costs_are_symmetric_and_the_dummy_row_is_free(count: int, dense: bool) -> None:
    costs = costs_of(symmetric(count), dense)
    table = table_of(costs)
    assert len(costs) == count
    assert len(costs.rows) == count + 1
    assert np.array_equal(table, table.T)
    assert all(costs.rows[count][row] == costs.rows[row][count] == 0 for row in range(count))
    assert all(type(costs.rows[a][b]) is int for a in range(count) for b in range(count) if a != b)
    assert (costs.matrix is not None) == dense
    if costs.matrix is not None:
        assert np.array_equal(costs.matrix, table)


@each_kind
def test_candidates_are_the_cheapest_joins_nearest_first(dense: bool) -> None:
    costs = costs_of(symmetric(20), dense, candidates=6)
    table = table_of(costs) + np.diag(np.full(20, np.iinfo(np.int64).max))
    assert [[int(table[row, other]) for other in near] for row, near in enumerate(costs.neighbours)] == np.sort(table)[
        :, :6
    ].tolist()


@each_kind
@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1.0, 1e6, 1e12])
def test_the_unit_of_a_price_does_not_matter(factor: float, dense: bool) -> None:
    matrix = symmetric(30)
    plain, scaled = costs_of(matrix, dense), costs_of(matrix * factor, dense)
    assert np.allclose(table_of(plain), table_of(scaled), rtol=1e-6, atol=1)
    path = list(range(30))
    assert scaled.of(path) / scaled.scale == pytest.approx(factor * plain.of(path) / plain.scale, rel=1e-3)


@each_kind
def test_every_price_keeps_three_digits(dense: bool) -> None:
    matrix = symmetric(30)
    costs = costs_of(matrix, dense)
    assert np.allclose(table_of(costs) / costs.scale, matrix, rtol=1e-3, atol=0)


@each_kind
@pytest.mark.parametrize("spread", [1e3, 1e9, 1e15, 1e30])
def test_no_path_overflows_whatever_the_spread_of_prices(spread: float, dense: bool) -> None:
    matrix = symmetric(40)
    matrix[:, 7] *= spread
    matrix[7, :] = matrix[:, 7]
    costs = costs_of(matrix, dense)
    assert table_of(costs).min() >= 0
    assert 40 * int(table_of(costs).max()) < 2**42
    assert np.isfinite(costs.scale)
    assert costs.scale > 0


@each_kind
@pytest.mark.parametrize("value", [0.0, 1e-6, 0.25], ids=["zero", "tiny", "constant"])
def test_prices_that_are_all_the_same_stay_so(value: float, dense: bool) -> None:
    costs = costs_of(np.full((8, 8), value) * ~np.eye(8, dtype=bool), dense)
    off = table_of(costs)[~np.eye(8, dtype=bool)]
    assert len(set(off.tolist())) == 1
    assert (off[0] == 0) == (value == 0)


@each_kind
def test_identical_frames_cost_nothing_among_frames_that_differ(dense: bool) -> None:
    matrix = symmetric(9)
    same = np.arange(9) // 3
    table = table_of(costs_of(matrix[np.ix_(same, same)] * np.not_equal.outer(same, same), dense))
    assert ((table == 0) == np.equal.outer(same, same)).all()


def test_an_unpriced_join_costs_more_than_the_priced_joins_of_its_rows() -> None:
    matrix = symmetric(12)
    joins = np.array(list(pairwise(range(12))))
    costs = join_costs(Table(matrix), 12, joins, candidates=10, dense_limit=0)
    for a in range(12):
        for b in range(12):
            if abs(a - b) > 1:
                most_expensive = max(costs.rows[row][near] for row in (a, b) for near in costs.neighbours[row])
                assert costs.rows[a][b] == costs.rows[b][a] > most_expensive
            elif a != b:
                assert costs.rows[a][b] == pytest.approx(matrix[a, b] * costs.scale, rel=1e-3)


def test_a_join_given_in_both_directions_counts_once() -> None:
    joins = np.array([[0, 1], [1, 0], [0, 1], [1, 2]])
    costs = join_costs(Table(symmetric(4)), 4, joins, candidates=10, dense_limit=0)
    assert costs.neighbours[3] == []
    assert [sorted(near) for near in costs.neighbours] == [[1], [0, 2], [1], []]


@each_kind
@settings(deadline=None)
@given(order=st.permutations(range(6)))
def test_a_path_costs_the_sum_of_its_joins(dense: bool, order: list[int]) -> None:
    costs = costs_of(symmetric(6), dense)
    assert costs.of(order) == costs.of(order[::-1]) == sum(costs.rows[a][b] for a, b in pairwise(order))
    assert costs.of(order) / costs.scale == pytest.approx(sum(symmetric(6)[a, b] for a, b in pairwise(order)), rel=1e-2)


def shuffled(count: int) -> Ints:
    return np.random.default_rng(2).permutation(count)


def test_the_echo_correction_is_symmetric_and_never_negative() -> None:
    frames = luma_of(pictures(120))[shuffled(120)]
    frames[:, 30:, :] = np.random.default_rng(0).integers(100, 104, frames[:, 30:].shape)
    price = HuberPrice(frames)
    joins = np.argwhere(~np.eye(120, dtype=bool))
    free = echo_corrected(price, np.arange(120), joins)
    there, back = free.pairs(joins[:, 0], joins[:, 1]), free.pairs(joins[:, 1], joins[:, 0])
    assert np.array_equal(there, back)
    assert (there >= price.pairs(joins[:, 0], joins[:, 1])).all()


@pytest.mark.parametrize(
    ("count", "order"), [(120, np.arange(120)), (30, shuffled(30))], ids=["a file in order", "too few frames"]
)
def test_no_echo_is_estimated_where_it_cannot_be_separated_from_the_film(count: int, order: Ints) -> None:
    price = HuberPrice(luma_of(pictures(count))[order])
    assert echo_corrected(price, np.arange(count), np.argwhere(~np.eye(count, dtype=bool))) is price


MEASURED: dict[str, Callable[[Luma, Progress], MeasuredPrice]] = {
    "flow": FlowPrice,
    "sift": lambda luma, progress: SharedPrice(luma, sift_matches, progress),
}

each_measured = pytest.mark.parametrize("make", MEASURED.values(), ids=MEASURED)


@each_measured
def test_measured_prices_are_symmetric_and_zero_for_equal_pictures(
    make: Callable[[Luma, Progress], MeasuredPrice],
) -> None:
    frames = luma_of([*pictures(12), pictures(12)[4]])
    joins = [(0, 1), (2, 1), (4, 12), (5, 9), (3, 4), (6, 5), (7, 8), (10, 11), (12, 0)]
    there, back = make(frames, SilentProgress()), make(frames, SilentProgress())
    there.measure(joins)
    back.measure([(b, a) for a, b in reversed(joins)])
    assert there.joins().tolist() == back.joins().tolist() == sorted(sorted(join) for join in joins)
    assert np.array_equal(there.prices(), back.prices())
    known = dict(zip(map(tuple, there.joins().tolist()), there.prices().tolist(), strict=True))
    assert known.pop((4, 12)) == pytest.approx(0, abs=1e-6)
    assert min(known.values()) > 0


@each_measured
def test_a_join_is_measured_once_however_often_it_is_requested(
    make: Callable[[Luma, Progress], MeasuredPrice],
) -> None:
    asked: list[int] = []

    class Counting(SilentProgress):
        def advance(self, steps: int = 1) -> None:
            asked.append(steps)

    price = make(luma_of(pictures(5)), Counting())
    price.measure([(0, 1), (1, 0), (0, 1), (2, 3)])
    price.measure([(3, 2), (3, 4)])
    assert sum(asked) == 3
    assert price.joins().tolist() == [[0, 1], [2, 3], [3, 4]]


def test_pictures_without_anything_in_common_have_no_price() -> None:
    flat = np.full((64, 96), 128, np.uint8)
    price = SharedPrice(np.stack([flat, flat, *luma_of(pictures(2))]), sift_matches, SilentProgress())
    price.measure([(0, 1), (0, 2), (2, 3)])
    assert price.joins().tolist() == [[2, 3]]
    assert 0 < price.prices()[0] < 1
