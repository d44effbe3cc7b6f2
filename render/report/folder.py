"""Write a report folder: pictures, a table of the dropped frames, and a page that embeds the pictures."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...errors import RenderError
from ...media.files import atomic
from ...media.types import Picture
from .charts import price_curve
from .contact_sheet import contact_sheet, heat_map, save_picture
from .model import DroppedFrame, Report
from .page import MOST_SHOWN, dropped_title, report_page

_OPTIONAL_FILES = ("dropped.png", "joins.png")
_MAPS = ("distances-before.png", "distances-after.png")
REPORT_FILES = ("before.png", "after.png", *_MAPS, *_OPTIONAL_FILES, "dropped.csv", "index.html")
"""Every file that a report may consist of."""


def write_report(folder: Path, report: Report) -> list[Path]:
    """Write the pictures, dropped.csv and index.html, and return their paths; an older report is replaced.

    Raises:
        RenderError: The folder cannot be written.
    """
    pictures = _pictures(report)
    texts = {"dropped.csv": _dropped_table(report.dropped), "index.html": report_page(report, pictures)}
    return write_folder(folder, pictures, texts, _OPTIONAL_FILES)


def write_folder(
    folder: Path, pictures: Mapping[str, Picture], texts: Mapping[str, str], outdated: Iterable[str]
) -> list[Path]:
    """Write pictures and texts by name, after deleting older files that match `outdated` and are not replaced."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (file for pattern in outdated for file in folder.glob(pattern) if file.name not in pictures):
            old.unlink(missing_ok=True)
        written = [save_picture(picture, folder / name) for name, picture in pictures.items()]
        for name, text in texts.items():
            with atomic(folder / name) as part:
                part.write_text(text, encoding="utf-8", newline="")
            written.append(folder / name)
    except OSError as failed:
        raise RenderError(f"The report cannot be written to {folder}: {failed.strerror or failed}.") from failed
    return written


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
        shown = report.dropped[:MOST_SHOWN]
        captions = [f"frame {one.frame}\n{one.reason} {one.score:.3g}" for one in shown]
        title = dropped_title(report.dropped)
        pictures["dropped.png"] = contact_sheet([one.thumbnail for one in shown], captions, title=title)
    return pictures


def _dropped_table(dropped: Sequence[DroppedFrame]) -> str:
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(["frame", "reason", "score", "neighbours"])
    for one in dropped:
        neighbours = " ".join(f"{frame}:{distance:.6g}" for frame, distance in one.neighbours)
        table.writerow([one.frame, one.reason, f"{one.score:.6g}", neighbours])
    return file.getvalue()
