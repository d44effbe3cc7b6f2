"""Draw the price of every join along the film, with weak joins and cuts marked."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, write_legend, write_text

_PRICE_COLOUR = (168, 150, 96)
_WEAK_COLOUR = (66, 148, 244)
_CUT_COLOUR = (236, 206, 150)
_LINE_COLOUR = (90, 85, 80)
_AXIS_WIDTH = 52
"""Pixels to the left of the curve, for the labels of its scale."""
_DASH = 6
"""Pixels of a dash of the line that marks a cut."""
_WEAK_WIDTH = 3
"""Least columns of a weak join: a single one is hard to see."""
_GRID_PRICES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_TICKS = 5
"""Labels below the curve."""


def price_curve(
    prices: Sequence[float],
    weak: Collection[int] = (),
    cuts: Sequence[int] = (),
    title: str = "",
    width: int = 960,
    height: int = 220,
) -> Picture:
    """Draw prices as multiples of the median join on a logarithmic scale; `weak` and `cuts` are positions of joins.

    Where there are more joins than columns, a column shows its most expensive join, and is weak if any of them is.
    """
    top = TITLE + CAPTION
    sheet = canvas(top + height + 2 * CAPTION + 3 * GAP, _AXIS_WIDTH + width + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, width)
    scale = _Scale(prices, top, height)
    starts = np.arange(width) * max(len(prices), 1) // width
    _columns(sheet, scale, prices, starts, set(weak))
    _grid(sheet, scale, width)
    _cuts(sheet, cuts, starts, top, height)
    _positions(sheet, len(prices), top + height + CAPTION, width)
    legend = [(_PRICE_COLOUR, "price of a join, 1 x is the median"), (_WEAK_COLOUR, "weak join"), (_CUT_COLOUR, "cut")]
    write_legend(sheet, legend, _AXIS_WIDTH, top + height + 2 * CAPTION + GAP)
    return sheet


class _Scale:
    """Map prices to rows of the picture."""

    def __init__(self, prices: Sequence[float], top: int, height: int) -> None:
        known = [price for price in prices if price > 0] or [1.0]
        self.low, self.high = min(0.5, min(known)) * 0.9, max(2.0, max(known)) * 1.1
        self.top, self.bottom = top, top + height

    def row(self, price: float) -> int:
        share = np.log(max(price, self.low) / self.low) / np.log(self.high / self.low)
        return round(self.bottom - float(share) * (self.bottom - self.top))


def _grid(sheet: Picture, scale: _Scale, width: int) -> None:
    for step in (step for step in _GRID_PRICES if scale.low <= step <= scale.high):
        row = scale.row(step)
        sheet[row, _AXIS_WIDTH : _AXIS_WIDTH + width] = _LINE_COLOUR
        write_text(sheet, f"{step:g} x", GAP, row + 4, SMALL, _AXIS_WIDTH - GAP)


def _columns(
    sheet: Picture, scale: _Scale, prices: Sequence[float], starts: npt.NDArray[np.int64], weak: set[int]
) -> None:
    ends = np.maximum(np.r_[starts[1:], len(prices)], starts + 1).tolist()
    shown = [(first, end) for first, end in zip(starts.tolist(), ends, strict=True) if first < len(prices)]
    for column, (first, end) in enumerate(shown):
        sheet[scale.row(max(prices[first:end])) : scale.bottom, _AXIS_WIDTH + column] = _PRICE_COLOUR
    for column, (first, end) in enumerate(shown):
        if any(join in weak for join in range(first, end)):
            sheet[
                scale.row(max(prices[first:end])) : scale.bottom,
                _AXIS_WIDTH + column : _AXIS_WIDTH + column + _WEAK_WIDTH,
            ] = _WEAK_COLOUR


def _cuts(sheet: Picture, cuts: Sequence[int], starts: npt.NDArray[np.int64], top: int, height: int) -> None:
    """Draw a dashed line at each cut, and above it the number of the shot that begins there."""
    free = 0
    for number, position in enumerate([-1, *cuts], 1):
        middle = int(np.mean(np.flatnonzero(starts == starts[starts <= position][-1]))) if position >= 0 else 0
        if position >= 0:
            for row in range(top, top + height, 2 * _DASH):
                sheet[row : row + _DASH, _AXIS_WIDTH + middle : _AXIS_WIDTH + middle + 2] = _CUT_COLOUR
        if middle >= free:
            write_text(sheet, f"shot {number}", _AXIS_WIDTH + middle, top - 6, SMALL, 80)
            free = middle + 64


def _positions(sheet: Picture, joins: int, baseline: int, width: int) -> None:
    for tick in range(_TICKS if joins >= _TICKS else 0):
        shift = 0 if tick == 0 else 34 if tick == _TICKS - 1 else 10
        position = str(tick * (joins - 1) // (_TICKS - 1))
        write_text(sheet, position, _AXIS_WIDTH + tick * width // (_TICKS - 1) - shift, baseline - 2, SMALL, 60)
