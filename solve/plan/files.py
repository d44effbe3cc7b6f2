"""Read and write plan files; report what is wrong with one, by line."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...errors import PlanError, command
from ...media.files import atomic
from ...media.untrusted import MEGABYTE, UntrustedError, each_key_once, is_newer, parse_json, read_bytes
from .model import PLAN_FORMAT, Plan, PlanFields
from .positions import JsonSyntaxError, PlanProblem, TextPositions, can_record_positions, read_json
from .validation import content_problems, invalidated_fields, schema_problems

_MOST_BYTES = 128 * MEGABYTE
"""Largest plan that is read: a plan of a million frames has 30 MB, and twice that if many of them are dropped."""
_FRAMES_A_LINE = 20
"""Short enough to read, long enough for small diffs."""
_PROBLEMS_SHOWN = 5
"""Problems listed in one error."""


def write_plan(plan: Plan, path: Path) -> Path:
    """Write the plan in short lines, so that it can be edited by hand, problems have a line, and diffs stay small."""
    with atomic(path) as part:
        part.write_text(_format_plan(plan) + "\n", encoding="utf-8")
    return path


def read_plan(path: Path, note: Callable[[str], None] = lambda text: None) -> Plan:
    """Read a plan, as written or edited by hand.

    Args:
        path: The plan file.
        note: Receives what an edit invalidated.

    Raises:
        PlanError: Lists the problems with their lines.
    """
    return parse_plan(_text(path), path, note)


def parse_plan(text: str, path: Path, note: Callable[[str], None] = lambda text: None) -> Plan:
    """Parse the text of a plan; errors and notes name `path`.

    Raises:
        PlanError: Lists the problems with their lines.
    """
    try:
        value = parse_json(text, _without_notes)
    except UntrustedError as bad:
        raise _syntax_error(path, text, bad) from bad
    return _validated(value, TextPositions(text), path, note)


def _text(path: Path) -> str:
    writes_plan = f"solve --plan writes one: see {command('solve', '--help')}."
    try:
        return read_bytes(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as missing:
        raise PlanError(f"There is no plan at {path}.", writes_plan) from missing
    except UnicodeDecodeError as bad:
        line = bad.object[: bad.start].count(b"\n") + 1
        raise PlanError(f"{path}, line {line}: this is not UTF-8 text, so it is not a plan.", writes_plan) from bad
    except UntrustedError as bad:
        raise PlanError(f"{path} is not a plan that can be read: it {bad}.") from bad
    except OSError as failed:
        raise PlanError(f"{path} is not a plan that can be read: {failed.strerror}.") from failed


def _without_notes(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Drop keys that begin with `_`: they are the user's notes."""
    return {key: value for key, value in each_key_once(pairs).items() if not key.startswith("_")}


def _syntax_error(path: Path, text: str, bad: UntrustedError) -> PlanError:
    """Describe invalid JSON, with its line if the text is short enough to be parsed again with positions."""
    try:
        if can_record_positions(text):
            read_json(text)
    except JsonSyntaxError as placed:
        return _refused(path, [placed.problem], TextPositions(text, {}))
    return PlanError(f"{path} is not a plan that can be read: it {bad}.")


def first_problem(bad: Exception) -> str:
    """Return the first problem with a file, in one line."""
    if isinstance(bad, ValidationError):
        problem = bad.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        return f"{place}: {problem['msg']}" if place else problem["msg"]
    return str(bad)


def _validated(value: Any, places: TextPositions, path: Path, note: Callable[[str], None]) -> Plan:
    kind = value.get("format", PLAN_FORMAT) if isinstance(value, dict) else PLAN_FORMAT
    if kind != PLAN_FORMAT:
        made = " was made by a newer version" if is_newer(kind, PLAN_FORMAT) else " is not a plan that can be read"
        message = f"format: {json.dumps(kind)}{made}; this version reads {PLAN_FORMAT}"
        raise _refused(path, [PlanProblem(places.of("format"), message)], places)
    try:
        fields = PlanFields.model_validate(value, strict=True)
    except ValidationError as bad:
        raise _refused(path, schema_problems(bad.errors(), PlanFields, places), places) from bad
    problems = content_problems(fields, places)
    if problems:
        raise _refused(path, problems, places)
    changes, invalid = invalidated_fields(fields, places)
    if invalid:
        note(f"{path}: {invalid}")
    return Plan(**{**dict(fields), **changes})


def _refused(path: Path, problems: list[PlanProblem], places: TextPositions) -> PlanError:
    """Build the error from the first problem and the next few: whoever edited one line may have edited more."""
    messages = [f"{places.line(problem.offset)}: {problem.message}." for problem in problems]
    more = [f"and {len(messages) - _PROBLEMS_SHOWN} more"] if len(messages) > _PROBLEMS_SHOWN else []
    return PlanError(f"{path}, {messages[0]}", "\n  ".join([*messages[1:_PROBLEMS_SHOWN], *more]))


def _format_plan(plan: Plan) -> str:
    rows = []
    for key, value in plan.model_dump(mode="json").items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = _lines(json.dumps(item) for item in value)
        elif isinstance(value, list) and value:
            body = _lines(json.dumps(value[a:b])[1:-1] for a, b in pairwise(_line_starts(plan, len(value))))
        elif isinstance(value, dict):
            body = json.dumps(value, indent=2).replace("\n", "\n  ")
        else:
            body = json.dumps(value)
        rows.append(f"  {json.dumps(key)}: {body}")
    return "{\n" + ",\n".join(rows) + "\n}"


def _lines(rows: Iterator[str]) -> str:
    return "[\n" + ",\n".join(f"    {row}" for row in rows) + "\n  ]"


def _line_starts(plan: Plan, count: int) -> list[int]:
    """Return where lines of the order and of join values begin: at every shot, and every few frames."""
    starts = [0, *sorted({shot.start for shot in plan.shots if 0 < shot.start < count}), count]
    return [*(line for a, b in pairwise(starts) for line in range(a, b, _FRAMES_A_LINE)), count]
