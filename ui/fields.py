"""Fields of the page whose bounds are told on the page alone."""

from typing import Any

import gradio as gr


def number(value: float | None, **how: Any) -> Any:
    """What lies out of its bounds is a user's slip, of which the terminal is to say nothing."""
    field: Any = gr.Number(value, **how)
    field.raise_if_out_of_bounds = _within
    return field


def _within(value: float, least: float | None, most: float | None) -> None:
    try:
        gr.Number.raise_if_out_of_bounds(value, least, most)
    except gr.Error as wrong:
        wrong.print_exception = False
        raise
