"""What a command prints: data as JSON for programs, or a few lines for people."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate.grouping import SplitScores
    from .evaluate.metrics import Scores
    from .films import FilmMade, Reconstruction
    from .solve.plan import Plan


def answer(data: dict[str, Any], as_json: bool, told: str) -> None:
    print(json.dumps(data) if as_json else told)


def lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def table(rows: list[tuple[Any, ...]]) -> None:
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def reconstruction_told(done: "Reconstruction") -> str:
    lines = [f"kept {done.kept} of {done.frames} frames, dropped {done.dropped}"]
    for number, film in enumerate(done.films, 1):
        title = f"film {number}: {film.kept} frames, " if len(done.films) > 1 else ""
        lines += [f"{title}{_film_told(film)}", *_files_told(film)]
    return "\n".join([", ".join(lines[:2]), *lines[2:]] if len(done.films) == 1 else lines)


def _film_told(film: "FilmMade") -> str:
    gap = "unproved" if film.gap is None else f"within {100 * film.gap:.2f} % of the cheapest possible"
    return f"{_shots_told(film.shots)}; order {100 * film.mean_confidence:.0f} % sure, path {gap}"


def _files_told(film: "FilmMade") -> list[str]:
    return [
        *(f"film       {output}" for output in film.outputs),
        f"plan       {film.plan}",
        *([f"report     {film.report}/index.html"] if film.report else []),
    ]


def plan_told(plan: "Plan", file: Path | None) -> str:
    return f"{file}: {len(plan.order)} frames in {_shots_told(len(plan.shots))}, {len(plan.dropped)} dropped"


def _shots_told(count: int) -> str:
    return f"{count} shot{'s' * (count != 1)}"


def scores_told(scores: "Scores") -> str:
    return "\n".join(f"{key:11} {_score(value)}" for key, value in asdict(scores).items() if value is not None)


def split_told(scores: "SplitScores") -> str:
    rows = [f"{key:12} {_score(value)}" for key, value in asdict(scores.grouping).items()]
    for number, plan in enumerate(scores.plans, 1):
        rows += [f"\nplan {number}: {plan.frames} frames, most of them from {plan.source}", scores_told(plan.scores)]
    return "\n".join(rows)


def _score(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
