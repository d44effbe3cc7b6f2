"""Which files the page touches: those that its user gave, and those that it made."""

import os
import shutil
from pathlib import Path
from urllib.parse import quote

from .. import upkeep
from ..errors import SourceError
from ..ingest.identity import content_hash
from .house import House

_ROUTE = "/gradio_api/file="


def address(file: Path) -> str:
    """Where a browser finds a file that the page made; a new content is a new address."""
    return f"{_ROUTE}{quote(str(file.resolve()))}?{file.stat().st_mtime_ns}"


def uploaded(house: House, upload: str) -> Path:
    """A file that was dropped on the page, where it lies while the page runs."""
    given = Path(upload).resolve()
    if not given.is_relative_to(house.uploads.resolve()) or not given.is_file():
        raise SourceError("That file was not given to this page, or is gone.", "Drop it again.")
    return given


def keep(house: House, upload: str) -> Path:
    """A place of its own for an uploaded file, by its content, that outlives the page: rendering needs it later."""
    given = uploaded(house, upload)
    target = house.given / content_hash(given)[:16] / given.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _linked(given, target)
    return target


def source_of_kept(house: House, video: str) -> Path:
    """The file that a video of the library was read from."""
    facts = upkeep.show_video(video, house.settings)
    if not facts["source_present"]:
        raise SourceError(f"The source of {facts['name']} is not there.", "Put it back, or take another.")
    return Path(facts["source"])


def forget(house: House, kept: Path) -> None:
    """Remove a kept upload that nothing needs, such as one that is no video."""
    if kept.resolve().is_relative_to(house.given.resolve()):
        shutil.rmtree(kept.parent, ignore_errors=True)


def shown(file: Path, target: Path) -> Path:
    """A file under a name that the page may show, without a second copy where the disk can do so."""
    _linked(file, target)
    return target


def _linked(file: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(file, part)
    except OSError:
        shutil.copyfile(file, part)
    part.replace(target)
