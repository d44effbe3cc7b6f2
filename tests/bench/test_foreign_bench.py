"""The bench of foreign frames: what it counts, and that a film's own frames and others are told apart."""

import numpy as np
from foreign import Count, Film, judged, stored, table
from helpers import pictures

from reelweave.evaluate.drawn.film import draw_foreign

_SIZE = (192, 108)


def test_precision_recall_and_losses_are_of_all_mixtures_of_a_kind() -> None:
    told = table([("clean", Count(0, 0, 100, 1)), ("bursts", Count(5, 5, 100, 0)), ("bursts", Count(5, 1, 100, 2))])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines()[2:]]
    assert rows == [
        ["clean", "1", "0", "", "", "100", "1.00"],
        ["bursts", "2", "10", "0.750", "0.600", "200", "1.00"],
    ]


def test_foreign_frames_that_are_dropped_count_as_found_and_true_ones_as_lost() -> None:
    film = [stored(picture) for picture in pictures(20, _SIZE)]
    foreign = [stored(picture) for picture in draw_foreign(2, _SIZE, seed=2)]
    assert judged(film, foreign) == Count(2, 2, 20, 0)
    assert judged([*film, foreign[0]], []) == Count(0, 0, 21, 1)


def test_a_clip_lends_no_more_frames_than_it_has() -> None:
    lender = Film(_SIZE, [], list(pictures(7, _SIZE)))
    assert [len(lender.lend(count, _SIZE, np.random.default_rng(0))) for count in (1, 5, 9)] == [1, 5, 7]
