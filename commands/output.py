"""Format what commands print: JSON for programs, a few lines of text for people."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..render.results import order_text, shot_order_text
from .color import styled

if TYPE_CHECKING:
    from ..evaluate.drawn.demo_search import DemoSearch
    from ..evaluate.model_check import ModelReport
    from ..evaluate.scores import Scores
    from ..evaluate.split_scores import SplitScores
    from ..ingest.ingester import IngestResult
    from ..render.results import FilmResult, Reconstruction
    from ..solve.plan.model import Plan


_Row = TypeVar("_Row")

_LISTED_GROUPS = 10
"""Most dropped groups that are listed one by one; the rest are counted."""

_LISTED_FRAMES = 6
"""Most frames of a dropped group that are listed."""


def print_answer(data: dict[str, Any], as_json: bool, text: str) -> None:
    print(json.dumps(data) if as_json else text)


def print_error(error: Exception) -> None:
    """Print one line, or raise the error for its traceback if REELWEAVE_DEBUG is set."""
    if os.environ.get("REELWEAVE_DEBUG"):
        raise error
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        if error.errno == errno.EBADF and not error.filename:
            text = "stdout is closed.\n  Redirect it to a file, or to /dev/null."
    print(f"{styled('error:', sys.stderr, fg='red', bold=True)} {text}", file=sys.stderr)


def print_json_lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def print_rows(
    rows: Iterable[_Row],
    as_json: bool,
    data: Callable[[_Row], dict[str, Any]],
    cells: Callable[[_Row], tuple[Any, ...]],
    head: tuple[str, ...] = (),
) -> None:
    """Print one JSON object or one line of a table per row; the head only above rows."""
    if as_json:
        print_json_lines(map(data, rows))
    else:
        table = list(map(cells, rows))
        print_table([head, *table] if head and table else table, headed=bool(head))


def print_table(rows: list[tuple[Any, ...]], headed: bool = False) -> None:
    """Print a table; where it is headed, its first row is the head."""
    for number, line in enumerate(_columns(rows)):
        print(styled(line, bold=True) if headed and not number else line)


def single_line(name: str) -> str:
    """Replace unprintable characters of a file name, so that it fits one row of a table."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def demo_search_text(found: "DemoSearch") -> str:
    """Format the result of the search beside what chance would find."""
    return (
        f"search     {found.text!r}, with the small model {found.model!r}: {found.right} of the {found.hits} best "
        f"frames show it, and {found.showing} of all {found.frames} do; a frame that shows it scores above one that "
        f"does not in {100 * found.above:.1f} % of pairs (chance: 50 %)"
    )


def model_report_lines(done: "ModelReport") -> list[str]:
    facts = [("space", done.space), ("model", done.model), ("weights", done.weights or "none")]
    if done.weights:
        facts += [
            ("preprocessing", str(done.preprocessing)),
            ("dimension", str(done.dimension)),
            ("speed", f"{done.milliseconds:.1f} ms per picture"),
        ]
    return _columns(
        [("", *fact) for fact in facts]
        + [("ok" if test.ok else "FAILED", test.name, test.detail) for test in done.trials]
    )


def _columns(rows: list[tuple[Any, ...]]) -> list[str]:
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def ingest_data(result: "IngestResult") -> dict[str, Any]:
    """Return the video that a source became, or the error."""
    facts = asdict(result.video) if result.video else {}
    error = {"error": result.error.cause, "remedy": result.error.remedy} if result.error else {}
    return facts | {"path": result.path, "state": result.state} | error


def ingest_text(result: "IngestResult", dry_run: bool) -> str:
    if dry_run or not result.video:
        return f"{result.state:9}  {single_line(result.path)}"
    return f"{result.video.id}  {result.video.frames} frames  {result.video.seconds:.1f} s  {result.state}"


def reconstruction_text(done: "Reconstruction") -> str:
    lines = [f"kept {done.kept} of {done.frames} frames, dropped {done.dropped}"]
    for number, film in enumerate(done.films, 1):
        title = f"film {number}: {film.kept} frames, " if len(done.films) > 1 else ""
        lines += [f"{title}{_film_text(film)}", *_file_lines(film)]
    return "\n".join([", ".join(lines[:2]), *lines[2:]] if len(done.films) == 1 else lines)


