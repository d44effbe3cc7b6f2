"""Broken frames as HTML: the score along the film, what was found, and the film before and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from ...media.timecode import clock
from ...render.report.repair_page import GapStrip
from ...repair.survey import Survey
from ...repair.verdict import CLEAN, Verdict
from .. import html
from ..reconstruct.view import image
from ..uploads import address
from .state import RepairedFilm, RepairState

_COLUMNS, _HEIGHT = 480, 100
_ROWS_SHOWN = 200
_THUMBNAIL = 168
_AROUND = 0.6
"""Seconds before and after a gap that are played with it."""
_CLASSES = {
    "flagged": "the decoder had to guess",
    "smeared": "smeared",
    "blocky": "blocky",
    "torn": "torn",
    "noisy": "noisy",
    "frozen": "frozen",
    "blank": "blank",
    "black": "black",
    "misfit": "does not fit between its neighbours",
    "broken": "broken, says the detector",
    "user": "broken, you say",
}


@dataclass(frozen=True)
class BrokenRun:
    """Frames in a row of which the same was found, and whether they are taken for broken."""

    kind: str
    first: int
    last: int
    score: tuple[float, float]
    evidence: tuple[str, ...]
    on: bool

    @property
    def told(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


def summary(case: RepairState) -> str:
    seen = case.seen
    who = "the detector trained here" if case.trained else "rules, without training"
    facts = {
        "Video": case.source.name,
        "Frames": f"{len(seen.verdicts)}, {clock(seen.times[-1])}",
        "Broken": f"{len(seen.broken)}" if seen.broken else "none",
        "Looked": who,
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(told)}</dd></div>" for name, told in facts.items())
    stale = '<p class="rw-open" role="status">The list has changed since the film was made: repair again.</p>'
    return f'<dl class="rw-summary">{rows}</dl>{stale if case.stale else ""}'


def timeline(seen: Survey) -> str:
    """How sure each frame is to be broken, along the film; where frames outnumber columns, the worst shows."""
    frames, broken = len(seen.verdicts), set(seen.broken)
    columns = min(frames, _COLUMNS)
    fine: list[str] = []
    bad: list[str] = []
    for column in range(columns):
        these = range(column * frames // columns, max(1, (column + 1) * frames // columns))
        top = _HEIGHT * (1 - max(seen.verdicts[frame].score for frame in these))
        (bad if broken.intersection(these) else fine).append(f"M{column} {_HEIGHT}V{top:.1f}h1V{_HEIGHT}z")
    told = f"{len(broken)} of {frames} frames are taken for broken"
    places = [round(share * (frames - 1)) for share in (0, 0.25, 0.5, 0.75, 1)]
    ends = "".join(f"<span>{'' if place else 'frame '}{place}</span>" for place in places)
    return (
        '<figure class="rw-timeline"><figcaption><b>How sure each frame is to be broken</b> '
        '<span class="rw-key rw-key-bad">broken</span> <span class="rw-key rw-key-fine">clean</span> '
        '<span class="rw-key rw-key-line">threshold</span></figcaption>'
        f'<svg viewBox="0 0 {columns} {_HEIGHT + 6}" preserveAspectRatio="none" role="img" aria-label="{told}">'
        f'<path class="rw-fine" d="{"".join(fine)}"/><path class="rw-bad" d="{"".join(bad)}"/>'
        f'<path class="rw-line" d="M0 {_HEIGHT / 2}H{columns}"/>{_marks(columns, frames, broken)}</svg>'
        f'<div class="rw-ends" aria-hidden="true">{ends}</div></figure>'
    )


def _marks(columns: int, frames: int, broken: set[int]) -> str:
    """Below the scores, since what a user marks may have none."""
    hit = sorted({frame * columns // frames for frame in broken})
    marks = "".join(f"M{column} {_HEIGHT + 2}h1v4h-1z" for column in hit)
    return f'<path class="rw-bad" d="{marks}"/>'


def runs(case: RepairState) -> list[BrokenRun]:
    """What was found and what the user marked, by class; what was taken off stays, to be put back."""
    seen = case.seen
    rows = [
        (now, now if now.kind != CLEAN else was)
        for was, now in zip(case.looked.verdicts, seen.verdicts, strict=True)
        if was.kind != CLEAN or now.kind != CLEAN
    ]
    found = [_run(list(run)) for run in _together(rows)]
    return sorted(found, key=lambda run: (list(_CLASSES).index(run.kind) if run.kind in _CLASSES else -1, run.first))


def _together(rows: Sequence[tuple[Verdict, Verdict]]) -> Iterator[Iterator[tuple[Verdict, Verdict]]]:
    def same(at: tuple[int, tuple[Verdict, Verdict]]) -> tuple[int, str, bool]:
        place, (now, told) = at
        return now.frame - place, told.kind, now.kind != CLEAN

    return ((row for _, row in run) for _, run in groupby(enumerate(rows), key=same))


def _run(rows: Sequence[tuple[Verdict, Verdict]]) -> BrokenRun:
    scores = [told.score for _, told in rows]
    evidence = tuple(dict.fromkeys(told.evidence for _, told in rows if told.kind != "user"))
    first, told = rows[0]
    return BrokenRun(
        told.kind, first.frame, rows[-1][0].frame, (min(scores), max(scores)), evidence, first.kind != CLEAN
    )


def listing(case: RepairState) -> str:
    """Each run with its score and what told of it; a click takes it off, or puts it back."""
    every = runs(case)
    if not every:
        return "<p class='rw-dim'>No frame is broken. Mark some below if you know better.</p>"
    sections = []
    for kind, some in groupby(every[:_ROWS_SHOWN], key=lambda run: run.kind):
        of_kind = list(some)
        frames = sum(run.last - run.first + 1 for run in of_kind)
        rows = "".join(_row(run, case.looked.times) for run in of_kind)
        head = f"<h4>{escape(_CLASSES.get(kind, kind))} <span class='rw-dim'>{frames}</span></h4>"
        sections.append(f'<section>{head}<ul class="rw-runs">{rows}</ul></section>')
    more = len(every) - _ROWS_SHOWN
    return "".join(sections) + (f"<p class='rw-dim'>and {more} more</p>" if more > 0 else "")


def _row(run: BrokenRun, times: Sequence[float]) -> str:
    low, high = run.score
    score = f"{high:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    by = f", by {', '.join(run.evidence)}" if any(run.evidence) else ""
    why = "" if run.kind == "user" else f"score {score}{by}"
    label = f"{'take off' if run.on else 'put back'} {run.told}"
    button = html.button("Take off" if run.on else "Put back", "toggle", run.told, label)
    state = "" if run.on else " class='rw-off'"
    return (
        f"<li{state}><b>{run.told.replace('-', ' to ')}</b> <span class='rw-dim'>{clock(times[run.first])}</span>"
        f" <span class='rw-why-run'>{escape(why)}</span>{button}</li>"
    )


def films(case: RepairState) -> str:
    """The film before and after, and each gap as strips; a strip's button plays both films around it."""
    made = case.made
    head = _films(case, made) if made else ""
    strips = "".join(_strip(strip, case.looked.times, made) for strip in case.strips)
    title = "<h3>Gaps, before and after</h3>" if made else "<h3>Gaps</h3>"
    return f"{head}{title}{strips}" if strips else head


