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
    from .intake import Taken
    from .seeking import Sought
    from .solve.plan import Plan
    from .trial import Examined

_GROUPS_TOLD, _FRAMES_TOLD = 10, 6


def answer(data: dict[str, Any], as_json: bool, told: str) -> None:
    print(json.dumps(data) if as_json else told)


def lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def table(rows: list[tuple[Any, ...]]) -> None:
    for line in _columns(rows):
        print(line)


def in_a_line(name: str) -> str:
    """A file may be called anything; a table has one line a row."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def sought_told(found: "Sought") -> str:
    """What chance would find stands beside what was found."""
    return (
        f"search     {found.text!r}, by the small model {found.model!r}: {found.right} of the {found.hits} best frames "
        f"show it, as {found.showing} of all {found.frames} do; one that does is above one that does not in "
        f"{100 * found.above:.1f} % (chance 50)"
    )


def examined_told(done: "Examined") -> list[str]:
    facts = [("space", done.space), ("model", done.model), ("weights", done.weights or "none")]
    if done.weights:
        facts += [
            ("preprocessing", str(done.preprocessing)),
            ("dimension", str(done.dimension)),
            ("speed", f"{done.milliseconds:.1f} ms a picture"),
        ]
    return _columns(
        [("", *fact) for fact in facts] + [("ok" if t.ok else "FAILED", t.name, t.detail) for t in done.trials]
    )


def _columns(rows: list[tuple[Any, ...]]) -> list[str]:
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def taken_data(taken: "Taken") -> dict[str, Any]:
    """What `ingest` says of a source: its video, where there is one, or why there is none."""
    facts = asdict(taken.video) if taken.video else {}
    error = {"error": taken.error.cause, "remedy": taken.error.remedy} if taken.error else {}
    return facts | {"path": taken.path, "state": taken.state} | error


def taken_told(taken: "Taken", dry_run: bool) -> str:
    if dry_run or not taken.video:
        return f"{taken.state:9}  {in_a_line(taken.path)}"
    return f"{taken.video.id}  {taken.video.frames} frames  {taken.video.seconds:.1f} s  {taken.state}"


def reconstruction_told(done: "Reconstruction") -> str:
    lines = [f"kept {done.kept} of {done.frames} frames, dropped {done.dropped}"]
    for number, film in enumerate(done.films, 1):
        title = f"film {number}: {film.kept} frames, " if len(done.films) > 1 else ""
        lines += [f"{title}{_film_told(film)}", *_files_told(film)]
    return "\n".join([", ".join(lines[:2]), *lines[2:]] if len(done.films) == 1 else lines)


def _film_told(film: "FilmMade") -> str:
    from .films import order_told

    gap = "unproved" if film.gap is None else f"within {100 * film.gap:.2f} % of the cheapest possible"
    order = order_told(film.kept, film.mean_confidence, film.undetermined)
    path = "" if film.mean_confidence is None else f", path {gap}"
    broken = f"{film.broken} broken, {film.filled} made in their places; " if film.broken else ""
    return f"{broken}{_shots_told(film.shots)}; order {order}{path}"


def _files_told(film: "FilmMade") -> list[str]:
    return [
        *(f"film       {output}" for output in film.outputs),
        f"plan       {film.plan}",
        *([f"report     {film.report}/index.html"] if film.report else []),
    ]


def plan_told(plan: "Plan", file: Path | None) -> str:
    """The shots of a plan by the numbers that options take, how many joins are weak, and what was dropped."""
    from .films import order_told
    from .solve.undetermined import reasons
    from .solve.weak import count_weak

    weak = count_weak(plan)
    told = f"{len(plan.order)} frames in {_shots_told(len(plan.shots))}, {len(plan.dropped)} dropped"
    lines = [
        f"{file}: {told}" if file else told,
        *_columns([("shot", "frames", "seconds", "first", "last"), *_shots(plan)]),
        f"order {order_told(len(plan.order), plan.mean_confidence, reasons(plan))}",
    ]
    if weak:
        lines.append(
            f"{weak} of {len(plan.confidence)} joins are weak: `weak` in the plan says what else could be there"
        )
    if plan.dropped:
        lines += ["dropped:", *_columns([("shot", "frames", "reason", "which"), *_dropped_groups(plan)])]
    return "\n".join(lines)


def _shots(plan: "Plan") -> list[tuple[Any, ...]]:
    return [
        (
            shot.number or place,
            shot.length,
            f"{shot.length / plan.video.fps:.2f}",
            plan.order[shot.start],
            plan.order[shot.start + shot.length - 1],
        )
        for place, shot in enumerate(plan.shots, 1)
    ]


def _dropped_groups(plan: "Plan") -> list[tuple[Any, ...]]:
    """The largest first, by the numbers that `--keep-shot` takes; frames of no group stand together by their reason."""
    groups: dict[tuple[int | None, str], list[int]] = {}
    for dropped in plan.dropped:
        groups.setdefault((dropped.shot, dropped.reason), []).append(dropped.frame)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    rows: list[tuple[Any, ...]] = [
        ("-" if group is None else group, len(frames), reason, _some(frames))
        for (group, reason), frames in ordered[:_GROUPS_TOLD]
    ]
    rest = ordered[_GROUPS_TOLD:]
    return rows + ([("...", sum(len(frames) for _, frames in rest), f"{len(rest)} more groups", "")] if rest else [])


def _some(frames: list[int]) -> str:
    return ", ".join(map(str, frames[:_FRAMES_TOLD])) + ", ..." * (len(frames) > _FRAMES_TOLD)


def _shots_told(count: int) -> str:
    return f"{count} shot{'s' * (count != 1)}"


def scores_told(scores: "Scores") -> str:
    return "\n".join(f"{key:16} {_score(value)}" for key, value in asdict(scores).items() if value is not None)


def split_told(scores: "SplitScores") -> str:
    rows = [f"{key:12} {_score(value)}" for key, value in asdict(scores.grouping).items()]
    for number, plan in enumerate(scores.plans, 1):
        rows += [f"\nplan {number}: {plan.frames} frames, most of them from {plan.source}", scores_told(plan.scores)]
    return "\n".join(rows)


def _score(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
