"""Clicks as wishes: each changes what was said before, and each can be taken back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..ranges import number_below
from ..solve.wishes import Wishes

T = TypeVar("T")

_LISTS = ("before", "adjacent", "keep", "drop", "keep_shot", "drop_shot", "flip_shot")


def plays(said: Wishes, frame: int) -> Wishes:
    if frame in said.drop:
        return _without(said, "drop", frame)
    return replace(said, keep=_added(said.keep, frame))


def goes(said: Wishes, frame: int) -> Wishes:
    if frame in said.keep:
        return _without(said, "keep", frame)
    return replace(said, drop=_added(said.drop, frame))


def group_plays(said: Wishes, shot: int) -> Wishes:
    if shot in said.drop_shot:
        said = _without(said, "drop_shot", shot)
    else:
        said = replace(said, keep_shot=_added(said.keep_shot, shot))
    return replace(said, shot_order=_added(said.shot_order, shot)) if said.shot_order else said


def group_goes(said: Wishes, shot: int) -> Wishes:
    if shot in said.keep_shot:
        said = _without(said, "keep_shot", shot)
    else:
        said = replace(said, drop_shot=_added(said.drop_shot, shot))
    return _without(_without(said, "shot_order", shot), "flip_shot", shot)


def flipped(said: Wishes, shot: int) -> Wishes:
    if shot in said.flip_shot:
        return _without(said, "flip_shot", shot)
    return replace(said, flip_shot=_added(said.flip_shot, shot))


def moved(said: Wishes, shot: int, by: int, shots: Sequence[int]) -> Wishes:
    """The shot a place earlier or later among those that play now."""
    order = list(shots)
    at = order.index(shot)
    to = min(max(0, at + by), len(order) - 1)
    order.insert(to, order.pop(at))
    return replace(said, shot_order=tuple(order))


def first(said: Wishes, frame: int) -> Wishes:
    return replace(said, first=None if said.first == frame else frame)


def last(said: Wishes, frame: int) -> Wishes:
    return replace(said, last=None if said.last == frame else frame)


def before(said: Wishes, a: int, b: int) -> Wishes:
    return replace(said, before=_added(said.before, (a, b)))


def adjacent(said: Wishes, a: int, b: int) -> Wishes:
    return replace(said, adjacent=_added(said.adjacent, (a, b)))


def told(said: Wishes) -> Iterator[tuple[str, str]]:
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


def unsaid(said: Wishes, key: str) -> Wishes:
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


def _without(said: Wishes, name: str, value: object) -> Wishes:
    changed: Any = {name: tuple(one for one in getattr(said, name) if one != value)}
    return replace(said, **changed)
