"""Translate clicks into corrections: constraints that the next solve holds to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ...media.ranges import number_below, whole_number
from ...solve.constraints import Constraints
from .state import ReconstructState

T = TypeVar("T")

_DESCRIPTIONS: dict[str, Callable[..., str]] = {
    "before": lambda pair: f"Play frame {pair[0]} before frame {pair[1]}",
    "adjacent": lambda pair: f"Place frame {pair[0]} next to frame {pair[1]}",
    "keep": lambda frame: f"Keep frame {frame}",
    "drop": lambda frame: f"Drop frame {frame}",
    "keep_shot": lambda shot: f"Keep group {shot}",
    "drop_shot": lambda shot: f"Drop shot {shot}",
    "flip_shot": lambda shot: f"Play shot {shot} backwards",
}
"""The constraints that are lists, in the order they are shown in."""


def keep_frame(constraints: Constraints, frame: int) -> Constraints:
    if frame in constraints.drop:
        return _without(constraints, "drop", frame)
    return replace(constraints, keep=_with(constraints.keep, frame))


def drop_frame(constraints: Constraints, frame: int) -> Constraints:
    if frame in constraints.keep:
        return _without(constraints, "keep", frame)
    return replace(constraints, drop=_with(constraints.drop, frame))


def keep_shot(constraints: Constraints, shot: int) -> Constraints:
    if shot in constraints.drop_shot:
        constraints = _without(constraints, "drop_shot", shot)
    else:
        constraints = replace(constraints, keep_shot=_with(constraints.keep_shot, shot))
    order = constraints.shot_order
    return replace(constraints, shot_order=_with(order, shot)) if order else constraints


def drop_shot(constraints: Constraints, shot: int) -> Constraints:
    if shot in constraints.keep_shot:
        constraints = _without(constraints, "keep_shot", shot)
    else:
        constraints = replace(constraints, drop_shot=_with(constraints.drop_shot, shot))
    return _without(_without(constraints, "shot_order", shot), "flip_shot", shot)


def flip_shot(constraints: Constraints, shot: int) -> Constraints:
    if shot in constraints.flip_shot:
        return _without(constraints, "flip_shot", shot)
    return replace(constraints, flip_shot=_with(constraints.flip_shot, shot))


def move_shot(constraints: Constraints, shot: int, by: int, shots: Sequence[int]) -> Constraints:
    """Move a shot earlier or later among the shots of the film."""
    order = list(shots)
    position = order.index(shot)
    target = min(max(0, position + by), len(order) - 1)
    order.insert(target, order.pop(position))
    return replace(constraints, shot_order=tuple(order))


def describe(constraints: Constraints) -> Iterator[tuple[str, str]]:
    """Yield the key of each constraint, for `remove`, and its description."""
    if constraints.first is not None:
        yield "first", f"Start with frame {constraints.first}"
    if constraints.last is not None:
        yield "last", f"End with frame {constraints.last}"
    for name, description in _DESCRIPTIONS.items():
        for position, value in enumerate(getattr(constraints, name)):
            yield f"{name}.{position}", description(value)
    if constraints.shot_order:
        yield "shot_order", f"Shot order: {', '.join(map(str, constraints.shot_order))}"


def remove(constraints: Constraints, key: str) -> Constraints:
    """Remove the constraint of that key; an unknown key changes nothing."""
    name, _, position = key.partition(".")
    if name == "first":
        return replace(constraints, first=None)
    if name == "last":
        return replace(constraints, last=None)
    if name == "shot_order":
        return replace(constraints, shot_order=())
    values = getattr(constraints, name) if name in _DESCRIPTIONS else ()
    if (index := number_below(position, len(values))) is None:
        return constraints
    value = values[index]
    if name == "keep_shot":
        return drop_shot(constraints, value)
    if name == "drop_shot":
        return keep_shot(constraints, value)
    return _without(constraints, name, value)


def _with(values: tuple[T, ...], value: T) -> tuple[T, ...]:
    return values if value in values else (*values, value)


def _without(constraints: Constraints, name: str, value: object) -> Constraints:
    changed: Any = {name: tuple(other for other in getattr(constraints, name) if other != value)}
    return replace(constraints, **changed)


def apply_click(state: ReconstructState, act: str, on: str) -> ReconstructState:
    """Return the state after a click; invalid input from the browser changes nothing."""
    if act == "undo":
        return state.undone()
    if act == "remove":
        return state.with_constraints(remove(state.constraints, on))
    if act == "ask":
        return state.awaiting_pair(on)
    if act == "pair":
        left, right = (whole_number(text) for text in on.partition(":")[::2])
        if left is None or right is None:
            return state
        return _with_pair(state, "adjacent", left, right)
    number = whole_number(on.removeprefix("-"))
    if number is None:
        return state
    return _apply_to_number(state, act, -number if on.startswith("-") else number)


def _apply_to_number(state: ReconstructState, act: str, number: int) -> ReconstructState:
    """Apply a click on a frame or a shot."""
    now = state.constraints
    shots = state.shots()
    match act:
        case "frame":
            return _select(state, number)
        case "step":
            return _step(state, number)
        case "first":
            return state.with_constraints(replace(now, first=None if now.first == number else number))
        case "last":
            return state.with_constraints(replace(now, last=None if now.last == number else number))
        case "drop":
            return state.with_constraints(drop_frame(now, number))
        case "keep":
            return state.with_constraints(keep_frame(now, number))
        case "keep-shot":
            return state.with_constraints(keep_shot(now, number))
        case "drop-shot":
            return state.with_constraints(drop_shot(now, number))
        case "flip":
            return state.with_constraints(flip_shot(now, number))
        case "earlier" | "later" if number in shots:
            return state.with_constraints(move_shot(now, number, -1 if act == "earlier" else 1, shots))
    return state


def _select(state: ReconstructState, frame: int) -> ReconstructState:
    """Select a frame, or complete the pair that the state waits for."""
    if not state.knows(frame):
        return state
    if state.pair and state.selected is not None and frame != state.selected:
        return _with_pair(state, state.pair, state.selected, frame)
    return replace(state, selected=frame)


def _with_pair(state: ReconstructState, name: str, left: int, right: int) -> ReconstructState:
    changed: Any = {name: _with(getattr(state.constraints, name), (left, right))}
    return state.with_constraints(replace(state.constraints, **changed))


def _step(state: ReconstructState, by: int) -> ReconstructState:
    """Select a neighbour of the selected frame."""
    order = state.plan.order
    if state.selected not in order:
        return state
    position = order.index(state.selected) + by
    return replace(state, selected=order[position]) if 0 <= position < len(order) else state
