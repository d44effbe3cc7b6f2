"""The tab Library."""

import gradio as gr

from .house import House


def tab(house: House) -> None:
    gr.HTML("<p>Library</p>")
