"""How far the sound of one frame continues into the sound of another.

The sound of a frame is the slice of the track that plays while it is shown. Where two slices were neighbours, the
window over the end of one and the start of the other is smooth, so that the leakage of its halves into other
frequencies cancels. Elsewhere the leakage stays. On real clips this tells the true neighbour and its side better than
linear prediction or a distance of spectra does.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

Spectra: TypeAlias = npt.NDArray[np.complex64]
"""Slices x frequencies."""
Samples: TypeAlias = npt.NDArray[Any]

_WINDOW = 0.016
"""Seconds of sound on either side of a join; with 8 ms fewer joins are told apart, with 20 ms no more."""
_HIGHEST = 4000.0
"""Hertz; codecs spend their bits below, and noise of theirs above hides the signal."""
_CUT_AT = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Where each slice is cut, as a share of it, to measure continuous sound."""
AMID = slice(1, 4)
"""The cuts that are far from both ends of a slice."""
_BAND = 8
"""Frequencies of a band, 250 Hz: within it they say the same."""
_DITHER = 0.5
"""Variance of the noise, in squared steps of 16 bits, under which nothing is measured."""
_AUDIBLE = 50.0
"""Mean square of the sound, in squared steps of 16 bits, above which a slice counts."""
_CHUNK = 2048
"""Slices that are transformed at a time, which bounds memory."""


@dataclass(frozen=True)
class SliceSound:
    """The sound at both ends of every row's slice, and how far sound continues within slices."""

    starts: Spectra
    ends: Spectra
    inside: Floats
    """The breaks at five points of each slice, rows x 5, evenly spaced; NaN where it is silent."""
    floor: float

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, chosen: Ints) -> "SliceSound":
        """Return some of the rows."""
        return replace(self, starts=self.starts[chosen], ends=self.ends[chosen], inside=self.inside[chosen])

    def bands(self, half: int) -> "SliceSound":
        """Return the sound in every other band of frequencies, the even (0) or the odd (1) ones."""
        chosen = np.arange(self.starts.shape[1]) // _BAND % 2 == half
        return replace(self, starts=self.starts[:, chosen], ends=self.ends[:, chosen])

    def breaks(self, left: Ints, right: Ints) -> Floats:
        """Return how much the sound breaks off where row right[i] follows row left[i]; NaN where either is silent."""
        found = [
            _breaks(self.ends[left[at : at + _CHUNK]], self.starts[right[at : at + _CHUNK]], self.floor)
            for at in range(0, len(left), _CHUNK)
        ]
        return np.concatenate([np.zeros(0, np.float32), *found])


def slice_sound(samples: Samples, begins: npt.NDArray[np.float64], lasting: float, rate: int) -> SliceSound:
    """Measure the slices of a track.

    Args:
        samples: The track in steps of 16 bits, one channel.
        begins: The start of each slice and the end of the last, in seconds of the track.
        lasting: The usual length of a slice in seconds.
        rate: Samples a second.
    """
    width = max(2, int(min(_WINDOW, lasting) * rate))
    window = _Window(samples, width, rate)
    edges = np.rint(begins * rate).astype(np.int64)
    floor = _DITHER * width
    starts, ends = window.after(edges[:-1]), window.before(edges[1:])
    cuts = [np.rint(edges[:-1] + share * np.diff(edges)).astype(np.int64) for share in _CUT_AT]
    inside = [_breaks(window.before(cut), window.after(cut), floor) for cut in cuts]
    return SliceSound(starts, ends, np.stack(inside, axis=1), floor)


class _Window:
    """Transform the sound on one side of a point, weighted more the nearer to it; the point is the origin of time."""

    def __init__(self, samples: Samples, width: int, rate: int) -> None:
        self._samples, self._offsets = samples, np.arange(width)
        self._weight = (np.cos((self._offsets + 0.5) / width * np.pi / 2) ** 2).astype(np.float32)
        frequencies = np.arange(0.0, min(_HIGHEST, rate / 2), rate / (2 * width))
        turns = np.outer(self._offsets + 0.5, frequencies) / rate
        self._transform = np.exp(-2j * np.pi * turns).astype(np.complex64)

    def after(self, points: Ints) -> Spectra:
        return self._spectra(points, 1)

    def before(self, points: Ints) -> Spectra:
        return np.conj(self._spectra(points - 1, -1))

    def _spectra(self, points: Ints, step: int) -> Spectra:
        parts = [
            self._part(points[at : at + _CHUNK, None] + step * self._offsets) for at in range(0, len(points), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self._transform.shape[1]), np.complex64)

    def _part(self, positions: Ints) -> Spectra:
        within = (positions >= 0) & (positions < len(self._samples))
        heard = np.where(within, self._samples[np.clip(positions, 0, len(self._samples) - 1)], 0)
        return np.asarray((heard.astype(np.float32) * self._weight) @ self._transform, np.complex64)


def _breaks(ends: Spectra, starts: Spectra, floor: float) -> Floats:
    """Return the mean log share of the energy that stays when the two sides are added."""
    before, after = _power(ends), _power(starts)
    left = np.log((_power(ends + starts) + floor) / (before + after + floor)).mean(axis=1)
    audible = np.minimum(before.mean(axis=1), after.mean(axis=1)) > floor / _DITHER * _AUDIBLE
    return np.asarray(np.where(audible, left, np.nan), np.float32)


def _power(spectra: Spectra) -> Floats:
    return np.square(spectra.real) + np.square(spectra.imag)
