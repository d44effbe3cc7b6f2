"""Fields that several tabs have; what is filled in wrongly is told on the page alone, and not in the terminal."""

import json
import math
from typing import Any

import gradio as gr

from ..errors import UsageError
from ..settings import Settings
from .shelf import choices


def one_of(settings: Settings, label: str, name: str) -> Any:
    return _of_library(settings, label, name, several=False)


def some_of(settings: Settings, label: str, name: str) -> Any:
    return _of_library(settings, label, name, several=True)


def _of_library(settings: Settings, label: str, name: str, several: bool) -> Any:
    """Videos of the library as it is when the list is opened.

    What was picked before stays in the list when it has gone since: who looks for it then says so in plain words.
    """
    none: Any = [] if several else None
    field: Any = gr.Dropdown(choices(settings), label=label, value=none, multiselect=several, elem_id=name)

    def renewed(picked: str | list[str] | None) -> Any:
        there = choices(settings)
        known = {video for _, video in there}
        every = [picked] if isinstance(picked, str) else picked or []
        return gr.update(choices=[*there, *((f"{video} (removed)", video) for video in every if video not in known)])

    field.focus(renewed, field, field, show_progress="hidden", api_visibility="private")
    return field


def either(*fields: Any) -> None:
    """What is given last counts: it empties the others at once in the browser, before anything is given there again."""
    for field in fields:
        others = [other for other in fields if other is not field]
        empty = json.dumps(["" if isinstance(other, gr.Textbox) else None for other in others])
        given = field.upload if isinstance(field, gr.File) else field.input
        given(None, None, others, js=f"() => {empty}", show_progress="hidden", api_visibility="private")


def number(value: float | None, **how: Any) -> Any:
    """What lies out of its bounds is a user's slip, of which the terminal is to say nothing."""
    field: Any = gr.Number(value, **how)
    field.raise_if_out_of_bounds = _within
    return field


def whole(value: float) -> int:
    """The whole number that a field holds."""
    if not math.isfinite(value):
        raise UsageError(f"{value} is no number.", "Give a whole number.")
    return int(value)


def _within(value: float, least: float | None, most: float | None) -> None:
    try:
        gr.Number.raise_if_out_of_bounds(value, least, most)
    except gr.Error as wrong:
        wrong.print_exception = False
        raise
