"""Search results on the page: shown as pictures, played, and exported."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ...media.ranges import number_below
from ...media.timecode import clock
from ...media.types import Picture
from ...progress import Progress
from ...search.export import ExportOptions, export_found, pack_found, small_pictures, write_excerpt
from ...search.finder import Finder, SearchResult
from ...search.results import Hit, Moment
from .. import html
from ..context import PageContext
from ..previews import Preview
from ..strings import STRINGS
from .fields import SearchFields
from .previews import write_previews
from .worker import SearchWorker

_TEXT = STRINGS.search
Export = Literal["frames", "film", "sheet", "edits"]

EXPORTS: dict[Export, tuple[str, str]] = {
    "frames": (_TEXT.frames_export, "frames.zip"),
    "film": (_TEXT.film_export, "found.mp4"),
    "sheet": (_TEXT.sheet_export, "found.png"),
    "edits": (STRINGS.common.edit_lists, "found.zip"),
}
"""The text of each button, and the name of the file that it makes."""


@dataclass(frozen=True)
class ShownResult:
    """A search result with its pictures, what was asked, and the folder of the files made from it."""

    result: SearchResult
    fields: SearchFields
    picture: Path | None
    thumbnails: tuple[Picture, ...]
    previews: tuple[Preview | None, ...]
    folder: Path

    @property
    def items(self) -> Sequence[Hit | Moment]:
        return self.result.moments or self.result.hits

    def numbers(self, text: str) -> list[int]:
        """Read which results are selected; what the browser sent besides is ignored."""
        numbers = (number_below(part, len(self.items)) for part in text.split(",") if part)
        return sorted({number for number in numbers if number is not None})

    def near(self, number: int) -> str:
        """Return the frame of a result as VIDEO@TIME."""
        item = self.items[number]
        return f"{item.video}@{item.peak_time if isinstance(item, Moment) else item.time:.6f}"


def ask(
    context: PageContext, worker: SearchWorker, fields: SearchFields, picture: Path | None, progress: Progress
) -> ShownResult:
    """Search, and draw what the page shows of the result."""
    question = fields.question(picture)
    with context.new_folder("search") as folder:

        def search(finder: Finder) -> ShownResult:
            result = finder.ask(question)
            thumbnails = tuple(small_pictures(result, finder.library))
            previews = write_previews(result, finder.library, folder)
            return ShownResult(result, fields, picture, thumbnails, previews, folder)

        shown: ShownResult = worker.run(search, progress)
        return shown


def gallery(found: ShownResult) -> str:
    """Show all items as buttons that play them, best score first."""
    rows = zip(found.items, map(_time_range, found.items), found.thumbnails, found.previews, strict=True)
    return html.render("search.gallery", list(rows))


def play(context: PageContext, found: ShownResult, number: int, progress: Progress) -> str:
    """Show a short film around one result, made at the first click."""
    item, file = found.items[number], found.folder / f"{number}.mp4"
    if not file.exists():
        write_excerpt(found.result, item, file, context.settings, progress)
    return html.render("parts.captioned_video", file, _TEXT.item.format(name=item.name, time=_time_range(item)), True)


def export(context: PageContext, found: ShownResult, numbers: Sequence[int], kind: Export, progress: Progress) -> str:
    """Write a file made of the selected results, or of all of them, and link to it."""
    text, name = EXPORTS[kind]
    # A folder for each export, since another selection must not replace a file that the page links to.
    folder = Path(tempfile.mkdtemp(prefix="export-", dir=found.folder))
    file, result = folder / name, _only(found.result, numbers)
    if kind == "frames":
        folder /= "frames"
        export_found(result, ExportOptions(export=folder), context.settings, progress)
        shutil.make_archive(str(file.with_suffix("")), "zip", folder)
    elif kind == "edits":
        pack_found(result, file, context.settings, progress)
    else:
        options = ExportOptions(clip=file) if kind == "film" else ExportOptions(sheet=file)
        export_found(result, options, context.settings, progress)
    return html.render(
        "parts.download", file, name, _TEXT.export_selected.format(name=text, count=len(numbers)) if numbers else text
    )


def _only(result: SearchResult, numbers: Sequence[int]) -> SearchResult:
    if not numbers:
        return result
    if result.moments:
        return replace(result, moments=[result.moments[number] for number in numbers], top=[])
    hits = [result.hits[number] for number in numbers]
    return replace(result, hits=hits, top=hits)


def _time_range(item: Hit | Moment) -> str:
    if isinstance(item, Moment):
        return _TEXT.time_range.format(start=clock(item.start), end=clock(item.end))
    return clock(item.time)
