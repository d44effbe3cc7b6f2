"""What a click on the state means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ...media.ranges import number_below, whole_number
from ...solve.constraints import Constraints
from .state import ReconstructState

T = TypeVar("T")

_LISTS = ("before", "adjacent", "keep", "drop", "keep_shot", "drop_shot", "flip_shot")


def plays(said: Constraints, frame: int) -> Constraints:
    if frame in said.drop:
        return _without(said, "drop", frame)
    return replace(said, keep=_added(said.keep, frame))


def goes(said: Constraints, frame: int) -> Constraints:
    if frame in said.keep:
        return _without(said, "keep", frame)
    return replace(said, drop=_added(said.drop, frame))


def group_plays(said: Constraints, shot: int) -> Constraints:
    if shot in said.drop_shot:
        said = _without(said, "drop_shot", shot)
    else:
        said = replace(said, keep_shot=_added(said.keep_shot, shot))
    return replace(said, shot_order=_added(said.shot_order, shot)) if said.shot_order else said


def group_goes(said: Constraints, shot: int) -> Constraints:
    if shot in said.keep_shot:
        said = _without(said, "keep_shot", shot)
    else:
        said = replace(said, drop_shot=_added(said.drop_shot, shot))
    return _without(_without(said, "shot_order", shot), "flip_shot", shot)


def flipped(said: Constraints, shot: int) -> Constraints:
    if shot in said.flip_shot:
        return _without(said, "flip_shot", shot)
    return replace(said, flip_shot=_added(said.flip_shot, shot))


def moved(said: Constraints, shot: int, by: int, shots: Sequence[int]) -> Constraints:
    """The shot a place earlier or later among those that play now."""
    order = list(shots)
    at = order.index(shot)
    to = min(max(0, at + by), len(order) - 1)
    order.insert(to, order.pop(at))
    return replace(said, shot_order=tuple(order))


def first(said: Constraints, frame: int) -> Constraints:
    return replace(said, first=None if said.first == frame else frame)


def last(said: Constraints, frame: int) -> Constraints:
    return replace(said, last=None if said.last == frame else frame)


def before(said: Constraints, a: int, b: int) -> Constraints:
    return replace(said, before=_added(said.before, (a, b)))


def adjacent(said: Constraints, a: int, b: int) -> Constraints:
    return replace(said, adjacent=_added(said.adjacent, (a, b)))


def told(said: Constraints) -> Iterator[tuple[str, str]]:
    """Each wish in words, under the key by which `unsaid` takes it back."""
    if said.first is not None:
        yield "first", f"begins with frame {said.first}"
    if said.last is not None:
        yield "last", f"ends with frame {said.last}"
    words: dict[str, Callable[..., str]] = {
        "before": lambda pair: f"frame {pair[0]} before frame {pair[1]}",
        "adjacent": lambda pair: f"frame {pair[0]} beside frame {pair[1]}",
        "keep": lambda frame: f"frame {frame} plays",
        "drop": lambda frame: f"frame {frame} goes",
        "keep_shot": lambda shot: f"group {shot} plays",
        "drop_shot": lambda shot: f"shot {shot} goes",
        "flip_shot": lambda shot: f"shot {shot} backwards",
    }
    for name in _LISTS:
        for at, value in enumerate(getattr(said, name)):
            yield f"{name}.{at}", words[name](value)
    if said.shot_order:
        yield "shot_order", f"shots in the order {', '.join(map(str, said.shot_order))}"


def unsaid(said: Constraints, key: str) -> Constraints:
    """The wishes without the one of that key; what is not there cannot be taken back."""
    name, _, at = key.partition(".")
    if name == "first":
        return replace(said, first=None)
    if name == "last":
        return replace(said, last=None)
    if name == "shot_order":
        return replace(said, shot_order=())
    values = getattr(said, name) if name in _LISTS else ()
    if (place := number_below(at, len(values))) is None:
        return said
    value = values[place]
    if name == "keep_shot":
        return group_goes(said, value)
    if name == "drop_shot":
        return group_plays(said, value)
    return _without(said, name, value)


def _added(values: tuple[T, ...], value: T) -> tuple[T, ...]:
    return values if value in values else (*values, value)


def _without(said: Constraints, name: str, value: object) -> Constraints:
    changed: Any = {name: tuple(one for one in getattr(said, name) if one != value)}
    return replace(said, **changed)


def clicked(state: ReconstructState, act: str, on: str) -> ReconstructState:
    """The state after a click; what the browser says that makes no sense changes nothing."""
    if act == "undo":
        return state.undone()
    if act == "unsay":
        return state.saying(unsaid(state.said, on))
    if act == "ask":
        return state.asked(on)
    if act == "pair":
        a, _, b = on.partition(":")
        left, right = whole_number(a), whole_number(b)
        known = left is not None and right is not None
        return state.saying(adjacent(state.said, left or 0, right or 0)) if known else state
    number = whole_number(on.removeprefix("-"))
    if number is None:
        return state
    number = -number if on.startswith("-") else number
    return _with_number(state, act, number)


def _with_number(state: ReconstructState, act: str, number: int) -> ReconstructState:
    said = state.said
    shots = state.shots()
    match act:
        case "frame":
            return _chosen(state, number)
        case "step":
            return _stepped(state, number)
        case "first":
            return state.saying(first(said, number))
        case "last":
            return state.saying(last(said, number))
        case "drop":
            return state.saying(goes(said, number))
        case "keep":
            return state.saying(plays(said, number))
        case "keep-shot":
            return state.saying(group_plays(said, number))
        case "drop-shot":
            return state.saying(group_goes(said, number))
        case "flip":
            return state.saying(flipped(said, number))
        case "earlier" | "later" if number in shots:
            return state.saying(moved(said, number, -1 if act == "earlier" else 1, shots))
    return state


def _chosen(state: ReconstructState, frame: int) -> ReconstructState:
    """A frame in hand; where one was asked for, the two are a pair."""
    if not state.knows(frame):
        return state
    if state.asking and state.selected is not None and frame != state.selected:
        pair = before if state.asking == "before" else adjacent
        return state.saying(pair(state.said, state.selected, frame))
    return replace(state, selected=frame)


def _stepped(state: ReconstructState, by: int) -> ReconstructState:
    order = state.plan.order
    if state.selected not in order:
        return state
    at = order.index(state.selected) + by
    return replace(state, selected=order[at]) if 0 <= at < len(order) else state
