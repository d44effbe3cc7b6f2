"""Atomic writes: write a temporary sibling, then rename it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `file` when the block ends without an error.

    A link is followed, so that the file behind it is replaced. Devices and pipes are written to directly: a rename
    would put a file in their place.
    """
    if is_stream(file):
        yield file
        return
    target = Path(os.path.realpath(file))
    part = target.with_name(f".reelweave-{secrets.token_hex(6)}{target.suffix}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def is_stream(file: Path) -> bool:
    """Tell whether a path is a device or a pipe, or the standard output under a name."""
    if os.path.abspath(file).startswith(_STREAMS):
        return True
    return file.exists() and not file.is_file() and not file.is_dir()
