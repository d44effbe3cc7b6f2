"""Arrays under a key, the latest few of a video: what is lost or damaged here is only made again."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..untrusted import MEGABYTE, UntrustedError, read_arrays
from .whole import whole

_MOST = 3
_MOST_BYTES = 2048 * MEGABYTE
"""Of one file: the costs of all pairs of 10,000 frames have 800 MB."""


class ShelfFolder:
    """A folder of .npz files; a library that cannot be written now can still be solved from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        file = self._folder / f"{key}.npz"
        try:
            found = read_arrays(file, _MOST_BYTES)
        except (OSError, UntrustedError):
            return None
        with contextlib.suppress(OSError):
            file.touch()
        return found

    def put(self, key: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
        with contextlib.suppress(OSError):
            with whole(self._folder / f"{key}.npz") as part, part.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        kept = sorted(self._folder.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in kept[_MOST:]:
            file.unlink(missing_ok=True)
