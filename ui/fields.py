"""Form fields that several tabs share. Invalid input is reported on the page, not in the terminal."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..errors import UsageError
from ..index import manage
from ..settings import Settings
from .strings import STRINGS

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Options of events: the page shows progress itself, and offers no API."""


def video_choices(settings: Settings, chosen: Sequence[str] = ()) -> list[tuple[str, str]]:
    """List every video as (label, id), and the chosen ones that have been removed; names used twice give way to ids."""
    rows = manage.list_videos(settings)
    times = Counter(row["name"] for row in rows)
    removed = set(chosen) - {row["id"] for row in rows}
    return [
        *((row["name"] if times[row["name"]] == 1 else row["id"], row["id"]) for row in rows),
        *((STRINGS.common.removed_video.format(name=video), video) for video in chosen if video in removed),
    ]


def video_dropdown(settings: Settings, label: str, elem_id: str, several: bool = False) -> Any:
    """Offer the videos of the library, read anew whenever the list is opened.

    A selected video that has been removed since stays in the list; the job that reads it reports it.
    """
    none: Any = [] if several else None
    field: Any = gr.Dropdown(video_choices(settings), label=label, value=none, multiselect=several, elem_id=elem_id)

    def reload(selected: str | list[str] | None) -> Any:
        return gr.update(choices=video_choices(settings, [selected] if isinstance(selected, str) else selected or []))

    field.focus(reload, field, field, **QUIET)
    return field


def make_exclusive(*fields: Any) -> None:
    """Let filling one field clear the others, in the browser, so that no later input is lost to a slow answer."""
    for field in fields:
        others = [other for other in fields if other is not field]
        empty = json.dumps(["" if isinstance(other, gr.Textbox) else None for other in others])
        filled = field.upload if isinstance(field, gr.File) else field.input
        filled(None, None, others, js=f"() => {empty}", **QUIET)


def number(value: float | None, **options: Any) -> Any:
    """Make a number field that does not log a value out of bounds, which is a user's mistake."""
    field: Any = gr.Number(value, **options)
    field.raise_if_out_of_bounds = _check_bounds
    return field


def whole_number(value: float) -> int:
    """Truncate the value of a number field; reject infinity and NaN."""
    if not math.isfinite(value):
        raise UsageError(*STRINGS.errors.not_a_number.about(value=value))
    return int(value)


def _check_bounds(value: float, minimum: float | None, maximum: float | None) -> None:
    try:
        gr.Number.raise_if_out_of_bounds(value, minimum, maximum)
    except gr.Error as error:
        error.print_exception = False
        raise
