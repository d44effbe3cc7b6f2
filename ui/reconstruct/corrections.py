"""The list of the user's corrections, each of which can be changed or removed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ...errors import UsageError
from ...media.ranges import shortened, whole_number
from ...solve.constraints import Constraints
from ..strings import STRINGS
from ..wording import CONSTRAINTS
from .changes import OPPOSITES, keep_or_drop, set_value
from .shot_edits import remove_edit, with_shot_edits
from .state import ReconstructState

_LISTS = ("cut_after", "join_after", "before", "adjacent", "keep", "drop", "keep_shot", "drop_shot", "flip_shot")
"""The constraints that are lists, in the order they are shown in."""
_OF_PAIRS = ("before", "adjacent")
_OF_SHOT_ENDS = ("cut_after", "join_after")
_OF_SHOTS = ("keep_shot", "drop_shot", "flip_shot", "shot_order")


@dataclass(frozen=True)
class Correction:
    """An entry of the list of corrections."""

    key: str
    """Names it for `remove` and `edit`."""
    text: str
    value: str
    """Its frames or shots, which the user can change."""
    frame: int | None = None
    """The frame that it is about; None for shots."""


def describe(constraints: Constraints) -> Iterator[Correction]:
    """Yield an entry for each correction; frames that were placed in a row are one."""
    for name in ("first", "last"):
        if (frame := getattr(constraints, name)) is not None:
            yield _correction(name, name, [frame])
    for name in _LISTS:
        for start, end, numbers in _entries(constraints, name):
            yield _correction(name, f"{name}.{start}-{end}", numbers)
    if constraints.shot_order:
        yield _correction("shot_order", "shot_order", constraints.shot_order)


def _correction(name: str, key: str, numbers: Sequence[int]) -> Correction:
    words = CONSTRAINTS[name]
    listed = ", ".join(map(str, numbers))
    if name == "shot_order":
        return Correction(key, words.format(listed), listed)
    several = len(numbers) > words.count("{}")
    text = STRINGS.reconstruct.in_a_row.format(shortened(listed)) if several else words.format(*numbers)
    return Correction(key, text, listed, None if name in _OF_SHOTS else numbers[0])


def _entries(constraints: Constraints, name: str) -> Iterator[tuple[int, int, list[int]]]:
    """Yield the positions of each entry of a list, from one up to another, and its frames or shots."""
    values = getattr(constraints, name)
    start = 0
    while start < len(values):
        end = start + 1
        numbers = list(values[start]) if name in _OF_PAIRS else [values[start]]
        while name == "adjacent" and end < len(values) and values[end][0] == numbers[-1]:
            numbers.append(values[end][1])
            end += 1
        yield start, end, numbers
        start = end


def remove(state: ReconstructState, key: str) -> ReconstructState:
    """Remove the correction of that key; an unknown key changes nothing."""
    now, (name, start, end) = state.constraints, _parsed(key)
    if name in ("first", "last"):
        return state.with_constraints(set_value(now, name, None))
    if name == "shot_order":
        return state.with_constraints(replace(now, shot_order=()))
    values = getattr(now, name)[start:end] if name in _LISTS else ()
    if not values:
        return state
    if name in _OF_SHOT_ENDS:
        return remove_edit(state, name, values[0])
    if name in ("keep_shot", "drop_shot"):
        return state.with_constraints(keep_or_drop(now, OPPOSITES[name], values[0]))
    return state.with_constraints(set_value(now, name, (*getattr(now, name)[:start], *getattr(now, name)[end:])))


def _parsed(key: str) -> tuple[str, int, int]:
    """Return the name and the positions of a key that `describe` made; positions of any other are empty."""
    name, _, places = key.partition(".")
    start, end = (whole_number(text) for text in places.partition("-")[::2])
    return name, start or 0, end or 0


def edit(state: ReconstructState, key: str, text: str) -> ReconstructState:
    """Change the frames or shots of the correction of that key.

    Raises:
        UsageError: The text does not name as many as the correction needs, or one that does not exist.
    """
    name, start, end = _parsed(key)
    numbers = [whole_number(part) for part in text.split(",")]
    found = [number for number in numbers if number is not None]
    if name in _LISTS and not getattr(state.constraints, name)[start:end]:
        return state
    if len(found) < len(numbers) or name not in CONSTRAINTS or not _fits(name, len(found)):
        raise UsageError(*STRINGS.errors.not_numbers.about(text=shortened(text)))
    known: Collection[int] = state.shot_frames() if name in _OF_SHOTS else state.frames
    if unknown := [number for number in found if number not in known]:
        missing = STRINGS.errors.no_shot if name in _OF_SHOTS else STRINGS.errors.no_frame
        raise UsageError(*missing.about(number=unknown[0]))
    changed = _with_numbers(state.constraints, name, (start, end), found)
    return with_shot_edits(state, changed) if name in _OF_SHOT_ENDS else state.with_constraints(changed)


def _fits(name: str, count: int) -> bool:
    if name in ("adjacent", "shot_order"):
        return count > 1
    return count == (2 if name in _OF_PAIRS else 1)


def _with_numbers(constraints: Constraints, name: str, at: tuple[int, int], numbers: list[int]) -> Constraints:
    if name == "shot_order":
        return replace(constraints, shot_order=tuple(numbers))
    if name in ("first", "last"):
        return set_value(constraints, name, numbers[0])
    values, new = getattr(constraints, name), pairwise(numbers) if name in _OF_PAIRS else numbers
    return set_value(constraints, name, tuple(dict.fromkeys((*values[: at[0]], *new, *values[at[1] :]))))
