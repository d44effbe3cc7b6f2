"""Drawn sound that changes all the time, as speech and music do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reelweave.solve.cost.sound import SliceSound, slice_sound

RATE = 32_000
FPS = 25
SLICE = RATE // FPS

Samples = npt.NDArray[Any]


def voice(frames: int, seed: int = 0) -> Samples:
    """Return one channel of harmonics whose pitch and loudness wander, with a little noise, for so many frames."""
    rng, time = np.random.default_rng(seed), np.arange(frames * SLICE) / RATE
    pitch = 150 + 40 * np.sin(2 * np.pi * 0.9 * time) + 25 * np.sin(2 * np.pi * 3.7 * time + 1)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    loud = 1.2 + np.sin(2 * np.pi * 4.1 * time)
    tones = sum(np.cos(k * phase + rng.uniform(0, 6)) / k for k in range(1, 20))
    return np.rint(2500 * loud * tones + rng.normal(0, 30, len(time))).astype("<i2")


def cut(samples: Samples, order: Sequence[int]) -> Samples:
    """Cut sound by frame and join the slices in another order; -1 is a silent slice."""
    pieces = [*samples.reshape(-1, SLICE), np.zeros(SLICE, samples.dtype)]
    return np.concatenate([pieces[frame] for frame in order])


def heard(samples: Samples) -> SliceSound:
    frames = len(samples) // SLICE
    return slice_sound(samples, np.arange(frames + 1) / FPS, 1 / FPS, RATE)
