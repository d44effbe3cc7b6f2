"""Where a clean clip cuts from one shot to the next: the order of shots cannot be told, so scores must know them."""

import hashlib

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from ..render.frame_layout import FrameLayout
from ..solve.shots import find_shots

_WIDTH, _HEIGHT = 32, 18
_CHORD, _RATIO = 0.5, 3.0


class CutDetector:
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


_SMALL = (160, 90)
_BLOCKS = (20, 11)
_MEAN_LEVEL = 0.5
_BLOCK_LEVEL = 2.0


class IdenticalFrames:
    """Names every frame's picture by the earliest frame that shows it.

    A frame shows the same picture as the first of the run before it when their small luma differs by under
    half a grey level on average and nowhere by more than 2 in the mean of a block: coding noise is a tie,
    a small thing that moves is not. The run's first frame is what counts, since a slow drift would chain a
    whole film into one tie. Exact repeats are found wherever they are.
    """

    def __init__(self) -> None:
        self.pictures: list[int] = []
        self._exact: dict[bytes, int] = {}
        self._anchor: Floats | None = None

    def see(self, slot: int, raw: bytes, small: Floats) -> None:
        """Take the clip's frames in order; one that was seen before, in an earlier pass, changes nothing."""
        if slot < len(self.pictures):
            return
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        picture = self._exact.get(digest)
        if picture is None and self._anchor is not None and same_picture(small, self._anchor):
            picture = self.pictures[-1]
        else:
            self._anchor = small
        self.pictures.append(slot if picture is None else picture)
        self._exact[digest] = self.pictures[-1]


def same_picture(a: Floats, b: Floats) -> bool:
    """Whether two small lumas show the same picture."""
    import cv2

    change = a - b
    if float(np.abs(change).mean()) >= _MEAN_LEVEL:
        return False
    blocks = cv2.resize(change, _BLOCKS, interpolation=cv2.INTER_AREA)
    return float(np.abs(blocks).max()) <= _BLOCK_LEVEL


def small_luma(raw: bytes, layout: FrameLayout) -> Floats:
    """The picture's brightness, small enough that coding noise averages out."""
    import cv2

    width, height = layout.size
    samples = np.frombuffer(raw, np.uint8)
    if layout.piped == "bgr24":
        luma = cv2.cvtColor(samples.reshape(height, width, 3), cv2.COLOR_BGR2GRAY)
    else:
        luma = samples[: width * height].reshape(height, width)
    return shrunk_luma(np.asarray(luma, np.uint8))


def shrunk_luma(luma: npt.NDArray[np.uint8]) -> Floats:
    import cv2

    return np.asarray(cv2.resize(luma.astype(np.float32), _SMALL, interpolation=cv2.INTER_AREA), np.float32)
