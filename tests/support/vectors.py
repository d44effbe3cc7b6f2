"""Films as unit vectors alone, and what an outlier rule says of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reelweave.index.neighbours import nearest
from reelweave.media.types import Floats
from reelweave.settings import load
from reelweave.solve.outliers import OutlierVerdict, find_outliers

SPACE = 200
K = load().neighbours.k


def unit(vectors: npt.NDArray[Any]) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def walk(count: int, seed: int = 0, step: float = 0.2) -> Floats:
    """A film's frames as unit vectors, each a chord of about `step` from the one before."""
    rng = np.random.default_rng(seed)
    at, way = rng.normal(size=SPACE), []
    for _ in range(count):
        at = at / np.linalg.norm(at) + step * rng.normal(size=SPACE) / SPACE**0.5
        way.append(at)
    return unit(np.reshape(way, (count, SPACE)))


def unrelated(count: int, seed: int = 99) -> Floats:
    """Pictures that have nothing to do with any other."""
    return unit(np.random.default_rng(seed).normal(size=(count, SPACE)))


def judged(
    rule: str, vectors: Floats, k: int = K, weights: Sequence[int] | None = None, **changes: float
) -> OutlierVerdict:
    chosen = load({"outliers.rule": rule} | {f"outliers.{key}": value for key, value in changes.items()}).outliers
    counts = np.ones(len(vectors), np.int64) if weights is None else np.array(weights, np.int64)
    return find_outliers(nearest(vectors, k), counts, **chosen.model_dump())


def found(verdict: OutlierVerdict) -> list[int]:
    return [int(row) for row in np.flatnonzero(verdict.dropped)]
