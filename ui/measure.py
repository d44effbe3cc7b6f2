"""The tab Measure: a clean clip is scrambled and put back in order, and the scores say how well."""

import shutil
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..evaluate.scramble import ScrambleOptions
from ..progress import Progress
from . import measuring
from .fields import either, number, one_of, whole
from .house import House
from .measuring import Measured
from .running import follow, panel


def tab(house: House) -> None:
    with gr.Row():
        upload = gr.File(label="Drop a clip whose frames are in order", height=150, elem_id="me-upload")
        with gr.Column():
            picked = one_of(house.settings, "or a video of the library", "me-picked")
            with gr.Row():
                frames = number(100, label="Frames (0: all)", minimum=0, precision=0, elem_id="me-frames")
                foreign = number(5, label="Foreign frames", minimum=0, precision=0, elem_id="me-foreign")
                seed = number(0, label="Seed", minimum=0, precision=0, elem_id="me-seed")
            with gr.Accordion("Noise and coding", open=False):
                salt = gr.Slider(0, 0.2, value=0, step=0.005, label="Salt and pepper, share of the pixels")
                grain = gr.Slider(0, 40, value=0, step=1, label="Grain, grey levels")
                crf = gr.Slider(0, 40, value=18, step=1, label="x264 quality (crf); larger is worse")
            go = gr.Button("Scramble and put back in order", variant="primary", elem_id="me-go")
    running = panel(house, "me")
    shown = gr.HTML(elem_id="me-result", elem_classes="rw-desk")
    last = gr.State(None, delete_callback=_put_away)

    def run(
        old: Measured | None, upload: str | None, picked: str | None, request: gr.Request, *chosen: float | None
    ) -> Iterator[Any]:
        def work(progress: Progress) -> Measured:
            return measuring.measure(house, measuring.source_of(house, upload, picked), _options(*chosen), progress)

        for step in follow(house, request, work):
            done = step.done
            yield *step.shown, measuring.result(done) if done else gr.skip(), done or gr.skip()
            if done:
                _put_away(old)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    given = [last, upload, picked, frames, foreign, seed, salt, grain, crf]
    go.click(run, given, [*running.outputs, shown, last], **quiet)
    either(upload, picked)


def _options(*chosen: float | None) -> ScrambleOptions:
    """A field that was emptied counts as 0."""
    frames, foreign, seed, salt, grain, crf = (value or 0 for value in chosen)
    return ScrambleOptions(
        frames=whole(frames),
        foreign=whole(foreign),
        seed=whole(seed),
        salt_pepper=salt,
        gaussian=grain,
        crf=whole(crf),
    )


def _put_away(measured: Measured | None) -> None:
    if measured is not None:
        shutil.rmtree(measured.folder, ignore_errors=True)
