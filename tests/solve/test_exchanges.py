"""Joins at which stretches could be exchanged, and shots whose order halves of the pictures do not share."""

import numpy as np
import pytest

from reelweave.media.types import Ints
from reelweave.solve.exchanges import exchangeable_joins, order_agreement, order_is_shared, shared_joins

_COUNT = 60


def paths(*orders: list[int]) -> Ints:
    return np.array(orders, np.int64)


def rows(*stretches: range) -> list[int]:
    return [row for stretch in stretches for row in stretch]


IN_ORDER = rows(range(_COUNT))
EXCHANGED = rows(range(20, 40), range(20), range(40, _COUNT))
TURNED = rows(range(19, -1, -1), range(20, 40), range(_COUNT - 1, 39, -1))


def test_joins_between_stretches_that_halves_exchange_are_exchangeable() -> None:
    found = exchangeable_joins(IN_ORDER, paths(EXCHANGED, TURNED, EXCHANGED, IN_ORDER))
    assert np.flatnonzero(found).tolist() == [19, 39]


def test_rows_that_change_places_with_near_ones_stay_together() -> None:
    swapped = [row ^ 1 for row in IN_ORDER]
    halves = paths(swapped, swapped)
    assert not any(exchangeable_joins(IN_ORDER, halves))
    assert order_is_shared(IN_ORDER, halves)


def test_a_join_is_shared_by_the_halves_that_have_it_in_either_direction() -> None:
    found = shared_joins(IN_ORDER, paths(EXCHANGED, IN_ORDER[::-1]))
    assert found[19] == 0.5
    assert found[0] == found[45] == 1


def test_an_order_is_shared_in_either_direction() -> None:
    assert order_is_shared(IN_ORDER, paths(IN_ORDER, IN_ORDER[::-1]))


@pytest.mark.parametrize("seed", range(5))
def test_an_order_whose_stretches_halves_shuffle_is_not_shared(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stretches = np.arange(_COUNT).reshape(10, -1)
    halves = [stretches[rng.permutation(10)].ravel().tolist() for _ in range(4)]
    assert not order_is_shared(IN_ORDER, paths(*halves))


def test_the_order_of_a_shot_does_not_depend_on_where_other_shots_are() -> None:
    shot = rows(range(20, 40))
    assert order_is_shared(shot, paths(EXCHANGED, EXCHANGED))
    assert not order_is_shared(IN_ORDER, paths(rows(range(40, 60), range(20), range(20, 40)), EXCHANGED[::-1]))


def test_orders_agree_as_far_as_pairs_are_in_the_same_order() -> None:
    moved = [*IN_ORDER[1:], IN_ORDER[0]]
    assert order_agreement(IN_ORDER, paths(IN_ORDER[::-1])) == 1
    assert order_agreement(IN_ORDER, paths(IN_ORDER, moved)) == pytest.approx(1 - 1 / _COUNT * 2, abs=0.001)


def test_nothing_is_said_of_few_rows_or_without_halves() -> None:
    none = np.zeros((0, 0), np.int64)
    assert order_is_shared(IN_ORDER, none)
    assert not any(exchangeable_joins(IN_ORDER, none))
    assert exchangeable_joins([], none) == []
    assert shared_joins(IN_ORDER, none).tolist() == [1.0] * (_COUNT - 1)
    assert order_is_shared([0, 1, 2], paths([1, 0, 2]))
