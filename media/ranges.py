"""Parse lists of numbers such as 3,7-9, and frame rates.

Ranges are checked against the known numbers before they are expanded, so that 0-999999999 costs no memory.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from fractions import Fraction

from ..errors import UsageError

_PART = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")

_MAX_DIGITS = 15
"""Digits of a frame number; Python itself raises an error above 4,300."""

_MAX_TEXT = 1_000_000
"""Characters of a list: enough to name 100,000 frames one by one."""

_MAX_SHOWN = 40
"""Characters of a list that a message quotes."""

_SYNTAX = "Write numbers and ranges, as in 3,7-9."

_LOWEST_RATE = Fraction(1, 1000)
"""Lowest frame rate of a film: one frame in 17 minutes."""

_HIGHEST_RATE = Fraction(1000)
"""Highest frame rate of a film: a frame per millisecond."""


def shortened(text: str, most: int = _MAX_SHOWN) -> str:
    """Shorten a text for a message to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def listed(names: Sequence[object], most: int) -> str:
    """List the first `most` names, and count the others: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def whole_number(text: str) -> int | None:
    """Parse ASCII digits; None for any other text and for more digits than a frame number has."""
    text = text.strip() if len(text) <= _MAX_TEXT else ""
    digits = text.lstrip("0") or text[:1]
    return int(digits) if re.fullmatch("[0-9]+", text) and len(digits) <= _MAX_DIGITS else None


def number_below(text: str, count: int) -> int | None:
    """Parse a number from 0 to `count` - 1; None for any other text."""
    number = whole_number(text)
    return number if number is not None and number < count else None


def parse_ranges(texts: Iterable[str], option: str) -> tuple[range, ...]:
    """Parse lists into ranges, in the order given and unexpanded; messages name the option.

    Raises:
        UsageError: A list is not made of numbers and ranges.
    """
    return _parse_list(",".join(texts), option, None)


def read_ranges(text: str, frames: int, option: str = "--frames") -> list[int]:
    """Parse a list of frames of a video with so many frames; return them sorted and without repeats.

    Raises:
        UsageError: The list is invalid, or names a frame that the video does not have.
    """
    return expand(_parse_list(text, option, frames - 1), range(frames), option)


def _parse_list(text: str, option: str, last: int | None) -> tuple[range, ...]:
    if len(text) > _MAX_TEXT:
        raise UsageError(f"{option}: the list is longer than {_MAX_TEXT:,} characters.", _SYNTAX)
    return tuple(_parse_part(part.strip(), option, last) for part in text.split(","))


def expand(ranges: Iterable[range], known: Collection[int], option: str, noun: str = "frame") -> list[int]:
    """Expand ranges into sorted numbers without repeats.

    Time and memory grow with the number of ranges and of known numbers, not with the length of a range.

    Raises:
        UsageError: A number is not among those `known`.
    """
    ranges, among = list(ranges), known if isinstance(known, range) else frozenset(known)
    found: list[int] = []
    for joined in _joined(ranges):
        for number in joined:
            if number not in among:
                raise _out_of_range(next(one for one in ranges if number in one), number, known, option, noun)
            found.append(number)
    return found


def expand_once(ranges: Iterable[range], known: Collection[int], option: str, noun: str = "shot") -> list[int]:
    """Expand ranges into numbers in the order given.

    Raises:
        UsageError: A number is not among those `known`, or appears twice.
    """
    ranges, among, found = list(ranges), frozenset(known), dict[int, None]()
    for given in ranges:
        for number in given:
            if number not in among:
                raise _out_of_range(given, number, known, option, noun)
            if number in found:
                listed = shortened(",".join(map(_spelled, ranges)))
                raise UsageError(f"{option} {listed}: {noun} {number} is named twice.", f"Name each {noun} once.")
            found[number] = None
    return list(found)


def unknown_number(quoted: str, number: int, known: Collection[int], noun: str) -> UsageError:
    """Make the error for a number that does not exist; `quoted` is the option as it was given."""
    existing = f"Its {noun}s are {min(known)} to {max(known)}." if known else f"It has no {noun}s."
    return UsageError(f"{quoted}: the video has no {noun} {shortened(str(number))}.", existing)


def _out_of_range(given: range, missing: int, known: Collection[int], option: str, noun: str) -> UsageError:
    """Make the error for a range; it names the end of the range if that does not exist."""
    last = given.stop - 1
    return unknown_number(f"{option} {_spelled(given)}", missing if last in known else last, known, noun)


def _spelled(given: range) -> str:
    return f"{given.start}-{given.stop - 1}" if len(given) > 1 else f"{given.start}"


def _joined(ranges: Sequence[range]) -> Iterator[range]:
    """Sort ranges and remove overlaps."""
    end = 0
    for one in sorted(ranges, key=lambda one: one.start):
        if one.stop > end:
            yield range(max(one.start, end), one.stop)
            end = one.stop


def _parse_part(part: str, option: str, last: int | None) -> range:
    """Parse a number or a range; `last` is the largest number allowed, where that is known."""
    quoted = f"{option} {shortened(part) or '(nothing)'}"
    if not (found := _PART.fullmatch(part)):
        raise UsageError(f"{quoted}: this is neither a number nor a range.", _SYNTAX)
    first, end = whole_number(found[1]), whole_number(found[2] or found[1])
    if first is None or end is None:
        known = f"Numbers have at most {_MAX_DIGITS} digits." if last is None else f"The last frame is {last}."
        raise UsageError(f"{quoted}: no video has so many frames.", known)
    if end < first:
        raise UsageError(f"{quoted}: the range runs backwards.", f"Did you mean {end}-{first}?")
    return range(first, end + 1)


def frame_rate(fps: str | None) -> Fraction | None:
    """Parse 25, 29.97 or 30000/1001.

    Raises:
        UsageError: It is not a frame rate, or out of range.
    """
    if not fps:
        return None
    # Limit the digits and refuse exponents: Fraction would write 1e999999999 out in full.
    number = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{0,9})?)(?:/([1-9][0-9]{0,8}))?", fps.strip())
    rate = Fraction(number[1]) / int(number[2] or 1) if number else Fraction(0)
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise UsageError(
            f"{shortened(fps)!r} is not a frame rate between {_LOWEST_RATE} and {_HIGHEST_RATE}.",
            "Give a number or a fraction: 25, 29.97, 30000/1001.",
        )
    return rate
