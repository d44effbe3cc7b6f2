"""Commands that look for frames: `search` over the library, `similar` for two pictures."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .answers import answer, in_a_line, lines, table
from .clock import clock
from .errors import UsageError
from .options import (
    Json,
    LibraryFolder,
    Quiet,
    Replace,
    overwriting,
    progress_for,
    settings_of,
)
from .ranges import shortened

if TYPE_CHECKING:
    from .index.search import Hit, Moment
    from .searching import Found

# Nine digits are thirty years of seconds; Python turns no more than 4,300 into a number.
_TIME = re.compile(
    r"(?:(?:(\d{1,9}):(?=[0-5]?\d:))?(\d{1,9}):(?=[0-5]?\d(?:\.|$)))?(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII
)

_Space = Annotated[str | None, typer.Option("--space", help="The space to compare in: appearance, clip or timm:MODEL.")]


def search(
    text: Annotated[
        str,
        typer.Argument(
            help="What to look for: beach, or 'beach - people + 0.5*@sea.jpg'; after -- when it begins with a dash."
        ),
    ] = "",
    image: Annotated[Path | None, typer.Option(help="A picture to look for.")] = None,
    vector: Annotated[Path | None, typer.Option(help="A vector to look for, as numpy saves one.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="Search this video only; repeatable.")] = None,
    after: Annotated[str | None, typer.Option(help="Frames from this time on: seconds or mm:ss.")] = None,
    before: Annotated[str | None, typer.Option(help="Frames up to this time.")] = None,
    count: Annotated[int | None, typer.Option("-k", min=1, max=1_000_000, help="How many answers.")] = None,
    threshold: Annotated[str | None, typer.Option(help="Least score of a hit: a number, auto or calibrated.")] = None,
    moments: Annotated[bool, typer.Option("--moments", help="Hits side by side become moments.")] = False,
    repeats: Annotated[bool, typer.Option("--all", help="Show frames that look the same each for itself.")] = False,
    export: Annotated[Path | None, typer.Option(help="A folder for the frames at full size.")] = None,
    clip: Annotated[Path | None, typer.Option(help="A film of the hits or moments.")] = None,
    by: Annotated[str, typer.Option(help="The order in the film: time or score.")] = "time",
    sheet: Annotated[Path | None, typer.Option(help="A contact sheet of the hits or moments.")] = None,
    space: _Space = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find frames by what they show or by how they look."""
    from . import pipeline
    from .asking import Question, read_threshold
    from .showing import Wanted

    if by not in ("time", "score"):
        raise UsageError(f"{by!r} is no order for a film.", "Give --by time or --by score.")
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
    wanted = Wanted(export, clip, sheet, "score" if by == "score" else "time")
    progress = progress_for(quiet)

    def tell(found: "Found") -> None:
        if not (found.moments or found.hits):
            progress.note(found.why_nothing)
        if as_json:
            lines(asdict(row) for row in found.moments or found.hits)
        else:
            table(_told(found))
        # What is made of the answer may take long.
        sys.stdout.flush()

    pipeline.search(
        question, settings_of(library), progress, wanted=wanted, tell=tell, overwrite=overwriting(overwrite)
    )


def similar(
    a: Annotated[Path, typer.Argument(help="A picture.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    space: _Space = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """How alike two pictures are: the cosine of their vectors, 1 for the same."""
    from . import pipeline

    found = pipeline.similar(a, b, settings_of(None), progress_for(quiet), space=space)
    answer(asdict(found), as_json, f"{found.score:.4f}  {found.space}")


def _seconds(time: str | None) -> float | None:
    """Seconds out of 75, 1:15, 1:15.5, 90:00 or 1:02:03."""
    if time is None:
        return None
    if not (found := _TIME.fullmatch(time.strip())):
        raise UsageError(
            f"{shortened(time)!r} is not a time.", "Give seconds or minutes: 75, 75.5, 1:15, 90:00, 1:02:03."
        )
    return 3600 * int(found[1] or 0) + 60 * int(found[2] or 0) + float(found[3])


def _told(found: "Found") -> list[tuple[str, ...]]:
    names = _names(found.moments or found.hits)
    if found.moments:
        moments = [(names[m.video], *_span(m), str(m.peak_frame), f"{m.score:.3f}") for m in found.moments]
        return [("video", "from", "to", "peak", "score"), *moments]
    hits = [(names[h.video], clock(h.time), str(h.frame), f"{h.score:.3f}") for h in found.hits]
    return [("video", "time", "frame", "score"), *hits] if hits else []


def _span(moment: "Moment") -> tuple[str, str]:
    return clock(moment.start), clock(moment.end)


def _names(answers: "Sequence[Hit | Moment]") -> dict[str, str]:
    """What each video is called in a table: its file's name, or where two have the same its id."""
    found = {answer.video: answer.name for answer in answers}
    shared = {name for name, times in Counter(found.values()).items() if times > 1}
    return {video: video if name in shared else in_a_line(name) for video, name in found.items()}
