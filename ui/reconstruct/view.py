"""The Reconstruct tab as HTML: films, corrections, shots, the selected frame, dropped frames, and diagnostics."""

from collections.abc import Sequence
from html import escape

import numpy as np

from ...media.types import Picture
from ...render.report.charts import price_curve
from ...render.report.contact_sheet import heat_map
from ...solve.plan.model import Dropped
from ..html import button, compared_video, facts, image, plural
from ..uploads import url_of
from . import edits
from .state import ReconstructState, ShotRun

# These bound the size of the page: every picture is part of its HTML.
_STRIP_FRAMES = 240
"""Thumbnails in the strips of all shots together."""
_STRIP_MIN = 3
"""Thumbnails of a shot, however many shots there are."""
_STRIP_MAX = 24
"""Thumbnails of a shot, however few shots there are."""
_STRIPS_SHOWN = 60
_DROPPED_SHOWN = 200
_WEAK_SHOWN = 12
_NEIGHBOURS = 4
"""Frames shown on each side of the selected one."""
_SMALL = 112
"""The width of a thumbnail, in pixels."""
_LARGE = 176
"""The width of the selected frame, in pixels."""
_MAP_SIDE = 360
"""The side of a distance map, in pixels."""
_MAP_WIDTH = 376
"""The width that a distance map is shown at."""
_CHART_QUALITY = 90
"""JPEG blurs thin lines at the quality of thumbnails."""
_REASONS = {
    "outlier": "doesn't match any other frame",
    "foreign": "looks like a different scene",
    "broken": "broken",
    "duplicate": "a repeat",
    "user": "you dropped it",
    "elsewhere": "in another film",
}


def films(state: ReconstructState) -> str:
    """Show the original and the restored film side by side, with links to the files."""
    film = state.films.get("film")
    restored = film or state.films.get("preview")
    title = "Order restored" if film else "Low-res preview. Render for full quality."
    after = compared_video(restored, title) if restored else f"<figure><figcaption>{title}</figcaption></figure>"
    names = {"film": "Film", "reversed": "Reversed film", "plan": "Plan"}
    links = "".join(_link(state, key, name) for key, name in names.items())
    return (
        f'<div class="rw-films">{compared_video(state.original, f"Original: {state.plan.video.name}")}{after}</div>'
        f'<p class="rw-links"><button type="button" class="rw-button" data-play>Play both</button>{links}</p>'
    )


def _link(state: ReconstructState, key: str, name: str) -> str:
    if key not in state.films:
        return ""
    file = state.films[key]
    return f'<a class="rw-button" href="{escape(url_of(file))}" download="{escape(file.name)}">Download: {name}</a>'


def summary(state: ReconstructState) -> str:
    return facts(state.preview.report.summary)


def corrections(state: ReconstructState) -> str:
    """Show each correction as a button that removes it, and whether the plan holds to all of them."""
    chips = "".join(
        button(f"{escape(text)} <span aria-hidden='true'>&times;</span>", "remove", key, f"remove: {text}", "rw-chip")
        for key, text in edits.describe(state.constraints)
    )
    undo = button("Undo", "undo", "") if state.history else ""
    pending = "" if state.constraints == state.solved else '<b class="rw-open">not applied yet</b>'
    none = '<span class="rw-dim">No corrections yet. Click a frame or use a shot\'s buttons.</span>'
    return f'<div class="rw-said">{chips or none} {undo} {pending}</div>'


