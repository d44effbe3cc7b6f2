"""Write edit lists as CSV."""

import csv
import io
from fractions import Fraction

from .model import EditList

COLUMNS = (
    *("event", "name", "source", "first_frame", "last_frame", "reverse"),
    *("source_start", "source_end", "film_start", "film_end", "video", "shot", "score", "note"),
)


def csv_text(edits: EditList) -> str:
    """Return a row for each edit; times are in seconds."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for number, (edit, position) in enumerate(zip(edits.edits, edits.positions, strict=False), 1):
        times = map(_seconds, (edit.start, edit.end, position, position + edit.duration))
        known = [edit.facts.get(key, "") for key in ("shot", "score")]
        place = [edit.media.path or edit.media.name, edit.first, edit.last, int(edit.reverse)]
        table.writerow([number, edit.label, *place, *times, edit.media.facts.get("id", ""), *known, edit.note])
    return text.getvalue()


def _seconds(time: Fraction) -> str:
    return f"{float(time):.6f}"
