"""Parse lists of numbers such as 3,7-9; no range is expanded before the numbers that it may name are known."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from .errors import UsageError

_PART = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")
_MOST_DIGITS = 15
"""Of a frame's number. Python refuses to convert more than 4,300 digits with an error of its own."""
_LONGEST_TEXT = 1_000_000
"""Characters of a list: 100,000 frames named one by one fit."""
_SHOWN = 40
_NUMBERS, _ONE = "Write numbers and ranges: 3,7-9.", "Name each of them once."


def shortened(text: str, most: int = _SHOWN) -> str:
    """Cut a text that is too long for a message."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def whole_number(text: str) -> int | None:
    """The number that ASCII digits spell; None for anything else and for more digits than a frame's number has."""
    text = text.strip() if len(text) <= _LONGEST_TEXT else ""
    digits = text.lstrip("0") or text[:1]
    return int(digits) if re.fullmatch("[0-9]+", text) and len(digits) <= _MOST_DIGITS else None


def number_below(text: str, count: int) -> int | None:
    """The number that a text spells, where it is one of 0 to `count` - 1."""
    number = whole_number(text)
    return number if number is not None and number < count else None


def parse_ranges(texts: Iterable[str], option: str) -> tuple[range, ...]:
    """The ranges of some lists in the order given, unexpanded."""
    joined = ",".join(texts)
    if len(joined) > _LONGEST_TEXT:
        raise UsageError(f"{option}: the list is longer than {_LONGEST_TEXT:,} characters.", _NUMBERS)
    return tuple(_parsed(part.strip(), option, None) for part in joined.split(","))


def read_ranges(text: str, frames: int, option: str = "--frames") -> list[int]:
    """The frames that a list names of a video that has so many: sorted, each once."""
    if len(text) > _LONGEST_TEXT:
        raise UsageError(f"{option}: the list is longer than {_LONGEST_TEXT:,} characters.", _NUMBERS)
    return expanded([_parsed(part.strip(), option, frames - 1) for part in text.split(",")], range(frames), option)


def expanded(ranges: Iterable[range], known: Collection[int], option: str, noun: str = "frame") -> list[int]:
    """The numbers of some ranges, sorted, each once; UsageError where one is not among those `known`.

    The time and memory that it takes grow with the lengths of the two arguments, not with how far a range reaches.
    """
    ranges, among = list(ranges), known if isinstance(known, range) else frozenset(known)
    found: list[int] = []
    for stretch in _joined(ranges):
        for number in stretch:
            if number not in among:
                raise _reaching(next(one for one in ranges if number in one), number, known, option, noun)
            found.append(number)
    return found


def in_turn(ranges: Iterable[range], known: Collection[int], option: str, noun: str = "shot") -> list[int]:
    """The numbers of some ranges in the order given; UsageError where one is not known or is named twice."""
    ranges, among, found = list(ranges), frozenset(known), dict[int, None]()
    for given in ranges:
        for number in given:
            if number not in among:
                raise _reaching(given, number, known, option, noun)
            if number in found:
                listed = shortened(",".join(map(_spelled, ranges)))
                raise UsageError(f"{option} {listed}: {noun} {number} is named twice.", _ONE)
            found[number] = None
    return list(found)


def unknown(said: str, number: int, known: Collection[int], noun: str) -> UsageError:
    """The refusal of a number that there is not; `said` is the option as it was given."""
    there = f"Its {noun}s are {min(known)} to {max(known)}." if known else f"It has no {noun}s."
    return UsageError(f"{said}: the video has no {noun} {shortened(str(number))}.", there)


def _reaching(given: range, lost: int, known: Collection[int], option: str, noun: str) -> UsageError:
    """The refusal of a range, by its end where that is what is not there."""
    last = given.stop - 1
    return unknown(f"{option} {_spelled(given)}", lost if last in known else last, known, noun)


def _spelled(given: range) -> str:
    """A range as people write it."""
    return f"{given.start}-{given.stop - 1}" if len(given) > 1 else f"{given.start}"


def _joined(ranges: Sequence[range]) -> Iterator[range]:
    """The same numbers in ranges that rise and do not overlap."""
    end = 0
    for one in sorted(ranges, key=lambda one: one.start):
        if one.stop > end:
            yield range(max(one.start, end), one.stop)
            end = one.stop


def _parsed(part: str, option: str, last: int | None) -> range:
    """The range that a part of a list names; `last` is the largest number allowed, where that is known."""
    said = f"{option} {shortened(part) or '(nothing)'}"
    if not (found := _PART.fullmatch(part)):
        raise UsageError(f"{said}: that is no number and no range.", _NUMBERS)
    first, end = whole_number(found[1]), whole_number(found[2] or found[1])
    if first is None or end is None:
        known = "Numbers this long name nothing." if last is None else f"The last frame is {last}."
        raise UsageError(f"{said}: no video has so many frames.", known)
    if end < first:
        raise UsageError(f"{said}: the range runs backwards.", f"Did you mean {end}-{first}?")
    return range(first, end + 1)