def shots(state: ReconstructState) -> str:
    """Show every shot as a strip of its frames, with the corrections that it can get."""
    runs = state.runs()
    each = max(_STRIP_MIN, min(_STRIP_MAX, _STRIP_FRAMES // max(1, len(runs))))
    several = len(state.shots()) > 1
    rows = [_strip(state, run, each, several) for run in runs[:_STRIPS_SHOWN]]
    more = f"<p class='rw-dim'>and {len(runs) - _STRIPS_SHOWN} more</p>" if len(runs) > _STRIPS_SHOWN else ""
    return "".join(rows) + more


def _strip(state: ReconstructState, run: ShotRun, each: int, several: bool) -> str:
    name = f"shot {run.shot}"
    flipped = run.shot in state.constraints.flip_shot
    tools = [button("Flip", "flip", run.shot, f"play {name} backwards", pressed=flipped)]
    if several:
        move = [
            button("&uarr;", "earlier", run.shot, f"{name} earlier"),
            button("&darr;", "later", run.shot, f"{name} later"),
        ]
        tools = [*move, *tools, button("Drop", "drop-shot", run.shot, f"drop {name}")]
    length = f"{plural(len(run.frames), 'frame')}, {len(run.frames) / state.plan.video.fps:.1f} s"
    head = f"<b>Shot {run.shot}{' (part)' if run.part else ''}</b> <span class='rw-dim'>{length}</span>"
    frames = "".join(_frame(state, frame, _SMALL) for frame in spread(run.frames, each))
    return (
        f'<section class="rw-shot" aria-label="{name}"><div class="rw-shot-head">{head}'
        f'<span class="rw-tools">{"".join(tools)}</span></div><div class="rw-strip">{frames}</div></section>'
    )


def _frame(state: ReconstructState, frame: int, width: int) -> str:
    selected = frame == state.selected
    picture = f'{image(state.preview.picture(frame), width)}<span class="rw-number">{frame}</span>'
    return button(picture, "frame", frame, f"frame {frame}", "rw-frame" + " rw-chosen" * selected, selected)


def spread(frames: Sequence[int], most: int) -> list[int]:
    """Choose at most `most` frames at even distances, including both ends."""
    if len(frames) <= most:
        return list(frames)
    return [frames[at] for at in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def selected_frame(state: ReconstructState) -> str:
    """Show the selected frame with its neighbours in the film, and the corrections that it can get."""
    frame = state.selected
    if frame is None:
        return ""
    if frame not in state.plan.order:
        keep = f"<p>Frame {frame} was dropped. {button('Restore it', 'keep', frame)}</p>"
        return f'<div class="rw-hand">{_frame(state, frame, _LARGE)}{keep}</div>'
    position = state.plan.order.index(frame)
    neighbours = state.plan.order[max(0, position - _NEIGHBOURS) : position + _NEIGHBOURS + 1]
    tools = [
        button("&larr;", "step", -1, "the previous frame"),
        button("&rarr;", "step", 1, "the next frame"),
        button("Make first", "first", frame, pressed=state.constraints.first == frame),
        button("Make last", "last", frame, pressed=state.constraints.last == frame),
        button("Play before &hellip;", "ask", "before", "play before another frame", pressed=state.pair == "before"),
        button("Place next to &hellip;", "ask", "adjacent", "place next to another", pressed=state.pair == "adjacent"),
        button("Drop it", "drop", frame),
    ]
    ask = {
        "before": "Click the frame that should come later.",
        "adjacent": "Click the frame that should be next to it.",
    }
    question = f'<p class="rw-open" role="status">{ask[state.pair]}</p>' if state.pair else ""
    strip = "".join(_frame(state, other, _LARGE if other == frame else _SMALL) for other in neighbours)
    title = f"frame {frame}, position {position + 1} of {len(state.plan.order)}"
    return (
        f'<section class="rw-hand" aria-label="the selected frame"><div class="rw-shot-head"><b>{title}</b>'
        f'<span class="rw-tools">{"".join(tools)}</span></div>{question}<div class="rw-strip">{strip}</div></section>'
    )


def dropped(state: ReconstructState) -> str:
    """Show every dropped frame with its reason and score; a click restores it."""
    frames = [one for one in state.plan.dropped if one.reason != "elsewhere"]
    if not frames:
        return "<p class='rw-dim'>No frame was dropped.</p>"
    sizes: dict[int, int] = {}
    for one in frames:
        if one.shot is not None:
            sizes[one.shot] = sizes.get(one.shot, 0) + 1
    groups = "".join(
        button(f"Restore group {shot} ({plural(count, 'frame')})", "keep-shot", shot)
        for shot, count in sorted(sizes.items())
    )
    cells = "".join(_dropped_frame(state, one) for one in frames[:_DROPPED_SHOWN])
    more = len(frames) - _DROPPED_SHOWN
    rest = f"<p class='rw-dim'>and {more} more, which the plan lists</p>" if more > 0 else ""
    return f'<p class="rw-tools">{groups}</p><div class="rw-dropped">{cells}</div>{rest}'


def _dropped_frame(state: ReconstructState, one: Dropped) -> str:
    reason = _REASONS[one.reason]
    content = (
        f'{image(state.preview.picture(one.frame), _SMALL)}<span class="rw-number">{one.frame}</span>'
        f'<span class="rw-why">{reason}<br>score {one.score:.2f}</span>'
    )
    return button(content, "keep", one.frame, f"restore frame {one.frame}: {reason}", "rw-frame rw-gone")


def diagnostics(state: ReconstructState) -> str:
    """Show the distances before and after, the cost of every transition, and the weak ones with alternatives."""
    report = state.preview.report
    maps = [
        _figure("Distances between frames in file order", heat_map(report.distances_before, _MAP_SIDE), _MAP_WIDTH),
        _figure(
            "Distances in the restored order: dark along the diagonal",
            heat_map(report.distances_after, _MAP_SIDE),
            _MAP_WIDTH,
        ),
    ]
    curve = ""
    if state.plan.prices:
        weak = {join.at for join in state.plan.weak}
        chart = price_curve(state.plan.prices, weak, report.joins.cuts, "How abrupt each transition is")
        curve = _figure("How abrupt each transition is; weak transitions are marked", chart, chart.shape[1])
    return f'<div class="rw-maps">{"".join(maps)}</div>{curve}{_weak_transitions(state)}'


def _figure(caption: str, picture: Picture, width: int) -> str:
    return f"<figure><figcaption>{caption}</figcaption>{image(picture, width, caption, _CHART_QUALITY)}</figure>"


def _weak_transitions(state: ReconstructState) -> str:
    """Show the least certain transitions; a click on an alternative makes its two frames neighbours."""
    rows = []
    for join in state.plan.weak[:_WEAK_SHOWN]:
        pairs = [
            (join.left, other.frame) if other.side == "after" else (other.frame, join.right)
            for other in join.alternatives
        ]
        others = "".join(button(f"{left} &rarr; {right}", "pair", f"{left}:{right}") for left, right in pairs)
        cut = join.at in state.plan.undetermined
        confidence = "undetermined: a cut" if cut else f"confidence {100 * join.confidence:.0f}%"
        frames = "".join(_frame(state, frame, _SMALL) for frame in (join.left, join.right))
        rows.append(
            f'<div class="rw-weak"><div class="rw-strip">{frames}</div>'
            f"<div>{join.left} &rarr; {join.right}: {confidence}"
            f'<div class="rw-tools">{"Alternatives: " if others else ""}{others}</div></div></div>'
        )
    return f"<h4>Weak transitions</h4><div class='rw-weaks'>{''.join(rows)}</div>" if rows else ""
