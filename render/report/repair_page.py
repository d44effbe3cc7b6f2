"""Write a folder that shows a repair: broken frames above their replacements, and how certain the detection was."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, contact_sheet, write_text
from .folder import write_folder
from .page import render_page

_CLEAN_COLOUR = (168, 150, 96)
_BROKEN_COLOUR = (66, 148, 244)
_LINE_COLOUR = (90, 85, 80)
_AXIS_WIDTH = 40
"""Pixels to the left of the timeline, for the labels of its scale."""
_WIDTH = 960
"""Columns of the timeline, which fits a page without scrolling on most screens."""
_HEIGHT = 120
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


def timeline(scores: Sequence[float], broken: Collection[int], title: str = "") -> Picture:
    """Draw the score of every frame along the film, broken frames in another colour.

    Where there are more frames than columns, a column shows the worst of its frames.
    """
    sheet = canvas(TITLE + _HEIGHT + 2 * CAPTION + GAP, _AXIS_WIDTH + _WIDTH + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, _WIDTH)
    bottom = TITLE + _HEIGHT
    for score in (0.0, 0.5, 1.0):
        row = bottom - round(score * (_HEIGHT - 1))
        sheet[row, _AXIS_WIDTH : _AXIS_WIDTH + _WIDTH] = _LINE_COLOUR
        write_text(sheet, f"{score:g}", GAP, row + 4, SMALL, _AXIS_WIDTH - GAP)
    edges = np.linspace(0, len(scores), _WIDTH + 1)
    for column, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        frames = range(int(low), max(int(low) + 1, int(np.ceil(high))))
        worst = max(scores[frame] for frame in frames)
        colour = _BROKEN_COLOUR if any(frame in broken for frame in frames) else _CLEAN_COLOUR
        sheet[bottom - round(worst * (_HEIGHT - 1)) : bottom + 1, _AXIS_WIDTH + column] = colour
    for share in (0.0, 0.25, 0.5, 0.75):
        frame = round(share * len(scores))
        write_text(sheet, str(frame), _AXIS_WIDTH + round(share * _WIDTH), bottom + CAPTION, SMALL, 80)
    last = str(len(scores) - 1)
    write_text(sheet, last, _AXIS_WIDTH + _WIDTH - 8 * len(last), bottom + CAPTION, SMALL, 80)
    return sheet


def _strip_picture(strip: GapStrip) -> Picture:
    captions = [str(frame) for frame in strip.frames]
    if strip.after:
        captions = [f"{frame} {when}" for when in ("before", "after") for frame in strip.frames]
    return contact_sheet([*strip.before, *strip.after], captions, columns=len(strip.frames), title=strip.title)
