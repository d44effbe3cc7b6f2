"""Annotate a clean clip with its cuts and its identical frames.

Scores need both, since any order of shots and of identical frames counts as right.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from ..render.frame_layout import FrameLayout
from ..solve.shots import find_shots

_WIDTH = 32
"""Pixels in width of the picture by which cuts are detected."""
_HEIGHT = 18
"""Pixels in height of the same."""
_CHORD = 0.5
"""The least distance of two normalised pictures at a cut."""
_RATIO = 3.0
"""The same, over the usual distance around."""


class CutDetector:
    """Detect cuts between neighbouring frames, as the solver does along its path."""

    def __init__(self) -> None:
        self._chords: list[float] = []
        self._last: Floats | None = None
        self._seen = 0

    def see(self, slot: int, small: Floats) -> None:
        """Add the frames of the clip in order; those already added in an earlier pass are ignored."""
        if slot < self._seen:
            return
        normalised = _normalised(small)
        if self._last is not None:
            self._chords.append(float(np.linalg.norm(normalised - self._last)))
        self._last, self._seen = normalised, slot + 1

    def shots(self) -> list[int]:
        """Return the first slot of each shot."""
        chords = np.array(self._chords, np.float32)
        return [shot.start for shot in find_shots(chords, cut_chord=_CHORD, cut_ratio=_RATIO)] if self._seen else []


def _normalised(small: Floats) -> Floats:
    import cv2

    tiny = np.asarray(cv2.resize(small, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.float32).ravel()
    tiny -= tiny.mean()
    # The floor keeps the noise of a flat picture from being normalised into features.
    return np.asarray(tiny / max(float(np.linalg.norm(tiny)), len(tiny) ** 0.5), np.float32)


_SMALL = (160, 90)
"""Size at which pictures are compared."""
_BLOCKS = (20, 11)
"""Blocks across and down, each compared by its mean."""
_MEAN_LEVEL = 0.5
"""Grey levels below which coding noise stays on average."""
_BLOCK_LEVEL = 2.0
"""Grey levels up to which it stays in the mean of a block."""


class IdenticalFrames:
    """Map each frame to the earliest frame that shows the same picture.

    A frame repeats the first one of the preceding run when their small luma differs by under half a grey level on
    average and by at most 2 in the mean of any block: coding noise is ignored, and a small moving object is not.
    Comparing with the first frame of the run keeps a slow drift from chaining a whole film together. Exact repeats are
    found anywhere.
    """

    def __init__(self) -> None:
        self.pictures: list[int] = []
        self._exact: dict[bytes, int] = {}
        self._anchor: Floats | None = None

    def see(self, slot: int, raw: bytes, small: Floats) -> None:
        """Add the frames of the clip in order; those already added in an earlier pass are ignored."""
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
    """Return whether two small lumas show the same picture."""
    import cv2

    change = a - b
    if float(np.abs(change).mean()) >= _MEAN_LEVEL:
        return False
    blocks = cv2.resize(change, _BLOCKS, interpolation=cv2.INTER_AREA)
    return float(np.abs(blocks).max()) <= _BLOCK_LEVEL


def small_luma(raw: bytes, layout: FrameLayout) -> Floats:
    """Return the luma of a raw frame, small enough that coding noise averages out."""
    import cv2

    width, height = layout.size
    samples = np.frombuffer(raw, np.uint8)
    if layout.piped == "bgr24":
        luma = cv2.cvtColor(samples.reshape(height, width, 3), cv2.COLOR_BGR2GRAY)
    else:
        luma = samples[: width * height].reshape(height, width)
    return shrunk_luma(np.asarray(luma, np.uint8))


def shrunk_luma(luma: npt.NDArray[np.uint8]) -> Floats:
    """Shrink a luma plane to the size at which pictures are compared."""
    import cv2

    return np.asarray(cv2.resize(luma.astype(np.float32), _SMALL, interpolation=cv2.INTER_AREA), np.float32)
