"""The Repair tab as HTML: the damage score per frame, the broken frames, and the film before and after."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from ...media.timecode import clock
from ...media.types import Picture
from ...render.report.repair_page import GapStrip
from ...repair.survey import Survey
from ...repair.verdict import CLEAN, Verdict
from .. import html
from .state import RepairedFilm, RepairState

_COLUMNS = 480
"""Bounds the bars of the timeline, and with them the size of its SVG."""
_HEIGHT = 100
"""The height of the timeline in SVG units, so that a score reads as a percentage."""
_ROWS_SHOWN = 200
"""Bounds the list of a badly damaged film."""
_THUMBNAIL = 168
"""The width of the pictures of a gap, in pixels."""
_MARGIN = 0.6
"""Seconds played before and after a gap, so that the eye sees the transitions."""
_CLASSES = {
    "flagged": "guessed by the decoder",
    "smeared": "smeared",
    "blocky": "blocky",
    "torn": "torn",
    "noisy": "noisy",
    "frozen": "frozen",
    "blank": "blank",
    "black": "black",
    "misfit": "doesn't match its neighbours",
    "broken": "broken (trained detector)",
    "user": "marked by you",
}


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


def summary(state: RepairState) -> str:
    """Show the facts of the video, and whether the repaired film is out of date."""
    survey = state.corrected
    facts = {
        "Video": state.source.name,
        "Frames": f"{len(survey.verdicts)}, {clock(survey.times[-1])}",
        "Broken": f"{len(survey.broken)}" if survey.broken else "none",
        "Method": "trained detector" if state.trained else "rules, without training",
    }
    stale = '<p class="rw-open" role="status">The list has changed since the repair. Repair again to apply it.</p>'
    return f"{html.facts(facts.items())}{stale if state.stale else ''}"


def timeline(survey: Survey) -> str:
    """Draw the damage score of each frame; where frames outnumber columns, the worst one shows."""
    frames, broken = len(survey.verdicts), set(survey.broken)
    columns = min(frames, _COLUMNS)
    clean_bars: list[str] = []
    broken_bars: list[str] = []
    for column in range(columns):
        part = range(column * frames // columns, max(1, (column + 1) * frames // columns))
        top = _HEIGHT * (1 - max(survey.verdicts[frame].score for frame in part))
        (broken_bars if broken.intersection(part) else clean_bars).append(f"M{column} {_HEIGHT}V{top:.1f}h1V{_HEIGHT}z")
    label = f"{len(broken)} of {frames} frames are broken"
    positions = [round(share * (frames - 1)) for share in (0, 0.25, 0.5, 0.75, 1)]
    ends = "".join(f"<span>{'' if position else 'frame '}{position}</span>" for position in positions)
    return (
        '<figure class="rw-timeline"><figcaption><b>Damage score per frame</b> '
        '<span class="rw-key rw-key-bad">broken</span> <span class="rw-key rw-key-fine">clean</span> '
        '<span class="rw-key rw-key-line">threshold</span></figcaption>'
        f'<svg viewBox="0 0 {columns} {_HEIGHT + 6}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<path class="rw-fine" d="{"".join(clean_bars)}"/><path class="rw-bad" d="{"".join(broken_bars)}"/>'
        f'<path class="rw-line" d="M0 {_HEIGHT / 2}H{columns}"/>{_marks(columns, frames, broken)}</svg>'
        f'<div class="rw-ends" aria-hidden="true">{ends}</div></figure>'
    )


def _marks(columns: int, frames: int, broken: set[int]) -> str:
    """Mark the broken frames below the scores, since a frame marked by the user may have none."""
    marked = sorted({frame * columns // frames for frame in broken})
    marks = "".join(f"M{column} {_HEIGHT + 2}h1v4h-1z" for column in marked)
    return f'<path class="rw-bad" d="{marks}"/>'


def runs(state: RepairState) -> list[BrokenRun]:
    """List detected and marked frames by kind; those the user marked as clean stay, to be restored."""
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


def listing(state: RepairState) -> str:
    """List each run with its score and evidence; a click marks it as clean or as broken again."""
    all_runs = runs(state)
    if not all_runs:
        return "<p class='rw-dim'>No broken frames found. You can mark some below.</p>"
    sections = []
    for kind, group in groupby(all_runs[:_ROWS_SHOWN], key=lambda run: run.kind):
        of_kind = list(group)
        frames = sum(run.last - run.first + 1 for run in of_kind)
        rows = "".join(_row(run, state.detected.times) for run in of_kind)
        head = f"<h4>{escape(_CLASSES.get(kind, kind))} <span class='rw-dim'>{frames}</span></h4>"
        sections.append(f'<section>{head}<ul class="rw-runs">{rows}</ul></section>')
    more = len(all_runs) - _ROWS_SHOWN
    return "".join(sections) + (f"<p class='rw-dim'>and {more} more</p>" if more > 0 else "")


def _row(run: BrokenRun, times: Sequence[float]) -> str:
    low, high = run.score
    score = f"{high:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    evidence = f" ({', '.join(run.evidence)})" if any(run.evidence) else ""
    why = "" if run.kind == "user" else f"score {score}{evidence}"
    text = "Not broken" if run.broken else "Broken"
    button = html.button(text, "toggle", run.frames, f"mark {run.frames} as {'clean' if run.broken else 'broken'}")
    style = "" if run.broken else " class='rw-off'"
    return (
        f"<li{style}><b>{run.frames.replace('-', ' to ')}</b> <span class='rw-dim'>{clock(times[run.first])}</span>"
        f" <span class='rw-why-run'>{escape(why)}</span>{button}</li>"
    )


def films(state: RepairState) -> str:
    """Show the film before and after, and each gap as strips; a strip's button plays both films around it."""
    repaired = state.repaired
    head = _films(state, repaired) if repaired else ""
    strips = "".join(_strip(strip, state.detected.times, repaired is not None) for strip in state.strips)
    title = "<h3>Gaps, before and after</h3>" if repaired else "<h3>Gaps</h3>"
    return f"{head}{title}{strips}" if strips else head


