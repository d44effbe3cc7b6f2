"""Files that the page may touch: uploads of its users, and outputs of its own."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from ..errors import SourceError, SourceMissing, UsageError
from ..index import manage
from ..media.identity import content_hash
from .context import PageContext
from .strings import STRINGS

_ROUTE = "/gradio_api/file="


def url_of(file: Path) -> str:
    """Return the URL of an output; new content gets a new URL, so that no browser shows a stale copy."""
    status = stat_if_present(file)
    return f"{_ROUTE}{quote(str(file.resolve()))}?{status.st_mtime_ns if status else 0}"


def stat_if_present(file: Path) -> os.stat_result | None:
    """Return the file's status, or None if closing the window has just deleted it, which is no error."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def uploaded_file(context: PageContext, upload: str) -> Path:
    """Return the path of an upload; refuse any path outside the upload folder."""
    file = Path(upload).resolve()
    if not file.is_relative_to(context.uploads.resolve()) or not file.is_file():
        raise SourceError(*STRINGS.errors.not_uploaded)
    return file


@contextmanager
def kept_uploads(context: PageContext, uploads: Sequence[str]) -> Iterator[list[Path]]:
    """Move uploads to where they outlive the page, because a later render reads them.

    When the block ends, delete those that no video of the library refers to.
    """
    kept: list[Path] = []
    try:
        for upload in uploads:
            kept.append(_keep(context, uploaded_file(context, upload)))
        yield kept
    finally:
        with context.videos_lock:
            context.in_use.subtract(kept)
        delete_unused(context, kept)


def _keep(context: PageContext, file: Path) -> Path:
    """Link a file to a path made of its content hash and name; another session may be ingesting the same file."""
    target = context.videos / content_hash(file)[:16] / file.name
    with context.videos_lock:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(file, target)
        context.in_use[target] += 1
    return target


def chosen_source(context: PageContext, upload: str | None, video: str | None, path: str = "") -> Path:
    """Return the uploaded video, the file typed by a local user, or the source of a video in the library."""
    if upload:
        return uploaded_file(context, upload)
    if path.strip():
        return context.server_path(path.strip())
    if not video:
        raise UsageError(*STRINGS.errors.no_video)
    facts = manage.show_video(video, context.settings)
    if not facts["source_present"]:
        raise SourceMissing(*STRINGS.errors.source_missing.about(name=facts["name"]), facts["id"], facts["name"])
    return Path(facts["source"])


def delete_unused(context: PageContext, files: Sequence[Path]) -> None:
    """Delete kept uploads that no video of the library refers to and no session is ingesting."""
    with context.videos_lock:
        needed = {row["source"] for row in manage.list_videos(context.settings)} if files else set()
        for file in files:
            if context.in_use[file] <= 0 and str(file.resolve()) not in needed:
                file.unlink(missing_ok=True)
                with suppress(OSError):  # the folder holds other files
                    file.parent.rmdir()


def link_or_copy(file: Path, target: Path) -> Path:
    """Hard-link `file` to `target`, or copy it where the file system has no links; return `target`."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(file, part)
    except OSError:
        shutil.copyfile(file, part)
    part.replace(target)
    return target
