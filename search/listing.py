"""Lists of results for other programs and for people: rows, a CSV file, and a self-contained page with thumbnails."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment

from ..errors import RenderError, UsageError
from ..media.files import atomic, check_writable
from ..media.types import Picture
from ..render.html import html_environment, picture_url
from .filters import date_of
from .finder import SearchResult
from .results import Hit, Moment

_JPEG_QUALITY = 80
"""Of thumbnails: the proxies are small already."""


def check_list(file: Path | None, suffix: str, what: str) -> None:
    """Raise `UsageError` before any work is done if no list of this kind can be written to a file."""
    if file is None:
        return
    if file.suffix.lower() != suffix:
        raise UsageError(f"{file} cannot be {what}.", f"Name a file ending in {suffix}.")
    check_writable(file)


def result_rows(found: SearchResult) -> list[dict[str, Any]]:
    """Return the hits or moments with the path of their source and the date on which it was made."""
    shown = found.moments or found.hits
    wanted = {one.video for one in shown}
    videos = {segment.video.id: segment.video for segment in found.matrix.segments if segment.video.id in wanted}
    dates = {video.id: date_of(video) for video in videos.values()}
    return [
        asdict(one)
        | {"path": videos[one.video].source, "date": made.isoformat() if (made := dates[one.video]) else None}
        for one in shown
    ]


def write_csv(found: SearchResult, file: Path) -> Path:
    """Write the rows as CSV; a result without hits has only the head.

    Raises:
        RenderError: The file cannot be written.
    """
    kind = Moment if found.moments else Hit
    names = [*(field.name for field in fields(kind)), "path", "date"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(result_rows(found))
    return _write(text.getvalue(), file)


def write_page(found: SearchResult, pictures: Sequence[Picture], file: Path) -> Path:
    """Write the results as a page that holds its thumbnails and loads nothing.

    Raises:
        RenderError: The file cannot be written.
    """
    rows = list(zip(result_rows(found), pictures, strict=True))
    page = _environment().get_template("results.html").render(found=found, rows=rows)
    return _write(page, file)


def _write(text: str, file: Path) -> Path:
    try:
        with atomic(file) as part:
            part.write_text(text, encoding="utf-8", newline="")
    except OSError as failed:
        raise RenderError(f"{file} cannot be written: {failed.strerror}.") from failed
    return file


@cache
def _environment() -> Environment:
    return html_environment(
        "reelweave.search", data_url=partial(picture_url, quality=_JPEG_QUALITY), file_url=_file_url
    )


def _file_url(path: str) -> str:
    return Path(path).absolute().as_uri()