def _films(state: RepairState, repaired: RepairedFilm) -> str:
    film, frame_list = repaired.film, repaired.frame_list
    return (
        f'<div class="rw-films">{html.compared_video(repaired.original, f"Before: {state.source.name}")}'
        f"{html.compared_video(film, 'After')}</div><p class='rw-links'>"
        '<button type="button" class="rw-button" data-play>Play both</button>'
        '<button type="button" class="rw-button" data-slow aria-pressed="false">0.25x</button>'
        f"{html.download(film, film.name, 'Film')}{html.download(frame_list, frame_list.name, 'Frame list')}"
        f"</p><p class='rw-dim'>{escape(_methods(repaired))}</p>"
    )


def _methods(repaired: RepairedFilm) -> str:
    """Count the frames by how they were replaced."""
    replaced = [frame for _, frame in repaired.result.found]
    counts = Counter(frame.method + (f" ({frame.why})" if frame.why else "") for frame in replaced)
    return "Frames by method: " + ", ".join(f"{method} {count}" for method, count in counts.items()) + "."


def _strip(strip: GapStrip, times: Sequence[float], playable: bool) -> str:
    first, last = strip.frames[0], strip.frames[-1]
    start, end = max(0.0, times[first] - times[0] - _MARGIN), times[last] - times[0] + _MARGIN
    play = (
        f'<button type="button" class="rw-button rw-small" data-from="{start:.3f}" data-to="{end:.3f}" '
        f'aria-label="play {escape(strip.title.lower())}">Play it</button>'
        if playable
        else ""
    )
    rows = _pictures(strip, strip.before, "before") + _pictures(strip, strip.after, "after")
    return (
        f'<section class="rw-shot" aria-label="{escape(strip.title)}"><div class="rw-shot-head">'
        f"<b>{escape(strip.title)}</b> <span class='rw-dim'>{escape(strip.caption)}</span>"
        f'<span class="rw-tools">{play}</span></div><div class="rw-gap" tabindex="0" '
        f'aria-label="pictures">{rows}</div></section>'
    )


def _pictures(strip: GapStrip, pictures: Sequence[Picture], when: str) -> str:
    if not pictures:
        return ""
    cells = "".join(
        f"<figure>{html.image(picture, _THUMBNAIL, f'frame {frame} {when}')}"
        f'<span class="rw-number">{frame}</span></figure>'
        for frame, picture in zip(strip.frames, pictures, strict=True)
    )
    return f'<div class="rw-gap-row"><span class="rw-when">{when}</span>{cells}</div>'
