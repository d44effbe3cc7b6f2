"""The desk as HTML: films, shots, the frame in hand, what was dropped, and the pictures of distances and prices."""

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from ..frames import Picture
from ..render.curve import price_curve
from ..render.sheet import heat_map
from ..solve.plan import Dropped
from . import wishing
from .desk import Desk, Run
from .files import address

_STRIP_FRAMES = 240
_STRIPS_SHOWN = 60
_AROUND = 4
_DROPPED_SHOWN = 200
_WEAK_SHOWN = 12
_SMALL, _LARGE = 112, 176
_REASONS = {
    "outlier": "like no other frame",
    "foreign": "of another film",
    "broken": "broken",
    "duplicate": "a repeat",
    "user": "you dropped it",
    "elsewhere": "in another film",
}


def button(act: str, on: object, inner: str, title: str = "", classes: str = "", pressed: bool | None = None) -> str:
    """A real button, so that the keyboard reaches it; its click comes back as `act` and `on`."""
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    named = f' title="{escape(title)}" aria-label="{escape(title)}"' if title else ""
    return (
        f'<button type="button" class="rw-button {classes}" data-act="{act}" '
        f'data-on="{escape(str(on))}"{named}{state}>{inner}</button>'
    )


def image(picture: Picture, width: int, text: str = "", quality: int = 80) -> str:
    """A picture within the page itself, so that no file has to be readable for it."""
    import cv2

    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    source = base64.b64encode(data).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{source}" width="{width}" height="{height}" alt="{escape(text)}">'


def films(desk: Desk) -> str:
    """The film before and after, side by side."""
    film = desk.films.get("film")
    small = desk.films.get("glimpse")
    shown = film or small
    told = "In order" if film else "In order, as small pictures: render it for the film itself"
    after = f"<figcaption>{told}</figcaption>" + (_video(address(shown)) if shown else "")
    both = '<button type="button" class="rw-button" data-play>Play both</button>'
    links = [both, _link(desk, "film", "Film"), _link(desk, "reversed", "Reversed film"), _link(desk, "plan", "Plan")]
    return (
        f'<div class="rw-films"><figure><figcaption>As it was given: {escape(desk.plan.video.name)}</figcaption>'
        f"{_video(address(desk.shuffled))}</figure><figure>{after}</figure></div>"
        f'<p class="rw-links">{"".join(links)}</p>'
    )


def _video(source: str) -> str:
    # Without a time some browsers show black until it plays.
    return f'<video controls loop muted playsinline preload="auto" src="{escape(source)}#t=0.001"></video>'


def _link(desk: Desk, key: str, words: str) -> str:
    if key not in desk.films:
        return ""
    file = desk.films[key]
    return f'<a class="rw-button" href="{escape(address(file))}" download="{escape(file.name)}">Download: {words}</a>'


def summary(desk: Desk) -> str:
    rows = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in desk.look.report.summary)
    return f'<dl class="rw-summary">{rows}</dl>'


def said(desk: Desk) -> str:
    """What the user said, each to be taken back by a click, and whether the plan holds to it yet."""
    chips = "".join(
        button("unsay", key, f"{escape(text)} <span aria-hidden='true'>&times;</span>", f"take back: {text}", "rw-chip")
        for key, text in wishing.told(desk.said)
    )
    undo = button("undo", "", "Undo", "", "rw-small") if desk.earlier else ""
    open_ = "" if desk.said == desk.solved else '<b class="rw-open">not solved yet</b>'
    told = chips or '<span class="rw-dim">Nothing yet. Click a frame, or a button of a shot.</span>'
    return f'<div class="rw-said">{told} {undo} {open_}</div>'


