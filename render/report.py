"""A folder that shows what a reconstruction did: pictures, a table of what was dropped, and a page that holds them."""

import base64
import csv
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import RenderError
from ..frames import Floats, Picture
from .sheet import contact_sheet, heat_map, save_picture

MOST_SHOWN = 200
"""Dropped frames on the picture; the table names every one."""

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --text: #23211f; --quiet: #6d6862; --line: #e2ded8; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #181a1c; --text: #e4e2de; --quiet: #9a958e; --line: #33363a; }
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
"""


@dataclass(frozen=True)
class DroppedFrame:
    """A frame left out, why, and the nearest frames as (frame, distance)."""

    thumbnail: Picture
    frame: int
    reason: str
    score: float
    neighbours: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True)
class Report:
    """What the page shows; the caller has chosen the thumbnails and thinned the distances to 1000 frames or fewer."""

    video: str
    summary: Sequence[tuple[str, str]]
    before: Sequence[Picture]
    before_captions: Sequence[str]
    after: Sequence[Picture]
    after_captions: Sequence[str]
    distances_before: Floats
    distances_after: Floats
    dropped: Sequence[DroppedFrame] = ()


def write_report(folder: Path, report: Report) -> list[Path]:
    """Write the pictures, dropped.csv and index.html; an older report in the folder is replaced whole."""
    pictures = _pictures(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [save_picture(picture, folder / name) for name, picture in pictures.items()]
        if "dropped.png" not in pictures:
            (folder / "dropped.png").unlink(missing_ok=True)
        written.append(_write_table(folder / "dropped.csv", report.dropped))
        page = folder / "index.html"
        page.write_text(_page(report, pictures), encoding="utf-8")
    except OSError as failed:
        raise RenderError(f"The report cannot be written to {folder}: {failed.strerror or failed}.") from failed
    return [*written, page]


def _pictures(report: Report) -> dict[str, Picture]:
    pictures = {
        "before.png": contact_sheet(report.before, report.before_captions, title="Before"),
        "after.png": contact_sheet(report.after, report.after_captions, title="After"),
        "distances-before.png": heat_map(report.distances_before, title="Distances before"),
        "distances-after.png": heat_map(report.distances_after, title="Distances after"),
    }
    if report.dropped:
        pictures["dropped.png"] = _dropped_sheet(report.dropped)
    return pictures


def _dropped_sheet(dropped: Sequence[DroppedFrame]) -> Picture:
    shown = dropped[:MOST_SHOWN]
    captions = [f"frame {d.frame}\n{d.reason} {d.score:.3g}" for d in shown]
    return contact_sheet([d.thumbnail for d in shown], captions, title=_dropped_title(dropped))


def _dropped_title(dropped: Sequence[DroppedFrame]) -> str:
    if len(dropped) > MOST_SHOWN:
        return f"Dropped: the first {MOST_SHOWN} of {len(dropped)}"
    return f"Dropped: {len(dropped)}"


def _write_table(path: Path, dropped: Sequence[DroppedFrame]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "reason", "score", "neighbours"])
        for d in dropped:
            near = " ".join(f"{frame}:{distance:.6g}" for frame, distance in d.neighbours)
            table.writerow([d.frame, d.reason, f"{d.score:.6g}", near])
    return path


def _page(report: Report, pictures: dict[str, Picture]) -> str:
    name = html.escape(report.video)
    rows = "\n".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in report.summary)
    parts = [
        f"<h1>{name}</h1>",
        f"<table>\n{rows}\n</table>",
        "<h2>Frames</h2>\n<p>Evenly spaced through the file as it was and through the film as it is now.</p>",
        _pair(pictures, "before.png", "after.png"),
        "<h2>Distances</h2>\n<p>Every frame against every other. In a film that is in order, neighbours are alike: "
        "dark along the diagonal, and one block for each shot.</p>",
        _pair(pictures, "distances-before.png", "distances-after.png"),
        "<h2>Dropped frames</h2>",
        _dropped_part(report.dropped, pictures),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{chr(10).join(parts)}\n</body>\n</html>\n"
    )


def _pair(pictures: dict[str, Picture], before: str, after: str) -> str:
    shown = _figure("Before", before, pictures[before]) + "\n" + _figure("After", after, pictures[after])
    return f'<div class="pair">\n{shown}\n</div>'


def _dropped_part(dropped: Sequence[DroppedFrame], pictures: dict[str, Picture]) -> str:
    if not dropped:
        return "<p>None: every frame is in the film.</p>"
    note = '<p>With the reason and the score of each; <a href="dropped.csv">dropped.csv</a> has their neighbours.</p>'
    return f"{note}\n{_figure(_dropped_title(dropped), 'dropped.png', pictures['dropped.png'])}"


def _figure(caption: str, name: str, picture: Picture) -> str:
    """The picture itself lies in the page, so that the page can be sent alone; a click opens the sharper file."""
    import cv2

    data = base64.b64encode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()).decode()
    height, width = picture.shape[:2]
    image = f'<img src="data:image/jpeg;base64,{data}" alt="{caption}" width="{width}" height="{height}">'
    return f'<figure><figcaption>{caption}</figcaption><a href="{name}">{image}</a></figure>'
