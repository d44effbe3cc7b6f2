"""What is wrong with a plan that was edited by hand, where it stands in the file, and how to mend it."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from pydantic import BaseModel

from .places import Fault, Key, Places

if TYPE_CHECKING:
    from .plan import PlanFields

Problem: TypeAlias = Mapping[str, Any]
"""One of pydantic's errors."""

_NAMED = 3
_LAST = 2**31 - 1
"""No frame's index is higher, whatever was not looked at of its video."""
_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text in double quotes",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "an object in { }",
    "model_type": "an object in { }",
}


def shape_faults(problems: Sequence[Problem], model: type[BaseModel], places: Places) -> list[Fault]:
    """Values of the wrong kind, keys that are missing, and keys that a plan does not have."""
    faults, mistyped = [], set()
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            *parent, key = problem["loc"]
            meant = difflib.get_close_matches(str(key), _model_at(model, parent).model_fields, 1)
            mistyped |= {(*parent, name) for name in meant}
            hint = (
                f'; write "{meant[0]}" if that is meant'
                if meant
                else "; take it out, or begin it with _ if it is a note"
            )
            faults.append(Fault(places.of(*problem["loc"]), f'"{key}" is no key of a plan here{hint}'))
    for problem in problems:
        if problem["type"] != "extra_forbidden" and tuple(problem["loc"]) not in mistyped:
            faults.append(Fault(places.of(*problem["loc"]), _told(problem)))
    return sorted(faults)


def content_faults(plan: "PlanFields", places: Places) -> list[Fault]:
    """Frames that are there twice or in no video, shots that leave gaps, and last, as it may follow, what is lost."""
    holes = (Fault(places.of("fill", number), told) for number, told in fill_faults(plan))
    return [*sorted([*_frame_faults(plan, places), *_shot_faults(plan, places), *holes]), *_lost(plan, places)]


def fill_faults(plan: "PlanFields") -> Iterator[tuple[int, str]]:
    """What is wrong with the places that are to be filled, each with its number in `fill`."""
    order, dropped = set(plan.order), {one.frame for one in plan.dropped}
    places: set[int | None] = set()
    filled: set[int] = set()
    for number, hole in enumerate(plan.fill):
        if hole.after is not None and hole.after not in order:
            yield number, f"frame {hole.after}, after which frames are to be made, is not in order; name one that is"
        if hole.after in places:
            yield number, "two entries of fill are after the same frame; put their frames into one"
        for frame in hole.frames:
            if frame not in dropped:
                yield number, f"frame {frame} is to be filled, but is not in dropped; take it out of fill"
            elif frame in filled:
                yield number, f"frame {frame} is to be filled twice; take one of the two out"
            filled.add(frame)
        places.add(hole.after)


def settled(plan: "PlanFields", places: Places) -> tuple[dict[str, Any], str]:
    """What the edited order makes void, as the fields that replace it, and a note on it.

    Whoever takes a frame out of the order need not mend what solving knew of its joins and shots:
    no film needs that. It counts as unknown from then on.
    """
    joins = max(0, len(plan.order) - 1)
    void: dict[str, Any] = {name: [] for name in ("confidence", "prices") if len(getattr(plan, name)) not in (0, joins)}
    if plan.shots and plan.shots[-1].start + plan.shots[-1].length != len(plan.order):
        void["shots"] = []
    named = ", ".join(f"{name} ({places.line(places.of(name))})" for name in void)
    note = f"order has {len(plan.order)} frames, for which these were not made: {named}. They count as unknown."
    known = plan.confidence and "confidence" not in void
    undetermined = [at for at in plan.undetermined if at < joins] if known else []
    weak = [join for join in plan.weak if plan.order[join.at : join.at + 2] == [join.left, join.right]]
    return void | {"weak": weak, "undetermined": undetermined}, note if void else ""


def _told(problem: Problem) -> str:
    kind, given = problem["type"], json.dumps(problem["input"], default=str)
    name = ".".join(part for part in problem["loc"] if isinstance(part, str)) or "a plan"
    short = given if len(given) <= 40 else f"{given[:37]}..."
    if kind == "missing":
        return f"{name} is missing; put it back"
    if kind == "literal_error":
        return f"{name}: {short} is not {problem.get('ctx', {}).get('expected')}"
    if kind in _WANTED:
        return f"{name}: {_WANTED[kind]} is wanted, not {short}"
    return f"{name}: {short} {problem['msg'].removeprefix('Input ')}"


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """The model of the part that lies there."""
    for key in path:
        if isinstance(key, str):
            annotation = model.model_fields[key].annotation
            model = next(kind for kind in (annotation, *get_args(annotation)) if _is_model(kind))
    return model


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _named(plan: "PlanFields") -> Iterator[tuple[int, Key]]:
    """Every frame that the plan names, and the way to it."""
    yield from ((frame, ("order", place)) for place, frame in enumerate(plan.order))
    yield from ((dropped.frame, ("dropped", place)) for place, dropped in enumerate(plan.dropped))


def _frame_faults(plan: "PlanFields", places: Places) -> Iterator[Fault]:
    first: dict[int, Key] = {}
    last = None if plan.video.gaps else plan.video.frames - 1
    for frame, key in _named(plan):
        if frame in first:
            before = places.line(places.of(*first[frame]))
            told = f"frame {frame} is there twice, first at {before}; take one of the two out"
            yield Fault(places.of(*key), told)
        elif not 0 <= frame <= (_LAST if last is None else last):
            known = "begin with 0" if last is None else f"are 0 to {last}"
            yield Fault(places.of(*key), f"frame {frame} is not in the video, whose frames {known}; take it out")
        first.setdefault(frame, key)


def _lost(plan: "PlanFields", places: Places) -> Iterator[Fault]:
    """Where only some frames were looked at, nothing says which, and so their number alone is checked."""
    named = {frame for frame, _ in _named(plan) if frame >= 0}
    count, gaps = plan.video.frames, plan.video.gaps
    lost = count - (len(named) if gaps else sum(frame < count for frame in named))
    if lost > 0 and not plan.order:
        yield Fault(places.of("order"), "order is empty, so there is no film to write; put frames back into it")
    elif lost > 0 and gaps:
        yield Fault(places.of("order"), f"order and dropped name {len(named)} of {count} frames; put the others back")
    elif lost > 0:
        some = list(islice((frame for frame in range(count) if frame not in named), _NAMED))
        yield Fault(places.of("dropped"), _told_lost(some, lost))


def _told_lost(some: Sequence[int], lost: int) -> str:
    entry = json.dumps({"frame": some[0], "reason": "user", "score": 0})
    if lost == 1:
        return f"frame {some[0]} is in neither order nor dropped; add {entry} to dropped"
    more = f" and {lost - len(some)} more" if lost > len(some) else ""
    named = ", ".join(map(str, some))
    return f"frames {named}{more} are in neither order nor dropped; add {entry} and so on to dropped"


def _shot_faults(plan: "PlanFields", places: Places) -> Iterator[Fault]:
    end = 0
    for number, shot in enumerate(plan.shots, 1):
        if shot.start != end:
            before = f"shot {number - 1} ends at {end}" if number > 1 else "the film starts at 0"
            offset = places.of("shots", number - 1)
            yield Fault(offset, f"shot {number} starts at {shot.start}, but {before}; let it start there")
        if shot.length < 1:
            offset = places.of("shots", number - 1)
            yield Fault(offset, f"shot {number} is {shot.length} frames long; take it out, or correct its length")
        end = shot.start + shot.length
