"""What a command prints: data as JSON for programs, or a few lines for people."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate.metrics import Scores
    from .pipeline import Reconstruction
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
    gap = "unproved" if done.gap is None else f"within {100 * done.gap:.2f} % of the cheapest possible"
    lines = [
        f"kept {done.kept} of {done.frames} frames, dropped {done.dropped}, "
        f"{_shots_told(done.shots)}; order {100 * done.mean_confidence:.0f} % sure, path {gap}",
        *(f"film       {film}" for film in done.outputs),
        f"plan       {done.plan}",
        *([f"report     {done.report}/index.html"] if done.report else []),
    ]
    return "\n".join(lines)


def plan_told(plan: "Plan", file: Path | None) -> str:
    return f"{file}: {len(plan.order)} frames in {_shots_told(len(plan.shots))}, {len(plan.dropped)} dropped"


def _shots_told(count: int) -> str:
    return f"{count} shot{'s' * (count != 1)}"


def scores_told(scores: "Scores") -> str:
    return "\n".join(f"{key:11} {_score(value)}" for key, value in asdict(scores).items() if value is not None)


def _score(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
