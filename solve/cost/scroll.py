"""The price of scrolling: how far a page moved up or down from one picture to the other, and what then still differs.

A page that scrolls by a few lines differs as much from the picture before it as from any other, and only the distance
by which it moved tells how near two pictures are.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

_COLUMNS = 40
"""Columns to which pictures are reduced: enough to tell lines of text apart."""
_GROUPS = 4
"""Groups of columns, chosen at random."""
_PARTS = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]], np.float32)
"""The groups in the whole picture, in the two halves of a first division, and in those of a second."""
_FINER = 4
"""Distances per row: lines of text are not whole rows of a small picture apart. With 2, films of smooth scrolling lost
.02 of their right joins.
"""
_LEAST_OVERLAP = 0.3
"""Share of the height that two pictures must have in common."""
_PER_HEIGHT = 0.8
"""Price of a move by the full height. The longest one must cost less than pictures that have nothing in common: at 1.4
a page that scrolls by many lines lost its order.
"""
_SLIGHT = 0.3
"""Differences below this share of those between unrelated pictures count less, because text that has moved by a
fraction of a row looks different. Without this, a page of dense text that scrolls slowly had .6 of its right joins,
with it .94.
"""
_ROUNDING = 1e-5
"""Limit of the rounding errors of a price: equal pictures cost nothing."""
_LOOKED_AT = 10
"""Pictures in which flat pixels are counted."""
_FAINT = 3
"""Grey levels by which pixels of a faint slope differ."""
_CHUNK = 64


class ScrollPrice:
    """The least of what differs after a vertical move, plus the length of the move.

    `files` holds the rows' positions in a shuffled file, in which neighbours share coding errors.
    """

    name = "scroll"

    def __init__(self, luma: npt.NDArray[np.uint8], files: Ints | None = None) -> None:
        self.files, self._height = files, luma.shape[1]
        groups = _column_groups(luma)
        self._spectra = np.fft.rfft(groups, 2 * self._height, axis=-1).astype(np.complex64)
        energy = np.square(groups).sum(axis=2)
        self._energy = np.concatenate([np.zeros_like(energy[..., :1]), energy.cumsum(axis=-1)], axis=-1)

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self.by_halves(left, right)[:, 0], np.float32)

    def by_halves(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each pair by the whole picture, then by the halves of each division."""
        found = np.empty((len(left), len(_PARTS)), np.float32)
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            found[part] = self._prices(np.minimum(left[part], right[part]), np.maximum(left[part], right[part]))
        return found

    def _prices(self, left: Ints, right: Ints) -> Floats:
        common = self._overlaps(left, self._moves) + self._overlaps(right, -self._moves)
        differing = _PARTS @ (common - 2 * self._products(left, right))
        share = np.abs(self._moves) / self._height
        differing /= (1 - share) * self._unrelated[:, None]
        differing = np.maximum(differing - _ROUNDING, 0)
        differing *= differing / (differing + _SLIGHT)
        return np.asarray((differing + _PER_HEIGHT * share).min(axis=-1), np.float32)

    @cached_property
    def _moves(self) -> Floats:
        """The moves that are tried, in rows."""
        most = int(_FINER * self._height * (1 - _LEAST_OVERLAP))
        return np.asarray(np.arange(-most, most + 1) / _FINER, np.float32)

    @cached_property
    def _unrelated(self) -> Floats:
        """The squared difference of pictures that have nothing in common, by part."""
        return np.asarray(np.maximum(2 * _PARTS @ self._energy[..., -1].mean(axis=0), 1e-9), np.float32)

    def _products(self, left: Ints, right: Ints) -> Floats:
        """Return the products of two pictures, one of them moved, by group of columns."""
        spectrum = np.einsum("pgcf,pgcf->pgf", self._spectra[left], self._spectra[right].conj())
        size = 2 * _FINER * self._height
        moved = np.fft.irfft(spectrum, size, axis=-1) * np.float32(_FINER)
        return np.asarray(moved[..., np.rint(self._moves * _FINER).astype(int) % size], np.float32)

    def _overlaps(self, rows: Ints, moves: Floats) -> Floats:
        """Return the squares of what is left of pictures in the overlap, by group of columns."""
        energy = self._energy[rows]
        return _between(energy, self._height + np.minimum(0, moves)) - _between(energy, np.maximum(0, moves))


def flat_and_faint(luma: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Return the shares of pixels that equal their neighbours, as on most of a screen, and that differ slightly.

    A screen has sharp edges between flat areas; a dark film is flat, too, but around faint light.
    """
    some = luma[:: max(1, len(luma) // _LOOKED_AT)].astype(np.int16)
    steps = np.maximum(np.abs(np.diff(some, axis=1))[:, :, :-1], np.abs(np.diff(some, axis=2))[:, :-1])
    flat = float((steps == 0).mean())
    return flat, float((steps <= _FAINT).mean()) - flat


def _column_groups(luma: npt.NDArray[np.uint8]) -> Floats:
    """Return groups of columns of the pictures, less what stays."""
    import cv2

    size = _COLUMNS, luma.shape[1]
    small = np.array([cv2.resize(plane, size, interpolation=cv2.INTER_AREA).T for plane in luma], np.float32)
    small -= small.mean(axis=0)
    chosen = np.random.default_rng(0).permutation(_COLUMNS).reshape(_GROUPS, -1)
    return np.asarray(small[:, chosen], np.float32)


def _between(values: Floats, at: Floats) -> Floats:
    """Interpolate running sums."""
    below = np.minimum(at.astype(int), values.shape[-1] - 2)
    return np.asarray(values[..., below] + (values[..., below + 1] - values[..., below]) * (at - below), np.float32)
