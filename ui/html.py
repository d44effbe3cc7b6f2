"""Render the page's HTML from its templates, which escape whatever they are given."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment

from ..errors import ReelweaveError
from ..media.types import Picture
from ..render.html import html_environment, picture_url
from .jobs import Cancelled, JobStatus
from .remedies import remedies_of
from .strings import STRINGS
from .uploads import stat_if_present, url_of
from .wording import page_wording, stage_name

_JPEG_QUALITY = 82
"""Keeps the page small: its pictures are part of its HTML."""


def render(macro: str, *arguments: object) -> str:
    """Call a macro of a template: `render("repair.timeline", survey)` calls `timeline` of repair.html."""
    template, _, name = macro.partition(".")
    return str(getattr(_environment().get_template(f"{template}.html").module, name)(*arguments))


def script(*names: str) -> str:
    """Return scripts for the `js_on_load` of an HTML component."""
    return "\n".join(static_file(f"{name}.js") for name in names)


def static_file(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


def browser_strings() -> str:
    """Return the texts of the scripts and the function that they get them by, as a script that precedes theirs."""
    # No text may end the script element.
    texts = json.dumps(STRINGS.browser._asdict()).replace("<", "\\u003c")
    return f"window.reelweaveStrings = {texts};\n{static_file('text.js')}"


def note(text: str) -> str:
    return render("parts.note", text)


def error(failed: BaseException, resumable: bool = False, again: str = "", panel: str = "") -> str:
    """Show a failure and its next step, with a button where the page can do it, as an alert for screen readers.

    Args:
        failed: The failure. `Cancelled` is shown as a note, not as an error.
        resumable: Whether a cancelled job resumes where it left off when it is started again.
        again: The CSS selector of the control that starts the work again.
        panel: The name of the panel that shows it.
    """
    remedies = remedies_of(failed, again, resumable, panel)
    if isinstance(failed, Cancelled):
        text = STRINGS.jobs.cancelled_resumable if resumable else STRINGS.jobs.cancelled
        return render("parts.cancelled", text, remedies, again)
    if isinstance(failed, ReelweaveError):
        return render("parts.error", failed.cause, failed.remedy, remedies, again)
    return render("parts.error", STRINGS.jobs.unexpected.format(problem=failed), "", remedies, again)


def remedied(text: str, again: str) -> str:
    """Say that a remedy has worked, and start again what had failed."""
    return render("parts.remedied", text, again)


def progress(status: JobStatus) -> str:
    return render("parts.progress", status)


def data_url(picture: Picture, quality: int = _JPEG_QUALITY) -> str:
    """Encode a small picture as a data URL, so that the server need not hand out a file."""
    return picture_url(picture, quality)


@cache
def _environment() -> Environment:
    environment = html_environment(
        "reelweave.ui",
        data_url=data_url,
        page_wording=page_wording,
        stage_name=stage_name,
        size=_size,
        file_size=_file_size,
        scaled=_scaled,
        time_left=_time_left,
        url=url_of,
    )
    environment.globals["strings"] = STRINGS
    return environment


def _scaled(picture: Picture, width: int) -> Picture:
    import cv2

    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _size(count: int) -> str:
    """Format a number of bytes in GB, MB or kB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


def _file_size(file: Path) -> str:
    status = stat_if_present(file)
    return _size(status.st_size if status else 0)


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= 60:
        return STRINGS.jobs.minutes_left.format(minutes=seconds / 60)
    return STRINGS.jobs.seconds_left.format(seconds=seconds)
