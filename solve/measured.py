"""Prices too dear for every pair: they are measured on the joins that look likely, and the rest follow by looks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..frames import Floats, Ints
from ..progress import Progress

Matcher: TypeAlias = Callable[[npt.NDArray[np.uint8], Ints], Iterator[float]]
"""Pictures and pairs of them to the share, 0 to 1, of what is seen in both of a pair."""


class MeasuredPrice(Protocol):
    """The price of those joins that were measured."""

    def measure(self, joins: Iterable[Sequence[int]]) -> None:
        """Look at pairs of rows, each only once however often it is asked for."""
        ...

    def joins(self) -> Ints:
        """Every pair that a price is known of, once, the smaller row first."""
        ...

    def prices(self) -> Floats:
        """The price of each pair of `joins`."""
        ...


class SharedPrice:
    """What is not seen in both pictures, as a matcher finds it; 0 where all is.

    Pairs that have nothing in common are as good as not measured.
    """

    def __init__(self, luma: npt.NDArray[np.uint8], matcher: Matcher, progress: Progress) -> None:
        self._luma, self._matcher, self._progress = luma, matcher, progress
        self._known: dict[tuple[int, int], float] = {}

    def measure(self, joins: Iterable[Sequence[int]]) -> None:
        fresh = sorted({(min(a, b), max(a, b)) for a, b in joins} - self._known.keys())
        with self._progress.stage("match", len(fresh)) as stage:
            for pair, shared in zip(fresh, self._matcher(self._luma, np.array(fresh).reshape(-1, 2)), strict=True):
                self._known[pair] = shared
                stage.advance()

    def joins(self) -> Ints:
        return np.array(sorted(pair for pair, shared in self._known.items() if shared), np.int64).reshape(-1, 2)

    def prices(self) -> Floats:
        return np.array([max(0.0, 1 - self._known[a, b]) for a, b in self.joins().tolist()], np.float32)
