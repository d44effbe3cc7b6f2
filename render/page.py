"""The page of a report: HTML that holds its pictures itself, for a telephone as for a screen, light or dark."""

import base64
import html
from collections.abc import Mapping, Sequence

from ..clock import clock
from ..frames import Picture
from .shown import Choice, DroppedFrame, Joins, Report, ShotStrip, Shown, WeakRow

MOST_SHOWN = 200
"""Dropped frames on the picture; the table names every one."""

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --text: #23211f; --quiet: #6d6862; --line: #e2ded8;
  --mark: #b4510f; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #181a1c; --text: #e4e2de; --quiet: #9a958e; --line: #33363a;
    --mark: #f4a262; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 3rem; max-width: 100rem;
  background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem; }
p { margin: 0 0 .8rem; color: var(--quiet); max-width: 46rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; font-weight: normal; padding: .3rem 2rem .3rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); white-space: nowrap; }
.pair { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { color: var(--quiet); font-size: .9rem; margin-bottom: .3rem; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
a { color: inherit; }
h3 { font-size: 1rem; font-weight: 600; margin: 0 0 .4rem; }
h3 span { font-weight: normal; color: var(--quiet); margin-left: .6rem; }
code { font: .85rem ui-monospace, monospace; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.wide img { max-width: none; width: max(100%, 40rem); }
.shots { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.shots .strip { display: grid; gap: .3rem; grid-template-columns: repeat(3, 1fr); }
.join { border-top: 1px solid var(--line); padding: .9rem 0; }
.join .strip { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(min(44%, 9.5rem), 1fr));
  max-width: 60rem; }
.strip img { width: 100%; }
.strip figcaption { margin: .2rem 0 0; line-height: 1.35; }
.met img { outline: 2px solid var(--mark); outline-offset: 1px; }
.met b { color: var(--mark); }
b { font-weight: 600; color: var(--text); }
"""


def page_of(report: Report, pictures: Mapping[str, Picture]) -> str:
    name = html.escape(report.video)
    rows = "\n".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in report.summary)
    parts = [
        f"<h1>{name}</h1>",
        f"<table>\n{rows}\n</table>",
        "<h2>Frames</h2>\n<p>Evenly spaced through the file as it was and through the film as it is now.</p>",
        _pair(pictures, "before.png", "after.png"),
        *_shots_part(report.shots, report.shots_in_all),
        *_joins_part(report.joins, pictures),
        "<h2>Distances</h2>\n<p>Every frame against every other. In a film that is in order, neighbours are alike: "
        "dark along the diagonal, and one block for each shot.</p>",
        _pair(pictures, "distances-before.png", "distances-after.png"),
        "<h2>Dropped frames</h2>",
        _dropped_part(report.dropped, pictures),
    ]
    return document(name, parts)


def document(title: str, parts: Sequence[str]) -> str:
    """A whole page of parts of HTML; the title is HTML, too."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{chr(10).join(parts)}\n</body>\n</html>\n"
    )


def dropped_title(dropped: Sequence[DroppedFrame]) -> str:
    if len(dropped) > MOST_SHOWN:
        return f"Dropped: the first {MOST_SHOWN} of {len(dropped)}"
    return f"Dropped: {len(dropped)}"


def _pair(pictures: Mapping[str, Picture], before: str, after: str) -> str:
    shown = figure("Before", before, pictures[before]) + "\n" + figure("After", after, pictures[after])
    return f'<div class="pair">\n{shown}\n</div>'


def _shots_part(shots: Sequence[ShotStrip], in_all: int) -> list[str]:
    if not shots:
        return []
    note = (
        "<p>The first, the middle and the last frame of each. Inside a shot the pictures tell the order; which shot "
        f"comes first, and which way each plays, they do not. {_shot_options(shots, in_all)}</p>"
    )
    some = [f"<p>The first {len(shots)} of {in_all}.</p>"] if len(shots) < in_all else []
    strips = "\n".join(map(_shot, shots))
    return ["<h2>Shots</h2>", note, *some, f'<div class="shots">\n{strips}\n</div>']


def _shot_options(shots: Sequence[ShotStrip], in_all: int) -> str:
    """For shots that there are; a single one has no place and is not left out, and an order names every shot."""
    last = shots[-1].number
    flip = f"<code>--flip-shot {last}</code> plays shot {last} backwards"
    if in_all < 2:
        return f"{flip}."
    drop = f"<code>--drop-shot {last}</code> leaves it out"
    if len(shots) < in_all:
        return f"{flip}, {drop}, <code>--shot-order</code> puts all of them in another order."
    backwards = ",".join(str(shot.number) for shot in reversed(shots))
    return f"{flip}, {drop}, <code>--shot-order {backwards}</code> plays the last first."


def _shot(shot: ShotStrip) -> str:
    told = f"{_count(shot.frames, 'frame')}, {shot.seconds:.1f} s, from {clock(shot.start)}"
    pictures = "".join(_thumbnail(shown, f"frame {shown.frame}") for shown in shot.pictures)
    return f'<div><h3>Shot {shot.number} <span>{told}</span></h3><div class="strip">{pictures}</div></div>'


def _joins_part(joins: Joins, pictures: Mapping[str, Picture]) -> list[str]:
    """Nothing where nothing is known of them."""
    if not joins.prices:
        return []
    curve = figure("Price of every join along the film", "joins.png", pictures["joins.png"])
    return ["<h2>Joins</h2>", f'<div class="wide">\n{curve}\n</div>', "<h2>Weak joins</h2>", *_weak_part(joins)]


def _weak_part(joins: Joins) -> list[str]:
    if not joins.weak:
        why = "no join leaves a choice worth a look" if joins.decided else "nothing speaks for one order or another"
        return [f"<p>None: {why}.</p>"]
    example = next((_remedy(row, choice) for row in joins.weak for choice in row.choices[:1]), "")
    choosing = f"<code>{html.escape(joins.solving)} {example} --plan plan.json</code>"
    how = f" To choose one, solve again with its option: {choosing}" if example else ""
    some = f"{len(joins.weak)} of " if len(joins.weak) < joins.weak_in_all else ""
    note = (
        f"<p>{some}{_count(joins.weak_in_all, 'weak join')}, the least sure first. Marked are the two frames "
        "that meet, with their times in the source; beside them is what else could have come there. A price is what a "
        "join costs, over what the film's median join costs; an alternative that is cheaper than the join, or hardly "
        f"dearer, is worth a look.{how}</p>"
    )
    return [note, *map(_weak, joins.weak)]


def _weak(row: WeakRow) -> str:
    sure = "undetermined: a cut" if row.confidence is None else f"{100 * row.confidence:.0f} % sure"
    told = f"{clock(row.time)} of the film, {sure}, price {_price(row.price)}"
    met = [_thumbnail(one, f"<b>frame {one.frame}</b><br>at {clock(one.time)}", "met") for one in (row.left, row.right)]
    others = [_thumbnail(choice.shown, _choice(row, choice)) for choice in row.choices]
    pictures = "\n".join([*met, *others])
    return f'<div class="join"><h3>Join {row.at} <span>{told}</span></h3>\n<div class="strip">{pictures}</div></div>'


def _choice(row: WeakRow, choice: Choice) -> str:
    beside = f"after {row.left.frame}" if choice.side == "after" else f"before {row.right.frame}"
    return (
        f"<b>{choice.shown.frame}</b> {beside}<br>price {_price(choice.price)}<br><code>{_remedy(row, choice)}</code>"
    )


def _remedy(row: WeakRow, choice: Choice) -> str:
    frame = choice.shown.frame
    return f"--adjacent {row.left.frame}:{frame}" if choice.side == "after" else f"--adjacent {frame}:{row.right.frame}"


def _dropped_part(dropped: Sequence[DroppedFrame], pictures: Mapping[str, Picture]) -> str:
    if not dropped:
        return "<p>None: every frame is in the film.</p>"
    note = '<p>With the reason and the score of each; <a href="dropped.csv">dropped.csv</a> has their neighbours.</p>'
    return f"{note}\n{figure(dropped_title(dropped), 'dropped.png', pictures['dropped.png'])}"


def figure(caption: str, name: str, picture: Picture) -> str:
    """The picture itself lies in the page, so that the page can be sent alone; a click opens the sharper file."""
    return f'<figure><figcaption>{caption}</figcaption><a href="{name}">{_image(picture, caption)}</a></figure>'


def _thumbnail(shown: Shown, caption: str, kind: str = "") -> str:
    image = _image(shown.thumbnail, f"frame {shown.frame}")
    return f'<figure class="{kind}">{image}<figcaption>{caption}</figcaption></figure>'


def _image(picture: Picture, told: str) -> str:
    import cv2

    data = base64.b64encode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()).decode()
    height, width = picture.shape[:2]
    return f'<img src="data:image/jpeg;base64,{data}" alt="{told}" width="{width}" height="{height}">'


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _price(price: float) -> str:
    return f"{price:.2g} &times;" if price < 10 else f"{price:.0f} &times;"
