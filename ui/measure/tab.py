"""The Measure tab: scramble an intact clip, restore its order, and score the result against the truth."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ...evaluate.scramble import ScrambleOptions
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET, make_exclusive, number, video_dropdown, whole_number
from ..job_panel import job_panel
from ..sessions import delete_files
from ..strings import STRINGS
from ..uploads import chosen_source
from . import measure_job
from .measure_job import Measurement

_TEXT = STRINGS.measure


def measure_tab(context: PageContext) -> None:
    """Build the tab."""
    with gr.Row():
        upload = gr.File(label=_TEXT.upload, height=150, elem_id="me-upload")
        with gr.Column():
            video = video_dropdown(context.settings, STRINGS.common.or_library, "me-video")
            with gr.Row():
                frames = number(100, label=_TEXT.frames, minimum=0, precision=0, elem_id="me-frames")
                foreign = number(5, label=_TEXT.foreign, minimum=0, precision=0, elem_id="me-foreign")
                seed = number(0, label=_TEXT.seed, minimum=0, precision=0, elem_id="me-seed")
            with gr.Accordion(_TEXT.noise, open=False):
                salt = gr.Slider(0, 0.2, value=0, step=0.005, label=_TEXT.salt)
                grain = gr.Slider(0, 40, value=0, step=1, label=_TEXT.grain)
                crf = gr.Slider(0, 40, value=18, step=1, label=_TEXT.quality)
            go = gr.Button(_TEXT.run, variant="primary", elem_id="me-start")
    panel = job_panel(context, "me")
    result = gr.HTML(elem_id="me-result", elem_classes="rw-result")
    last = gr.State(None, delete_callback=delete_files)

    def run(
        old: Measurement | None, upload: str | None, video: str | None, request: gr.Request, *options: float | None
    ) -> Iterator[Any]:
        def work(progress: Progress) -> Measurement:
            source = chosen_source(context, upload, video)
            return measure_job.measure(context, source, _scramble_options(*options), progress)

        for step in panel.run(request, work, name="measure"):
            new = step.result
            yield step.output, html.render("measure.result", new) if new else gr.skip(), new or gr.skip()
            if new:
                delete_files(old)

    inputs = [last, upload, video, frames, foreign, seed, salt, grain, crf]
    go.click(run, inputs, [panel.text, result, last], **QUIET)
    make_exclusive(upload, video)


def _scramble_options(*values: float | None) -> ScrambleOptions:
    """Read the fields; an empty one counts as 0."""
    frames, foreign, seed, salt, grain, crf = (value or 0 for value in values)
    return ScrambleOptions(
        frames=whole_number(frames),
        foreign=whole_number(foreign),
        seed=whole_number(seed),
        salt_pepper=salt,
        gaussian=grain,
        crf=whole_number(crf),
    )
