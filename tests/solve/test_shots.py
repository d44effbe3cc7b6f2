"""Cuts: joins across which the picture changes more than anywhere near."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.settings import load
from reelweave.solve.plan.model import Shot
from reelweave.solve.shots import find_shots


def shots_of(chords: list[float]) -> list[Shot]:
    return find_shots(np.array(chords, np.float32), cut_chord=0.5, cut_ratio=3.0)


def starts_of(chords: list[float]) -> list[int]:
    return [shot.start for shot in shots_of(chords)]


CALM, LIVELY = [0.1] * 10, [0.4] * 10

CHORDS = {
    "a single frame": ([], [0]),
    "a calm film": (CALM, [0]),
    "one cut": ([*CALM, 1.2, *CALM], [0, 11]),
    "two cuts": ([*CALM, 1.2, *CALM, 0.9, *CALM], [0, 11, 22]),
    "a cut at the start": ([1.2, *CALM], [0, 1]),
    "a cut at the end": ([*CALM, 1.2], [0, 11]),
    "two frames apart": ([1.2], [0, 1]),
    "two frames together": ([0.2], [0]),
    "far, but so is everything around": ([*LIVELY, 1.1, *LIVELY], [0]),
    "far for a lively film": ([*LIVELY, 1.3, *LIVELY], [0, 11]),
    "far for its surroundings, but near": ([0.01] * 10 + [0.45] + [0.01] * 10, [0]),
    "a wild film": ([1.0] * 20, [0]),
    "between two stills": ([0.0] * 10 + [0.8] + [0.0] * 10, [0, 11]),
    "a flash": ([*CALM, 1.0, 1.0, *CALM], [0, 11, 12]),
    "a calm shot after a wild one": ([1.0] * 10 + CALM, [0]),
    "shots of three": ([0.1, 0.1, 1.2, 0.1, 0.1, 1.2, 0.1, 0.1], [0, 3, 6]),
    "exactly the chord": ([*CALM, 0.5, *CALM], [0]),
}


@pytest.mark.parametrize(("chords", "starts"), CHORDS.values(), ids=CHORDS)
def test_a_cut_is_far_both_in_itself_and_relative_to_its_surroundings(chords: list[float], starts: list[int]) -> None:
    assert starts_of(chords) == starts


chord_lists = st.lists(st.floats(0, 2, width=32), max_size=40)


@settings(deadline=None)
@given(chord_lists)
def test_shots_cover_the_order_without_gap_or_overlap(chords: list[float]) -> None:
    shots = shots_of(chords)
    assert shots[0].start == 0
    assert all(shot.length > 0 for shot in shots)
    assert all(first.start + first.length == second.start for first, second in pairwise(shots))
    assert shots[-1].start + shots[-1].length == len(chords) + 1


@settings(deadline=None)
@given(chord_lists)
def test_a_film_backwards_has_the_same_cuts(chords: list[float]) -> None:
    cuts = [len(chords) + 1 - start for start in starts_of(chords)[1:]]
    assert starts_of(chords[::-1])[1:] == cuts[::-1]


def test_the_default_settings_find_a_plain_cut() -> None:
    rule = load().shots
    shots = find_shots(np.array([*CALM, 1.2, *CALM], np.float32), **rule.model_dump())
    assert [shot.length for shot in shots] == [11, 11]
