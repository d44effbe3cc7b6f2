"""The drawn recordings of screens."""

from itertools import pairwise

import numpy as np
import pytest
from screen_films import FRAMES, KINDS, SIZE, screen_film


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_is_the_same_each_time_and_something_happens_in_it(kind: str) -> None:
    film, again = list(screen_film(kind, 1)), list(screen_film(kind, 1))
    assert np.array_equal(film, again)
    assert np.shape(film) == (FRAMES, SIZE[1], SIZE[0], 3)
    assert sum(not np.array_equal(one, other) for one, other in pairwise(film)) > FRAMES / 4


def test_the_families_of_screens_look_different() -> None:
    one, other = (next(screen_film("typing", 0, family)) for family in ("tuning", "check"))
    assert (one[200, 320] != other[200, 320]).any()
