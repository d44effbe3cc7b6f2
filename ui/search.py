"""The tab Search."""

import gradio as gr

from .house import House


def tab(house: House) -> None:
    gr.HTML("<p>Search</p>")
