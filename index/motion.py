"""The motion measured between a video's frames, kept so that solving it again need not look again."""

import contextlib
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..frames import Motion
from ..untrusted import MEGABYTE, UntrustedError, read_bytes
from .whole import whole

_ROW = np.dtype([("view", "S8"), ("first", "<i4"), ("second", "<i4"), ("measures", "<f4", (4,))])
_DIGEST = 32
_MOST_BYTES = 512 * MEGABYTE
"""32 for each pair that was looked at."""


class MotionFile:
    """A file of one video's measures, which stands only for the pictures and the way of measuring they were made with.

    It opens with a digest of all three, so that one left over from other pictures, cut short or damaged
    reads as empty; the measures are then made again.
    """

    def __init__(self, path: Path, luma: npt.NDArray[np.uint8], measured: str) -> None:
        self._path, self._luma, self._measured = path, luma, measured
        self._remembered = 0

    def recall(self) -> Motion:
        motion: Motion = {}
        for row in np.frombuffer(self._read(), _ROW):
            first, second = int(row["first"]), int(row["second"])
            a, b, c, d = row["measures"].tolist()
            motion.setdefault(row["view"].decode(), {})[first, second] = (a, b, c, d)
        self._remembered = _count(motion)
        return motion

    def keep(self, motion: Motion) -> None:
        """A library that cannot be written now can still be solved from."""
        if _count(motion) == self._remembered:
            return
        rows = [(view, a, b, found) for view, pairs in motion.items() for (a, b), found in sorted(pairs.items())]
        body = np.array(rows, _ROW).tobytes()
        with contextlib.suppress(OSError), whole(self._path) as part:
            part.write_bytes(self._digest(body) + body)

    def _read(self) -> bytes:
        try:
            data = read_bytes(self._path, _MOST_BYTES)
        except (OSError, UntrustedError):
            return b""
        body = data[_DIGEST:]
        return body if data[:_DIGEST] == self._digest(body) else b""

    def _digest(self, body: bytes) -> bytes:
        made = blake2b(f"{self._measured} {self._luma.shape}".encode(), digest_size=_DIGEST)
        for picture in self._luma:
            made.update(picture.tobytes())
        made.update(body)
        return made.digest()


def _count(motion: Motion) -> int:
    return sum(len(pairs) for pairs in motion.values())
