"""Draw charts: the price of every join, the score of every frame, and bars of scores from 0 to 1."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, write_legend, write_text

_PLAIN_COLOUR = (168, 150, 96)
_MARKED_COLOUR = (66, 148, 244)
_CUT_COLOUR = (236, 206, 150)
_LINE_COLOUR = (90, 85, 80)
_WIDTH = 960
"""Columns of a chart along the film, which fits a page without scrolling on most screens."""
_CURVE_AXIS = 52
"""Pixels to the left of the curve, for the labels of its scale."""
CURVE_SPAN = (_CURVE_AXIS / (_CURVE_AXIS + _WIDTH + 2 * GAP), (_CURVE_AXIS + _WIDTH) / (_CURVE_AXIS + _WIDTH + 2 * GAP))
"""The shares of the curve's width between which the film runs."""
_CURVE_HEIGHT = 220
_DASH = 6
"""Pixels of a dash of the line that marks a cut."""
_WEAK_WIDTH = 3
"""Least columns of a weak join: a single one is hard to see."""
_GRID_PRICES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_TICKS = 5
"""Labels below the curve."""
_TIMELINE_AXIS = 40
"""Pixels to the left of the timeline, for the labels of its scale."""
_TIMELINE_HEIGHT = 120
_BAR_COLOURS = ((168, 150, 96), (205, 196, 160), (66, 148, 244), (150, 196, 246), (120, 200, 120), (190, 220, 190))
_LABEL_WIDTH = 150
_BARS_WIDTH = 640
"""Pixels of a bar of 1."""
_VALUE_WIDTH = 46
_BAR_HEIGHT = 9
_ROW_GAP = 12
_BAR_STEPS = 10


def price_curve(
    prices: Sequence[float],
    weak: Collection[int] = (),
    cuts: Sequence[int] = (),
    title: str = "",
    shots: Sequence[int] = (),
) -> Picture:
    """Draw prices as multiples of the median join on a logarithmic scale; `weak` and `cuts` are positions of joins.

    `shots` are the numbers of the shots between the cuts, which are counted from 1 by default.
    Where there are more joins than columns, a column shows its most expensive join, and is weak if any of them is.
    """
    top, bottom = TITLE + CAPTION, TITLE + CAPTION + _CURVE_HEIGHT
    sheet = canvas(bottom + 2 * CAPTION + 3 * GAP, _CURVE_AXIS + _WIDTH + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, _WIDTH)
    scale = _Scale(prices, top, bottom)
    starts = np.arange(_WIDTH) * max(len(prices), 1) // _WIDTH
    _columns(sheet, scale, prices, starts, set(weak))
    _grid(sheet, scale)
    _cuts(sheet, cuts, starts, scale, shots or range(1, len(cuts) + 2))
    _positions(sheet, len(prices), bottom + CAPTION)
    legend = [
        (_PLAIN_COLOUR, "price of a join, 1 x is the median"),
        (_MARKED_COLOUR, "weak join"),
        (_CUT_COLOUR, "cut"),
    ]
    write_legend(sheet, legend, _CURVE_AXIS, bottom + 2 * CAPTION + GAP)
    return sheet


class _Scale:
    """Map prices to rows of the picture."""

    def __init__(self, prices: Sequence[float], top: int, bottom: int) -> None:
        known = [price for price in prices if price > 0] or [1.0]
        self.low, self.high = min(0.5, min(known)) * 0.9, max(2.0, max(known)) * 1.1
        self.top, self.bottom = top, bottom

    def row(self, price: float) -> int:
        share = np.log(max(price, self.low) / self.low) / np.log(self.high / self.low)
        return round(self.bottom - float(share) * (self.bottom - self.top))


def _grid(sheet: Picture, scale: _Scale) -> None:
    for step in (step for step in _GRID_PRICES if scale.low <= step <= scale.high):
        row = scale.row(step)
        sheet[row, _CURVE_AXIS : _CURVE_AXIS + _WIDTH] = _LINE_COLOUR
        write_text(sheet, f"{step:g} x", GAP, row + 4, SMALL, _CURVE_AXIS - GAP)


def _columns(
    sheet: Picture, scale: _Scale, prices: Sequence[float], starts: npt.NDArray[np.int64], weak: set[int]
) -> None:
    ends = np.maximum(np.r_[starts[1:], len(prices)], starts + 1).tolist()
    shown = [(first, end) for first, end in zip(starts.tolist(), ends, strict=True) if first < len(prices)]
    for column, (first, end) in enumerate(shown):
        sheet[scale.row(max(prices[first:end])) : scale.bottom, _CURVE_AXIS + column] = _PLAIN_COLOUR
    for column, (first, end) in enumerate(shown):
        if any(join in weak for join in range(first, end)):
            left = _CURVE_AXIS + column
            sheet[scale.row(max(prices[first:end])) : scale.bottom, left : left + _WEAK_WIDTH] = _MARKED_COLOUR