def _films(case: RepairState, made: RepairedFilm) -> str:
    ways = escape(_ways(made))
    return (
        f'<div class="rw-films">{_film(made.before, f"Before: {case.source.name}")}'
        f"{_film(made.film, 'After')}</div><p class='rw-links'>"
        '<button type="button" class="rw-button" data-play>Play both</button>'
        '<button type="button" class="rw-button" data-slow aria-pressed="false">Slowly</button>'
        f"{html.download(made.film, made.film.name, 'Film')}{html.download(made.listed, made.listed.name, 'List')}"
        f"</p><p class='rw-dim'>{ways}</p>"
    )


def _film(file: Any, title: str) -> str:
    # Without a time some browsers show black until it plays.
    video = f'<video controls muted loop playsinline preload="auto" src="{escape(address(file))}#t=0.001"></video>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{video}</figure>"


def _ways(made: RepairedFilm) -> str:
    told = [one.method + (f" ({one.why})" if one.why else "") for _, one in made.done.found]
    counts = {way: told.count(way) for way in dict.fromkeys(told)}
    return "Frames by how they were replaced: " + ", ".join(f"{way} {count}" for way, count in counts.items()) + "."


def _strip(strip: GapStrip, times: Sequence[float], made: RepairedFilm | None) -> str:
    first, last = strip.frames[0], strip.frames[-1]
    span = (max(0.0, times[first] - times[0] - _AROUND), times[last] - times[0] + _AROUND)
    play = (
        f'<button type="button" class="rw-button rw-small" data-from="{span[0]:.3f}" data-to="{span[1]:.3f}" '
        f'aria-label="play {escape(strip.title.lower())}">Play it</button>'
        if made
        else ""
    )
    rows = _pictures(strip, strip.before, "before") + _pictures(strip, strip.after, "after")
    return (
        f'<section class="rw-shot" aria-label="{escape(strip.title)}"><div class="rw-shot-head">'
        f"<b>{escape(strip.title)}</b> <span class='rw-dim'>{escape(strip.told)}</span>"
        f'<span class="rw-tools">{play}</span></div><div class="rw-gap" tabindex="0" '
        f'aria-label="pictures">{rows}</div></section>'
    )


def _pictures(strip: GapStrip, pictures: Sequence[Any], when: str) -> str:
    if not pictures:
        return ""
    cells = "".join(
        f'<figure>{image(picture, _THUMBNAIL, f"frame {frame} {when}")}<span class="rw-number">{frame}</span></figure>'
        for frame, picture in zip(strip.frames, pictures, strict=True)
    )
    return f'<div class="rw-gap-row"><span class="rw-when">{when}</span>{cells}</div>'
