"""The part of the tab Repair in which a detector is taught: doubtful frames are sorted by two keys, and learnt from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ...progress import Progress
from ...repair import labelling
from ...repair.labelling import Labelled
from ...repair.training import TrainingResult
from .. import html
from ..context import PageContext
from ..fields import number, whole
from ..job_panel import JobPanel, follow
from . import label_view
from .label_view import LabelQueue
from .state import source_of

_COUNT = 40


@dataclass(frozen=True)
class LabelPanel:
    """What the tab must know of this part: what opening it fills, and the button that uses what was learnt."""

    context: PageContext
    state: Any
    card: Any
    use: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.state, self.card, self.use]

    def opened(self) -> tuple[Any, ...]:
        now = label_view.label_queue(self.context.labels, self.context.settings)
        return now, label_view.card(now), gr.update(visible=label_view.detector(self.context.labels) is not None)


def panel_of(context: PageContext, given: list[Any], running: JobPanel) -> LabelPanel:
    """`given` are the fields that say which video it is."""
    with gr.Accordion("Teach it your own recordings", open=False, elem_id="rp-teach"):
        gr.HTML(label_view.folder_told(context.labels))
        with gr.Row(elem_classes="rw-row"):
            count = number(_COUNT, label="Pictures of the video above", minimum=1, precision=0, scale=0, min_width=240)
            pick = gr.Button("Pick doubtful frames", elem_id="rp-pick", size="md", scale=0, min_width=200)
        card = gr.HTML(elem_id="rp-card", js_on_load=html.CLICKS + label_view.KEYS)
        with gr.Row(elem_classes="rw-row"):
            precision = number(
                0, label="Precision wanted (0: best balance)", minimum=0, maximum=1, step=0.05, scale=0, min_width=300
            )
            train = gr.Button("Train", elem_id="rp-train", size="md", scale=0, min_width=120)
            use = gr.Button("Look with this detector", elem_id="rp-use", size="md", scale=0, visible=False)
        learnt = gr.HTML(elem_id="rp-learnt")
    state = gr.State(LabelQueue(context.labels))

    def picked(request: gr.Request, count: float | None, now: LabelQueue, *given: Any) -> Iterator[Any]:
        def work(progress: Progress) -> Labelled:
            source, known = source_of(context, *given), label_view.detector(context.labels)
            wanted = whole(count or _COUNT)
            return labelling.label_frames(
                [source], context.labels, context.settings, progress, count=wanted, detector=known
            )

        for step in follow(context, request, work):
            if step.running:
                yield *step.shown, gr.skip(), gr.skip()
                continue
            # Also of work that was cancelled there may be pictures.
            now = label_view.label_queue(context.labels, context.settings, now.done)
            yield *step.shown, now, label_view.card(now)

    def pressed(now: LabelQueue, event: gr.EventData) -> tuple[Any, ...]:
        now = now.pressed(str(event.act), str(event.on))
        return now, label_view.card(now)

    def trained(precision: float | None, request: gr.Request) -> Iterator[Any]:
        def work(progress: Progress) -> TrainingResult:
            with progress.stage("learn from what was sorted"):
                return labelling.train_detector(context.labels, context.settings, precision=precision or None)

        for step in follow(context, request, work):
            yield (
                *step.shown,
                *((label_view.result(step.done), gr.update(visible=True)) if step.done else [gr.skip()] * 2),
            )

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    pick.click(picked, [count, state, *given], [*running.outputs, state, card], **quiet)
    card.click(pressed, state, [state, card], **quiet)
    train.click(trained, precision, [*running.outputs, learnt, use], **quiet)
    return LabelPanel(context, state, card, use)
