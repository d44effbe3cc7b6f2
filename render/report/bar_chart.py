"""Bars from 0 to 1, some for each of many things: a chart that is read row by row."""

from collections.abc import Mapping, Sequence

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, write_text

_COLOURS = ((168, 150, 96), (205, 196, 160), (66, 148, 244), (150, 196, 246), (120, 200, 120), (190, 220, 190))
_LINE = (90, 85, 80)
_LABEL, _WIDTH, _VALUE = 150, 640, 46
_BAR, _APART = 9, 12
_STEPS = 10


def bar_chart(labels: Sequence[str], series: Mapping[str, Sequence[float]], title: str = "") -> Picture:
    """A row for each label, with a bar for each of the series; what is under 0 has none, and its number tells."""
    group = len(series) * _BAR + _APART
    top, left = TITLE + CAPTION, GAP + _LABEL
    bottom = top + len(labels) * group
    sheet = canvas(bottom + 2 * CAPTION + GAP, left + _WIDTH + _VALUE + GAP)
    write_text(sheet, title, GAP, 23, LARGE, sheet.shape[1] - 2 * GAP)
    _grid(sheet, top, bottom, left)
    for row, label in enumerate(labels):
        upper = top + row * group + _APART // 2
        write_text(sheet, label, GAP, upper + (group - _APART) // 2 + 5, SMALL, _LABEL - GAP)
        for place, values in enumerate(series.values()):
            _bar(sheet, values[row], upper + place * _BAR, left, _COLOURS[place % len(_COLOURS)])
    _legend(sheet, list(series), bottom + CAPTION + GAP, left)
    return sheet


def _grid(sheet: Picture, top: int, bottom: int, left: int) -> None:
    for step in range(_STEPS + 1):
        at = left + step * _WIDTH // _STEPS
        sheet[top - 4 : bottom, at] = _LINE
        write_text(sheet, f"{step / _STEPS:g}", at - (4 if step in (0, _STEPS) else 8), top - 8, SMALL, 40)


def _bar(sheet: Picture, value: float, upper: int, left: int, colour: tuple[int, int, int]) -> None:
    long = round(min(1.0, max(0.0, value)) * _WIDTH)
    sheet[upper : upper + _BAR - 1, left : left + max(1, long)] = colour
    write_text(sheet, f"{value:.2f}", left + long + 5, upper + _BAR - 2, 0.32, _VALUE)


def _legend(sheet: Picture, names: Sequence[str], baseline: int, left: int) -> None:
    for name, colour in zip(names, _COLOURS * len(names), strict=False):
        sheet[baseline - 9 : baseline + 1, left : left + 10] = colour
        write_text(sheet, name, left + 16, baseline, SMALL, 300)
        left += 16 + 7 * len(name) + 24
