"""A folder that shows what a reconstruction did: pictures, a table of what was dropped, and a page that holds them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from ..errors import RenderError
from ..files import atomic
from ..frames import Picture
from .curve import price_curve
from .page import MOST_SHOWN, dropped_title, page_of
from .sheet import contact_sheet, heat_map, save_picture
from .shown import DroppedFrame, Report

_NOT_ALWAYS = ("dropped.png", "joins.png")
_MAPS = ("distances-before.png", "distances-after.png")
REPORT_FILES = ("before.png", "after.png", *_MAPS, *_NOT_ALWAYS, "dropped.csv", "index.html")


def write_report(folder: Path, report: Report) -> list[Path]:
    """Write the pictures, dropped.csv and index.html; an older report in the folder is replaced whole."""
    pictures = _pictures(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [save_picture(picture, folder / name) for name, picture in pictures.items()]
        for name in set(_NOT_ALWAYS) - set(pictures):
            (folder / name).unlink(missing_ok=True)
        written.append(_write_table(folder / "dropped.csv", report.dropped))
        page = folder / "index.html"
        with atomic(page) as part:
            part.write_text(page_of(report, pictures), encoding="utf-8")
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
    if report.joins.prices:
        weak = {row.at for row in report.joins.weak}
        pictures["joins.png"] = price_curve(report.joins.prices, weak, report.joins.cuts, "Price of every join")
    if report.dropped:
        pictures["dropped.png"] = _dropped_sheet(report.dropped)
    return pictures


def _dropped_sheet(dropped: Sequence[DroppedFrame]) -> Picture:
    shown = dropped[:MOST_SHOWN]
    captions = [f"frame {d.frame}\n{d.reason} {d.score:.3g}" for d in shown]
    return contact_sheet([d.thumbnail for d in shown], captions, title=dropped_title(dropped))


def _write_table(path: Path, dropped: Sequence[DroppedFrame]) -> Path:
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "reason", "score", "neighbours"])
        for d in dropped:
            near = " ".join(f"{frame}:{distance:.6g}" for frame, distance in d.neighbours)
            table.writerow([d.frame, d.reason, f"{d.score:.6g}", near])
    return path
