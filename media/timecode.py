"""Positions in a video and dates, as people write and read them."""

import re
from calendar import monthrange
from datetime import date

from ..errors import UsageError
from .ranges import shortened

# Nine digits are thirty years of seconds. More are refused because int() fails beyond 4,300 digits.
_TIME = re.compile(
    r"(?:(?:(\d{1,9}):(?=[0-5]?\d:))?(\d{1,9}):(?=[0-5]?\d(?:\.|$)))?(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII
)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


def clock(seconds: float) -> str:
    """Format seconds as 1:05.20 or 1:01:05.20."""
    minutes, rest = divmod(round(max(seconds, 0.0), 2), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"


def read_clock(text: str) -> float:
    """Parse 75, 1:15, 1:15.5, 90:00 or 1:02:03.

    Raises:
        UsageError: It is not a time.
    """
    if not (found := _TIME.fullmatch(text.strip())):
        raise UsageError(
            f"{shortened(text)!r} is not a time.", "Give seconds or minutes: 75, 75.5, 1:15, 90:00, 1:02:03."
        )
    return 3600 * int(found[1] or 0) + 60 * int(found[2] or 0) + float(found[3])


def read_dates(text: str) -> tuple[date, date]:
    """Parse a day, a month or a year (2026-05-17, 2026-05 or 2026), and return its first and its last day.

    Raises:
        UsageError: It is not a date.
    """
    try:
        if not (found := _DATE.fullmatch(text.strip())):
            raise ValueError
        year, months, days = int(found[1]), (found[2] or 1, found[2] or 12), (found[3] or 1, found[3])
        first, last = date(year, int(months[0]), int(days[0])), date(year, int(months[1]), 1)
        return first, last.replace(day=int(days[1] or monthrange(year, last.month)[1]))
    except ValueError:
        raise UsageError(
            f"{shortened(text)!r} is not a date.", "Give a day, a month or a year: 2026-05-17, 2026-05, 2026."
        ) from None