def _film_text(film: "FilmResult") -> str:
    gap = "not proven" if film.gap is None else f"within {100 * film.gap:.2f} % of the cheapest possible"
    order = order_text(film.kept, film.mean_confidence, film.undetermined)
    path = "" if film.mean_confidence is None else f", path {gap}"
    broken = f"{film.broken} broken, {film.filled} filled; " if film.broken else ""
    return f"{broken}{_shot_count(film.shots)}; order {order}{path}"


def _file_lines(film: "FilmResult") -> list[str]:
    return [
        *(f"film       {output}" for output in film.outputs),
        f"plan       {film.plan}",
        *([f"report     {film.report}/index.html"] if film.report else []),
    ]


def plan_text(plan: "Plan", file: Path | None) -> str:
    """Format the shots of a plan under the numbers that options take, its weak joins, and the dropped frames."""
    from ..solve.confidence import count_weak
    from ..solve.undetermined import reasons

    weak = count_weak(plan)
    summary = f"{len(plan.order)} frames in {_shot_count(len(plan.shots))}, {len(plan.dropped)} dropped"
    lines = [
        f"{file}: {summary}" if file else summary,
        *_columns([("shot", "frames", "seconds", "first", "last"), *_shot_rows(plan)]),
        *(f"shot {number}: {text}" for number, text in _undetermined_shots(plan)),
        f"order {order_text(len(plan.order), plan.mean_confidence, reasons(plan))}",
    ]
    if weak:
        lines.append(f"{weak} of {len(plan.confidence)} joins are weak: `weak` in the plan lists the alternatives")
    if plan.dropped:
        lines += ["dropped:", *_columns([("shot", "frames", "reason", "which"), *_dropped_rows(plan)])]
    return "\n".join(lines)


def _undetermined_shots(plan: "Plan") -> list[tuple[int, str]]:
    numbered = ((shot.number or position, shot.undetermined) for position, shot in enumerate(plan.shots, 1))
    return [(number, shot_order_text(reason)) for number, reason in numbered if reason][:_LISTED_GROUPS]


def _shot_rows(plan: "Plan") -> list[tuple[Any, ...]]:
    return [
        (
            shot.number or position,
            shot.length,
            f"{shot.length / plan.video.fps:.2f}",
            plan.order[shot.start],
            plan.order[shot.start + shot.length - 1],
        )
        for position, shot in enumerate(plan.shots, 1)
    ]


def _dropped_rows(plan: "Plan") -> list[tuple[Any, ...]]:
    """Group the dropped frames by the numbers that `--keep-shot` takes, or by their reason; the largest group first."""
    groups: dict[tuple[int | None, str], list[int]] = {}
    for dropped in plan.dropped:
        groups.setdefault((dropped.shot, dropped.reason), []).append(dropped.frame)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    rows: list[tuple[Any, ...]] = [
        ("-" if group is None else group, len(frames), reason, _first_frames(frames))
        for (group, reason), frames in ordered[:_LISTED_GROUPS]
    ]
    rest = ordered[_LISTED_GROUPS:]
    return rows + ([("...", sum(len(frames) for _, frames in rest), f"{len(rest)} more groups", "")] if rest else [])


def _first_frames(frames: list[int]) -> str:
    return ", ".join(map(str, frames[:_LISTED_FRAMES])) + ", ..." * (len(frames) > _LISTED_FRAMES)


def _shot_count(count: int) -> str:
    return f"{count} shot{'s' * (count != 1)}"


def scores_text(scores: "Scores") -> str:
    return "\n".join(f"{key:16} {_score(value)}" for key, value in asdict(scores).items() if value is not None)


def split_text(scores: "SplitScores") -> str:
    rows = [f"{key:12} {_score(value)}" for key, value in asdict(scores.grouping).items()]
    for number, plan in enumerate(scores.plans, 1):
        rows += [f"\nplan {number}: {plan.frames} frames, most of them from {plan.source}", scores_text(plan.scores)]
    return "\n".join(rows)


def _score(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
