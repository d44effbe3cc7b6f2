"""Translate clicks into corrections: constraints that the next solve holds to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ...media.ranges import whole_number
from ...media.untrusted import UntrustedError, parse_json, validate
from ...solve.constraints import Constraints, Pair
from .changes import keep_or_drop, keep_or_drop_all, set_value, with_value, without
from .corrections import edit, remove
from .shot_edits import cut, join
from .state import ReconstructState


@dataclass(frozen=True)
class _Move:
    """Frames that are to play between two others, or at an end of the film."""

    frames: tuple[int, ...]
    after: int | None
    before: int | None


@dataclass(frozen=True)
class _Edit:
    """A correction to be changed, by its key, and its new frames or shots."""

    key: str
    value: str


def apply_click(state: ReconstructState, action: str, target: str) -> ReconstructState:
    """Return the state after a click; invalid input from the browser changes nothing.

    Raises:
        UsageError: A correction was changed to something that it cannot be.
    """
    if action == "undo":
        return state.undone()
    if action == "redo":
        return state.redone()
    if action == "move":
        return _apply_move(state, target)
    if action in ("drop_all", "keep_all"):
        return _drop_or_keep_all(state, action.removesuffix("_all"), target)
    if action == "remove":
        return remove(state, target)
    if action == "edit":
        return _apply_edit(state, target)
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
            return state.with_constraints(set_value(now, action, None if getattr(now, action) == number else number))
        case "cut":
            return cut(state, number)
        case "join":
            return join(state, number)
        case "keep" | "drop" | "keep_shot" | "drop_shot":
            return state.with_constraints(keep_or_drop(now, action, number))
        case "flip_shot":
            flip = without if number in now.flip_shot else with_value
            return state.with_constraints(flip(now, "flip_shot", number))
        case "earlier" | "later" if number in (shots := state.shots):
            return state.with_constraints(_move_shot(now, number, -1 if action == "earlier" else 1, shots))
    return state


def _apply_edit(state: ReconstructState, target: str) -> ReconstructState:
    try:
        given = validate(_Edit, parse_json(target))
    except UntrustedError:
        return state
    return edit(state, given.key, given.value)


def _apply_move(state: ReconstructState, target: str) -> ReconstructState:
    """Let frames play together, in the order given, between two others; see frame_browser.js."""
    try:
        move = validate(_Move, parse_json(target))
    except UntrustedError:
        return state
    named = [frame for frame in (move.after, *move.frames, move.before) if frame is not None]
    if not move.frames or len(set(named)) < len(named) or not state.frames.issuperset(named):
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
    frames = [number for text in target.split(",") if (number := whole_number(text)) is not None]
    if len(frames) < target.count(",") + 1 or not state.frames.issuperset(frames):
        return state
    return state.with_constraints(keep_or_drop_all(state.constraints, name, frames))


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
    if frame not in state.frames:
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
    return state.with_constraints(with_value(state.constraints, name, (left, right)))
