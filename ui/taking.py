"""Videos into the library from the page: what was dropped on it, and what lies on the machine that runs it."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .. import pipeline
from ..errors import UsageError
from ..intake import Taken
from ..progress import Progress
from ..settings import changed
from .files import kept
from .house import House
from .words import in_words

_SHOWN = 100
_FAILED = ("unreadable", "failed")


def take(
    house: House, uploads: Sequence[str], place: str, space: str, fps: float, progress: Progress, done: list[Taken]
) -> list[Taken]:
    """Take in all that was given; what has become of each source is in `done` as soon as it is known."""
    if not uploads and not place:
        raise UsageError("No video was given.", "Drop some, or name a folder of this machine.")
    settings = changed(house.settings, "ingest", {"fps": fps} | ({"space": space} if space else {}))
    with kept(house, uploads) as places:
        for taken in pipeline.ingest_all([*places, *([house.named(place)] if place else [])], settings, progress):
            done.append(taken)
    return done


def outcome(done: Sequence[Taken]) -> str:
    """How many sources had which end, and each by name, those that failed first and with their reason."""
    if not done:
        return ""
    counts = Counter(taken.state for taken in done)
    said = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    rows = sorted(done, key=lambda taken: taken.state not in _FAILED)
    more = f"<li>and {len(rows) - _SHOWN} more</li>" if len(rows) > _SHOWN else ""
    listed = "".join(_row(taken) for taken in rows[:_SHOWN])
    return f'<div class="rw-taken" role="status"><b>{escape(said)}</b><ul>{listed}{more}</ul></div>'


def _row(taken: Taken) -> str:
    name = f"<b>{escape(Path(taken.path).name)}</b>"
    if taken.error:
        remedy = f" {taken.error.remedy}" if taken.error.remedy else ""
        return f'<li class="rw-bad">{name}: {escape(in_words(taken.error.cause + remedy))}</li>'
    frames = f", {taken.video.frames} frames" if taken.video else ""
    return f"<li>{name}: {taken.state}{frames}</li>"
