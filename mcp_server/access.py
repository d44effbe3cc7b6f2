"""Which files an agent may name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..media.ranges import listed, shortened
from ..media.untrusted import is_text

_MOST_NAMED = 4
"""Folders that a message names."""


@dataclass(frozen=True)
class Access:
    """The folders in which files may be read and, if `write` is set, written."""

    roots: tuple[Path, ...]
    write: bool = False

    @classmethod
    def to(cls, folders: Sequence[Path], write: bool = False) -> "Access":
        """Resolve the folders once, so that a link that is changed later leads nowhere else.

        Raises:
            UsageError: One of them is no folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise UsageError(f"{folder} is not a folder.", "Name an existing folder with --root.")
        return cls(tuple(folder.resolve() for folder in folders), write)

    def file(self, name: str) -> Path:
        """Return the path of a file with all links resolved; a relative name starts at the first root.

        Raises:
            UsageError: It lies outside the roots.
        """
        try:
            path = (self._start / name).resolve() if is_text(name) else None
        except (OSError, RuntimeError):  # a name that is too long, or a loop of links
            path = None
        if path is None or not any(path.is_relative_to(root) for root in self.roots):
            allowed = f"It may open files in {listed(self.roots, _MOST_NAMED)}." if self.roots else "It opens no files."
            raise UsageError(f"{shortened(name)!r} is outside the folders of this server. {allowed}")
        return path

    def contains(self, name: str) -> bool:
        """Tell whether a file lies in one of the roots."""
        try:
            return bool(self.file(name))
        except UsageError:
            return False

    @property
    def _start(self) -> Path:
        return self.roots[0] if self.roots else Path("/")
