"""What the Repair tab shows of its state, as HTML; the layout is in templates/repair.html."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...repair.survey import Survey
from ...repair.verdict import CLEAN, Verdict
from ..html import render
from ..strings import STRINGS
from .state import RepairState

_COLUMNS = 480
"""Bounds the bars of the timeline, and with them the size of its SVG."""
_HEIGHT = 100
"""The height of the timeline in SVG units, so that a score reads as a percentage."""
_ROWS_SHOWN = 200
"""Bounds the list of a badly damaged film."""
_CLASSES = STRINGS.repair.kinds


@dataclass(frozen=True)
class BrokenRun:
    """Consecutive frames with the same kind of damage; `broken` unless the user marked them as clean."""

    kind: str
    first: int
    last: int
    score: tuple[float, float]
    evidence: tuple[str, ...]
    broken: bool

    @property
    def frames(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def timeline(survey: Survey) -> str:
    """Draw the damage score of each frame; where frames outnumber columns, the worst one shows."""
    frames, broken = len(survey.verdicts), set(survey.broken)
    columns = min(frames, _COLUMNS)
    paths = {"clean": "", "broken": "", "marks": ""}
    for column in range(columns):
        part = range(column * frames // columns, max(1, (column + 1) * frames // columns))
        top = _HEIGHT * (1 - max(survey.verdicts[frame].score for frame in part))
        paths["broken" if broken.intersection(part) else "clean"] += f"M{column} {_HEIGHT}V{top:.1f}h1V{_HEIGHT}z"
    # Also marked below the scores, since a frame marked by the user may have none.
    for column in sorted({frame * columns // frames for frame in broken}):
        paths["marks"] += f"M{column} {_HEIGHT + 2}h1v4h-1z"
    return render("repair.timeline", frames, len(broken), columns, _HEIGHT, paths)


def listing(state: RepairState) -> str:
    """List each run with its score and evidence; a click marks it as clean or as broken again."""
    found = _runs(state)
    sections = [
        (_CLASSES.get(kind, kind), list(runs)) for kind, runs in groupby(found[:_ROWS_SHOWN], key=lambda run: run.kind)
    ]
    return render("repair.listing", sections, state.detected.times, len(found) - _ROWS_SHOWN)


def _runs(state: RepairState) -> list[BrokenRun]:
    """List detected and marked frames by class; those the user marked as clean stay, to be restored."""
    rows = [
        (now, now if now.kind != CLEAN else was)
        for was, now in zip(state.detected.verdicts, state.corrected.verdicts, strict=True)
        if was.kind != CLEAN or now.kind != CLEAN
    ]
    found = [_run(list(run)) for run in _consecutive(rows)]
    return sorted(found, key=lambda run: (list(_CLASSES).index(run.kind) if run.kind in _CLASSES else -1, run.first))


def _consecutive(rows: Sequence[tuple[Verdict, Verdict]]) -> Iterator[Iterator[tuple[Verdict, Verdict]]]:
    def group(row: tuple[int, tuple[Verdict, Verdict]]) -> tuple[int, str, bool]:
        index, (now, shown) = row
        return now.frame - index, shown.kind, now.kind != CLEAN

    return ((row for _, row in run) for _, run in groupby(enumerate(rows), key=group))


def _run(rows: Sequence[tuple[Verdict, Verdict]]) -> BrokenRun:
    scores = [shown.score for _, shown in rows]
    evidence = tuple(dict.fromkeys(shown.evidence for _, shown in rows if shown.kind != "user"))
    first, shown = rows[0]
    return BrokenRun(
        shown.kind, first.frame, rows[-1][0].frame, (min(scores), max(scores)), evidence, first.kind != CLEAN
    )


def films(state: RepairState) -> str:
    """Show the film before and after, and each gap as strips; a strip's button plays both films around it."""
    found = [frame for _, frame in state.repaired.result.found] if state.repaired else []
    left = sum(frame.method == "left" for frame in found)
    return render("repair.films", state, state.repaired, len(found) - left, left)
