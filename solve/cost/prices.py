"""The price of a join: how unlikely two frames are to be neighbours in time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

Rows: TypeAlias = list[list[int]] | list[dict[int, int]]
Masks: TypeAlias = npt.NDArray[np.bool_]
"""Parts of a small picture: for each, which pixels are in it, row by row."""

_PATCH = 4
"""Side of a patch in pixels."""
PATCH_PIXELS = _PATCH**2
"""Pixels of a patch."""
_WIDTH = 64
"""Width to which pictures are reduced."""
_HEIGHT = 36
"""Height to which pictures are reduced."""
SMALL_SIZE = (_HEIGHT, _WIDTH)
"""Height and width of a small picture."""
_FLAT = 4.0
"""Added to a patch's contrast, so that noise in flat patches is not amplified."""
_STEPS = 8192
"""Quantisation steps for one unit of a patch's contrast.

No pixel of 16 is more than 3.9 contrasts from their mean, so the values fit 16 bits.
"""
_UNPRICED_FACTOR = 2.0
"""An unpriced join costs this many times the most expensive candidate of either end."""
_CHUNK = 64
"""Pairs compared at a time: their differences fit the cache of a processor."""
_LARGEST_TOTAL = 1 << 40
"""Largest cost of a whole path, which keeps sums within 64 bits."""


