"""SMPTE timecode: choose a rate that counts the frames of a film, and format positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_NTSC = Fraction(1000, 1001)
_STANDARD = [24 * _NTSC, *map(Fraction, (24, 25)), 30 * _NTSC, *map(Fraction, (30, 48, 50)), 60 * _NTSC, Fraction(60)]
"""The rates that editors count timecode in."""
_DROPPED = {30 * _NTSC: 2, 60 * _NTSC: 4}
"""Numbers that drop-frame timecode leaves out each minute except every tenth, so that it keeps up with the clock."""
_SAME = Fraction(1, 10_000)
"""Relative difference up to which rates are the same: some containers state 29.97 for 30000/1001, and 24 differs from
24000/1001 ten times as much."""
_FINEST = Fraction(60)
"""Used where no standard rate is a multiple of the film's: positions are rounded to a 120th of a second."""
_DAY = 24 * 3600


@dataclass(frozen=True)
class Timecode:
    """How positions are counted: `rate` ticks a second, of which `base` make a second of timecode."""

    rate: Fraction
    base: int
    dropped: int = 0
    """Numbers left out each minute, in drop-frame timecode."""
    exact: bool = True
    """Whether every frame has a whole number of ticks."""

    def ticks(self, seconds: Fraction) -> int:
        return round(seconds * self.rate)

    def text(self, ticks: int) -> str:
        """Format a position; hours go on counting after 23, so that no two positions look the same."""
        seconds, frame = divmod(ticks + self._left_out(ticks), self.base)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        digits = len(str(self.base - 1))
        return f"{hour:02}:{minute:02}:{second:02}{';' if self.dropped else ':'}{frame:0{digits}}"

    def is_over_a_day(self, ticks: int) -> bool:
        return ticks >= _DAY * self.rate

    def _left_out(self, ticks: int) -> int:
        """Return how many numbers drop-frame timecode left out before a position."""
        if not self.dropped:
            return 0
        minute, ten = self.base * 60 - self.dropped, self.base * 600 - 9 * self.dropped
        tens, rest = divmod(ticks, ten)
        # The first of ten minutes leaves nothing out, so it is longer.
        return self.dropped * (9 * tens + max(0, (rest - self.dropped) // minute))


def near_standard(rate: Fraction) -> Fraction:
    """Return the standard rate that was written with few digits, such as 30000/1001 for 29.97; else the rate itself."""
    return next((standard for standard in _STANDARD if abs(rate - standard) <= _SAME * standard), rate)


def timecode_for(rate: Fraction, variable: bool = False) -> Timecode:
    """Return the slowest standard timecode that has a whole number of ticks a frame.

    A film of a variable rate, or of one that no standard is a multiple of, is counted by time in the finest one. A rate
    above all standards is counted by its own frames, as some editors do.
    """
    if not variable and rate > _FINEST * (1 + _SAME):
        return Timecode(rate, round(rate))
    for standard in () if variable else _STANDARD:
        each = round(standard / rate)
        if abs(each * rate - standard) <= _SAME * standard:
            return Timecode(each * rate, round(standard), _DROPPED.get(standard, 0))
    return Timecode(_FINEST, int(_FINEST), exact=False)


def timeline_rate(rates: Sequence[Fraction]) -> Fraction:
    """Return the frame rate of a timeline of several sources: the highest, so that none loses frames."""
    return max(rates, default=Fraction(25))
