"""The tab Reconstruct: a shuffled video in, the film in order out, with all that can be corrected."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from .. import pipeline, upkeep
from ..errors import ReelweaveError, UsageError
from . import words
from .files import forget, keep
from .house import House
from .running import follow, panel


def tab(house: House) -> None:
    with gr.Row():
        upload = gr.File(label="Drop a video here", elem_id="rc-upload")
        with gr.Column():
            picked = gr.Dropdown(_videos(house), label="or take one of the library", value=None, elem_id="rc-picked")
            go = gr.Button("Put in order", variant="primary", elem_id="rc-go")
    running = panel(house, "rc")
    told = gr.HTML()

    def run(upload: str | None, picked: str | None, request: gr.Request) -> Iterator[Any]:
        for step in follow(house, request, lambda progress: _reconstruct(house, upload, picked, progress)):
            yield *step.shown, words.note(f"{len(step.done.order)} frames") if step.done else gr.skip()

    go.click(run, [upload, picked], [*running.outputs, told], show_progress="hidden", api_visibility="private")
    picked.focus(lambda: gr.update(choices=_videos(house)), None, picked, api_visibility="private")


def _videos(house: House) -> list[tuple[str, str]]:
    return [(row["name"], row["id"]) for row in upkeep.list_videos(house.settings)]


def _reconstruct(house: House, upload: str | None, picked: str | None, progress: Any) -> Any:
    if upload:
        path = keep(house, upload)
        try:
            video = pipeline.ingest(path, house.settings, progress).id
        except ReelweaveError:
            forget(house, path)
            raise
    elif picked:
        video = picked
    else:
        raise UsageError("No video was given.", "Drop one, or take one of the library.")
    return pipeline.solve(video, house.settings, progress)
