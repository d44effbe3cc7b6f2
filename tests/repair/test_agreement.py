from collections.abc import Sequence

import numpy as np
import pytest

from reelweave.repair.agreement import agreement
from reelweave.repair.boosted import EDGES, KEPT, TORN, boosted
from reelweave.repair.stretches import Stretch

TIMES = np.arange(3000) / 25.0
SPAN = Stretch("drift", 100, 120)


def described(stretches: Sequence[Stretch]) -> list[tuple[Stretch, dict[str, float]]]:
    return [
        (
            one,
            {
                KEPT: 0.0,
                "frames": float(np.log(one.end - one.start)),
                EDGES: float(one.name == "edges"),
                TORN: float(one.name == "torn"),
            },
        )
        for one in stretches
    ]


def numbers(stretches: Sequence[Stretch], odds: Sequence[float]) -> dict[str, float]:
    """Return the numbers of the first stretch."""
    return agreement(described(stretches), np.array(odds), TIMES)[0]


def test_the_trees_weigh_the_very_numbers_that_say_how_far_stretches_agree() -> None:
    assert tuple(numbers([SPAN], [0.0])) == boosted("agreement").numbers


def test_a_film_without_stretches_has_none_that_agree() -> None:
    assert agreement([], np.empty(0), TIMES) == []


def test_a_stretch_knows_what_lies_in_it_ends_with_it_and_is_elsewhere() -> None:
    inside, ending, later = Stretch("edges", 104, 108), Stretch("healed", 90, 120), Stretch("grain", 400, 404)
    found = numbers([SPAN, inside, ending, later], [0.5, 1.0, 2.0, 3.0])
    assert found["inside, pattern"] == 1.0
    assert found["ends with, change"] == found["around"] == 2.0
    assert found["elsewhere"] == 3.0
    alone = numbers([SPAN, Stretch("grain", 2000, 2004)], [0.5, 3.0])
    assert alone == numbers([SPAN], [0.5])


@pytest.mark.parametrize("odds", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("name", ["edges", "healed", "drift"])
def test_a_doubtful_stretch_is_likelier_broken_where_others_agree(name: str, odds: float) -> None:
    one = Stretch(name, 100, 120)
    others = [Stretch("blocks", 100, 120), Stretch("run", 100, 120), Stretch("drift", 99, 120)]
    agreed, doubted = numbers([one, *others], [odds, 4.0, 4.0, 3.0]), numbers([one, *others], [odds, -4.0, -4.0, -5.0])
    with_others, against = boosted("agreement").log_odds([agreed, doubted])
    assert with_others > against + 1
