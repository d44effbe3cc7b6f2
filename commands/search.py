"""Define the commands `search` and `similar`."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..media.ranges import shortened
from ..media.timecode import clock
from . import complete
from .options import EditLists, Json, LibraryFolder, Quiet, Replace, overwriting, progress_for, settings_from
from .output import print_answer, print_json_lines, print_table, single_line

if TYPE_CHECKING:
    from ..search.finder import SearchResult
    from ..search.results import Hit, Moment


# Nine digits are thirty years of seconds. More are refused because int() fails beyond 4,300 digits.
_TIME = re.compile(
    r"(?:(?:(\d{1,9}):(?=[0-5]?\d:))?(\d{1,9}):(?=[0-5]?\d(?:\.|$)))?(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII
)

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
    video: Annotated[
        list[str] | None,
        typer.Option(help="Search only this video; repeatable.", autocompletion=complete.videos),
    ] = None,
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
    edit_list: EditLists = None,
    space: _Space = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find frames by text, by image or by a vector."""
    from ..search.export import ExportOptions
    from ..search.question import Question, read_threshold
    from ..search.search import search_library

    if by not in ("time", "score"):
        raise UsageError(f"{by!r} is not an order of a film.", "Give --by time or --by score.")
    question = Question(
        text=text,
        image=image,
        vector=vector,
        space=space,
        videos=tuple(video or ()),
        after=_seconds(after),
        before=_seconds(before),
        count=count,
        threshold=read_threshold(threshold),
        moments=moments,
        repeats=repeats,
    )
    options = ExportOptions(export, clip, sheet, "score" if by == "score" else "time", tuple(edit_list or ()))
    progress = progress_for(quiet)

    def print_result(found: "SearchResult") -> None:
        if not (found.moments or found.hits):
            progress.note(found.why_nothing)
        if as_json:
            print_json_lines(asdict(row) for row in found.moments or found.hits)
        else:
            print_table(_table(found))
        # Writing the exports may take long.
        sys.stdout.flush()

    search_library(
        question, settings_from(library), progress, wanted=options, tell=print_result, overwrite=overwriting(overwrite)
    )


def similar(
    a: Annotated[Path, typer.Argument(help="First image.")],
    b: Annotated[Path, typer.Argument(help="Second image.")],
    space: _Space = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Print the cosine of two images; 1 means the same."""
    from ..search.question import compare_images

    found = compare_images(a, b, settings_from(None), progress_for(quiet), space=space)
    print_answer(asdict(found), as_json, f"{found.score:.4f}  {found.space}")


def _seconds(time: str | None) -> float | None:
    """Parse 75, 1:15, 1:15.5, 90:00 or 1:02:03."""
    if time is None:
        return None
    if not (found := _TIME.fullmatch(time.strip())):
        raise UsageError(
            f"{shortened(time)!r} is not a time.", "Give seconds or minutes: 75, 75.5, 1:15, 90:00, 1:02:03."
        )
    return 3600 * int(found[1] or 0) + 60 * int(found[2] or 0) + float(found[3])


def _table(found: "SearchResult") -> list[tuple[str, ...]]:
    names = _names(found.moments or found.hits)
    if found.moments:
        moments = [
            (names[m.video], clock(m.start), clock(m.end), str(m.peak_frame), f"{m.score:.3f}") for m in found.moments
        ]
        return [("video", "from", "to", "peak", "score"), *moments]
    hits = [(names[h.video], clock(h.time), str(h.frame), f"{h.score:.3f}") for h in found.hits]
    return [("video", "time", "frame", "score"), *hits] if hits else []


def _names(rows: "Sequence[Hit | Moment]") -> dict[str, str]:
    """Map each video to its file name or, if two share that, to its id."""
    found = {row.video: row.name for row in rows}
    shared = {name for name, times in Counter(found.values()).items() if times > 1}
    return {video: video if name in shared else single_line(name) for video, name in found.items()}