def _cuts(
    sheet: Picture, cuts: Sequence[int], starts: npt.NDArray[np.int64], scale: _Scale, shots: Sequence[int]
) -> None:
    """Draw a dashed line at each cut, and above it the number of the shot that begins there."""
    free = 0
    for number, position in zip(shots, [-1, *cuts], strict=True):
        middle = int(np.mean(np.flatnonzero(starts == starts[starts <= position][-1]))) if position >= 0 else 0
        if position >= 0:
            for row in range(scale.top, scale.bottom, 2 * _DASH):
                sheet[row : row + _DASH, _CURVE_AXIS + middle : _CURVE_AXIS + middle + 2] = _CUT_COLOUR
        if middle >= free:
            write_text(sheet, f"shot {number}", _CURVE_AXIS + middle, scale.top - 6, SMALL, 80)
            free = middle + 64


def _positions(sheet: Picture, joins: int, baseline: int) -> None:
    for tick in range(_TICKS if joins >= _TICKS else 0):
        shift = 0 if tick == 0 else 34 if tick == _TICKS - 1 else 10
        position = str(tick * (joins - 1) // (_TICKS - 1))
        write_text(sheet, position, _CURVE_AXIS + tick * _WIDTH // (_TICKS - 1) - shift, baseline - 2, SMALL, 60)


def timeline(scores: Sequence[float], broken: Collection[int], title: str = "") -> Picture:
    """Draw the score of every frame along the film, broken frames in another colour.

    Where there are more frames than columns, a column shows the worst of its frames.
    """
    sheet = canvas(TITLE + _TIMELINE_HEIGHT + 2 * CAPTION + GAP, _TIMELINE_AXIS + _WIDTH + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, _WIDTH)
    bottom = TITLE + _TIMELINE_HEIGHT
    for score in (0.0, 0.5, 1.0):
        row = bottom - round(score * (_TIMELINE_HEIGHT - 1))
        sheet[row, _TIMELINE_AXIS : _TIMELINE_AXIS + _WIDTH] = _LINE_COLOUR
        write_text(sheet, f"{score:g}", GAP, row + 4, SMALL, _TIMELINE_AXIS - GAP)
    edges = np.linspace(0, len(scores), _WIDTH + 1)
    for column, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        frames = range(int(low), max(int(low) + 1, int(np.ceil(high))))
        worst = max(scores[frame] for frame in frames)
        colour = _MARKED_COLOUR if any(frame in broken for frame in frames) else _PLAIN_COLOUR
        sheet[bottom - round(worst * (_TIMELINE_HEIGHT - 1)) : bottom + 1, _TIMELINE_AXIS + column] = colour
    for share in (0.0, 0.25, 0.5, 0.75):
        frame = round(share * len(scores))
        write_text(sheet, str(frame), _TIMELINE_AXIS + round(share * _WIDTH), bottom + CAPTION, SMALL, 80)
    last = str(len(scores) - 1)
    write_text(sheet, last, _TIMELINE_AXIS + _WIDTH - 8 * len(last), bottom + CAPTION, SMALL, 80)
    return sheet


def bar_chart(labels: Sequence[str], series: Mapping[str, Sequence[float]], title: str = "") -> Picture:
    """Draw a row for each label with a bar for each series; a value below 0 is shown as a number only."""
    group = len(series) * _BAR_HEIGHT + _ROW_GAP
    top, left = TITLE + CAPTION, GAP + _LABEL_WIDTH
    bottom = top + len(labels) * group
    sheet = canvas(bottom + 2 * CAPTION + GAP, left + _BARS_WIDTH + _VALUE_WIDTH + GAP)
    write_text(sheet, title, GAP, 23, LARGE, sheet.shape[1] - 2 * GAP)
    _bar_grid(sheet, top, bottom, left)
    for row, label in enumerate(labels):
        upper = top + row * group + _ROW_GAP // 2
        write_text(sheet, label, GAP, upper + (group - _ROW_GAP) // 2 + 5, SMALL, _LABEL_WIDTH - GAP)
        for index, values in enumerate(series.values()):
            _bar(sheet, values[row], upper + index * _BAR_HEIGHT, left, _BAR_COLOURS[index % len(_BAR_COLOURS)])
    write_legend(sheet, list(zip(_BAR_COLOURS * len(series), series, strict=False)), left, bottom + CAPTION + GAP, 7)
    return sheet


def _bar_grid(sheet: Picture, top: int, bottom: int, left: int) -> None:
    for step in range(_BAR_STEPS + 1):
        at = left + step * _BARS_WIDTH // _BAR_STEPS
        sheet[top - 4 : bottom, at] = _LINE_COLOUR
        write_text(sheet, f"{step / _BAR_STEPS:g}", at - (4 if step in (0, _BAR_STEPS) else 8), top - 8, SMALL, 40)


def _bar(sheet: Picture, value: float, upper: int, left: int, colour: tuple[int, int, int]) -> None:
    long = round(min(1.0, max(0.0, value)) * _BARS_WIDTH)
    sheet[upper : upper + _BAR_HEIGHT - 1, left : left + max(1, long)] = colour
    write_text(sheet, f"{value:.2f}", left + long + 5, upper + _BAR_HEIGHT - 2, 0.32, _VALUE_WIDTH)
