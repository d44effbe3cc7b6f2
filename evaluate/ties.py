"""Which frames of a clip look the same, so that no order is blamed for swapping them."""

import hashlib

import numpy as np
import numpy.typing as npt

from ..frames import Floats
from ..render.layout import Layout

_SMALL = (160, 90)
_BLOCKS = (20, 11)
_MEAN_LEVEL = 0.5
_BLOCK_LEVEL = 2.0


class Ties:
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
        if picture is None and self._anchor is not None and alike(small, self._anchor):
            picture = self.pictures[-1]
        else:
            self._anchor = small
        self.pictures.append(slot if picture is None else picture)
        self._exact[digest] = self.pictures[-1]


def alike(a: Floats, b: Floats) -> bool:
    """Whether two small lumas show the same picture."""
    import cv2

    change = a - b
    if float(np.abs(change).mean()) >= _MEAN_LEVEL:
        return False
    blocks = cv2.resize(change, _BLOCKS, interpolation=cv2.INTER_AREA)
    return float(np.abs(blocks).max()) <= _BLOCK_LEVEL


def small_luma(raw: bytes, layout: Layout) -> Floats:
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
