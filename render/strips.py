"""A folder that shows what a repair did: broken frames above, what is in their place below, and how sure that was."""

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import RenderError
from ..files import atomic
from ..frames import Picture
from .page import document, figure
from .sheet import CAPTION, GAP, LARGE, SMALL, TITLE, canvas, contact_sheet, save_picture, write_text

_FINE, _BROKEN, _LINE = (168, 150, 96), (66, 148, 244), (90, 85, 80)
_LEFT, _WIDTH, _HEIGHT = 40, 960, 120
_GAPS = "gap-*.png"
STRIP_FILES = ("timeline.png", _GAPS, "index.html")


@dataclass(frozen=True)
class Strip:
    """A gap with a clean frame on either side: what was there, what is now (nothing if only looked for), and words."""

    title: str
    told: str
    first: int
    """The first broken frame, which names its picture."""
    frames: Sequence[int]
    before: Sequence[Picture]
    after: Sequence[Picture]


@dataclass(frozen=True)
class Strips:
    """What the page shows; of many gaps only the first have a strip."""

    video: str
    summary: Sequence[tuple[str, str]]
    scores: Sequence[float]
    broken: Collection[int]
    strips: Sequence[Strip]
    in_all: int


def write_strips(folder: Path, shown: Strips) -> list[Path]:
    """Write timeline.png, a picture of every strip and index.html; older strips in the folder go."""
    pictures = {"timeline.png": timeline(shown.scores, shown.broken, "How sure each frame is to be broken")}
    for strip in shown.strips:
        pictures[f"gap-{strip.first}.png"] = _drawn(strip)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(_GAPS):
            old.unlink()
        written = [save_picture(picture, folder / name) for name, picture in pictures.items()]
        page = folder / "index.html"
        with atomic(page) as part:
            part.write_text(_page(shown, pictures), encoding="utf-8")
    except OSError as failed:
        raise RenderError(f"The report cannot be written to {folder}: {failed.strerror or failed}.") from failed
    return [*written, page]


def timeline(scores: Sequence[float], broken: Collection[int], title: str = "") -> Picture:
    """The score of every frame along the film, broken ones marked; where frames outnumber columns, the worst shows."""
    sheet = canvas(TITLE + _HEIGHT + 2 * CAPTION + GAP, _LEFT + _WIDTH + 2 * GAP)
    write_text(sheet, title, GAP, 23, LARGE, _WIDTH)
    bottom = TITLE + _HEIGHT
    for share in (0.0, 0.5, 1.0):
        row = bottom - round(share * (_HEIGHT - 1))
        sheet[row, _LEFT : _LEFT + _WIDTH] = _LINE
        write_text(sheet, f"{share:g}", GAP, row + 4, SMALL, _LEFT - GAP)
    edges = np.linspace(0, len(scores), _WIDTH + 1)
    for column, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        frames = range(int(low), max(int(low) + 1, int(np.ceil(high))))
        worst = max(scores[frame] for frame in frames)
        colour = _BROKEN if any(frame in broken for frame in frames) else _FINE
        sheet[bottom - round(worst * (_HEIGHT - 1)) : bottom + 1, _LEFT + column] = colour
    for share in (0.0, 0.25, 0.5, 0.75):
        at = round(share * len(scores))
        write_text(sheet, str(at), _LEFT + round(share * _WIDTH), bottom + CAPTION, SMALL, 80)
    last = str(len(scores) - 1)
    write_text(sheet, last, _LEFT + _WIDTH - 8 * len(last), bottom + CAPTION, SMALL, 80)
    return sheet


def _drawn(strip: Strip) -> Picture:
    captions = [str(frame) for frame in strip.frames]
    captions = (
        captions if not strip.after else [f"{one} before" for one in captions] + [f"{one} after" for one in captions]
    )
    return contact_sheet([*strip.before, *strip.after], captions, columns=len(strip.frames), title=strip.title)


def _page(shown: Strips, pictures: dict[str, Picture]) -> str:
    name = html.escape(shown.video)
    rows = "\n".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in shown.summary)
    some = f"<p>The first {len(shown.strips)} of {shown.in_all}.</p>" if len(shown.strips) < shown.in_all else ""
    curve = figure(
        "How sure each frame is to be broken; marked are those that are taken for it",
        "timeline.png",
        pictures["timeline.png"],
    )
    return document(
        name,
        [
            f"<h1>{name}</h1>",
            f"<table>\n{rows}\n</table>",
            f'<h2>Timeline</h2>\n<div class="wide">\n{curve}\n</div>',
            f"<h2>Gaps</h2>\n{some}" if shown.strips else "<h2>Gaps</h2>\n<p>None: no frame is broken.</p>",
            *(_part(strip, pictures[f"gap-{strip.first}.png"]) for strip in shown.strips),
        ],
    )


def _part(strip: Strip, picture: Picture) -> str:
    told = f"{html.escape(strip.told)}" + (": before above, after below" if strip.after else "")
    shown = figure(told, f"gap-{strip.first}.png", picture)
    return f'<h3>{html.escape(strip.title)}</h3>\n<div class="wide">\n{shown}\n</div>'
