"""Write a folder that shows a repair: broken frames above their replacements, and how certain the detection was."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...media.types import Picture
from .charts import timeline
from .contact_sheet import contact_sheet
from .folder import write_folder
from .page import render_page

_GAP_FILES = "gap-*.png"
STRIP_FILES = ("timeline.png", _GAP_FILES, "index.html")
"""The files of a repair report, as patterns."""


@dataclass(frozen=True)
class GapStrip:
    """A gap with a clean frame on each side: its frames before and after, which are empty without a repair."""

    title: str
    caption: str
    """The caption."""
    first: int
    """The first broken frame, which names the picture."""
    frames: Sequence[int]
    before: Sequence[Picture]
    after: Sequence[Picture]


@dataclass(frozen=True)
class RepairReport:
    """The content of the page; `strips` may be fewer than the `gap_count` gaps."""

    video: str
    summary: Sequence[tuple[str, str]]
    scores: Sequence[float]
    broken: Collection[int]
    strips: Sequence[GapStrip]
    gap_count: int


def write_repair_page(folder: Path, shown: RepairReport) -> list[Path]:
    """Write timeline.png, a picture of each strip and index.html; older strips in the folder are deleted."""
    pictures = {"timeline.png": timeline(shown.scores, shown.broken, "How likely each frame is to be broken")}
    pictures |= {f"gap-{strip.first}.png": _strip_picture(strip) for strip in shown.strips}
    page = render_page("repair.html", title=shown.video, summary=shown.summary, report=shown, pictures=pictures)
    return write_folder(folder, pictures, {"index.html": page}, [_GAP_FILES])


def _strip_picture(strip: GapStrip) -> Picture:
    captions = [str(frame) for frame in strip.frames]
    if strip.after:
        captions = [f"{frame} {when}" for when in ("before", "after") for frame in strip.frames]
    return contact_sheet([*strip.before, *strip.after], captions, columns=len(strip.frames), title=strip.title)
