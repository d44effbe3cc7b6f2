"""Which files the page touches: those that its user gave, and those that it made."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from ..errors import SourceError
from ..index import manage
from ..media.identity import content_hash
from .context import PageContext

_ROUTE = "/gradio_api/file="


def address(file: Path) -> str:
    """Where a browser finds a file that the page made; a new content is a new address."""
    state = looked_at(file)
    return f"{_ROUTE}{quote(str(file.resolve()))}?{state.st_mtime_ns if state else 0}"


def looked_at(file: Path) -> os.stat_result | None:
    """The state of a file; None where it went with its window while it was about to be shown, which is no fault."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def uploaded(context: PageContext, upload: str) -> Path:
    """A file that was dropped on the page, where it lies while the page runs."""
    given = Path(upload).resolve()
    if not given.is_relative_to(context.uploads.resolve()) or not given.is_file():
        raise SourceError("That file was not given to this page, or is gone.", "Drop it again.")
    return given


@contextmanager
def kept(context: PageContext, uploads: Sequence[str]) -> Iterator[list[Path]]:
    """Uploaded files where they outlive the page, since rendering needs them later.

    Those that no video of the library is read from in the end are forgotten.
    """
    places: list[Path] = []
    try:
        for upload in uploads:
            places.append(_taken_up(context, uploaded(context, upload)))
        yield places
    finally:
        with context.keeping:
            context.in_hand.subtract(places)
        forget(context, places)


def _taken_up(context: PageContext, given: Path) -> Path:
    """A place of its own, by content and name, for a file that another window may be taking in as well."""
    target = context.given / content_hash(given)[:16] / given.name
    with context.keeping:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _linked(given, target)
        context.in_hand[target] += 1
    return target


def source_of_kept(context: PageContext, video: str) -> Path:
    """The file that a video of the library was read from."""
    facts = manage.show_video(video, context.settings)
    if not facts["source_present"]:
        raise SourceError(f"The source of {facts['name']} is not there.", "Put it back, or take another.")
    return Path(facts["source"])


def forget(context: PageContext, places: Sequence[Path]) -> None:
    """Remove kept uploads, and nothing beside them, unless a video is read from them or a window takes them in."""
    with context.keeping:
        needed = {row["source"] for row in manage.list_videos(context.settings)} if places else set()
        for place in places:
            if context.in_hand[place] <= 0 and str(place.resolve()) not in needed:
                place.unlink(missing_ok=True)
                with suppress(OSError):  # other files lie beside it
                    place.parent.rmdir()


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
