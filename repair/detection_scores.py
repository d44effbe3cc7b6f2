"""How well broken frames were found, and where to draw the line between them and whole ones."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Marks = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DetectionCounts:
    """Frames by what they are and what they were taken for."""

    found: int
    missed: int
    false_alarms: int
    passed: int

    @property
    def precision(self) -> float:
        """The share of what was called broken that is; 1 where nothing was."""
        called = self.found + self.false_alarms
        return self.found / called if called else 1.0

    @property
    def recall(self) -> float:
        """The share of what is broken that was called so; 1 where nothing is."""
        broken = self.found + self.missed
        return self.found / broken if broken else 1.0


def count_detections(called: Marks, broken: Marks) -> DetectionCounts:
    return DetectionCounts(
        int((called & broken).sum()),
        int((~called & broken).sum()),
        int((called & ~broken).sum()),
        int((~called & ~broken).sum()),
    )


def counts_at(sure: Shares, broken: Marks, threshold: float) -> DetectionCounts:
    return count_detections(sure >= threshold, broken)


def threshold_for(sure: Shares, broken: Marks, precision: float | None = None) -> float:
    """The threshold of the best F1; or the lowest that has the precision wanted. Half way between two scores."""
    order = np.argsort(-sure, kind="stable")
    found = np.cumsum(broken[order])
    called = np.arange(1, len(order) + 1)
    ends = np.flatnonzero(np.diff(sure[order], append=-1.0) < 0)
    precisions = found[ends] / called[ends]
    if precision is None:
        best = int(np.argmax(2 * found[ends] / (called[ends] + broken.sum())))
    else:
        enough = np.flatnonzero((precisions >= precision) & (found[ends] > 0))
        if not enough.size:
            raise UsageError(
                f"No threshold has a precision of {precision:g}; the best is {precisions.max():.2f}.",
                "Ask for less, or sort more pictures.",
            )
        best = int(enough[-1])
    upper = sure[order[ends[best]]]
    lower = sure[order[ends[best + 1]]] if best + 1 < len(ends) else 0.0
    return float(np.clip((upper + lower) / 2, 1e-6, 1 - 1e-6))
