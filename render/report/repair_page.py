"""Write a folder that shows a repair: broken frames above their replacements, and how certain the detection was."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media.types import Mask, Picture
from .charts import timeline
from .contact_sheet import contact_sheet
from .folder import write_folder
from .page import render_page

_GAP_FILES = "gap-*.png"
_COLOUR = (66, 148, 244)
"""Blue, green and red of the mark."""
_TINT = 0.55
"""The share of that colour: the picture below can still be seen."""
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
    replaced: Sequence[Picture] = ()
    """The frames before, with the part that was replaced marked."""


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
        rows = ("before", "after", *["replaced"] * bool(strip.replaced))
        captions = [f"{frame} {row}" for row in rows for frame in strip.frames]
    shown = [*strip.before, *strip.after, *strip.replaced]
    return contact_sheet(shown, captions, columns=len(strip.frames), title=strip.title)


def marked(picture: Picture, mask: Mask) -> Picture:
    """Tint the masked part of a picture; the mask may be of another size."""
    import cv2

    size = picture.shape[1], picture.shape[0]
    weights = _TINT * cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)[..., None]
    return np.asarray(np.rint(picture + weights * (np.array(_COLOUR) - picture)), np.uint8)
