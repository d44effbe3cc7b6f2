"""Which frames to put before a person: those that teach most, spread over videos and over time."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .detector import Detector
from .evidence import FrameEvidence
from .features import VideoEvidence
from .labels import LabelledFrame

_TURNS = ("doubtful", "doubtful", "broken", "anywhere")
"""What is taken in turn: a detector must also see what is plain, and what nobody asked about."""
_NEAREST, _FARTHEST = 2, 12
"""Frames between two that are taken: as many as leave room for all, within these."""
_ALIKE = 0.02
"""Frames whose numbers differ by less of their usual spread look the same."""

Shares = npt.NDArray[np.float64]


def suspicion(judge: Detector, evidence: FrameEvidence) -> Shares:
    """For each frame how sure it is that it is broken; .5 is in doubt."""
    return np.array([verdict.score for verdict in judge.judge(evidence)], np.float64)


class CandidatePool:
    """The frames of one video that may still be chosen."""

    def __init__(self, measured: VideoEvidence, suspected: Shares, known: set[LabelledFrame], share: float) -> None:
        self._measured, self._suspected = measured, suspected
        count = len(suspected)
        taken = [sample.frame for sample in known if sample.video == measured.video]
        self._gap = int(np.clip(count / (2 * max(share + len(taken), 1)), _NEAREST, _FARTHEST))
        self._numbers = _levelled(measured.evidence.values)
        self._free = np.ones(count, bool)
        self._away = np.full(count, count)
        for row in np.flatnonzero(np.isin(measured.evidence.frames, taken)):
            self._take(int(row))

    def next(self, turn: str) -> LabelledFrame | None:
        if not self._free.any():
            return None
        wish = {
            "doubtful": -np.abs(self._suspected - 0.5),
            "broken": self._suspected,
            "anywhere": np.zeros(len(self._away)),
        }[turn]
        # Of those that are as good as each other, the one farthest from all that were taken.
        wish = wish.round(2) + 0.01 * self._away / (len(self._away) + 1)
        row = int(np.argmax(np.where(self._free, wish, -np.inf)))
        self._take(row)
        return LabelledFrame(self._measured.video, int(self._measured.evidence.frames[row]))

    def _take(self, row: int) -> None:
        """What is near it, or looks like it, would teach nothing more."""
        self._away = np.minimum(self._away, np.abs(np.arange(len(self._away)) - row))
        alike = np.sqrt(np.mean((self._numbers - self._numbers[row]) ** 2, axis=1)) < _ALIKE
        self._free &= (self._away >= self._gap) & ~alike


def choose_frames(
    videos: Sequence[tuple[VideoEvidence, Shares]], known: set[LabelledFrame], most: int
) -> list[LabelledFrame]:
    """Up to `most` frames that are not yet known, one of each video in turn."""
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


def _levelled(values: Floats) -> Floats:
    spread = values.std(0)
    return np.asarray(values / np.where(spread < 1e-6, 1, spread), np.float32)
