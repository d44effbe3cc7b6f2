"""What every object of a library shares: its settings, and where progress goes."""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import use_library_in_commands
from ..progress import Progress
from ..settings import Settings, library_folder, load

File: TypeAlias = str | PathLike[str]
"""A path."""
Picture: TypeAlias = npt.NDArray[np.uint8]
"""A picture in RGB: height x width x 3."""


def path_of(file: File) -> Path:
    """Return a path with `~` expanded."""
    return Path(file).expanduser()


def optional_path(file: File | None) -> Path | None:
    return None if file is None else path_of(file)


class Session:
    """The settings of a library and the progress of its calls."""

    def __init__(
        self, folder: File | None, settings: Mapping[str, Any] | None, progress: Callable[[], Progress]
    ) -> None:
        place = {"library": fspath(path_of(folder))} if folder is not None else {}
        self._overrides = {**(settings or {}), **place}
        self._named = folder is not None
        self._new_progress = progress

    @property
    def folder(self) -> Path:
        """The folder of the library."""
        return library_folder(self.settings())

    def settings(self, **overrides: Any) -> Settings:
        """Return the settings in force; `overrides` are further ones by name, with `__` in place of the dot.

        Example:
            >>> rw.Library().settings(render__crf=20).render.crf
            20
        """
        given = {name.replace("__", "."): value for name, value in overrides.items() if value is not None}
        settings = load(self._overrides | given)
        use_library_in_commands(library_folder(settings) if self._named else None)
        return settings

    def progress(self) -> Progress:
        """Return where the progress of one call goes."""
        return self._new_progress()
