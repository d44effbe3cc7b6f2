"""Find problems in a plan that was edited by hand, with their position and remedy."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from pydantic import BaseModel

from .model import fill_problems
from .positions import Key, PlanProblem, TextPositions

if TYPE_CHECKING:
    from .model import PlanFields


Problem: TypeAlias = Mapping[str, Any]
"""An error as pydantic reports it."""

_NAMED = 3
"""Missing frames named in one message."""
_LAST = 2**31 - 1
"""Upper bound of frame indices in a video of which only some frames were ingested."""
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a string in double quotes",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "an object in { }",
    "model_type": "an object in { }",
}


def schema_problems(problems: Sequence[Problem], model: type[BaseModel], places: TextPositions) -> list[PlanProblem]:
    """Find values of the wrong type, missing keys and unknown keys."""
    found, mistyped = [], set()
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            *parent, key = problem["loc"]
            meant = difflib.get_close_matches(str(key), _model_at(model, parent).model_fields, 1)
            mistyped |= {(*parent, name) for name in meant}
            hint = (
                f'; write "{meant[0]}" if that is what you meant'
                if meant
                else "; remove it, or start it with _ to keep it as a note"
            )
            found.append(PlanProblem(places.of(*problem["loc"]), f'"{key}" is not a key of a plan here{hint}'))
    for problem in problems:
        if problem["type"] != "extra_forbidden" and tuple(problem["loc"]) not in mistyped:
            found.append(PlanProblem(places.of(*problem["loc"]), _message(problem)))
    return sorted(found)


def content_problems(plan: "PlanFields", places: TextPositions) -> list[PlanProblem]:
    """Find duplicate and unknown frames, gaps between shots and, last as the others may cause them, missing frames."""
    holes = (PlanProblem(places.of("fill", number), message) for number, message in fill_problems(plan))
    return [
        *sorted([*_frame_problems(plan, places), *_shot_problems(plan, places), *holes]),
        *_missing_frames(plan, places),
    ]


def invalidated_fields(plan: "PlanFields", places: TextPositions) -> tuple[dict[str, Any], str]:
    """Return the fields that an edited order invalidates, with their replacements, and a note about them.

    Rendering does not need what solving found out about joins and shots, so a user who removes a frame does not have
    to correct it. It counts as unknown from then on.
    """
    joins = max(0, len(plan.order) - 1)
    invalid: dict[str, Any] = {
        name: [] for name in ("confidence", "prices") if len(getattr(plan, name)) not in (0, joins)
    }
    if plan.shots and plan.shots[-1].start + plan.shots[-1].length != len(plan.order):
        invalid["shots"] = []
    named = ", ".join(f"{name} ({places.line(places.of(name))})" for name in invalid)
    note = f"order now has {len(plan.order)} frames, so these no longer match it and count as unknown: {named}."
    known = plan.confidence and "confidence" not in invalid
    undetermined = [at for at in plan.undetermined if at < joins] if known else []
    weak = [join for join in plan.weak if plan.order[join.at : join.at + 2] == [join.left, join.right]]
    return invalid | {"weak": weak, "undetermined": undetermined}, note if invalid else ""


def _message(problem: Problem) -> str:
    kind, given = problem["type"], json.dumps(problem["input"], default=str)
    name = ".".join(part for part in problem["loc"] if isinstance(part, str)) or "a plan"
    short = given if len(given) <= 40 else f"{given[:37]}..."
    if kind == "missing":
        return f"{name} is missing; restore it"
    if kind == "literal_error":
        return f"{name}: {short} is not {problem.get('ctx', {}).get('expected')}"
    if kind in _EXPECTED:
        return f"{name}: expected {_EXPECTED[kind]}, not {short}"
    return f"{name}: {short} {problem['msg'].removeprefix('Input ')}"


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """Return the model at a path within a model."""
    for key in path:
        if isinstance(key, str):
            annotation = model.model_fields[key].annotation
            model = next(
                kind
                for kind in (annotation, *get_args(annotation))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            )
    return model


def _named(plan: "PlanFields") -> Iterator[tuple[int, Key]]:
    """Yield every frame that the plan names, and the path to it."""
    yield from ((frame, ("order", place)) for place, frame in enumerate(plan.order))
    yield from ((dropped.frame, ("dropped", place)) for place, dropped in enumerate(plan.dropped))


def _frame_problems(plan: "PlanFields", places: TextPositions) -> Iterator[PlanProblem]:
    first: dict[int, Key] = {}
    last = None if plan.video.gaps else plan.video.frames - 1
    for frame, key in _named(plan):
        if frame in first:
            before = places.line(places.of(*first[frame]))
            message = f"frame {frame} is there twice, first at {before}; remove one of the two"
            yield PlanProblem(places.of(*key), message)
        elif not 0 <= frame <= (_LAST if last is None else last):
            known = "start at 0" if last is None else f"are 0 to {last}"
            yield PlanProblem(places.of(*key), f"frame {frame} is not in the video, whose frames {known}; remove it")
        first.setdefault(frame, key)


def _missing_frames(plan: "PlanFields", places: TextPositions) -> Iterator[PlanProblem]:
    """Report missing frames; by number alone if only some of the video's frames were ingested."""
    named = {frame for frame, _ in _named(plan) if frame >= 0}
    count, gaps = plan.video.frames, plan.video.gaps
    missing = count - (len(named) if gaps else sum(frame < count for frame in named))
    if missing > 0 and not plan.order:
        yield PlanProblem(places.of("order"), "order is empty, so there is no film to write; add frames to it")
    elif missing > 0 and gaps:
        yield PlanProblem(places.of("order"), f"order and dropped name {len(named)} of {count} frames; add the others")
    elif missing > 0:
        some = list(islice((frame for frame in range(count) if frame not in named), _NAMED))
        yield PlanProblem(places.of("dropped"), _missing_message(some, missing))


def _missing_message(some: Sequence[int], missing: int) -> str:
    entry = json.dumps({"frame": some[0], "reason": "user", "score": 0})
    if missing == 1:
        return f"frame {some[0]} is in neither order nor dropped; add {entry} to dropped"
    more = f" and {missing - len(some)} more" if missing > len(some) else ""
    named = ", ".join(map(str, some))
    return f"frames {named}{more} are in neither order nor dropped; add {entry} and so on to dropped"


def _shot_problems(plan: "PlanFields", places: TextPositions) -> Iterator[PlanProblem]:
    end = 0
    for number, shot in enumerate(plan.shots, 1):
        if shot.start != end:
            before = f"shot {number - 1} ends at {end}" if number > 1 else "the film starts at 0"
            offset = places.of("shots", number - 1)
            yield PlanProblem(offset, f"shot {number} starts at {shot.start}, but {before}; start it there")
        if shot.length < 1:
            offset = places.of("shots", number - 1)
            yield PlanProblem(offset, f"shot {number} is {shot.length} frames long; remove it or correct its length")
        end = shot.start + shot.length
