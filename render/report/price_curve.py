"""The price of every join along the film, with the weak ones and the cuts marked."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ...media.types import Picture
from .contact_sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, write_text

_PLAIN = (168, 150, 96)
_WEAK = (66, 148, 244)
_CUT = (236, 206, 150)
_LINE = (90, 85, 80)
_LEFT = 52
_DASH = 6
_WEAK_WIDTH = 3
"""Columns that a weak join has at least: a single one is hard to see."""

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_TICKS = 5


def price_curve(
    prices: Sequence[float],
    weak: Collection[int] = (),
    cuts: Sequence[int] = (),
    title: str = "",
    width: int = 960,
    height: int = 220,
) -> Picture:
    """Prices as multiples of the median join, on a logarithmic scale; `weak` and `cuts` are places of joins.

    Where joins are more than columns, each column shows the dearest of its own, and is weak if any of them is.
    """
    top = TITLE + CAPTION
    sheet = canvas(top + height + 2 * CAPTION + 3 * GAP, _LEFT + width + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, width)
    scale = _Scale(prices, top, height)
    starts = np.arange(width) * max(len(prices), 1) // width
    _columns(sheet, scale, prices, starts, set(weak))
    _grid(sheet, scale, width)
    _cuts(sheet, cuts, starts, top, height)
    _places(sheet, len(prices), top + height + CAPTION, width)
    _legend(sheet, top + height + 2 * CAPTION + GAP)
    return sheet


class _Scale:
    """From a price to a row of the picture."""

    def __init__(self, prices: Sequence[float], top: int, height: int) -> None:
        known = [price for price in prices if price > 0] or [1.0]
        self.low, self.high = min(0.5, min(known)) * 0.9, max(2.0, max(known)) * 1.1
        self.top, self.bottom = top, top + height

    def row(self, price: float) -> int:
        share = np.log(max(price, self.low) / self.low) / np.log(self.high / self.low)
        return round(self.bottom - float(share) * (self.bottom - self.top))


def _grid(sheet: Picture, scale: _Scale, width: int) -> None:
    for step in (step for step in _STEPS if scale.low <= step <= scale.high):
        row = scale.row(step)
        sheet[row, _LEFT : _LEFT + width] = _LINE
        write_text(sheet, f"{step:g} x", GAP, row + 4, SMALL, _LEFT - GAP)


def _columns(
    sheet: Picture, scale: _Scale, prices: Sequence[float], starts: npt.NDArray[np.int64], weak: set[int]
) -> None:
    ends = np.maximum(np.r_[starts[1:], len(prices)], starts + 1).tolist()
    shown = [(first, end) for first, end in zip(starts.tolist(), ends, strict=True) if first < len(prices)]
    for column, (first, end) in enumerate(shown):
        sheet[scale.row(max(prices[first:end])) : scale.bottom, _LEFT + column] = _PLAIN
    for column, (first, end) in enumerate(shown):
        if any(join in weak for join in range(first, end)):
            sheet[scale.row(max(prices[first:end])) : scale.bottom, _LEFT + column : _LEFT + column + _WEAK_WIDTH] = (
                _WEAK
            )


def _cuts(sheet: Picture, cuts: Sequence[int], starts: npt.NDArray[np.int64], top: int, height: int) -> None:
    """A dashed line on each cut, and over it the number of the shot that begins there."""
    free = 0
    for number, place in enumerate([-1, *cuts], 1):
        middle = int(np.mean(np.flatnonzero(starts == starts[starts <= place][-1]))) if place >= 0 else 0
        if place >= 0:
            for row in range(top, top + height, 2 * _DASH):
                sheet[row : row + _DASH, _LEFT + middle : _LEFT + middle + 2] = _CUT
        if middle >= free:
            write_text(sheet, f"shot {number}", _LEFT + middle, top - 6, SMALL, 80)
            free = middle + 64


def _places(sheet: Picture, joins: int, baseline: int, width: int) -> None:
    for tick in range(_TICKS if joins >= _TICKS else 0):
        shift = 0 if tick == 0 else 34 if tick == _TICKS - 1 else 10
        place = str(tick * (joins - 1) // (_TICKS - 1))
        write_text(sheet, place, _LEFT + tick * width // (_TICKS - 1) - shift, baseline - 2, SMALL, 60)


def _legend(sheet: Picture, baseline: int) -> None:
    left = _LEFT
    marks = (_PLAIN, "price of a join, 1 x is the median"), (_WEAK, "weak join"), (_CUT, "cut")
    for colour, text in marks:
        sheet[baseline - 9 : baseline + 1, left : left + 10] = colour
        write_text(sheet, text, left + 16, baseline, SMALL, 300)
        left += 16 + 8 * len(text) + 24
