"""Arrays under a key, the latest few of a video: what is lost or damaged here is only made again."""

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_MOST = 3


class ShelfFolder:
    """A folder of .npz files; a library that cannot be written now can still be solved from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        file = self._folder / f"{key}.npz"
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        with contextlib.suppress(OSError):
            file.touch()
        return found

    def put(self, key: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
        fresh = self._folder / f"{key}.{os.getpid()}"
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with fresh.open("wb") as file:
                    np.savez(file, **arrays)  # type: ignore[arg-type]
                fresh.replace(self._folder / f"{key}.npz")
            finally:
                fresh.unlink(missing_ok=True)
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        kept = sorted(self._folder.glob("*.npz"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in kept[_MOST:]:
            file.unlink(missing_ok=True)
