"""Draw contact sheets and distance maps with OpenCV alone."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import RenderError, UsageError
from ...media.files import atomic, check_writable
from ...media.source import letterboxed
from ...media.types import Floats, Picture

_BACKGROUND = (28, 26, 24)
_CELL_COLOUR = (44, 41, 38)
TEXT = (226, 224, 220)
GAP = 8
"""Pixels between cells and around the sheet."""
CAPTION = 18
"""Height of a line of caption in pixels."""
TITLE = 34
"""Height of the title in pixels."""
SMALL = 0.4
"""Font scale of captions."""
LARGE = 0.55
"""Font scale of titles."""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_CLIP_PERCENTILES = (1.0, 99.0)
"""The ends of the colour scale of a distance map, so that one outlier does not darken all other frames."""


def contact_sheet(
    pictures: Sequence[Picture], captions: Sequence[str] = (), columns: int = 0, cell_width: int = 160, title: str = ""
) -> Picture:
    """Draw pictures in reading order, each scaled to fit its cell.

    With `columns` 0 the sheet becomes slightly wider than high.
    """
    cell_height = _cell_height(pictures, cell_width)
    wide = math.ceil(math.sqrt(len(pictures) * 1.4 * cell_height / cell_width))
    columns = columns or max(1, min(len(pictures), wide))
    rows = max(1, -(-len(pictures) // columns))
    below = CAPTION * max((len(_lines(c)) for c in captions), default=0)
    top = TITLE if title else 0
    across, down = cell_width + GAP, cell_height + below + GAP
    sheet = canvas(top + rows * down + GAP, columns * across + GAP)
    write_text(sheet, title, GAP, 23, LARGE, sheet.shape[1] - 2 * GAP)
    for index, picture in enumerate(pictures):
        left, upper = GAP + index % columns * across, top + GAP + index // columns * down
        cell = letterboxed(picture, cell_width, cell_height, _CELL_COLOUR)
        sheet[upper : upper + cell_height, left : left + cell_width] = cell
        for line, text in enumerate(_lines(captions[index]) if index < len(captions) else ()):
            write_text(sheet, text, left + 1, upper + cell_height + 13 + line * CAPTION, SMALL, cell_width)
    return sheet


def heat_map(distances: Floats, size: int = 720, title: str = "") -> Picture:
    """Draw a square of distances, dark where frames are alike, with a labelled colour scale."""
    low, high = _scale_ends(distances)
    square = _square(_grey(distances, low, high), size)
    top = TITLE if title else GAP
    sheet = canvas(top + size + 3 * GAP + CAPTION, size + 2 * GAP)
    sheet[top : top + size, GAP : GAP + size] = _coloured(square)
    write_text(sheet, title, GAP, 23, LARGE, size)
    _legend(sheet, top + size + GAP, size, low, high)
    return sheet


def check_picture(path: Path, what: str) -> None:
    """Raise `UsageError` before any work is done if no picture can be written to `path`; `what` names its purpose."""
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{path} cannot be {what}.", f"Name a file ending in {', '.join(_SUFFIXES)}.")
    check_writable(path)


def save_picture(picture: Picture, path: Path) -> Path:
    """Write a picture atomically in the format of its suffix; any file name will do.

    Raises:
        RenderError: The suffix is not that of a picture, or the file cannot be written.
    """
    import cv2

    try:
        done, data = cv2.imencode(path.suffix, picture)
        if not done:
            raise RenderError(
                f"{path} cannot be written: its format has no {picture.shape[1]}x{picture.shape[0]} pictures."
            )
        with atomic(path) as part:
            part.write_bytes(data.tobytes())
    except cv2.error as refused:
        raise RenderError(f"{path.name} has no suffix of a picture format.", "Use .png or .jpg.") from refused
    except OSError as failed:
        raise RenderError(f"{path} cannot be written: {failed.strerror}.") from failed
    return path


def canvas(height: int, width: int) -> Picture:
    """Return an empty dark picture, which stands out from light and dark pages."""
    return np.full((height, width, 3), _BACKGROUND, np.uint8)


def _cell_height(pictures: Sequence[Picture], cell_width: int) -> int:
    """Fit the median aspect ratio; a rare tall picture is shrunk instead of stretching every row."""
    shapes = sorted(picture.shape[0] / picture.shape[1] for picture in pictures)
    return max(24, round(cell_width * min(2.0, shapes[len(shapes) // 2]))) if shapes else 24


def _lines(caption: str) -> list[str]:
    return caption.split("\n") if caption else []


def write_text(sheet: Picture, text: str, left: int, baseline: int, scale: float, room: int) -> None:
    """Draw one line of text, truncated with dots where it is wider than `room` pixels."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    shown = text
    while shown and cv2.getTextSize(shown, font, scale, 1)[0][0] > room:
        shown = shown.removesuffix("...")[:-1] + "..." if len(shown) > 4 else ""
    if shown:
        cv2.putText(sheet, shown, (left, baseline), font, scale, TEXT, 1, cv2.LINE_AA)


def write_legend(
    sheet: Picture, entries: Sequence[tuple[tuple[int, int, int], str]], left: int, baseline: int, character: int = 8
) -> None:
    """Draw a row of coloured squares, each with its text of so many pixels a character."""
    for colour, text in entries:
        sheet[baseline - 9 : baseline + 1, left : left + 10] = colour
        write_text(sheet, text, left + 16, baseline, SMALL, 300)
        left += 16 + character * len(text) + 24


def _scale_ends(distances: Floats) -> tuple[float, float]:
    """Take the percentiles of distances between different frames, where there are any."""
    apart = distances[~np.eye(len(distances), dtype=bool)] if len(distances) > 1 else distances.ravel()
    finite = apart[np.isfinite(apart)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(finite, _CLIP_PERCENTILES))
    return low, high if high > low else low + 1.0


def _grey(distances: Floats, low: float, high: float) -> Floats:
    if not len(distances):
        return np.zeros((1, 1), np.float32)
    known = np.nan_to_num(distances.astype(np.float32), nan=high, posinf=high, neginf=low)
    return np.asarray(np.clip((known - low) * (255.0 / (high - low)), 0, 255), np.float32)


def _square(grey: Floats, size: int) -> Picture:
    """Enlarge few frames to sharp squares; average many, so that no thin line is lost."""
    import cv2

    method = cv2.INTER_AREA if len(grey) > size else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(grey, (size, size), interpolation=method).round(), np.uint8)


def _coloured(grey: Picture) -> Picture:
    import cv2

    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS), np.uint8)


def _legend(sheet: Picture, top: int, size: int, low: float, high: float) -> None:
    import cv2

    bar = np.tile(np.linspace(0, 255, size).astype(np.uint8), (GAP, 1))
    sheet[top : top + GAP, GAP : GAP + size] = _coloured(bar)
    left, right = f"alike {low:.3g}", f"{high:.3g} unlike"
    wide = cv2.getTextSize(right, cv2.FONT_HERSHEY_SIMPLEX, SMALL, 1)[0][0]
    write_text(sheet, left, GAP, top + GAP + CAPTION, SMALL, size // 2)
    write_text(sheet, right, GAP + size - wide, top + GAP + CAPTION, SMALL, size // 2)
