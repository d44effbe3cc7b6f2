"""Where a clean clip cuts from one shot to the next: the order of shots cannot be told, so scores must know them."""

import numpy as np

from ..frames import Floats
from ..solve.shots import find_shots

_WIDTH, _HEIGHT = 32, 18
_CHORD, _RATIO = 0.5, 3.0


class Cuts:
    """Compares each frame with the one before it, as the solver does along its path."""

    def __init__(self) -> None:
        self._chords: list[float] = []
        self._last: Floats | None = None
        self._seen = 0

    def see(self, slot: int, small: Floats) -> None:
        """Take the clip's frames in order; one that was seen before, in an earlier pass, changes nothing."""
        if slot < self._seen:
            return
        looks = _looks(small)
        if self._last is not None:
            self._chords.append(float(np.linalg.norm(looks - self._last)))
        self._last, self._seen = looks, slot + 1

    def shots(self) -> list[int]:
        """The first slot of every shot."""
        chords = np.array(self._chords, np.float32)
        return [shot.start for shot in find_shots(chords, cut_chord=_CHORD, cut_ratio=_RATIO)] if self._seen else []


def _looks(small: Floats) -> Floats:
    import cv2

    tiny = np.asarray(cv2.resize(small, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.float32).ravel()
    tiny -= tiny.mean()
    # A flat picture has no direction; the floor keeps its noise from looking like one.
    return np.asarray(tiny / max(float(np.linalg.norm(tiny)), len(tiny) ** 0.5), np.float32)
