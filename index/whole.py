"""A file that is there whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A place to write to that becomes the file at the end; a reader meanwhile finds the old one, never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{secrets.token_hex(6)}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
