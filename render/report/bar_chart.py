"""Draw a horizontal bar chart of values from 0 to 1, several bars for each label."""

from collections.abc import Mapping, Sequence

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, write_legend, write_text

_COLOURS = ((168, 150, 96), (205, 196, 160), (66, 148, 244), (150, 196, 246), (120, 200, 120), (190, 220, 190))
_LINE_COLOUR = (90, 85, 80)
# All sizes are pixels.
_LABEL_WIDTH = 150
_WIDTH = 640
_VALUE_WIDTH = 46
_BAR_HEIGHT = 9
_ROW_GAP = 12
_GRID_STEPS = 10


def bar_chart(labels: Sequence[str], series: Mapping[str, Sequence[float]], title: str = "") -> Picture:
    """Draw a row for each label with a bar for each series; a value below 0 is shown as a number only."""
    group = len(series) * _BAR_HEIGHT + _ROW_GAP
    top, left = TITLE + CAPTION, GAP + _LABEL_WIDTH
    bottom = top + len(labels) * group
    sheet = canvas(bottom + 2 * CAPTION + GAP, left + _WIDTH + _VALUE_WIDTH + GAP)
    write_text(sheet, title, GAP, 23, LARGE, sheet.shape[1] - 2 * GAP)
    _grid(sheet, top, bottom, left)
    for row, label in enumerate(labels):
        upper = top + row * group + _ROW_GAP // 2
        write_text(sheet, label, GAP, upper + (group - _ROW_GAP) // 2 + 5, SMALL, _LABEL_WIDTH - GAP)
        for index, values in enumerate(series.values()):
            _bar(sheet, values[row], upper + index * _BAR_HEIGHT, left, _COLOURS[index % len(_COLOURS)])
    write_legend(sheet, list(zip(_COLOURS * len(series), series, strict=False)), left, bottom + CAPTION + GAP, 7)
    return sheet


def _grid(sheet: Picture, top: int, bottom: int, left: int) -> None:
    for step in range(_GRID_STEPS + 1):
        at = left + step * _WIDTH // _GRID_STEPS
        sheet[top - 4 : bottom, at] = _LINE_COLOUR
        write_text(sheet, f"{step / _GRID_STEPS:g}", at - (4 if step in (0, _GRID_STEPS) else 8), top - 8, SMALL, 40)


def _bar(sheet: Picture, value: float, upper: int, left: int, colour: tuple[int, int, int]) -> None:
    long = round(min(1.0, max(0.0, value)) * _WIDTH)
    sheet[upper : upper + _BAR_HEIGHT - 1, left : left + max(1, long)] = colour
    write_text(sheet, f"{value:.2f}", left + long + 5, upper + _BAR_HEIGHT - 2, 0.32, _VALUE_WIDTH)
