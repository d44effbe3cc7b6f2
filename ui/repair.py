"""The tab Repair."""

import gradio as gr

from .house import House


def tab(house: House) -> None:
    gr.HTML("<p>Repair</p>")
