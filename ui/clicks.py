"""What a click on the desk means."""

from dataclasses import replace

from ..ranges import whole_number
from . import wishing
from .desk import Desk


def clicked(desk: Desk, act: str, on: str) -> Desk:
    """The desk after a click; what the browser says that makes no sense changes nothing."""
    if act == "undo":
        return desk.undone()
    if act == "unsay":
        return desk.saying(wishing.unsaid(desk.said, on))
    if act == "ask":
        return desk.asked(on)
    if act == "pair":
        a, _, b = on.partition(":")
        left, right = whole_number(a), whole_number(b)
        known = left is not None and right is not None
        return desk.saying(wishing.adjacent(desk.said, left or 0, right or 0)) if known else desk
    number = whole_number(on.removeprefix("-"))
    if number is None:
        return desk
    number = -number if on.startswith("-") else number
    return _with_number(desk, act, number)


def _with_number(desk: Desk, act: str, number: int) -> Desk:
    said = desk.said
    shots = desk.shots()
    match act:
        case "frame":
            return _chosen(desk, number)
        case "step":
            return _stepped(desk, number)
        case "first":
            return desk.saying(wishing.first(said, number))
        case "last":
            return desk.saying(wishing.last(said, number))
        case "drop":
            return desk.saying(wishing.goes(said, number))
        case "keep":
            return desk.saying(wishing.plays(said, number))
        case "keep-shot":
            return desk.saying(wishing.group_plays(said, number))
        case "drop-shot":
            return desk.saying(wishing.group_goes(said, number))
        case "flip":
            return desk.saying(wishing.flipped(said, number))
        case "earlier" | "later" if number in shots:
            return desk.saying(wishing.moved(said, number, -1 if act == "earlier" else 1, shots))
    return desk


def _chosen(desk: Desk, frame: int) -> Desk:
    """A frame in hand; where one was asked for, the two are a pair."""
    if not desk.knows(frame):
        return desk
    if desk.asking and desk.selected is not None and frame != desk.selected:
        pair = wishing.before if desk.asking == "before" else wishing.adjacent
        return desk.saying(pair(desk.said, desk.selected, frame))
    return replace(desk, selected=frame)


def _stepped(desk: Desk, by: int) -> Desk:
    order = desk.plan.order
    if desk.selected not in order:
        return desk
    at = order.index(desk.selected) + by
    return replace(desk, selected=order[at]) if 0 <= at < len(order) else desk
