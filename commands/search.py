"""Define the commands `search` and `similar`."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ..errors import UsageError
from ..media.timecode import clock, read_clock, read_dates
from . import complete
from .options import (
    EditLists,
    Json,
    LibraryFolder,
    ModelName,
    Quiet,
    Replace,
    ViewName,
    clip_flags,
    overwriting,
    progress_for,
    settings_from,
)
from .output import print_answer, print_json_lines, print_table, single_line

if TYPE_CHECKING:
    from ..search.finder import SearchResult
    from ..search.results import Hit, Moment


_Value = TypeVar("_Value")

_Space = Annotated[
    str | None,
    typer.Option(
        "--space", help="Space to compare in: appearance, clip or timm:MODEL.", autocompletion=complete.spaces
    ),
]


def search(
    text: Annotated[
        str,
        typer.Argument(
            help="Query: beach, or 'beach - people + 0.5*@sea.jpg'; put it after -- if it begins with a dash."
        ),
    ] = "",
    image: Annotated[Path | None, typer.Option(help="Image to search for.")] = None,
    vector: Annotated[Path | None, typer.Option(help="Vector to search for, a file from numpy.save.")] = None,
    near: Annotated[
        str | None, typer.Option(metavar="VIDEO@TIME", help="Frame of the library to search for: holiday.mp4@1:05.")
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Search only this video, those that a pattern such as 'cam*.mp4' fits, or those with this in their "
            "name; repeatable.",
            autocompletion=complete.videos,
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only videos made since 2026-05-17, 2026-05 or 2026.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Only videos made until that date.")] = None,
    min_length: Annotated[str | None, typer.Option(help="Only videos that last so long or longer.")] = None,
    max_length: Annotated[str | None, typer.Option(help="Only videos that last so long or less.")] = None,
    after: Annotated[str | None, typer.Option(help="Only frames from this time on: 75, 1:15 or 1:02:03.")] = None,
    before: Annotated[str | None, typer.Option(help="Only frames up to this time.")] = None,
    count: Annotated[int | None, typer.Option("-k", min=1, max=1_000_000, help="Number of results.")] = None,
    threshold: Annotated[str | None, typer.Option(help="Minimum score: a number, auto or calibrated.")] = None,
    moments: Annotated[bool, typer.Option("--moments", help="Find moments instead of frames.")] = False,
    repeats: Annotated[bool, typer.Option("--all", help="Also show frames that look the same as another.")] = False,
    export: Annotated[Path | None, typer.Option(help="Folder for the frames at full size.")] = None,
    clip: Annotated[Path | None, typer.Option(help="Film of the hits or moments.")] = None,
    by: Annotated[
        str,
        typer.Option(help="Order of the film: time or score.", autocompletion=complete.one_of(complete.ORDERS)),
    ] = "time",
    sheet: Annotated[Path | None, typer.Option(help="Contact sheet of the hits or moments.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Table of the hits or moments, as CSV.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page of the hits or moments with thumbnails, in one file.")] = None,
    edit_list: EditLists = None,
    space: _Space = None,
    model: ModelName = None,
    view: ViewName = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find frames by text, by image or by a vector."""
    from ..search.export import ExportOptions
    from ..search.listing import result_rows
    from ..search.question import Question, read_near, read_threshold
    from ..search.search import search_library

    if by not in ("time", "score"):
        raise UsageError(f"{by!r} is not an order of a film.", "Give --by time or --by score.")
    question = Question(
        text=text,
        image=image,
        vector=vector,
        space=space,
        videos=tuple(video or ()),
        after=_parsed(read_clock, after),
        before=_parsed(read_clock, before),
        count=count,
        threshold=read_threshold(threshold),
        moments=moments,
        repeats=repeats,
        near=_parsed(read_near, near),
        since=_parsed(lambda text: read_dates(text)[0], since),
        until=_parsed(lambda text: read_dates(text)[1], until),
        min_length=_parsed(read_clock, min_length),
        max_length=_parsed(read_clock, max_length),
    )
    order: Literal["time", "score"] = "score" if by == "score" else "time"
    options = ExportOptions(export, clip, sheet, order, tuple(edit_list or ()), csv, html)
    progress = progress_for(quiet)

    def print_result(found: "SearchResult") -> None:
        if not (found.moments or found.hits):
            progress.note(found.why_nothing)
        if as_json:
            print_json_lines(result_rows(found))
        else:
            print_table(_table(found, result_rows(found)))
        # Writing the exports may take long.
        sys.stdout.flush()

    settings = settings_from(library, clip_flags(model, view))
    search_library(question, settings, progress, wanted=options, tell=print_result, overwrite=overwriting(overwrite))


def similar(
    a: Annotated[Path, typer.Argument(help="First image.")],
    b: Annotated[Path, typer.Argument(help="Second image.")],
    space: _Space = None,
    model: ModelName = None,
    view: ViewName = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Print the cosine of two images; 1 means the same."""
    from ..search.question import compare_images

    settings = settings_from(None, clip_flags(model, view))
    found = compare_images(a, b, settings, progress_for(quiet), space=space)
    print_answer(asdict(found), as_json, f"{found.score:.4f}  {found.space}")


def _parsed(parse: Callable[[str], _Value], text: str | None) -> _Value | None:
    return None if text is None else parse(text)


def _table(found: "SearchResult", rows: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    names = _names(found.moments or found.hits)
    head = ("video", "from", "to", "peak", "score") if found.moments else ("video", "time", "frame", "score")
    table = []
    for row in rows:
        times = (row["start"], row["end"]) if found.moments else (row["time"],)
        frame = row["peak_frame"] if found.moments else row["frame"]
        source = ((row["date"] or "-")[:10], single_line(row["path"]) or "-")
        table.append((names[row["video"]], *map(clock, times), str(frame), f"{row['score']:.3f}", *source))
    return [(*head, "date", "path"), *table] if table else []


def _names(rows: "Sequence[Hit | Moment]") -> dict[str, str]:
    """Map each video to its file name or, if two share that, to its id."""
    found = {row.video: row.name for row in rows}
    shared = {name for name, times in Counter(found.values()).items() if times > 1}
    return {video: video if name in shared else single_line(name) for video, name in found.items()}
