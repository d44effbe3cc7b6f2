"""The price for screens: how many pixels change state, and how far apart the changes are.

On a screen a pixel has few states: it shows part of a letter or not, the pointer covers it or not. Coding noise does
not change the state, so joins between pictures that differ only by it cost nothing.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .prices import Masks

_GAP = 6
"""Grey levels that no value of a pixel falls into between two of its states. On drawn editors from crf 18 to 28,
states found so gave the same orders.
"""
_TILE = 2
"""Pixels that stay together in halves of the picture, up and across: less than a letter, so that both halves see it. By
halves in tiles of 5, the same orders agreed on up to .17 fewer joins.
"""
_SPLITS = 2
"""How often the picture is divided."""
_SCALES = 5
"""Sizes at which distances are seen: from 2 pixels, each twice as large."""
_SAMPLES = 1000
"""Random pairs by which the two parts of the price are brought to one unit."""
_CHUNK = 64


class StatesPrice:
    """Changes of state, plus the distance between what is unusual in one picture and in the other.

    An order of typed text needs as few changes as possible; the root keeps one that covers much, such as a list that
    pops up, from outweighing many letters. A pointer on a page that stays as it is changes the same number of pixels
    wherever it goes, and is near where it was before. That distance is a sum of differences at several scales, which
    approximates the earth mover's distance.

    `files` holds the rows' positions in a shuffled file, in which neighbours share coding errors.
    """

    name = "states"

    def __init__(self, luma: npt.NDArray[np.uint8], files: Ints | None = None) -> None:
        self.files, self._size = files, luma.shape[1:]
        states = pixel_states(luma)
        counts = [(states == state).sum(axis=0) for state in range(int(states.max(initial=0)) + 1)]
        self._active = np.flatnonzero(states.any(axis=0))
        self._states = states[:, self._active]
        self._unusual = states != np.argmax(counts, axis=0)

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self._prices(left, right, self._masks[:1])[:, 0], np.float32)

    def by_halves(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each pair by the whole picture, then by the halves of each division."""
        return self._prices(left, right, self._masks)

    def _prices(self, left: Ints, right: Ints, masks: Masks) -> Floats:
        found = np.empty((len(left), len(masks)), np.float32)
        weights = masks[:, self._active].T.astype(np.float32)
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            found[part] = self._changes(left[part], right[part], weights) / self._units[0]
            for number in range(len(masks)):
                found[part, number] += self._distances(left[part], right[part], number) / self._units[1]
        return found

    def _changes(self, left: Ints, right: Ints, weights: Floats) -> Floats:
        return np.asarray(np.sqrt((self._states[left] != self._states[right]) @ weights), np.float32)

    def _distances(self, left: Ints, right: Ints, number: int) -> Floats:
        features = self._features(number)
        return np.asarray(np.abs(features[left] - features[right]).sum(axis=1), np.float32)

    @cached_property
    def _masks(self) -> Masks:
        return _parts(self._size)

    @cached_property
    def _units(self) -> tuple[float, float]:
        """The means of both parts of the price over random pairs."""
        left, right = np.random.default_rng(0).integers(0, len(self._states), (2, _SAMPLES))
        changes = self._changes(left, right, np.ones((len(self._active), 1), np.float32))
        return max(1e-9, float(changes.mean())), max(1e-9, float(self._distances(left, right, 0).mean()))

    def _features(self, number: int) -> Floats:
        """Return pictures of what is unusual in a part of each, at all scales, weighted by their pixels' areas."""
        if number not in self._pyramids:
            self._pyramids[number] = _pyramids((self._unusual & self._masks[number]).reshape(-1, *self._size))
        return self._pyramids[number]

    @cached_property
    def _pyramids(self) -> dict[int, Floats]:
        return {}


def pixel_states(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the state of each pixel, one picture a row: two values are one state if others bridge the gap."""
    values = luma.reshape(len(luma), -1)
    order = np.argsort(values, axis=0, kind="stable")
    steps = np.diff(np.take_along_axis(values, order, axis=0), axis=0) > _GAP
    found = np.zeros_like(values)
    np.put_along_axis(found, order[1:], np.cumsum(steps, axis=0, dtype=np.uint8), axis=0)
    return found


def _pyramids(masks: Masks) -> Floats:
    import cv2

    found = []
    for mask in masks:
        picture, levels = mask.astype(np.float32), []
        for scale in range(1, _SCALES + 1):
            picture = cv2.pyrDown(picture)
            levels.append(picture.ravel() * np.float32(4**scale))
        found.append(np.concatenate(levels))
    return np.array(found, np.float32)


def _parts(size: tuple[int, ...]) -> Masks:
    """Return masks of pixels: of the whole picture, then of two random halves for each division."""
    rng = np.random.default_rng(0)
    rows, columns = (-(-side // _TILE) for side in size)
    masks = [np.ones(size[0] * size[1], bool)]
    for _ in range(_SPLITS):
        tiles = rng.permutation(rows * columns).reshape(rows, columns) % 2 == 0
        half = np.kron(tiles, np.ones((_TILE, _TILE), bool))[: size[0], : size[1]].ravel()
        masks += [half, ~half]
    return np.array(masks)