def shots(desk: Desk) -> str:
    """Every shot as a strip of its frames, with what can be done to it."""
    runs = desk.runs()
    each = max(3, min(24, _STRIP_FRAMES // max(1, len(runs))))
    rows = [_strip(desk, run, each, len(desk.shots())) for run in runs[:_STRIPS_SHOWN]]
    more = f"<p class='rw-dim'>and {len(runs) - _STRIPS_SHOWN} more</p>" if len(runs) > _STRIPS_SHOWN else ""
    return "".join(rows) + more


def _strip(desk: Desk, run: Run, each: int, shots_playing: int) -> str:
    flip = run.shot in desk.said.flip_shot
    name = f"shot {run.shot}"
    several = shots_playing > 1
    tools = [
        button("earlier", run.shot, "&uarr;", f"{name} earlier", "rw-small") if several else "",
        button("later", run.shot, "&darr;", f"{name} later", "rw-small") if several else "",
        button("flip", run.shot, "Flip", f"play {name} backwards", "rw-small", flip),
        button("drop-shot", run.shot, "Drop", f"drop {name}", "rw-small") if several else "",
    ]
    seconds = len(run.frames) / desk.plan.video.fps
    part = " (part)" if run.part else ""
    head = f"<b>Shot {run.shot}{part}</b> <span class='rw-dim'>{len(run.frames)} frames, {seconds:.1f} s</span>"
    frames = "".join(_frame(desk, frame, _SMALL) for frame in spread(run.frames, each))
    return (
        f'<section class="rw-shot" aria-label="{name}"><div class="rw-shot-head">{head}'
        f'<span class="rw-tools">{"".join(tools)}</span></div><div class="rw-strip">{frames}</div></section>'
    )


def _frame(desk: Desk, frame: int, width: int) -> str:
    chosen = frame == desk.selected
    inner = f'{image(desk.look.picture(frame), width)}<span class="rw-number">{frame}</span>'
    return button("frame", frame, inner, f"frame {frame}", "rw-frame" + " rw-chosen" * chosen, chosen)


def spread(frames: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, evenly, the ends included."""
    if len(frames) <= most:
        return list(frames)
    return [frames[at] for at in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def in_hand(desk: Desk) -> str:
    """The chosen frame with those that play around it, and what can be said of it."""
    frame = desk.selected
    if frame is None:
        return ""
    if frame not in desk.plan.order:
        return f'<div class="rw-hand">{_frame(desk, frame, _LARGE)}{_dropped_tools(frame)}</div>'
    at = desk.plan.order.index(frame)
    around = desk.plan.order[max(0, at - _AROUND) : at + _AROUND + 1]
    tools = [
        button("step", -1, "&larr;", "the frame before it", "rw-small"),
        button("step", 1, "&rarr;", "the frame after it", "rw-small"),
        button("first", frame, "Begins the film", "", "rw-small", desk.said.first == frame),
        button("last", frame, "Ends the film", "", "rw-small", desk.said.last == frame),
        button("ask", "before", "Before &hellip;", "plays before another frame", "rw-small", desk.asking == "before"),
        button("ask", "adjacent", "Beside &hellip;", "plays beside another", "rw-small", desk.asking == "adjacent"),
        button("drop", frame, "Drop it", "", "rw-small"),
    ]
    ask = {"before": "Now click the frame that plays later.", "adjacent": "Now click the frame that plays beside it."}
    asked = f'<p class="rw-open" role="status">{ask[desk.asking]}</p>' if desk.asking else ""
    strip = "".join(_frame(desk, one, _LARGE if one == frame else _SMALL) for one in around)
    place = f"frame {frame}, number {at + 1} of {len(desk.plan.order)} in the film"
    return (
        f'<section class="rw-hand" aria-label="the chosen frame"><div class="rw-shot-head"><b>{place}</b>'
        f'<span class="rw-tools">{"".join(tools)}</span></div>{asked}<div class="rw-strip">{strip}</div></section>'
    )


def _dropped_tools(frame: int) -> str:
    return f"<p>frame {frame} was dropped. {button('keep', frame, 'Put it back', '', 'rw-small')}</p>"


def dropped(desk: Desk) -> str:
    """Every dropped frame with its reason and score; a click puts it back."""
    gone = [one for one in desk.plan.dropped if one.reason != "elsewhere"]
    if not gone:
        return "<p class='rw-dim'>No frame was dropped.</p>"
    groups = sorted({one.shot for one in gone if one.shot is not None})
    whole = "".join(
        button("keep-shot", shot, f"Put back group {shot} ({_count(gone, shot)} frames)", "", "rw-small")
        for shot in groups
    )
    cells = "".join(_dropped_frame(desk, one) for one in gone[:_DROPPED_SHOWN])
    more = len(gone) - _DROPPED_SHOWN
    rest = f"<p class='rw-dim'>and {more} more, which the plan names</p>" if more > 0 else ""
    return f'<p class="rw-tools">{whole}</p><div class="rw-dropped">{cells}</div>{rest}'


def _count(gone: Sequence[Dropped], shot: int) -> int:
    return sum(one.shot == shot for one in gone)


def _dropped_frame(desk: Desk, one: Dropped) -> str:
    reason = _REASONS[one.reason]
    inner = (
        f'{image(desk.look.picture(one.frame), _SMALL)}<span class="rw-number">{one.frame}</span>'
        f'<span class="rw-why">{reason}<br>score {one.score:.2f}</span>'
    )
    return button("keep", one.frame, inner, f"put back frame {one.frame}: {reason}", "rw-frame rw-gone")


def pictures(desk: Desk) -> str:
    """The distances before and after, and the price of every join with the weak ones marked."""
    report = desk.look.report
    maps = [
        _figure("Distances between frames as the file has them", heat_map(report.distances_before, 360), 376),
        _figure("and in the order found: dark along the diagonal", heat_map(report.distances_after, 360), 376),
    ]
    curve = ""
    if desk.plan.prices:
        weak = {join.at for join in desk.plan.weak}
        drawn = price_curve(desk.plan.prices, weak, report.joins.cuts, "Price of every join")
        curve = _figure("What each join along the film costs; weak joins are marked", drawn, drawn.shape[1])
    return f'<div class="rw-maps">{"".join(maps)}</div>{curve}{_weak(desk)}'


def _figure(words: str, picture: Picture, width: int) -> str:
    return f"<figure><figcaption>{words}</figcaption>{image(picture, width, words, 90)}</figure>"


def _weak(desk: Desk) -> str:
    """The least sure joins, and what else could be there: a click says that the two are neighbours."""
    rows = []
    for join in desk.plan.weak[:_WEAK_SHOWN]:
        others = [
            button(
                "pair",
                f"{join.left}:{other.frame}" if other.side == "after" else f"{other.frame}:{join.right}",
                f"{join.left} then {other.frame}" if other.side == "after" else f"{other.frame} then {join.right}",
                "",
                "rw-small",
            )
            for other in join.alternatives
        ]
        cut = join.at in desk.plan.undetermined
        sure = "undetermined: a cut" if cut else f"{100 * join.confidence:.0f} % sure"
        pair = "".join(_frame(desk, frame, _SMALL) for frame in (join.left, join.right))
        rows.append(
            f'<div class="rw-weak"><div class="rw-strip">{pair}</div><div>{join.left} then {join.right}: {sure}'
            f'<div class="rw-tools">{"instead: " if others else ""}{"".join(others)}</div></div></div>'
        )
    return f"<h4>Weak joins</h4><div class='rw-weaks'>{''.join(rows)}</div>" if rows else ""
