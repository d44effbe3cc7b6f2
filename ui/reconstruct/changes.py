"""Change a list of the user's constraints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...solve.constraints import Constraints

OPPOSITES = {"keep": "drop", "drop": "keep", "keep_shot": "drop_shot", "drop_shot": "keep_shot"}


def keep_or_drop(constraints: Constraints, name: str, value: int) -> Constraints:
    """Add a frame or shot to a list, or only remove it from the opposite one if it is in that."""
    if value in getattr(constraints, OPPOSITES[name]):
        changed = without(constraints, OPPOSITES[name], value)
    else:
        changed = with_value(constraints, name, value)
    if name == "keep_shot" and changed.shot_order:
        return with_value(changed, "shot_order", value)
    if name == "drop_shot":
        return without(without(changed, "shot_order", value), "flip_shot", value)
    return changed


def keep_or_drop_all(constraints: Constraints, name: str, frames: Sequence[int]) -> Constraints:
    """Do the same with several frames."""
    opposite = OPPOSITES[name]
    listed, others = getattr(constraints, name), getattr(constraints, opposite)
    known, given = {*listed, *others}, dict.fromkeys(frames)
    changed = set_value(constraints, name, (*listed, *(frame for frame in given if frame not in known)))
    return set_value(changed, opposite, tuple(frame for frame in others if frame not in given))


def with_value(constraints: Constraints, name: str, value: object) -> Constraints:
    values = getattr(constraints, name)
    return constraints if value in values else set_value(constraints, name, (*values, value))


def without(constraints: Constraints, name: str, value: object) -> Constraints:
    return set_value(constraints, name, tuple(other for other in getattr(constraints, name) if other != value))


def set_value(constraints: Constraints, name: str, value: object) -> Constraints:
    changed: Any = {name: value}
    return replace(constraints, **changed)
