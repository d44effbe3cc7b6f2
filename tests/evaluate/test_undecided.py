"""Scores where pictures do not decide: frames that encoding made alike, and joins that a plan leaves open."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import write_clip

from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import FOREIGN, Truth
from reelweave.evaluate.undecided import alike_adjacency, alike_truth, determined_tau
from reelweave.media.types import Picture

COARSE = 40
"""A quality at which encoding changes a grained picture by far more than a grey level."""


def grained(seed: int, brighter: float = 0.0) -> Picture:
    grain = np.random.default_rng(seed).normal(90 + brighter, 25, (64, 96, 1))
    return np.repeat(np.clip(grain, 0, 255).astype(np.uint8), 3, axis=2)


def nearly(picture: Picture) -> Picture:
    """The same picture but for one grey level of half the pixels."""
    changed = picture.copy()
    changed[::2] += 1
    return changed


def with_square(picture: Picture) -> Picture:
    changed = picture.copy()
    changed[20:26, 20:26] = 255
    return changed


def alike(frames: Sequence[Picture], folder: Path) -> Truth:
    clip = write_clip(folder / "clip.mp4", frames)
    scrambled = folder / "scrambled.mp4"
    return alike_truth(scramble(clip, scrambled, ScrambleOptions(crf=COARSE, seed=1)), scrambled)


def test_frames_that_differ_less_than_encoding_changed_them_are_alike(tmp_path: Path) -> None:
    frames = [grained(0), grained(1), nearly(grained(0)), grained(2), with_square(grained(0))]
    assert alike(frames, tmp_path).ties == [0, 1, 0, 3, 4]


def test_frames_that_an_almost_lossless_encoding_tells_apart_are_not_alike(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grained(0), grained(1), nearly(grained(0))])
    scrambled = tmp_path / "scrambled.mp4"
    truth = scramble(clip, scrambled, ScrambleOptions(crf=0))
    assert alike_truth(truth, scrambled).ties == [0, 1, 2]


def test_a_slow_change_does_not_make_a_film_one_picture(tmp_path: Path) -> None:
    ties = alike([grained(0, brighter=8 * step) for step in range(12)], tmp_path).ties
    assert 1 < len(set(ties)) < 12
    assert ties == sorted(ties)


def test_the_ties_of_the_truth_remain(tmp_path: Path) -> None:
    frames = [grained(0), grained(1), grained(1), nearly(grained(0)), grained(0)]
    assert alike(frames, tmp_path).ties == [0, 1, 1, 0, 0]


def test_frames_are_alike_in_a_stretch_of_a_clip_with_foreign_frames(tmp_path: Path) -> None:
    frames = [grained(seed) for seed in range(9)]
    clip = write_clip(tmp_path / "clip.mp4", [*frames, *map(nearly, frames)])
    scrambled = tmp_path / "scrambled.mp4"
    truth = scramble(clip, scrambled, ScrambleOptions(frames=12, crf=COARSE, foreign=2, seed=3))
    found = alike_truth(truth, scrambled)
    assert found.frames.count(FOREIGN) == 2
    assert {found.picture_of(frame) % 9 for frame in found.frames if frame != FOREIGN} == set(range(9))
    assert len({found.picture_of(frame) for frame in found.frames if frame != FOREIGN}) == 9


def truth_of(frames: Sequence[int], ties: Sequence[int] = ()) -> Truth:
    return Truth(source="clip.mp4", fps=25, frames=list(frames), ties=list(ties))


LOOP = [0, 1, 2, 0, 1, 2]
HELD = [0, 1, 1, 1, 4]


@pytest.mark.parametrize(
    ("ties", "order", "expected"),
    [
        pytest.param((), [0, 1, 2, 3, 4, 5], 1.0, id="the film"),
        pytest.param((), [5, 4, 3, 2, 1, 0], 1.0, id="backwards"),
        pytest.param(HELD, [0, 3, 1, 2, 4], 1.0, id="alike frames exchanged"),
        pytest.param(HELD, [1, 0, 2, 3, 4], 0.75, id="an alike frame on the other side"),
        pytest.param(LOOP, [3, 1, 5, 0, 4, 2], 1.0, id="frames of two passes exchanged"),
        pytest.param(LOOP, [0, 3, 1, 4, 2, 5], 0.4, id="two passes as one slow one"),
        pytest.param(LOOP, [0, 1, 2], 0.4, id="half of it lost"),
    ],
)
def test_alike_frames_may_be_exchanged_and_no_join_counts_twice(
    ties: Sequence[int], order: list[int], expected: float
) -> None:
    frames = range(len(ties) or 6)
    assert alike_adjacency(order, truth_of(frames, ties)) == pytest.approx(expected)


def test_foreign_frames_between_frames_of_the_film_part_them() -> None:
    assert alike_adjacency([0, 1, 2, 3], truth_of([0, FOREIGN, 1, 2])) == 0.5


@pytest.mark.parametrize(
    ("order", "undetermined", "expected"),
    [
        pytest.param([0, 1, 2, 3, 4, 5], [], 1.0, id="all determined"),
        pytest.param([3, 4, 5, 2, 1, 0], [2], 1.0, id="two stretches of which each is right"),
        pytest.param([3, 4, 5, 2, 1, 0], [], 0.6, id="the same as one stretch"),
        pytest.param([0, 1, 2, 3, 5, 4], [2], (1 + 1 / 3) / 2, id="one stretch is wrong"),
        pytest.param([0, 3, 2, 1, 4, 5], [0, 1, 2], 1.0, id="a wrong stretch that is left open"),
        pytest.param([0, 3, 2, 1, 4, 5], [0, 1, 2, 3, 4], None, id="nothing determined"),
    ],
)
def test_only_stretches_that_the_plan_calls_determined_count(
    order: list[int], undetermined: list[int], expected: float | None
) -> None:
    assert determined_tau(order, undetermined, truth_of(range(6))) == pytest.approx(expected)
