"""Caches of a solve in the library: the motion measured between frames, and the results of finished searches.

A library that cannot be written can still be solved from, so failed writes are ignored.
"""

import contextlib
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..media.files import atomic
from ..media.types import Motion
from ..media.untrusted import MEGABYTE, UntrustedError, read_arrays, read_bytes

_ROW = np.dtype([("view", "S8"), ("first", "<i4"), ("second", "<i4"), ("measures", "<f4", (4,))])
_DIGEST = 32
"""Bytes of the digest at the start of a file."""

_MAX_MOTION_BYTES = 512 * MEGABYTE
"""Size limit of a file, which has 32 bytes per measured pair."""

_MAX_ORDERS = 3
"""Search results kept per video; the oldest are deleted."""

_MAX_ORDER_BYTES = 2048 * MEGABYTE
"""Size limit of a search result: the costs of all pairs of 10,000 frames have 800 MB."""


class MotionCacheFile:
    """The measures of one video in a file, valid for the pictures and the method they were made with.

    The file starts with a digest of all three. A file of other pictures, a truncated or a damaged one reads as empty,
    and the motion is measured again.
    """

    def __init__(self, path: Path, luma: npt.NDArray[np.uint8], measured: str) -> None:
        self._path, self._luma, self._measured = path, luma, measured
        self._stored = 0

    def load(self) -> Motion:
        """Read the stored measures."""
        motion: Motion = {}
        for row in np.frombuffer(self._read(), _ROW):
            first, second = int(row["first"]), int(row["second"])
            a, b, c, d = row["measures"].tolist()
            motion.setdefault(row["view"].decode(), {})[first, second] = (a, b, c, d)
        self._stored = _count(motion)
        return motion

    def save(self, motion: Motion) -> None:
        """Store measures, if there are new ones."""
        if _count(motion) == self._stored:
            return
        rows = [(view, a, b, found) for view, pairs in motion.items() for (a, b), found in sorted(pairs.items())]
        body = np.array(rows, _ROW).tobytes()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(self._path) as part:
                part.write_bytes(self._digest(body) + body)

    def _read(self) -> bytes:
        try:
            data = read_bytes(self._path, _MAX_MOTION_BYTES)
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


class OrderCacheFolder:
    """The latest search results of one video as .npz files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """Read a result and mark it as used; None where there is none."""
        file = self._folder / f"{key}.npz"
        try:
            found = read_arrays(file, _MAX_ORDER_BYTES)
        except (OSError, UntrustedError):
            return None
        with contextlib.suppress(OSError):
            file.touch()
        return found

    def put(self, key: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Store a result, and delete the least recently used ones."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic(self._folder / f"{key}.npz") as part, part.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            kept = sorted(self._folder.glob("[!.]*.npz"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
            for old in kept[_MAX_ORDERS:]:
                old.unlink(missing_ok=True)
