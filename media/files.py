"""Atomic writes: write a temporary sibling, then rename it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RenderError, UsageError

PARTIAL = ".*.part*"
"""Glob pattern of the temporary files that a killed process leaves."""

_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")


@contextmanager
def atomic(file: Path, *, parents: bool = False) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `file` when the block ends without an error.

    The path keeps the suffix of `file`, since ffmpeg and OpenCV choose a format by it. A link is followed, so that the
    file behind it is replaced. Devices and pipes are written to directly: a rename would put a file in their place.

    Args:
        file: The file to write.
        parents: Create its folder, which must exist otherwise.
    """
    if parents:
        file.parent.mkdir(parents=True, exist_ok=True)
    if is_stream(file):
        yield file
        return
    target = Path(os.path.realpath(file))
    partial = target.with_name(f".{secrets.token_hex(6)}.part{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(file: Path) -> None:
    """Check before any work that a file can be written.

    Raises:
        UsageError: It is a folder, or its folder does not exist.
        RenderError: Its folder is read-only.
    """
    # A link is replaced where it leads to.
    check_folder(Path(os.path.realpath(file)).parent if file.is_symlink() else file.parent)
    if file.is_dir():
        raise UsageError(f"{file} is a folder.", "Give the name of a file.")


def check_folder(folder: Path) -> None:
    """Check that files can be written to an existing folder, with the errors of `check_writable`."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Create it first, or choose another.")
    if not os.access(folder, os.W_OK):
        raise RenderError(f"Nothing can be written to {folder}: the folder is read-only.", "Choose another folder.")


def is_stream(file: Path) -> bool:
    """Tell whether a path is a device, a pipe or a name of the standard output."""
    if os.path.abspath(file).startswith(_STREAMS):
        return True
    return file.exists() and not file.is_file() and not file.is_dir()
