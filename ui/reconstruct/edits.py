"""Translate clicks into corrections: constraints that the next solve holds to."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ...media.ranges import number_below, whole_number
from ...media.untrusted import UntrustedError, parse_json, validate
from ...solve.constraints import Constraints, Pair
from ..wording import CONSTRAINTS
from .state import ReconstructState

_LISTS = ("before", "adjacent", "keep", "drop", "keep_shot", "drop_shot", "flip_shot")
"""The constraints that are lists, in the order they are shown in."""
_OPPOSITES = {"keep": "drop", "drop": "keep", "keep_shot": "drop_shot", "drop_shot": "keep_shot"}


@dataclass(frozen=True)
class _Move:
    """Frames that are to play between two others, or at an end of the film."""

    frames: tuple[int, ...]
    after: int | None
    before: int | None


def describe(constraints: Constraints) -> Iterator[tuple[str, str]]:
    """Yield the key of each constraint, for `remove`, and its description."""
    for name in ("first", "last"):
        if (frame := getattr(constraints, name)) is not None:
            yield name, CONSTRAINTS[name].format(frame)
    for name in _LISTS:
        for position, value in enumerate(getattr(constraints, name)):
            yield f"{name}.{position}", CONSTRAINTS[name].format(*(value if isinstance(value, tuple) else (value,)))
    if constraints.shot_order:
        yield "shot_order", CONSTRAINTS["shot_order"].format(", ".join(map(str, constraints.shot_order)))


def remove(constraints: Constraints, key: str) -> Constraints:
    """Remove the constraint of that key; an unknown key changes nothing."""
    name, _, position = key.partition(".")
    if name in ("first", "last"):
        return _set(constraints, name, None)
    if name == "shot_order":
        return replace(constraints, shot_order=())
    values = getattr(constraints, name) if name in _LISTS else ()
    if (index := number_below(position, len(values))) is None:
        return constraints
    if name in ("keep_shot", "drop_shot"):
        return _keep_or_drop(constraints, _OPPOSITES[name], values[index])
    return _without(constraints, name, values[index])


def apply_click(state: ReconstructState, action: str, target: str) -> ReconstructState:
    """Return the state after a click; invalid input from the browser changes nothing."""
    if action == "undo":
        return state.undone()
    if action == "redo":
        return state.redone()
    if action == "move":
        return _apply_move(state, target)
    if action in ("drop_all", "keep_all"):
        return _drop_or_keep_all(state, action.removesuffix("_all"), target)
    if action == "remove":
        return state.with_constraints(remove(state.constraints, target))
    if action == "ask":
        return state.awaiting_pair(target)
    if action == "pair":
        left, right = (whole_number(text) for text in target.partition(":")[::2])
        return state if left is None or right is None else _with_pair(state, "adjacent", left, right)
    number = whole_number(target.removeprefix("-"))
    if number is None:
        return state
    return _apply_to_number(state, action, -number if target.startswith("-") else number)


def _apply_to_number(state: ReconstructState, action: str, number: int) -> ReconstructState:
    """Apply a click on a frame or a shot."""
    now = state.constraints
    match action:
        case "frame":
            return _select(state, number)
        case "step":
            return _step(state, number)
        case "first" | "last":
            return state.with_constraints(_set(now, action, None if getattr(now, action) == number else number))
        case "keep" | "drop" | "keep_shot" | "drop_shot":
            return state.with_constraints(_keep_or_drop(now, action, number))
        case "flip_shot":
            flip = _without if number in now.flip_shot else _with
            return state.with_constraints(flip(now, "flip_shot", number))
        case "earlier" | "later" if number in (shots := state.shots()):
            return state.with_constraints(_move_shot(now, number, -1 if action == "earlier" else 1, shots))
    return state


def _apply_move(state: ReconstructState, target: str) -> ReconstructState:
    """Let frames play together, in the order given, between two others; see frame_browser.js."""
    try:
        move = validate(_Move, parse_json(target))
    except UntrustedError:
        return state
    named = [frame for frame in (move.after, *move.frames, move.before) if frame is not None]
    if not move.frames or len(set(named)) < len(named) or not all(map(state.knows, named)):
        return state
    return state.with_constraints(_move(state.constraints, move))


def _move(constraints: Constraints, move: _Move) -> Constraints:
    """Replace what was said about the place of the moved frames."""
    moved, ends = set(move.frames), {move.after, move.before}

    def stays(pair: Pair) -> bool:
        return not moved & set(pair) and set(pair) != ends

    placed = [frame for frame in (move.after, *move.frames, move.before) if frame is not None]
    pairs = tuple(pair for pair in constraints.adjacent if stays(pair)) + tuple(pairwise(placed))
    first = move.frames[0] if move.after is None else _unless(constraints.first, moved)
    last = move.frames[-1] if move.before is None else _unless(constraints.last, moved)
    before = tuple(pair for pair in constraints.before if not moved & set(pair))
    drop = tuple(frame for frame in constraints.drop if frame not in moved)
    return replace(constraints, first=first, last=last, before=before, adjacent=pairs, drop=drop)


def _unless(frame: int | None, moved: Collection[int]) -> int | None:
    return None if frame in moved else frame


def _drop_or_keep_all(state: ReconstructState, name: str, target: str) -> ReconstructState:
    frames = [whole_number(text) for text in target.split(",")]
    if None in frames or not all(state.knows(frame) for frame in frames if frame is not None):
        return state
    constraints = state.constraints
    for frame in frames:
        if frame is not None:
            constraints = _keep_or_drop(constraints, name, frame)
    return state.with_constraints(constraints)


def _keep_or_drop(constraints: Constraints, name: str, value: int) -> Constraints:
    """Add a frame or shot to a list, or only remove it from the opposite one if it is in that."""
    if value in getattr(constraints, _OPPOSITES[name]):
        changed = _without(constraints, _OPPOSITES[name], value)
    else:
        changed = _with(constraints, name, value)
    if name == "keep_shot" and changed.shot_order:
        return _with(changed, "shot_order", value)
    if name == "drop_shot":
        return _without(_without(changed, "shot_order", value), "flip_shot", value)
    return changed


def _move_shot(constraints: Constraints, shot: int, by: int, shots: Sequence[int]) -> Constraints:
    """Move a shot earlier or later among the shots of the film; one that is at that end stays."""
    order = list(shots)
    position = order.index(shot)
    target = position + by
    if not 0 <= target < len(order):
        return constraints
    order.insert(target, order.pop(position))
    return replace(constraints, shot_order=tuple(order))


def _select(state: ReconstructState, frame: int) -> ReconstructState:
    """Select a frame, or complete the pair that the state waits for."""
    if not state.knows(frame):
        return state
    if state.pair and state.selected is not None and frame != state.selected:
        return _with_pair(state, state.pair, state.selected, frame)
    return replace(state, selected=frame)


def _step(state: ReconstructState, by: int) -> ReconstructState:
    """Select a neighbour of the selected frame."""
    order = state.plan.order
    if state.selected not in order:
        return state
    position = order.index(state.selected) + by
    return replace(state, selected=order[position]) if 0 <= position < len(order) else state


def _with_pair(state: ReconstructState, name: str, left: int, right: int) -> ReconstructState:
    return state.with_constraints(_with(state.constraints, name, (left, right)))


def _with(constraints: Constraints, name: str, value: object) -> Constraints:
    values = getattr(constraints, name)
    return constraints if value in values else _set(constraints, name, (*values, value))


def _without(constraints: Constraints, name: str, value: object) -> Constraints:
    return _set(constraints, name, tuple(other for other in getattr(constraints, name) if other != value))


def _set(constraints: Constraints, name: str, value: object) -> Constraints:
    changed: Any = {name: value}
    return replace(constraints, **changed)