class Price(Protocol):
    """A symmetric price of joining two rows, zero for equal pictures."""

    @property
    def name(self) -> str: ...

    def pairs(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each pair (left[i], right[i])."""
        ...


class HuberPrice:
    """Pseudo-Huber distance of luma whose 4 x 4 patches are normalised to mean 0 and contrast 1.

    The normalisation makes it robust to flicker and fades. The Huber form keeps one moving edge from outweighing a
    whole picture. Of the single prices tried on real clips it gave the best orders.
    """

    name = "huber"

    def __init__(self, luma: npt.NDArray[np.uint8]) -> None:
        self._features = np.zeros((len(luma), _WIDTH * _HEIGHT), np.int16)
        for row, plane in enumerate(luma):
            self._features[row] = np.rint(picture_patches(plane) * _STEPS)

    def pairs(self, left: Ints, right: Ints) -> Floats:
        found = [roots.mean(axis=1) for roots in self._all_roots(left, right)]
        result = np.concatenate([np.zeros(0, np.float32), *found])
        return np.asarray(np.maximum(result - 1.0, 0.0), np.float32)

    def by_patch(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each patch of the picture separately."""
        none = np.zeros((0, self._features.shape[1] // PATCH_PIXELS), np.float32)
        parts = (roots.reshape(len(roots), -1, PATCH_PIXELS) for roots in self._all_roots(left, right))
        result = np.concatenate([none, *(part.mean(axis=2) for part in parts)])
        return np.asarray(np.maximum(result - 1.0, 0.0), np.float32)

    def by_part(self, left: Ints, right: Ints, parts: Masks) -> Floats:
        """Return the price of each part of the picture, one row for each pair."""
        return np.asarray((self._roots(left, right) - 1.0) @ part_weights(parts).T, np.float32)

    def _all_roots(self, left: Ints, right: Ints) -> Iterator[Floats]:
        for start in range(0, len(left), _CHUNK):
            yield self._roots(left[start : start + _CHUNK], right[start : start + _CHUNK])

    def _roots(self, left: Ints, right: Ints) -> Floats:
        difference = np.subtract(self._features[left], self._features[right], dtype=np.float32)
        difference /= _STEPS
        np.square(difference, out=difference)
        difference += 1.0
        return np.asarray(np.sqrt(difference, out=difference), np.float32)


class CosinePrice:
    """The cosine distance of the stored vectors."""

    name = "cosine"

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def pairs(self, left: Ints, right: Ints) -> Floats:
        result = np.empty(len(left), np.float32)
        for start in range(0, len(left), 256):
            part = slice(start, start + 256)
            result[part] = np.square(self._vectors[left[part]] - self._vectors[right[part]]).sum(axis=1) / 2
        return result


@dataclass(frozen=True)
class JoinCosts:
    """Integer costs for the solver.

    `rows[a][b]` is the cost of joining a and b. A small film has the cost of every pair. A large film has costs of
    candidate joins; any other join costs twice the most expensive candidate of either end. The last row is a dummy
    that joins to every row for free, so that the cheapest cycle through it is the cheapest open path.
    """

    neighbours: list[list[int]]
    scale: float
    matrix: npt.NDArray[np.int64] | None
    """The cost of every pair, in a small film."""
    candidates: Sequence[dict[int, int]] = ()
    """The rows, in a large one."""

    @cached_property
    def rows(self) -> Rows:
        """The costs as Python searches them: of every pair five times the size of the matrix, so made when needed."""
        return [*self.candidates] if self.matrix is None else dense_rows(self.matrix)

    def without_rows(self) -> "JoinCosts":
        """Return the same costs, whose rows are made again where they are needed again."""
        return replace(self)

    def __len__(self) -> int:
        return len(self.neighbours)

    def of(self, path: Sequence[int]) -> int:
        """Return the cost of a path."""
        return sum(self.rows[a][b] for a, b in pairwise(path))

    def of_joins(self, joins: Ints) -> Ints:
        """Return the cost of each join, given as a pair of rows."""
        if self.matrix is not None:
            return self.matrix[joins[:, 0], joins[:, 1]]
        return np.array([self.rows[a][b] for a, b in joins.tolist()], np.int64)

    def priced(self) -> tuple[Ints, Ints]:
        """Return the priced joins of a large film, the smaller row first, and their costs."""
        known = [row for row in self.rows[:-1] if isinstance(row, dict)]
        ends = [(a, b) for a, row in enumerate(known) for b in row if a < b < len(self)]
        prices = [known[a][b] for a, b in ends]
        return np.array(ends, np.int64).reshape(-1, 2), np.array(prices, np.int64)

    def radius(self) -> Ints:
        """Return, for a large film, each row's share of the least cost of an unpriced join."""
        return np.array([row.radius if isinstance(row, _Row) else 0 for row in self.rows[:-1]], np.int64)


def join_costs(price: Price, count: int, joins: Ints, *, candidates: int, dense_limit: int) -> JoinCosts:
    """Price every pair of up to `dense_limit` rows; beyond that, price only `joins`.

    Args:
        price: The price of a join.
        count: The number of rows.
        joins: Pairs of rows that may be neighbours.
        candidates: How many cheapest joins of each row the search tries.
        dense_limit: The most rows for which every pair is priced.
    """
    if count <= dense_limit:
        return dense_costs(all_pairs(price, np.arange(count)), candidates)
    # Each pair once, the smaller row first.
    ends = np.unique(np.sort(joins, axis=1), axis=0).astype(np.int64)
    return sparse_costs(count, ends, price.pairs(ends[:, 0], ends[:, 1]), candidates)


def dense_costs(distances: npt.NDArray[np.float64], candidates: int) -> JoinCosts:
    """Convert the price of every pair to costs."""
    count = len(distances)
    scale = _scale(distances[~np.eye(count, dtype=bool)], count)
    matrix = np.rint(distances * scale).astype(np.int64)
    without_self = matrix.copy()
    np.fill_diagonal(without_self, np.iinfo(np.int64).max)
    nearest = np.argsort(without_self, axis=1, kind="stable")[:, : min(candidates, max(count - 1, 0))]
    return JoinCosts(nearest.tolist(), scale, matrix)


def dense_rows(matrix: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return the costs of all pairs, with the dummy row appended."""
    return [[*row, 0] for row in matrix.tolist()] + [[0] * (len(matrix) + 1)]


def sparse_costs(count: int, ends: Ints, distances: Floats, candidates: int) -> JoinCosts:
    """Convert the prices of some distinct pairs to costs."""
    scale = _scale(distances, count)
    prices = np.rint(distances.astype(np.float64) * scale).astype(np.int64).tolist()
    radius = [0] * count
    rows: list[dict[int, int]] = [_Row(row, radius) for row in range(count)]
    for (a, b), value in zip(ends.tolist(), prices, strict=True):
        rows[a][b] = rows[b][a] = value
        radius[a], radius[b] = max(radius[a], value), max(radius[b], value)
    nearest = [[b for _, b in sorted((value, b) for b, value in row.items())[:candidates]] for row in rows]
    for row in rows:
        row[count] = 0
    return JoinCosts(nearest, scale, None, [*rows, defaultdict(int)])


def price_features(luma: npt.NDArray[np.uint8], rows: Ints) -> npt.NDArray[np.uint8]:
    """Return pictures reduced to what the Huber price reads, a sixth of the size."""
    small = np.empty((len(rows), _HEIGHT, _WIDTH), np.uint8)
    for place, row in enumerate(rows):
        small[place] = _shrunk(luma[row])
    return small


def all_pairs(price: Price, rows: Ints) -> npt.NDArray[np.float64]:
    """Return the prices of all pairs of some rows."""
    upper = np.triu_indices(len(rows), 1)
    matrix = np.zeros((len(rows), len(rows)))
    matrix[upper] = price.pairs(rows[upper[0]], rows[upper[1]])
    return matrix + matrix.T


def typical_best(values: npt.NDArray[Any], joins: Ints, count: int) -> float:
    """Return the median of every row's smallest value among its joins; 0 without joins."""
    best = np.full(count, np.inf)
    for side in (0, 1):
        np.minimum.at(best, joins[:, side], values)
    return float(np.median(best[np.isfinite(best)])) if len(joins) else 0.0


class _Row(dict[int, int]):
    """The priced joins of one row; any other join costs more than those."""

    def __init__(self, own: int, radius: list[int]) -> None:
        super().__init__()
        self._own, self._radius = own, radius

    @property
    def radius(self) -> int:
        return self._radius[self._own]

    def __missing__(self, other: int) -> int:
        return int(_UNPRICED_FACTOR * max(self._radius[self._own], self._radius[other]))


def _scale(distances: npt.NDArray[Any], count: int) -> float:
    """Choose a scale at which the smallest price spans a thousand integers and no sum overflows."""
    positive = distances[distances > 0]
    if not len(positive):
        return 1.0
    return float(min(1000.0 / positive.min(), _LARGEST_TOTAL / (np.abs(distances).max() * max(count, 1))))


def _shrunk(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import cv2

    return np.asarray(cv2.resize(plane, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), plane.dtype)


def pixel_distances(left: Floats, right: Floats) -> Floats:
    """Return the Huber price of each pixel, given the patches of two pictures."""
    difference = left - right
    return np.asarray(np.sqrt(difference * difference + 1.0) - 1.0, np.float32)


def part_weights(parts: Masks) -> Floats:
    """Return the weights of pixels, patch by patch, whose sums are the means of the parts."""
    weights = in_patches(parts)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def small_pictures(luma: npt.NDArray[np.uint8], flat: float | None = None, coarse: bool = False) -> Floats:
    """Return the pixels of pictures of 64 x 36, patch by patch.

    Args:
        luma: The pictures.
        flat: Added to the contrast of a patch before its pixels are divided by it; without it they stay grey levels.
        coarse: Replace every block of 2 x 2 pixels by its mean.
    """
    found = np.empty((len(luma), _WIDTH * _HEIGHT), np.float32)
    for row, plane in enumerate(luma):
        small = _shrunk(plane.astype(np.float32))
        tiles = _tiles(_coarse(small) if coarse else small)
        found[row] = (tiles if flat is None else _normalised(tiles, flat)).ravel()
    return found


def in_rows(patches: Floats) -> Floats:
    """Return small pictures row by row, given their pixels patch by patch."""
    tiles = patches.reshape(-1, _HEIGHT // _PATCH, _WIDTH // _PATCH, _PATCH, _PATCH)
    return tiles.swapaxes(2, 3).reshape(-1, _HEIGHT, _WIDTH)


def in_patches(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the pixels of small pictures patch by patch."""
    tiles = rows.reshape(-1, _HEIGHT // _PATCH, _PATCH, _WIDTH // _PATCH, _PATCH)
    return tiles.swapaxes(2, 3).reshape(len(rows), -1)


def _coarse(small: Floats) -> Floats:
    blocks = small.reshape(_HEIGHT // 2, 2, _WIDTH // 2, 2).mean(axis=(1, 3))
    return np.asarray(blocks.repeat(2, axis=0).repeat(2, axis=1), np.float32)


def picture_patches(plane: npt.NDArray[Any]) -> Floats:
    """Return the pixels of a picture, patch by patch, each patch of mean 0 and contrast 1."""
    return np.asarray(_normalised(_tiles(_shrunk(plane).astype(np.float32)), _FLAT).ravel(), np.float32)


def _tiles(small: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return small.reshape(_HEIGHT // _PATCH, _PATCH, _WIDTH // _PATCH, _PATCH).swapaxes(1, 2)


def _normalised(tiles: npt.NDArray[Any], flat: float) -> npt.NDArray[Any]:
    """Bring every patch to mean 0 and contrast 1."""
    centred = tiles - tiles.mean(axis=(2, 3), keepdims=True)
    return np.asarray(centred / (np.sqrt(np.square(centred).mean(axis=(2, 3), keepdims=True)) + flat))
