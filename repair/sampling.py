"""Choose the frames to label: the most informative ones, spread over videos and over time."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from ..media.types import Floats
from .detection_scores import Shares
from .detector import Detector
from .evidence import FrameEvidence
from .features import VideoEvidence
from .labels import LabelledFrame

_TURNS = ("doubtful", "doubtful", "broken", "anywhere")
"""The criteria in turn: a detector must also see clear cases, and frames that no criterion prefers."""
_NEAREST = 2
"""The least distance between two chosen frames; it grows where there is room for all."""
_FARTHEST = 12
"""Bounds that distance."""
_ALIKE = 0.02
"""Frames look alike whose normalised evidence differs by less than this."""


def suspicion(judge: Detector, evidence: FrameEvidence) -> Shares:
    """Return the score of each frame; .5 is most uncertain."""
    return np.array([verdict.score for verdict in judge.judge(evidence)], np.float64)


class CandidatePool:
    """The frames of one video that may still be chosen."""

    def __init__(self, measured: VideoEvidence, suspected: Shares, known: set[LabelledFrame], share: float) -> None:
        self._measured, self._suspected = measured, suspected
        count = len(suspected)
        known_frames = [sample.frame for sample in known if sample.video == measured.video]
        self._gap = int(np.clip(count / (2 * max(share + len(known_frames), 1)), _NEAREST, _FARTHEST))
        self._numbers = _normalised(measured.evidence.values)
        self._free = np.ones(count, bool)
        self._distance = np.full(count, count)
        for row in np.flatnonzero(np.isin(measured.evidence.frames, known_frames)):
            self._take(int(row))

    def next(self, turn: str) -> LabelledFrame | None:
        """Take the best frame by a criterion of `_TURNS`, or None where none is left."""
        if not self._free.any():
            return None
        value = {
            "doubtful": -np.abs(self._suspected - 0.5),
            "broken": self._suspected,
            "anywhere": np.zeros(len(self._distance)),
        }[turn]
        # Among equals, take the frame farthest from all chosen ones.
        value = value.round(2) + 0.01 * self._distance / (len(self._distance) + 1)
        row = int(np.argmax(np.where(self._free, value, -np.inf)))
        self._take(row)
        return LabelledFrame(self._measured.video, int(self._measured.evidence.frames[row]))

    def _take(self, row: int) -> None:
        """Exclude frames that are near the chosen one or look like it: they would teach little more."""
        self._distance = np.minimum(self._distance, np.abs(np.arange(len(self._distance)) - row))
        alike = np.sqrt(np.mean((self._numbers - self._numbers[row]) ** 2, axis=1)) < _ALIKE
        self._free &= (self._distance >= self._gap) & ~alike


def choose_frames(
    videos: Sequence[tuple[VideoEvidence, Shares]], known: set[LabelledFrame], most: int
) -> list[LabelledFrame]:
    """Choose up to `most` frames that are not yet known, from each video in turn."""
    pools = [CandidatePool(measured, suspected, known, most / len(videos)) for measured, suspected in videos]
    chosen: list[LabelledFrame] = []
    for turn in cycle(_TURNS):
        for pool in list(pools):
            if len(chosen) >= most:
                return chosen
            if sample := pool.next(turn):
                chosen.append(sample)
            else:
                pools.remove(pool)
        if not pools:
            return chosen
    raise AssertionError("turns never end")


def _normalised(values: Floats) -> Floats:
    spread = values.std(0)
    return np.asarray(values / np.where(spread < 1e-6, 1, spread), np.float32)
