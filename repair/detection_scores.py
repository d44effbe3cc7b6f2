"""Score a detector of broken frames, and choose its decision threshold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Marks = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DetectionCounts:
    """The confusion matrix of a detector; positive means broken.

    `found` are true positives, `missed` false negatives and `passed` true negatives.
    """

    found: int
    missed: int
    false_alarms: int
    passed: int

    @property
    def precision(self) -> float:
        """The share of the frames called broken that are broken; 1 where none were called."""
        called = self.found + self.false_alarms
        return self.found / called if called else 1.0

    @property
    def recall(self) -> float:
        """The share of the broken frames that were called broken; 1 where none are broken."""
        broken = self.found + self.missed
        return self.found / broken if broken else 1.0


def count_detections(called: Marks, broken: Marks) -> DetectionCounts:
    """Count the four outcomes of frames `called` broken against those that are `broken`."""
    return DetectionCounts(
        int((called & broken).sum()),
        int((~called & broken).sum()),
        int((called & ~broken).sum()),
        int((~called & ~broken).sum()),
    )


def threshold_for(scores: Shares, broken: Marks, precision: float | None = None) -> float:
    """Choose the decision threshold, half way between two neighbouring scores.

    Args:
        scores: The score of each frame; higher is more likely broken.
        broken: Which frames are broken.
        precision: The precision to reach with the lowest threshold. None maximises F1.

    Raises:
        UsageError: No threshold reaches the precision.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(broken[order])
    called = np.arange(1, len(order) + 1)
    ends = np.flatnonzero(np.diff(scores[order], append=-1.0) < 0)
    precisions = found[ends] / called[ends]
    if precision is None:
        best = int(np.argmax(2 * found[ends] / (called[ends] + broken.sum())))
    else:
        enough = np.flatnonzero((precisions >= precision) & (found[ends] > 0))
        if not enough.size:
            raise UsageError(
                f"No threshold reaches a precision of {precision:g}; the best is {precisions.max():.2f}.",
                "Ask for a lower precision, or label more pictures.",
            )
        best = int(enough[-1])
    upper = scores[order[ends[best]]]
    lower = scores[order[ends[best + 1]]] if best + 1 < len(ends) else 0.0
    # A threshold of 0 or 1 would leave nothing on one side.
    return float(np.clip((upper + lower) / 2, 1e-6, 1 - 1e-6))
